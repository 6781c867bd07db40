//! Writes the system calls of a fetch as a program, so that no pull has to.

use std::path::Path;

#[path = "src/fetch/calls.rs"]
mod calls;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/fetch/calls.rs");
    let program = kakuri_seccomp::source::allow_list(&std::env::var("CARGO_CFG_TARGET_ARCH")?, &calls::calls())?;
    let text = kakuri_seccomp::source::write("FETCH", &program);
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("filter.rs"), text)?;
    Ok(())
}
