//! Options that are not ours, or another verb's: known, so that the answer helps.

/// Words of other programs, and what to type instead: a line each. As texts, because a start pays for every address in a
/// table, and not for a page nobody reads.
const FOREIGN: &[(&str, &str)] = &[("bubblewrap", BUBBLEWRAP), ("hakoniwa", HAKONIWA)];

const BUBBLEWRAP: &str = "\
ro-bind-try\tkakuri --bind SRC:DST:ro
bind-try\tkakuri --bind SRC:DST
dev\tleave it out, /dev is there already
mqueue\tleave it out, /dev/mqueue is there already
uid\tkakuri -u UID
gid\tkakuri -u UID:GID
dev-bind\tkakuri --device PATH
dev-bind-try\tkakuri --device PATH
overlay-src\tkakuri --bind SRC:DST:ro
chdir\tkakuri -w DIR
setenv\tkakuri -e KEY=VALUE
unsetenv\tleave it out, the environment is cleared unless --env-host
clearenv\tleave it out, the environment is cleared unless --env-host
share-net\tkakuri --allow-network
unshare-all\tleave it out, every namespace is new already
unshare-net\tleave it out, there is no network unless --allow-network
unshare-pid\tleave it out, every namespace is new already
unshare-ipc\tleave it out, every namespace is new already
unshare-uts\tleave it out, every namespace is new already
unshare-user\tleave it out, every namespace is new already
die-with-parent\tleave it out, the container dies with kakuri already
new-session\tleave it out, the command has a session of its own already";

const HAKONIWA: &str = "\
rootdir\tkakuri --rootfs DIR:rw for a folder as the root; without it the root is new and private
bindmount-ro\tkakuri --bind SRC:DST:ro
bindmount-rw\tkakuri --bind SRC:DST
devfs\tleave it out, /dev is there already
unshare-cgroup\tleave it out, every namespace is new already
unshare-network\tleave it out, there is no network unless --allow-network
limit-walltime\tkakuri --timeout SECONDS
cgroup-cpus\tkakuri --cpus NUMBER
cgroup-memory\tkakuri --memory SIZE
cgroup-memory-swap\tkakuri --memory-swap SIZE
cgroup-pids-limit\tkakuri --pids-limit N
landlock-restrict-all\tkakuri --landlock-restrict fs,tcp.bind,tcp.connect
landlock-restrict-fs\tkakuri --landlock-restrict fs
landlock-restrict-tcp-bind\tkakuri --landlock-restrict tcp.bind
landlock-restrict-tcp-connect\tkakuri --landlock-restrict tcp.connect
seccomp\tkakuri --security-opt seccomp=FILE; without it a profile holds already
allow-new-privs\tleave it out, no command in a container gains privileges
b\tkakuri --bind SRC:DST:ro
B\tkakuri --bind SRC:DST
c\tkakuri --config-file FILE
g\tkakuri --gidmap IN:OUT:COUNT";

/// Whose long option this is, and what to type instead.
pub fn named(word: &str) -> Option<(&'static str, &'static str)> {
    FOREIGN.iter().find_map(|(whose, lines)| {
        let mut lines = lines.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(theirs, _)| *theirs == word).map(|(_, instead)| (*whose, instead))
    })
}

/// The same of a letter.
pub fn letter(letter: u8) -> Option<(&'static str, &'static str)> {
    named(char::from(letter).encode_utf8(&mut [0; 4]))
}

/// Options one verb has and another lacks for a reason: verb, option, what to type instead.
pub const MISPLACED: &[(&str, &str, &str)] = &[
    ("start", "name", "its name is a word of its own: kakuri start NAME; to rename it: kakuri container rename"),
    ("start", "rm", "kakuri run --name NAME --rm CMD is removed when it ends; kakuri remove NAME removes this one"),
    ("start", "replace", "kakuri create --replace NAME makes it anew"),
    ("start", "base", "the base is chosen once: kakuri create --replace --base host|none NAME"),
    ("start", "rootfs", "the root is chosen once: kakuri create --replace --rootfs DIR NAME"),
    ("start", "path", "it starts what was made: kakuri run --path DIR CMD, or once kakuri create --path DIR NAME"),
    ("start", "command", "CMD follows the name: kakuri start NAME sh -c SCRIPT"),
    ("start", "config-file", "it starts as it was made: kakuri create --replace --config-file FILE NAME"),
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
    ("exec", "command", "CMD follows the name: kakuri exec NAME sh -c SCRIPT"),
    ("exec", "bind", "binds are made when it starts: kakuri start NAME --bind SRC:DST"),
    ("shell", "bind", "binds are made when it starts: kakuri start NAME --bind SRC:DST"),
    ("exec", "memory", "limits are the container's: kakuri start --memory SIZE NAME"),
    ("exec", "timeout", "put it before the command inside: kakuri exec NAME timeout 5 CMD"),
];
