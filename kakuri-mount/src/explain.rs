//! A plan in words, a line a step. Makes no system call, and says the same of the same plan always.

use std::fmt::Write;

use kakuri_wire::{Bytes, Kernelfs};

use crate::{Bind, Cow, Entry, Node, Op, Plan, Ranged, Root, RootKind, UnionKind};

/// Paths longer than this do not push the column of words further right.
const WIDEST: usize = 40;
/// Entries that are named before they are only counted.
const NAMED: usize = 8;

pub fn explain(plan: &Plan) -> String {
    let mut root = vec![match &plan.root {
        None => "a new tmpfs, which holds everything private too".to_string(),
        Some(root) => words_of_root(root),
    }];
    root.extend(plan.size.map(|size| format!("at most {}", bytes(size))));
    let closed = plan.root.as_ref().is_some_and(|root| root.is_read_only());
    root.push(
        if closed {
            "read-only"
        } else if plan.read_only {
            "read-only in the end"
        } else {
            "writable"
        }
        .into(),
    );
    let mut lines = vec![("root", "/".to_string(), root.join(", "))];
    let under = plan.root.iter().flat_map(|root| &root.under).zip(2..);
    lines.extend(under.map(|(lower, n)| ("layer", "/".to_string(), format!("{n}. {} of the host", lower.from))));
    if let Some(Ranged { root: (uid, gid), home, .. }) = &plan.ranged {
        lines.push((
            "owner",
            "/".into(),
            format!("what is made for the container is its root's, {uid}:{gid} of your range"),
        ));
        lines.extend(home.iter().map(|h| ("owner", h.at.to_string(), format!("{}:{} of your range", h.uid, h.gid))));
    }
    lines.extend(plan.ops.iter().chain(&plan.finish).map(|op| {
        let (word, at) = name(op);
        (word, at.to_string(), words(op))
    }));
    let width = lines.iter().map(|(_, at, _)| at.chars().count()).max().unwrap_or(0).min(WIDEST);
    lines.iter().fold(String::new(), |mut text, (word, at, words)| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{word:<8}  {at:<width$}  {words}");
        text
    })
}

/// What a step makes, in a word, and where.
pub fn name(op: &Op) -> (&'static str, &Bytes) {
    match op {
        Op::Folder { at, .. } => ("folder", at),
        Op::File { at, .. } => ("file", at),
        Op::Symlink { at, .. } => ("link", at),
        Op::Private { at, .. } => ("private", at),
        Op::PrivateFile { at, .. } => ("private", at),
        Op::Tmpfs { at, .. } => ("tmpfs", at),
        Op::Bind(bind) => ("bind", &bind.at),
        Op::Cow(cow) => ("cow", &cow.at),
        Op::Union { at, .. } => ("union", at),
        Op::Skeleton { at, .. } => ("skeleton", at),
        Op::Hide { at, .. } => ("hide", at),
        Op::Freeze { at } => ("freeze", at),
        Op::Devpts { at } => ("devpts", at),
        Op::Attach { what, at } => (what.name(), at),
    }
}

fn words(op: &Op) -> String {
    match op {
        Op::Folder { mode, .. } => format!("mode {mode:04o}"),
        Op::File { mode, text, .. } => format!("mode {mode:04o}, {} bytes of our own", text.as_bytes().len()),
        Op::PrivateFile { mode, text, .. } => {
            format!("a file over what is there, mode {mode:04o}, {} bytes of our own", text.as_bytes().len())
        }
        Op::Symlink { to, .. } => format!("to {to}"),
        Op::Private { mode, read_only, .. } => {
            format!("empty, {}, mode {mode:04o}, gone with the container", access(*read_only))
        }
        Op::Tmpfs { mode, size, read_only, noexec, .. } => {
            let size = size.map(|size| format!(", at most {}", bytes(size))).unwrap_or_default();
            format!("empty, {}{size}, mode {mode:04o}, {}", access(*read_only), flags(*noexec, false))
        }
        Op::Bind(bind) => words_of_bind(bind),
        Op::Cow(cow) => words_of_cow(cow),
        Op::Union { from, how, skeleton, .. } => {
            let how = match how {
                UnionKind::Overlay => "one overlay",
                UnionKind::Entries => "a bind for each entry",
            };
            format!("{from} of the host with our {}, read-only, nosuid, nodev, by {how}", list(skeleton))
        }
        Op::Skeleton { entries, .. } => format!("{} and nothing else, read-only, nosuid, nodev", list(entries)),
        Op::Hide { folder: true, .. } => "covered by an empty folder, read-only".into(),
        Op::Hide { folder: false, .. } => "covered by an empty file, read-only".into(),
        Op::Freeze { .. } => "as it is, read-only".into(),
        Op::Devpts { .. } => "terminals of the container's own, nosuid, noexec".into(),
        Op::Attach { what: Kernelfs::Sysfs, .. } => "made by PID 1, read-only, nosuid, nodev, noexec".into(),
        Op::Attach { .. } => "made by PID 1, writable, nosuid, nodev, noexec".into(),
    }
}

