//! Doors: `--ssh-agent`, `--wayland`, `--x11`, `--audio`, `--dbus`, `--gpu`, `--git`. Real sockets, which the tests listen on,
//! and a real bus; what a container may not do to what it is let to is tried from inside and looked at on the host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "doors/agent.rs"]
mod agent;
#[path = "doors/bus.rs"]
mod bus;
mod common;
#[path = "doors/desktop.rs"]
mod desktop;
#[path = "doors/echo.rs"]
mod echo;
#[path = "doors/git.rs"]
mod git;
#[path = "doors/gpu.rs"]
mod gpu;
#[path = "doors/linked.rs"]
mod linked;
#[path = "rootfs/tree.rs"]
#[allow(dead_code)] // its own part of it
mod tree;

use common::Scene;

/// With all of them there to be had, none is open by itself.
#[test]
fn nothing_is_open_by_itself() {
    let scene = Scene::new();
    let _echo = echo::listen(&scene.runtime().join("agent"));
    let said = scene
        .kakuri(["sh", "-c", "env; ls -A /run; ls -A /run/user"])
        .env("SSH_AUTH_SOCK", scene.runtime().join("agent"))
        .env("WAYLAND_DISPLAY", scene.runtime().join("agent"))
        .env("PULSE_SERVER", "unix:/x")
        .env("DISPLAY", ":0")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/x")
        .output();
    let text = said.text();
    for word in ["SSH_AUTH_SOCK", "WAYLAND", "PULSE", "DISPLAY", "DBUS", "XDG_RUNTIME_DIR", "user"] {
        assert!(!text.lines().any(|line| line.starts_with(word)), "{word}: {text}");
    }
    assert!(text.ends_with("lock"), "{text}");
}
