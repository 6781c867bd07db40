//! Whether a plan is one this program carries out. Makes no system call, and runs before any capability is held.
//!
//! The front made the plan from what a user typed; it is checked again here because this is the process that
//! has the power to carry it out.

use kakuri_wire::{Bytes, Fail, Kernelfs, Result, Stage};

use crate::attach::is_below;
use crate::pivot::OLD;
use crate::{Entry, Layer, MAX_LOWERS, Node, Op, PLAN_VERSION, Plan, Root, RootKind, explain};

/// As many as a namespace may hold mounts (sysctl fs.mount-max) by default.
const MAX_STEPS: usize = 100_000;
const MAX_ENTRIES: usize = 100_000;
/// Each holds a descriptor until the end, and a process may have 1024 of them.
const MAX_SEALED: usize = 256;
/// PATH_MAX less its NUL, and NAME_MAX.
const MAX_PATH: usize = 4095;
const MAX_NAME: usize = 255;

/// Refuses a plan that names a place outside the new root, an unknown version or an impossible order.
pub fn check(plan: &Plan) -> Result<()> {
    let refuse = |why: String| Err(Fail::new(Stage::Mount, "cannot carry out the plan").why(why));
    if plan.version != PLAN_VERSION {
        return refuse(format!("it is of version {}, and this program knows version {PLAN_VERSION}", plan.version));
    }
    if plan.ops.len() + plan.finish.len() > MAX_STEPS {
        return refuse(format!("it has more than {MAX_STEPS} steps"));
    }
    if plan.size == Some(0) {
        return refuse("a size of 0 would be no limit".into());
    }
    for home in plan.ranged.iter().flat_map(|ranged| ranged.home.iter().chain(&ranged.given)) {
        place(&home.at).map_err(|why| Fail::new(Stage::Mount, "cannot carry out the plan's home").why(why))?;
    }
    if let Some(root) = &plan.root {
        is_root(root).map_err(|why| Fail::new(Stage::Mount, "cannot carry out the plan's root").why(why))?;
    }
    let all = || plan.ops.iter().chain(&plan.finish);
    if all().filter(|op| sealed(op)).count() > MAX_SEALED {
        return refuse(format!("it has more than {MAX_SEALED} read-only private folders and tmpfs"));
    }
    let mut attached: Vec<Kernelfs> = Vec::new();
    for (i, op) in all().enumerate() {
        let attach = match op {
            Op::Attach { .. } if i < plan.ops.len() => Err("PID 1 has made nothing yet: it belongs in finish"),
            Op::Attach { what, .. } if attached.contains(what) => Err("it is attached once already"),
            Op::Attach { what, .. } => {
                attached.push(*what);
                Ok(())
            }
            _ => Ok(()),
        };
        attach.map_err(String::from).and_then(|()| step(op)).map_err(|why| {
            let (word, at) = explain::name(op);
            Fail::new(Stage::Mount, format!("cannot carry out step {} of the plan ({word} '{at}')", i + 1)).why(why)
        })?;
    }
    Ok(())
}

fn is_root(root: &Root) -> Verdict {
    source(&root.from)?;
    if root.from.as_bytes() == b"/" {
        return Err("the host's root is no root of a container".into());
    }
    if !root.under.is_empty() && !root.is_overlay() {
        return Err("only an overlay has folders below it".into());
    }
    if root.under.len() >= MAX_LOWERS {
        return Err(format!("overlayfs takes {MAX_LOWERS} folders, and it has {}", root.under.len() + 1));
    }
    root.under.iter().try_for_each(|lower| source(&lower.from))?;
    match &root.how {
        RootKind::Overlay { layer: Some(layer) } => {
            let all = root.under.iter().map(|lower| &lower.from).chain([&root.from]);
            all.into_iter().try_for_each(|from| is_layer(from, layer))
        }
        RootKind::Skeleton { skeleton } => entries(skeleton),
        RootKind::Bind { .. } | RootKind::Overlay { layer: None } => Ok(()),
    }
}

