//! The options that open a way to what the caller's desktop and machine have.

use super::Takes::{Nothing, Value};
use super::{DOORS as HEADING, Id, Opt, opt};

pub const DOORS: &[Opt] = &[
    opt(Id::SshAgent, None, &["ssh-agent"], Nothing, HEADING, "Your ssh agent: it signs for the container"),
    opt(Id::Wayland, None, &["wayland"], Nothing, HEADING, "Your Wayland display"),
    opt(Id::X11, None, &["x11"], Nothing, HEADING, "Your X11 display; its clients see each other's keys"),
    opt(Id::Audio, None, &["audio"], Nothing, HEADING, "Your sound server: PulseAudio's socket, else PipeWire's"),
    opt(
        Id::Dbus,
        None,
        &["dbus"],
        Value("NAME[,own:NAME]"),
        HEADING,
        "These names of your session bus (NAME.*: all below it); own: the container may be it",
    ),
    opt(
        Id::Gpu,
        None,
        &["gpu"],
        Nothing,
        HEADING,
        "The GPUs: their devices, and NVIDIA's libraries where the root has none",
    ),
    opt(
        Id::Git,
        None,
        &["git"],
        Nothing,
        HEADING,
        "Keep hooks and config of bound git work trees read-only; the rest of .git works",
    ),
];
