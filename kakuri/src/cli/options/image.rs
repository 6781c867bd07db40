//! The options of images: which one is the root, and how it is fetched.

use super::Takes::{Nothing, Switch, Value};
use super::{IMAGE, Id, OPTIONS, Opt, opt};

const PLATFORM: Opt =
    opt(Id::Platform, None, &["platform"], Value("OS/ARCH[/VARIANT]"), IMAGE, "For this kind of machine: linux/arm64");
const QUIET: Opt = opt(Id::Quiet, Some(b'q'), &["quiet"], Nothing, OPTIONS, "Show no progress");
const USERNS: Opt = opt(
    Id::Userns,
    None,
    &["userns"],
    Value("single|range"),
    IMAGE,
    "For containers with one id, or with your range of them (the default, where you have one)",
);

/// What a container is made from.
pub const ROOT: &[Opt] = &[
    opt(
        Id::Image,
        None,
        &["image"],
        Value("REF"),
        IMAGE,
        "Make an image the root, such as alpine:3.20 or oci:DIR; it is fetched where it is not here",
    ),
    opt(
        Id::Pull,
        None,
        &["pull"],
        Value("always|missing|never"),
        IMAGE,
        "When it is fetched: although it is here, where it is not (the default), or never",
    ),
    opt(
        Id::Entrypoint,
        None,
        &["entrypoint"],
        Value("CMD"),
        IMAGE,
        "Instead of the image's own, and of its arguments: a program, or a JSON list of words; '' for none",
    ),
];

/// Where from, and as whom.
pub const FETCH: &[Opt] = &[
    PLATFORM,
    opt(
        Id::Creds,
        None,
        &["creds"],
        Value("USER[:PASSWORD]"),
        IMAGE,
        "Log in so, this once; a password left out is asked for",
    ),
    opt(Id::Authfile, None, &["authfile"], Value("FILE"), IMAGE, "Logins are in this file"),
    opt(Id::CertDir, None, &["cert-dir"], Value("DIR"), IMAGE, "Certificates of the registry are in this folder"),
    opt(
        Id::TlsVerify,
        None,
        &["tls-verify"],
        Switch("true|false"),
        IMAGE,
        "false: believe any certificate, and speak http where the registry does",
    ),
];

/// Of a pull alone.
pub const PULL: &[Opt] = &[USERNS, QUIET];

pub const LIST: &[Opt] = &[
    opt(Id::Quiet, Some(b'q'), &["quiet"], Nothing, OPTIONS, "Ids only"),
    opt(
        Id::Format,
        None,
        &["format"],
        Value("json|jsonl|TEMPLATE"),
        OPTIONS,
        "As JSON, or by a template: '{{.name}} {{.size}}', 'table {{.Repository}}\\t{{.Size}}'",
    ),
    opt(Id::NoTrunc, None, &["no-trunc"], Nothing, OPTIONS, "Shorten no id"),
    opt(Id::Nothing, Some(b'a'), &["all"], Nothing, "", "Accepted: all are shown"),
];

pub const SAVE: &[Opt] = &[
    opt(Id::Output, Some(b'o'), &["output"], Value("FILE"), OPTIONS, "To this file, instead of standard output"),
    opt(
        Id::Format,
        None,
        &["format"],
        Value("docker-archive|oci-archive"),
        OPTIONS,
        "The form; docker-archive, the default, is both",
    ),
    QUIET,
    opt(Id::Nothing, Some(b'm'), &["multi-image-archive"], Nothing, "", "Accepted: there may be several always"),
];

pub const LOAD: &[Opt] = &[
    opt(Id::Input, Some(b'i'), &["input"], Value("FILE"), OPTIONS, "From this file, instead of standard input"),
    QUIET,
    PLATFORM,
    USERNS,
];

pub const REMOVE: &[Opt] = &[opt(
    Id::Force,
    Some(b'f'),
    &["force"],
    Nothing,
    OPTIONS,
    "Although containers were made from it; a missing one is no error. What runs from it keeps it all the same",
)];
