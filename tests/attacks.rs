//! What a command would have to break: a program that tries the known ways out one after the other, trees and images laid
//! out as traps, and our own programs as its target.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "attacks/images.rs"]
mod images;
#[path = "attacks/launcher.rs"]
mod launcher;
#[path = "attacks/nested.rs"]
mod nested;
#[path = "attacks/outside.rs"]
mod outside;
#[path = "attacks/planted.rs"]
mod planted;
#[path = "attacks/roots.rs"]
mod roots;
#[path = "rootfs/tree.rs"]
mod tree;
#[path = "attacks/walls.rs"]
mod walls;

/// Whatever holds for a container of one id.
#[test]
fn all_of_it_holds_with_a_range_of_ids() {
    if common::sub_ids("attacks::all_of_it_holds_with_a_range_of_ids").is_some() {
        common::again_with("--userns range", "all_of_it_holds_with_a_range_of_ids");
    }
}