fn words_of_root(root: &Root) -> String {
    let from = match &root.typed {
        Some(typed) if *typed != root.from => format!("{} (typed as {typed})", root.from),
        _ => root.from.to_string(),
    };
    let rest = match &root.how {
        RootKind::Bind { .. } => "itself".into(),
        RootKind::Skeleton { skeleton } => format!("with our {}, by one overlay", list(skeleton)),
        RootKind::Overlay { layer: None } => {
            "by an overlay that keeps what is written in a tmpfs, gone with the container".into()
        }
        RootKind::Overlay { layer: Some(layer) } => {
            format!("by an overlay that keeps what is written in {}", layer.upper)
        }
    };
    let below = match root.under.len() {
        0 => String::new(),
        n => format!(", the uppermost of {},", n + 1),
    };
    format!("folder {from} of the host{below} {rest}, nosuid, nodev")
}

fn words_of_bind(bind: &Bind) -> String {
    let what = match (bind.folder, bind.devices) {
        (true, _) => "folder",
        (false, true) => "device",
        (false, false) => "file",
    };
    let from = match &bind.typed {
        Some(typed) if *typed != bind.from => format!("{} (typed as {typed})", bind.from),
        _ => bind.from.to_string(),
    };
    // A device's data passes whether its node may be changed or not.
    let access = if what == "device" && bind.read_only { "its owner and mode fixed" } else { access(bind.read_only) };
    let owners = if bind.mapped { ", owners by their numbers" } else { "" };
    format!("{what} {from} of the host, {access}, {}{owners}", flags(bind.noexec, bind.devices))
}

fn words_of_cow(cow: &Cow) -> String {
    let from = match &cow.typed {
        Some(typed) if *typed != cow.from => format!("{} (typed as {typed})", cow.from),
        _ => cow.from.to_string(),
    };
    let what = if cow.split { "the files of folder" } else { "folder" };
    let layer = match &cow.layer {
        None => "a tmpfs, gone with the container".to_string(),
        Some(layer) => layer.upper.to_string(),
    };
    format!("{what} {from} of the host, what is changed goes to {layer}, {}", flags(cow.noexec, false))
}

fn access(read_only: bool) -> &'static str {
    if read_only { "read-only" } else { "writable" }
}

fn flags(noexec: bool, devices: bool) -> String {
    let mut flags = vec!["nosuid"];
    flags.extend((!devices).then_some("nodev"));
    flags.extend(noexec.then_some("noexec"));
    flags.join(", ")
}

fn list(entries: &[Entry]) -> String {
    let mut names: Vec<String> = entries
        .iter()
        .take(NAMED)
        .map(|Entry { at, node }| match node {
            Node::Folder => format!("{at}/"),
            Node::File(_) => at.to_string(),
            Node::Symlink(to) => format!("{at} -> {to}"),
        })
        .collect();
    match entries.len() {
        0 => return "no entry".into(),
        all if all > NAMED => names.push(format!("{} more", all - NAMED)),
        _ => {}
    }
    names.join(", ")
}