fn is_layer(from: &Bytes, layer: &Layer) -> Verdict {
    source(&layer.upper)?;
    source(&layer.work)?;
    let inside = |a: &Bytes, b: &Bytes| is_below(a.as_bytes(), b.as_bytes());
    let (upper, work) = (&layer.upper, &layer.work);
    match [(from, upper), (from, work), (upper, work)].iter().any(|(a, b)| inside(a, b) || inside(b, a)) {
        true => Err("the folder and its layer lie in one another".into()),
        false => Ok(()),
    }
}

fn sealed(op: &Op) -> bool {
    matches!(op, Op::Private { read_only: true, .. } | Op::Tmpfs { read_only: true, .. })
}

type Verdict = Result<(), String>;

fn step(op: &Op) -> Verdict {
    let (_, at) = explain::name(op);
    place(at)?;
    match op {
        Op::Folder { mode, .. } | Op::File { mode, .. } | Op::Private { mode, .. } | Op::PrivateFile { mode, .. } => {
            is_mode(*mode)
        }

        Op::Symlink { to, .. } => target(to),
        Op::Tmpfs { mode, size, .. } => {
            is_mode(*mode)?;
            if *size == Some(0) { Err("a size of 0 would be no limit".into()) } else { Ok(()) }
        }
        Op::Bind(bind) => source(&bind.from),
        Op::Cow(cow) => {
            source(&cow.from)?;
            // A part of a folder that is taken apart has its layer elsewhere by the same rule.
            cow.layer.as_ref().map_or(Ok(()), |layer| is_layer(&cow.from, layer))
        }
        Op::Union { from, skeleton, .. } => source(from).and_then(|()| entries(skeleton)),
        Op::Skeleton { entries: all, .. } => entries(all),
        Op::Hide { .. } | Op::Freeze { .. } | Op::Devpts { .. } | Op::Attach { .. } => Ok(()),
    }
}

/// A place in the new root, which itself is no place to mount.
fn place(at: &Bytes) -> Verdict {
    source(at)?;
    if at.as_bytes() == b"/" {
        return Err("the root itself is made by this program, and nothing can be put over it".into());
    }
    if clean_names(at).next() == Some(OLD.as_bytes()) {
        return Err(format!("'/{OLD}' is where the old root is for a moment"));
    }
    Ok(())
}

/// An absolute path without anything that would have to be resolved; "/" is one.
fn source(path: &Bytes) -> Verdict {
    match path.as_bytes() {
        b"/" => Ok(()),
        [b'/', relative @ ..] => clean(path, relative),
        _ => Err(format!("'{path}' is not an absolute path")),
    }
}

/// Names between single slashes, none of them `.` or `..`.
fn clean(shown: &Bytes, relative: &[u8]) -> Verdict {
    if relative.len() >= MAX_PATH {
        return Err(format!("'{shown}' is longer than {MAX_PATH} bytes"));
    }
    for name in relative.split(|&b| b == b'/') {
        match name {
            b"" => return Err(format!("'{shown}' has an empty component")),
            b"." | b".." => return Err(format!("'{shown}' has a '.' or '..' component")),
            name if name.contains(&0) => return Err(format!("'{shown}' contains a NUL byte")),
            name if name.len() > MAX_NAME => return Err(format!("'{shown}' has a name longer than {MAX_NAME} bytes")),
            _ => {}
        }
    }
    Ok(())
}

fn clean_names(path: &Bytes) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|&b| b == b'/').filter(|name| !name.is_empty())
}

/// What a symbolic link holds: anything but nothing.
fn target(to: &Bytes) -> Verdict {
    match to.as_bytes() {
        b"" => Err("a symbolic link to nothing".into()),
        to if to.len() > MAX_PATH => Err(format!("a symbolic link to more than {MAX_PATH} bytes")),
        to if to.contains(&0) => Err("a symbolic link to a name with a NUL byte".into()),
        _ => Ok(()),
    }
}

fn is_mode(mode: u32) -> Verdict {
    if mode <= 0o7777 { Ok(()) } else { Err(format!("{mode:o} is no mode")) }
}

