//! `kakuri pull`, `kakuri images` and `kakuri image ...`: the images that are here.

use super::super::images;
use super::super::options::image::{FETCH, LIST, LOAD, PULL, REMOVE, SAVE};
use super::super::options::spec::USUAL;
use super::super::options::verb::{HELP, INSPECT};
use super::{Group, Verb, Words};

/// In the order of the help.
pub const IMAGE: [&Verb; 5] = [&LS, &RM, &IMAGE_INSPECT, &SAVE_VERB, &LOAD_VERB];

pub static PULL_VERB: Verb = Verb {
    name: "pull",
    also: &[],
    group: Group::Images,
    usage: "[OPTIONS] REF...",
    about: "Fetch images from a registry, or from an oci: folder, and print their digests",
    more: "What is here already is not fetched again; a pull that was ended goes on where it was.\n\
           Logins are those of podman and docker. oci:DIR[:TAG] is a folder as skopeo and umoci write it.",
    options: &[PULL, FETCH, USUAL],
    words: Words::Images,
    examples: &[
        ("kakuri pull alpine", "docker.io/library/alpine:latest"),
        ("kakuri pull --platform linux/arm64 ghcr.io/owner/app:1.2", ""),
        ("kakuri pull oci:./image:latest", "from a folder"),
    ],
    parse: images::pull,
};

pub static IMAGES_VERB: Verb = Verb {
    name: "images",
    also: &[],
    group: Group::Images,
    usage: "[OPTIONS]",
    about: "List the images that are here; the same as kakuri image ls",
    more: "",
    options: &[LIST, USUAL],
    words: Words::None,
    examples: &[
        ("kakuri images", ""),
        ("kakuri images --format '{{.name}} {{.size}}'", ""),
        ("kakuri images -q", "ids only"),
    ],
    parse: images::list,
};

pub static IMAGE_VERB: Verb = Verb {
    name: "image",
    also: &[],
    group: Group::Images,
    usage: "VERB ...",
    about: "The images that are here: ls, rm, inspect, save, load",
    more: "",
    options: &[HELP],
    words: Words::Verb,
    examples: &[("kakuri image ls", ""), ("kakuri image rm alpine", ""), ("kakuri image inspect alpine", "")],
    parse: images::family,
};

static LS: Verb = Verb {
    name: "image ls",
    also: &["list"],
    group: Group::Images,
    usage: "[OPTIONS]",
    about: "List the images that are here",
    more: "SIZE is what the layers unpack to; images share the layers they have in common.",
    options: &[LIST, USUAL],
    words: Words::None,
    examples: &[("kakuri image ls", ""), ("kakuri image ls --format json", "for programs")],
    parse: images::list,
};

static RM: Verb = Verb {
    name: "image rm",
    also: &["remove"],
    group: Group::Images,
    usage: "[OPTIONS] REF|ID...",
    about: "Take an image's name away, and with its last name the image",
    more: "Layers and files that no other image has go with it. Refused while a container runs from it.",
    options: &[REMOVE, USUAL],
    words: Words::Images,
    examples: &[("kakuri image rm alpine", ""), ("kakuri image rm -f 9c0f1b2d3e4a", "by the beginning of its id")],
    parse: images::remove,
};

static SAVE_VERB: Verb = Verb {
    name: "image save",
    also: &[],
    group: Group::Images,
    usage: "[OPTIONS] REF|ID...",
    about: "Write images to an archive that docker load, podman load and kakuri image load read",
    more: "A file has its name when it is whole. Layers are in it as they came, each digest checked once more.\n\
           docker-archive is an oci-archive too; every docker, podman and skopeo reads it.",
    options: &[SAVE, USUAL],
    words: Words::Images,
    examples: &[("kakuri image save -o alpine.tar alpine", ""), ("kakuri image save alpine debian >both.tar", "")],
    parse: images::save,
};

static LOAD_VERB: Verb = Verb {
    name: "image load",
    also: &[],
    group: Group::Images,
    usage: "[OPTIONS]",
    about: "Take the images of an archive, and print their names",
    more: "What docker save, podman save, skopeo and kakuri image save write, with gzip or zstd or without.\n\
           An image keeps the names it has there; one without is localhost/loaded@DIGEST.",
    options: &[LOAD, USUAL],
    words: Words::None,
    examples: &[("kakuri image load -i alpine.tar", ""), ("docker save alpine | kakuri image load", "")],
    parse: images::load,
};

static IMAGE_INSPECT: Verb = Verb {
    name: "image inspect",
    also: &[],
    group: Group::Images,
    usage: "[OPTIONS] REF|ID...",
    about: "Everything that is known of images, as JSON in docker's words",
    more: "",
    options: &[INSPECT, USUAL],
    words: Words::Images,
    examples: &[("kakuri image inspect alpine", ""), ("kakuri image inspect -f '{{json .Config.Env}}' alpine", "")],
    parse: images::inspect,
};
