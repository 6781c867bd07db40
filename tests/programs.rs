//! Ordinary programs work in a container as it is without any flag: shells and file tools, compilers, interpreters,
//! debuggers, databases. What a machine lacks is skipped with its reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "programs/build.rs"]
mod build;
mod common;
#[path = "programs/data.rs"]
mod data;
#[path = "programs/files.rs"]
mod files;
#[path = "programs/languages.rs"]
mod languages;
#[path = "programs/trace.rs"]
mod trace;
#[path = "programs/users.rs"]
mod users;

use common::Scene;

/// What a script of bash prints inside, which ends at the first command that fails.
#[track_caller]
pub fn bash(scene: &Scene, options: &[&str], script: &str) -> String {
    let script = format!("set -eu -o pipefail\ncd /tmp\n{script}");
    scene
        .kakuri(options.iter().copied().chain(["--", "bash", "-c", &script]))
        .limit(common::HANG * 2)
        .output()
        .ok()
        .text()
}

/// The file tools, git, the compiler, a scripting language and their like, with a range of ids as well.
#[test]
fn all_of_it_works_with_a_range_of_ids() {
    if common::sub_ids("programs::all_of_it_works_with_a_range_of_ids").is_some() {
        common::again_with("--userns range", "all_of_it_works_with_a_range_of_ids");
    }
}
