//! Options that are not ours, or another verb's: known, so that the answer helps.

/// bubblewrap's words, and what to type instead.
pub const BUBBLEWRAP: &[(&str, &str)] = &[
    ("ro-bind-try", "kakuri --bind SRC:DST:ro"),
    ("bind-try", "kakuri --bind SRC:DST"),
    ("dev", "leave it out, /dev is there already"),
    ("mqueue", "leave it out, /dev/mqueue is there already"),
    ("uid", "kakuri -u UID"),
    ("gid", "kakuri -u UID:GID"),
    ("dev-bind", "kakuri --device PATH"),
    ("dev-bind-try", "kakuri --device PATH"),
    ("overlay-src", "kakuri --bind SRC:DST:ro"),
    ("chdir", "kakuri -w DIR"),
    ("setenv", "kakuri -e KEY=VALUE"),
    ("unsetenv", "leave it out, the environment is cleared unless --env-host"),
    ("clearenv", "leave it out, the environment is cleared unless --env-host"),
    ("share-net", "kakuri --allow-network"),
    ("unshare-all", "leave it out, every namespace is new already"),
    ("unshare-net", "leave it out, there is no network unless --allow-network"),
    ("unshare-pid", "leave it out, every namespace is new already"),
    ("unshare-ipc", "leave it out, every namespace is new already"),
    ("unshare-uts", "leave it out, every namespace is new already"),
    ("unshare-user", "leave it out, every namespace is new already"),
    ("die-with-parent", "leave it out, the container dies with kakuri already"),
    ("new-session", "leave it out, the command has a session of its own already"),
];

/// Options one verb has and another lacks for a reason: verb, option, what to type instead.
pub const MISPLACED: &[(&str, &str, &str)] = &[
    ("start", "name", "its name is a word of its own: kakuri start NAME; to rename it: kakuri container rename"),
    ("start", "rm", "kakuri run --name NAME --rm CMD is removed when it ends; kakuri remove NAME removes this one"),
    ("start", "replace", "kakuri create --replace NAME makes it anew"),
    ("start", "base", "the base is chosen once: kakuri create --replace --base host|none NAME"),
    ("start", "rootfs", "the root is chosen once: kakuri create --replace --rootfs DIR NAME"),
    ("start", "image", "the image is chosen once: kakuri create --replace --image REF NAME"),
    (
        "start",
        "pull",
        "it starts from the image it was made with; kakuri create --replace --pull always --image REF NAME",
    ),
    ("start", "entrypoint", "it is chosen once: kakuri create --replace --entrypoint CMD --image REF NAME"),
    ("start", "explain", "kakuri --explain with the same options shows what a run would do"),
    ("create", "detach", "creating starts nothing: kakuri start -d NAME"),
    ("create", "rm", "kakuri run --name NAME --rm CMD is removed when it ends"),
    ("create", "pass-fd", "descriptors are those of who starts it: kakuri start NAME --pass-fd N CMD"),
    ("create", "status-fd", "kakuri start --status-fd N NAME"),
    ("create", "explain", "kakuri --explain with the same options shows what a run would do"),
    ("create", "detach-keys", "kakuri start --detach-keys KEYS NAME"),
    ("exec", "bind", "binds are made when it starts: kakuri start NAME --bind SRC:DST"),
    ("shell", "bind", "binds are made when it starts: kakuri start NAME --bind SRC:DST"),
    ("exec", "memory", "limits are the container's: kakuri start --memory SIZE NAME"),
    ("exec", "timeout", "put it before the command inside: kakuri exec NAME timeout 5 CMD"),
];
