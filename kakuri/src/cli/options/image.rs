//! The options of images: which one is the root, and how it is fetched.

use super::Takes::{Switch, Value};
use super::{IMAGE, Id, Opt, opt};

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
    opt(Id::Platform, None, &["platform"], Value("OS/ARCH[/VARIANT]"), IMAGE, "For this kind of machine: linux/arm64"),
    opt(Id::Creds, None, &["creds"], Value("USER:PASSWORD"), IMAGE, "Log in so, this once; better: kakuri registry login"),
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
