//! The verbs about folders that can be taken back: try, changes, commit, discard.

use super::super::back;
use super::super::options::door::DOORS;
use super::super::options::spec::{PASS, PLACE, SHOW, SPEC, STATUS, TERMINAL, USUAL};
use super::super::options::verb::{CHANGES, COMMIT, OF_CONTAINER};
use super::{Group, Prefer, Verb, Words};

const TRY_WORDS: Verb = Verb {
    name: "try",
    also: &[],
    group: Group::Back,
    usage: "[OPTIONS] [FOLDER... --] CMD [ARG...]",
    about: "Run a command that sees and changes a folder, and keep what it changes apart",
    more: "FOLDER is shown at its own place, and never touched; without FOLDER it is where you are. What the command\n\
           changes goes to a layer: `kakuri changes` shows it, `kakuri commit` carries it over, `kakuri discard`\n\
           gives it up. All else is as in `kakuri run`: no network, and nothing of yours but the folder.",
    options: &[SPEC, PLACE, DOORS, TERMINAL, PASS, STATUS, SHOW, USUAL],
    words: Words::Command,
    examples: &[
        ("kakuri try make", "where you are"),
        ("kakuri try ./src ./doc -- make install", "in two folders"),
        ("kakuri try --allow-network -- npm install", "with the network"),
    ],
    parse: back::attempt,
};

pub static TRY: Verb = TRY_WORDS;

/// The same before `--`, where all words are folders.
pub static TRY_FOLDERS: Verb = Verb { words: Words::Paths, ..TRY_WORDS };

pub static CHANGES_VERB: Verb = Verb {
    name: "changes",
    also: &[],
    group: Group::Back,
    usage: "[OPTIONS] [PATH...]",
    about: "Show what the latest try of this folder changed, or a container",
    more: "The latest try is the last one about PATH, or about where you are. Of a container it is what it changed of\n\
           its `cow` folders and of its root, since it was made.\n\
           A patch is meant for the folder that was tried; git apply and patch take it.",
    options: &[OF_CONTAINER, CHANGES, USUAL],
    words: Words::Paths,
    examples: &[
        ("kakuri changes", ""),
        ("kakuri changes --patch src", "as a patch"),
        ("kakuri changes --container dev --format json", "of a container"),
        ("kakuri changes --list", "what was tried, and where"),
    ],
    parse: back::changes,
};

pub static COMMIT_VERB: Verb = Verb {
    name: "commit",
    also: &[],
    group: Group::Back,
    usage: "[OPTIONS] [PATH...]",
    about: "Carry over what the latest try of this folder changed, all or these paths",
    more: "Nothing is carried over where an original was changed by somebody else meanwhile: every such path is named.\n\
           A commit that is cut off is finished by the next of these verbs. What you do not name stays to be decided.",
    options: &[OF_CONTAINER, COMMIT, USUAL],
    words: Words::Paths,
    examples: &[
        ("kakuri commit", "all of it"),
        ("kakuri commit src Makefile", "these alone"),
        ("kakuri commit --undo", "the latest commit is taken back"),
        ("kakuri commit --container dev", "a container's, which must not run"),
    ],
    parse: back::commit,
};

pub static DISCARD_VERB: Verb = Verb {
    name: "discard",
    also: &[],
    group: Group::Back,
    usage: "[OPTIONS] [PATH...]",
    about: "Give up what the latest try of this folder changed, all or these paths",
    more: "Of a container, which must not run, the paths are as they were before; of a try, without PATH, nothing stays.",
    options: &[OF_CONTAINER, USUAL],
    words: Words::Paths,
    examples: &[
        ("kakuri discard", "all of it"),
        ("kakuri discard build", "this alone"),
        ("kakuri discard --container dev", "what a container changed"),
    ],
    parse: back::discard,
};

/// docker's.
pub static DIFF: Verb = Verb {
    name: "container diff",
    also: &[],
    group: Group::Insight,
    usage: "[OPTIONS] NAME",
    about: "List what a container changed, as docker does: A, C or D, and the path inside",
    more: "`kakuri changes --container NAME` says more.",
    options: &[USUAL],
    words: Words::Name(Prefer::Any),
    examples: &[("kakuri container diff web", "")],
    parse: back::diff,
};
