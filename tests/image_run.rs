//! `--image`: an image as the root of a container, with all that its configuration says. As an ordinary user, with one id
//! and with a range of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "image_run/configured.rs"]
mod configured;
#[path = "image_run/kept.rs"]
mod kept;
#[path = "image_run/layout.rs"]
mod layout;
#[path = "image_run/odd.rs"]
mod odd;
#[path = "image_run/pulled.rs"]
mod pulled;
#[path = "image_run/shown.rs"]
mod shown;
#[path = "image_run/user.rs"]
mod user;

use common::{Output, Scene};

/// What there is to try each with: one id always, a range where there is one.
pub fn forms() -> Vec<&'static str> {
    let mut forms = vec!["single"];
    forms.extend(common::sub_ids("image_run").map(|_| "range"));
    forms
}

pub fn run(scene: &Scene, form: &str, image: &str, more: &[&str]) -> Output {
    let options = ["run", "--userns", form, "--image", image];
    scene.kakuri(options.iter().chain(more)).output()
}

/// What a command of the image prints.
pub fn said(scene: &Scene, form: &str, image: &str, more: &[&str]) -> String {
    run(scene, form, image, more).ok().text()
}
