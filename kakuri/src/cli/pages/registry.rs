//! `kakuri registry ...`: logins to the registries images come from.

use super::super::options::spec::USUAL;
use super::super::options::verb::*;
use super::super::registry;
use super::{Group, Verb, Words};

/// In the order of the help.
pub const REGISTRY: [&Verb; 2] = [&LOGIN_VERB, &LOGOUT];

pub static REGISTRY_VERB: Verb = Verb {
    name: "registry",
    also: &[],
    group: Group::Images,
    usage: "VERB ...",
    about: "Log in to a registry of images, and out of it: login, logout",
    more: "",
    options: &[HELP],
    words: Words::Verb,
    examples: &[("kakuri registry login quay.io", ""), ("kakuri registry logout quay.io", "")],
    parse: registry::family,
};

static LOGIN_VERB: Verb = Verb {
    name: "registry login",
    also: &[],
    group: Group::Images,
    usage: "[OPTIONS] [REGISTRY]",
    about: "Log in to a registry (docker.io): the registry is asked first, then the login is kept",
    more: "The password is asked for and not shown. It is kept where podman and skopeo keep it, and they find it there:\n\
           in $XDG_RUNTIME_DIR/containers/auth.json, which is memory and gone with your session; without a runtime\n\
           folder in ~/.config/containers/auth.json; or with the helper that file names. A file holds it in base64,\n\
           which is no encryption: mode 0600 is all that protects it.",
    options: &[REGISTRY_LOGIN, REGISTRY_FILE, REGISTRY_TLS, USUAL],
    words: Words::Registry,
    examples: &[
        ("kakuri registry login", "docker.io"),
        ("kakuri registry login -u me quay.io", "asks for the password"),
        ("kakuri registry login quay.io/team", "for a part of it"),
        ("kakuri registry login -u ci --password-stdin registry.example.com:5000 <token", ""),
    ],
    parse: registry::login,
};

static LOGOUT: Verb = Verb {
    name: "registry logout",
    also: &[],
    group: Group::Images,
    usage: "[OPTIONS] [REGISTRY]",
    about: "Forget the login of a registry (docker.io)",
    more: "It is taken out of the files `kakuri registry login` and podman write. Those of docker are left to docker.",
    options: &[REGISTRY_ALL, REGISTRY_FILE, USUAL],
    words: Words::Registry,
    examples: &[("kakuri registry logout quay.io", ""), ("kakuri registry logout --all", "of every registry")],
    parse: registry::logout,
};