/// 64 MiB, 1000 bytes: the largest unit that divides it.
fn bytes(size: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| size >= *unit && size.is_multiple_of(*unit)) {
        Some((unit, word)) => format!("{} {word}", size / unit),
        None => format!("{size} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, PLAN_VERSION};

    fn bind(from: &str, at: &str) -> Bind {
        Bind {
            from: from.into(),
            at: at.into(),
            typed: None,
            folder: true,
            seen: None,
            read_only: true,
            noexec: false,
            devices: false,
            mapped: false,
            make: true,
        }
    }

    #[test]
    fn every_step_in_words() {
        let file = |at: &str| Entry { at: at.into(), node: Node::File("x".into()) };
        let typed =
            Bind { typed: Some("./src".into()), read_only: false, noexec: true, ..bind("/home/u/src", "/work") };
        let null = Bind { folder: false, read_only: false, devices: true, ..bind("/dev/null", "/dev/null") };
        let plan = Plan {
            version: PLAN_VERSION,
            root: None,
            size: Some(64 << 20),
            read_only: true,
            ranged: None,
            ops: vec![
                Op::Folder { at: "/a".into(), mode: 0o755 },
                Op::File { at: "/a/b".into(), mode: 0o600, text: "four".into() },
                Op::Symlink { at: "/bin".into(), to: "usr/bin".into() },
                Op::Private { at: "/tmp".into(), mode: 0o1777, make: true, read_only: false },
                Op::Tmpfs { at: "/t".into(), mode: 0o700, size: Some(1000), read_only: true, noexec: true, make: true },
                Op::Bind(bind("/usr", "/usr")),
                Op::Bind(typed),
                Op::Bind(null),
                Op::Cow(Cow {
                    from: "/home/u/p".into(),
                    at: "/p".into(),
                    typed: Some("p".into()),
                    seen: None,
                    layer: Some(Layer { upper: "/k/1/upper".into(), work: "/k/1/work".into() }),
                    split: false,
                    noexec: false,
                    make: true,
                }),
                Op::Union {
                    at: "/etc".into(),
                    from: "/etc".into(),
                    how: UnionKind::Overlay,
                    skeleton: vec![file("hosts"), Entry { at: "service".into(), node: Node::Folder }],
                    make: true,
                },
                Op::Skeleton { at: "/s".into(), entries: (0..10).map(|i| file(&i.to_string())).collect(), make: true },
                Op::Hide { at: "/usr/games".into(), folder: true },
                Op::Devpts { at: "/dev/pts".into() },
            ],
            finish: vec![
                Op::Attach { what: Kernelfs::Proc, at: "/proc".into() },
                Op::Attach { what: Kernelfs::Sysfs, at: "/sys".into() },
                Op::Hide { at: "/proc/keys".into(), folder: false },
            ],
        };
        let expected = "\
root      /           a new tmpfs, which holds everything private too, at most 64 MiB, read-only in the end
folder    /a          mode 0755
file      /a/b        mode 0600, 4 bytes of our own
link      /bin        to usr/bin
private   /tmp        empty, writable, mode 1777, gone with the container
tmpfs     /t          empty, read-only, at most 1000 bytes, mode 0700, nosuid, nodev, noexec
bind      /usr        folder /usr of the host, read-only, nosuid, nodev
bind      /work       folder /home/u/src (typed as ./src) of the host, writable, nosuid, nodev, noexec
bind      /dev/null   device /dev/null of the host, writable, nosuid
cow       /p          folder /home/u/p (typed as p) of the host, what is changed goes to /k/1/upper, nosuid, nodev
union     /etc        /etc of the host with our hosts, service/, read-only, nosuid, nodev, by one overlay
skeleton  /s          0, 1, 2, 3, 4, 5, 6, 7, 2 more and nothing else, read-only, nosuid, nodev
hide      /usr/games  covered by an empty folder, read-only
devpts    /dev/pts    terminals of the container's own, nosuid, noexec
proc      /proc       made by PID 1, writable, nosuid, nodev, noexec
sysfs     /sys        made by PID 1, read-only, nosuid, nodev, noexec
hide      /proc/keys  covered by an empty file, read-only
";
        assert_eq!(explain(&plan), expected);
    }

    #[test]
    fn names_cannot_drive_a_terminal() {
        let ops = vec![Op::Symlink { at: "/a\x1b[2J".into(), to: "b\nc".into() }];
        let text = explain(&Plan {
            version: PLAN_VERSION,
            root: None,
            size: None,
            read_only: false,
            ops,
            finish: vec![],
            ranged: None,
        });
        assert!(text.ends_with("link      /a\\u{1b}[2J  to b\\nc\n"), "{text}");
    }
}