fn entries(all: &[Entry]) -> Verdict {
    if all.len() > MAX_ENTRIES {
        return Err(format!("it has more than {MAX_ENTRIES} entries"));
    }
    for Entry { at, node } in all {
        clean(at, at.as_bytes())?;
        if let Node::Symlink(to) = node {
            target(to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bind, Cow, Layer, Lower, UnionKind};

    fn plan(ops: Vec<Op>) -> Plan {
        Plan { version: PLAN_VERSION, root: None, size: None, read_only: true, ops, finish: vec![], ranged: None }
    }

    fn folder(at: &[u8]) -> Op {
        Op::Folder { at: Bytes(at.to_vec()), mode: 0o755 }
    }

    fn refusal(plan: &Plan) -> String {
        check(plan).expect_err("it is refused").to_string()
    }

    #[test]
    fn places_are_absolute_and_clean() {
        for good in [&b"/a"[..], b"/a/b c", b"/...", b"/a\n\xff", b"/.older"] {
            assert_eq!(check(&plan(vec![folder(good)])), Ok(()), "{:?}", Bytes(good.to_vec()));
        }
        let long = [b"/".as_slice(), &[b'a'; 256]].concat();
        let deep = b"/a".repeat(2048);
        for bad in [
            &b""[..],
            b"/",
            b"a",
            b"//",
            b"/a/",
            b"/a//b",
            b"/.",
            b"/..",
            b"/a/../b",
            b"/a/.",
            b"/a\0b",
            b"/.old",
            b"/.old/a",
            &long,
            &deep,
        ] {
            assert!(check(&plan(vec![folder(bad)])).is_err(), "{:?}", Bytes(bad.to_vec()));
        }
    }

    #[test]
    fn a_refusal_names_the_step_and_what_is_wrong_with_it() {
        assert_eq!(
            refusal(&plan(vec![folder(b"/a"), folder(b"/a/../b")])),
            "cannot carry out step 2 of the plan (folder '/a/../b'): '/a/../b' has a '.' or '..' component"
        );
    }

    #[test]
    fn a_root_is_a_folder_of_the_host_and_its_layer_lies_elsewhere() {
        let with = |from: &str, how| {
            let root = Root { from: from.into(), typed: None, seen: None, under: vec![], how };
            check(&Plan { root: Some(root), ..plan(vec![]) })
        };
        let layer = |upper: &str, work: &str| RootKind::Overlay {
            layer: Some(Layer { upper: upper.into(), work: work.into() }),
        };
        for how in [RootKind::Bind { read_only: true }, RootKind::Overlay { layer: None }, layer("/k/upper", "/k/work")]
        {
            assert_eq!(with("/srv/tree", how.clone()), Ok(()));
            for from in ["/", "tree", "/srv/../tree", "", "/srv/"] {
                assert!(with(from, how.clone()).is_err(), "{from}");
            }
        }
        for (upper, work) in [
            ("/srv/tree/upper", "/k/work"),
            ("/k/upper", "/srv"),
            ("/k/upper", "/k/upper"),
            ("/k/upper", "/k/upper/work"),
            ("upper", "/k/work"),
        ] {
            assert!(with("/srv/tree", layer(upper, work)).is_err(), "{upper} {work}");
        }
        let skeleton = vec![Entry { at: "../x".into(), node: Node::Folder }];
        assert!(with("/srv/tree", RootKind::Skeleton { skeleton }).is_err());
    }

    #[test]
    fn what_lies_below_a_root() {
        let with = |under: &[&str], how| {
            let under = under.iter().map(|from| Lower { from: (*from).into(), seen: None }).collect();
            let root = Root { from: "/l/top".into(), typed: None, seen: None, under, how };
            check(&Plan { root: Some(root), ..plan(vec![]) })
        };
        let layer =
            |upper: &str| RootKind::Overlay { layer: Some(Layer { upper: upper.into(), work: "/k/work".into() }) };
        assert_eq!(with(&["/l/1", "/l/0"], layer("/k/upper")), Ok(()));
        assert!(with(&["/l/1"], layer("/l/1/upper")).is_err());
        assert!(with(&["l/1"], RootKind::Overlay { layer: None }).is_err());
        assert!(with(&["/l/1"], RootKind::Bind { read_only: true }).is_err());
        assert_eq!(with(&["/l/1"; MAX_LOWERS - 1], RootKind::Overlay { layer: None }), Ok(()));
        assert!(with(&["/l/1"; MAX_LOWERS], RootKind::Overlay { layer: None }).is_err());
    }

    #[test]
    fn the_layer_of_a_folder_lies_elsewhere() {
        let with = |from: &str, upper: &str| {
            let layer = Some(Layer { upper: upper.into(), work: "/k/work".into() });
            let (from, at) = (from.into(), "/a".into());
            let cow = Cow { from, at, typed: None, seen: None, layer, split: false, noexec: false, make: true };
            check(&plan(vec![Op::Cow(cow)]))
        };
        assert_eq!(with("/srv/x", "/k/upper"), Ok(()));
        for (from, upper) in
            [("/srv", "/srv/upper"), ("/k/upper/x", "/k/upper"), ("srv", "/k/upper"), ("/", "/k/upper")]
        {
            assert!(with(from, upper).is_err(), "{from} {upper}");
        }
    }

    #[test]
    fn entries_stay_in_their_skeleton() {
        let with =
            |at: &str, node| Op::Skeleton { at: "/a".into(), entries: vec![Entry { at: at.into(), node }], make: true };
        assert_eq!(check(&plan(vec![with("a/b", Node::Folder)])), Ok(()));
        for bad in ["", "/a", "../a", "a/..", "a//b", "."] {
            assert!(check(&plan(vec![with(bad, Node::Folder)])).is_err(), "{bad}");
        }
        assert!(check(&plan(vec![with("a", Node::Symlink("".into()))])).is_err());
    }

    #[test]
    fn what_pid_1_makes_is_attached_at_the_end_and_once() {
        let attach = |what| Op::Attach { what, at: format!("/{}", what.name()).into() };
        let mut good = plan(vec![]);
        good.finish = vec![attach(Kernelfs::Proc), attach(Kernelfs::Sysfs), folder(b"/a")];
        assert_eq!(check(&good), Ok(()));
        good.finish.push(attach(Kernelfs::Proc));
        assert!(refusal(&good).contains("once already"));
        assert!(refusal(&plan(vec![attach(Kernelfs::Proc)])).contains("finish"));
    }

    #[test]
    fn numbers_are_sane() {
        assert!(refusal(&Plan { version: PLAN_VERSION + 1, ..plan(vec![]) }).contains("version"));
        assert!(refusal(&Plan { size: Some(0), ..plan(vec![]) }).contains("no limit"));
        assert!(check(&plan(vec![Op::Folder { at: "/a".into(), mode: 0o10000 }])).is_err());
        let sealed = Op::Private { at: "/a".into(), mode: 0o755, make: true, read_only: true };
        assert!(check(&plan(vec![sealed; MAX_SEALED + 1])).is_err());
    }

    #[test]
    fn sources_are_absolute() {
        let bind = |from: &str| {
            Op::Bind(Bind {
                from: from.into(),
                at: "/a".into(),
                typed: None,
                folder: true,
                seen: None,
                read_only: true,
                noexec: false,
                devices: false,
                mapped: false,
                make: true,
            })
        };
        assert_eq!(check(&plan(vec![bind("/"), bind("/usr")])), Ok(()));
        for bad in ["usr", "/usr/", "/usr/../etc", ""] {
            assert!(check(&plan(vec![bind(bad)])).is_err(), "{bad}");
        }
        let how = UnionKind::Overlay;
        let union = Op::Union { at: "/a".into(), from: "etc".into(), how, skeleton: vec![], make: true };
        assert!(refusal(&plan(vec![union])).contains("'etc' is not an absolute path"));
    }
}
