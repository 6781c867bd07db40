//! kakuri-mount alone: what it builds. How it takes a lying front is in mount/lies.rs, use by hand in
//! mount/byhand.rs.

#![allow(clippy::expect_used, clippy::panic)]

#[path = "mount/byhand.rs"]
mod byhand;
#[path = "mount/front.rs"]
mod front;
#[path = "mount/layers.rs"]
mod layers;
#[path = "mount/lies.rs"]
mod lies;
#[path = "mount/root.rs"]
mod root;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use front::{Pid1, Scratch, bind, build, built, entry, failed, file, plan, private};
use kakuri_mount::{FromMount, Node, Op, UnionKind, overlay_refused};

const BOTH: [UnionKind; 2] = [UnionKind::Overlay, UnionKind::Entries];

#[test]
fn a_root_is_built_and_the_old_one_is_gone() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("root");
    own.file("data", "from the host");
    let tree = plan([
        private("/tmp", 0o1777),
        Op::Folder { at: "/etc".into(), mode: 0o755 },
        Op::File { at: "/etc/hostname".into(), mode: 0o640, text: "box\n".into() },
        bind(&own.0, "/work/here").op(),
        bind(own.0.join("data"), "/work/only/data").read_only().op(),
    ]);
    built(&mut pid1, &tree);
    assert_eq!(pid1.say("cat /etc/hostname"), "box\n");
    assert_eq!(pid1.say("stat -c %a /tmp /etc /etc/hostname"), "1777\n755\n640\n");
    assert_eq!(pid1.say("cat /work/here/data /work/only/data"), "from the hostfrom the host");
    assert_eq!(pid1.say("echo new > /work/here/new; echo y > /tmp/y; cat /work/here/new /tmp/y"), "new\ny\n");
    assert_eq!(fs::read_to_string(own.0.join("new")).expect("written"), "new\n");
    for place in ["/new", "/usr/new", "/work/only/data"] {
        assert!(pid1.say(&format!("echo x > {place}")).contains("Read-only"), "{place}");
    }
    assert_eq!(pid1.say("ls -A / | grep -v -e bin -e lib | tr '\\n' ' '"), "etc proc tmp usr work ");

    let mounts = pid1.say("cat /proc/$$/mountinfo");
    let fields = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
    let root = mounts.lines().map(fields).find(|f| f[4] == "/").expect("a root");
    // Everything on the staging tmpfs's device: only its root and /tmp are to be reached.
    let mut staged: Vec<_> =
        mounts.lines().map(fields).filter(|f| f[2] == root[2]).map(|f| format!("{} {}", f[3], f[4])).collect();
    staged.sort();
    assert_eq!(staged, ["/private-1 /tmp", "/root /"], "{mounts}");
    for line in mounts.lines() {
        let flags = &fields(line)[5];
        assert!(flags.contains("nosuid") && flags.contains("nodev"), "{line}");
        assert!(!line.contains("shared:") && !line.contains("master:"), "what the host mounts later comes in: {line}");
        assert!(!line.contains(" /.old"), "{line}");
    }
}

#[test]
fn what_is_read_only_closes_last() {
    let Some(mut pid1) = Pid1::start() else { return };
    let tree = plan([
        Op::Private { at: "/dev".into(), mode: 0o755, make: true, read_only: true },
        Op::Bind(kakuri_mount::Bind { devices: true, ..bind("/dev/null", "/dev/null").0 }),
        Op::Devpts { at: "/dev/pts".into() },
        Op::Symlink { at: "/dev/ptmx".into(), to: "pts/ptmx".into() },
        private("/dev/shm", 0o1777),
        Op::Tmpfs { at: "/t".into(), mode: 0o700, size: Some(1 << 16), read_only: true, noexec: true, make: true },
        Op::File { at: "/t/inside".into(), mode: 0o600, text: "early".into() },
    ]);
    built(&mut pid1, &tree);
    assert_eq!(pid1.say("ls -A /dev | tr '\\n' ' '; cat /t/inside"), "null ptmx pts shm early");
    assert_eq!(pid1.say("echo x > /dev/null; echo x > /dev/shm/x; ls -A /dev/pts"), "ptmx\n");
    assert!(pid1.say("echo x > /dev/new").contains("Read-only"));
    assert!(pid1.say("echo x > /t/new").contains("Read-only"));
    assert_eq!(pid1.say("grep -c ' /t ro,nosuid,nodev,noexec' /proc/$$/mountinfo"), "1\n");
}

#[test]
fn a_union_shows_both_and_neither_is_written() {
    let own = Scratch::new("union");
    let etc = own.folder("etc, of:the\\host");
    for (name, text) in [("hosts", "theirs"), ("passwd", "theirs"), ("service/old", "theirs"), ("only/there", "theirs")]
    {
        own.file(etc.join(name), text);
    }
    own.file(etc.join(OsStr::from_bytes(b"odd \xff\n:,\\name")), "odd");
    symlink("hosts", etc.join("link")).expect("a link");
    symlink("nowhere", etc.join("resolv.conf")).expect("a link");
    own.file(etc.join("secret/file"), "x");
    fs::set_permissions(etc.join("secret"), PermissionsExt::from_mode(0o000)).expect("closed");
    for how in BOTH {
        let Some(mut pid1) = Pid1::start() else { return };
        let skeleton = vec![
            entry("hosts", file("ours")),
            entry("resolv.conf", file("ours")),
            entry("service/new", file("")),
            entry("a", Node::Symlink("hosts".into())),
            entry("empty", Node::Folder),
        ];
        let mount = own.file("mounted", "mounted");
        let tree = plan([
            Op::Union { at: "/etc".into(), from: etc.clone().into(), how, skeleton, make: true },
            bind(&mount, "/etc/service/new").existing().op(),
            bind(own.folder("folder"), "/etc/empty").existing().op(),
        ]);
        built(&mut pid1, &tree);
        let seen = pid1.say("cd /etc; cat hosts a link resolv.conf passwd service/old service/new only/there odd*");
        assert_eq!(seen, "ours".repeat(4) + "theirstheirsmountedtheirsodd", "{how:?}");
        assert_eq!(pid1.say("readlink link a"), "hosts\nhosts\n", "{how:?}");
        assert_eq!(pid1.say("stat -c %a /etc/secret"), "0\n", "{how:?}");
        for write in ["> new", "> passwd", "> only/new", "> service/x", "rm hosts", "mkdir d"] {
            assert!(pid1.say(&format!("(cd /etc; {write})")).contains("Read-only"), "{how:?} {write}");
        }
        assert_eq!(pid1.say("echo x > empty/x; cat empty/x"), "x\n", "{how:?}");
        let flags = pid1.say("grep -v 'nosuid,nodev' /proc/$$/mountinfo");
        assert_eq!(flags, "", "{how:?}");
    }
    assert_eq!(fs::read_dir(&etc).expect("listed").count(), 8, "the host's folder is as it was");
    fs::set_permissions(etc.join("secret"), PermissionsExt::from_mode(0o700)).expect("open");
}

#[test]
fn a_skeleton_holds_nothing_else_and_takes_binds() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("skeleton");
    let named = own.file("home/u/src/main.c", "code");
    let at = own.0.join("home/u");
    let tree = plan([
        Op::Skeleton { at: at.clone().into(), entries: vec![entry("src/main.c", file(""))], make: true },
        bind(&named, &named).read_only().existing().op(),
    ]);
    built(&mut pid1, &tree);
    assert_eq!(pid1.say(&format!("cd {}; find . -type f; cat src/main.c", at.display())), "./src/main.c\ncode");
    assert!(pid1.say("> src/main.o").contains("Read-only"));
}

#[test]
fn what_is_hidden_is_empty() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("hide");
    own.file("folder/secret", "x");
    own.file("file", "x");
    let hide = |name: &str, folder| Op::Hide { at: format!("/w/{name}").into(), folder };
    let tree = plan([bind(&own.0, "/w").op(), hide("folder", true), hide("file", false)]);
    built(&mut pid1, &tree);
    assert_eq!(pid1.say("ls -A /w/folder; cat /w/file"), "");
    assert!(pid1.say("> /w/folder/x").contains("Read-only"));
    assert!(pid1.say("> /w/file").contains("Read-only"));
    assert_eq!(fs::read_to_string(own.0.join("file")).expect("there"), "x");
}

#[test]
fn nothing_is_made_on_the_host() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("host");
    let data = own.file("data", "x");
    let shared = own.folder("shared");
    for (op, name) in [
        (bind(&data, "/w/deep/data").op(), "/w/deep"),
        (bind(&data, "/w/data").op(), "/w/data"),
        (private("/w/private", 0o755), "/w/private"),
        (Op::Folder { at: "/w/folder".into(), mode: 0o755 }, "/w/folder"),
        (Op::File { at: "/w/file".into(), mode: 0o644, text: "x".into() }, "/w/file"),
        (Op::Symlink { at: "/w/link".into(), to: "x".into() }, "/w/link"),
    ] {
        let fail = failed(&mut pid1, &plan([bind(&shared, "/w").op(), op]));
        assert!(fail.to_string().contains(name) && fail.to_string().contains("of the host"), "{fail}");
    }
    let fail = failed(&mut pid1, &plan([bind(&own.0, "/w").op(), Op::Folder { at: "/w/shared".into(), mode: 0 }]));
    assert!(fail.to_string().contains("of the host"), "{fail}");
    assert_eq!(fs::read_dir(&shared).expect("listed").count(), 0);
    assert_ne!(fs::metadata(&shared).expect("there").mode() & 0o777, 0);
}

#[test]
fn a_symbolic_link_carries_no_mount_elsewhere() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("links");
    let shared = own.folder("shared");
    symlink("/usr", shared.join("way")).expect("a link");
    symlink("/proc/self/root", shared.join("magic")).expect("a link");
    for at in ["/w/way", "/w/way/bin", "/w/magic/usr"] {
        for make in [true, false] {
            let mut bind = bind(&shared, at);
            bind.0.make = make;
            let fail = failed(&mut pid1, &plan([front::bind(&shared, "/w").op(), bind.op()]));
            assert!(fail.to_string().contains("symbolic link"), "{at}: {fail}");
        }
    }
    // Nor does one in a skeleton.
    let skeleton = vec![entry("a", Node::Symlink("/usr".into())), entry("a/b", file("x"))];
    let fail = failed(&mut pid1, &plan([Op::Skeleton { at: "/s".into(), entries: skeleton, make: true }]));
    assert!(fail.to_string().contains("symbolic link"), "{fail}");
}

/// Whoever may write a folder on the way could otherwise lead a bind to what its caller would never have shown.
#[test]
fn a_link_on_the_way_to_a_source_is_an_error_even_where_it_leads_to_what_was_seen() {
    let own = Scratch::new("way");
    let data = own.file("private/data", "x");
    symlink("private", own.0.join("shared")).expect("a link");
    let seen = fs::metadata(&data).map(|m| (m.dev(), m.ino())).expect("there");
    for seen in [Some(seen), None] {
        let Some(mut pid1) = Pid1::start() else { return };
        let mut binding = bind(&data, "/data").typed("./data");
        binding.0.from = own.0.join("shared/data").into();
        binding.0.seen = seen;
        let fail = failed(&mut pid1, &plan([binding.op()])).to_string();
        assert!(fail.starts_with("cannot bind './data' at '/data': it changed while it was being bound"), "{fail}");
    }
}

#[test]
fn a_source_that_was_replaced_is_an_error_that_names_it() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("replaced");
    let data = own.file("data", "x");
    let seen = fs::metadata(&data).map(|m| (m.dev(), m.ino())).expect("there");
    let mut binding = bind(&data, "/data").typed("./data");
    binding.0.seen = Some(seen);
    let tree = plan([binding.op()]);
    built(&mut pid1, &tree);

    let replaced = |pid1: &mut Pid1| {
        let fail = failed(pid1, &tree).to_string();
        assert!(fail.starts_with("cannot bind './data' at '/data': it changed while it was being bound"), "{fail}");
    };
    let mut pid1 = Pid1::start().expect("as before");
    // The old one stays, so that the new one cannot be given its inode.
    fs::rename(&data, own.0.join("old")).expect("moved");
    own.file("data", "other");
    replaced(&mut pid1);
    fs::remove_file(&data).expect("removed");
    symlink("old", &data).expect("a link");
    replaced(&mut pid1);
    fs::remove_file(&data).expect("removed");
    own.folder("data");
    replaced(&mut pid1);
    fs::remove_dir(&data).expect("removed");
    let fail = failed(&mut pid1, &tree).to_string();
    assert!(fail.starts_with("cannot bind './data' at '/data': No such file"), "{fail}");
}

#[test]
fn kinds_must_agree() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("kinds");
    let data = own.file("data", "x");
    for op in [
        bind(&data, "/usr/bin").existing().op(),
        bind(&own.0, "/usr/bin/env").existing().op(),
        Op::Hide { at: "/usr/bin".into(), folder: false },
        bind(&data, "/usr/bin/env/data").op(),
        bind(&data, "/usr/not-there").existing().op(),
        Op::Hide { at: "/usr/not-there".into(), folder: true },
    ] {
        let fail = failed(&mut pid1, &plan([op.clone()]));
        assert!(fail.to_string().contains("'/usr/"), "{op:?}: {fail}");
    }
}

#[test]
fn what_is_mounted_below_a_bind_comes_with_it_and_obeys_it() {
    let own = Scratch::new("below");
    own.folder("tree/sub");
    let prepare = format!("mount -t tmpfs t {0}/tree/sub && echo deep > {0}/tree/sub/file", own.0.display());
    let Some(mut pid1) = Pid1::after_mounting(&prepare) else { return };
    let tree = own.0.join("tree");
    // A locked mount lies below: an overlay would show what it covers, and the kernel refuses.
    let union = |how| {
        let skeleton = vec![entry("ours", file("ours"))];
        plan([Op::Union { at: "/u".into(), from: tree.clone().into(), how, skeleton, make: true }])
    };
    let fail = failed(&mut pid1, &union(UnionKind::Overlay));
    assert!(overlay_refused(&fail), "{fail}");
    assert!(fail.to_string().contains("'/u'"), "{fail}");
    let mut tree = union(UnionKind::Entries);
    tree.ops.push(bind(&own.0, "/ro").read_only().op());
    built(&mut pid1, &tree);
    assert_eq!(pid1.say("cat /u/sub/file /ro/tree/sub/file /u/ours"), "deep\ndeep\nours");
    for file in ["/u/sub/file", "/ro/tree/sub/file", "/ro/tree/sub/new"] {
        assert!(pid1.say(&format!("echo x > {file}")).contains("Read-only"), "{file}");
    }
}

#[test]
fn the_whole_host_can_be_bound_without_what_is_staged() {
    let Some(mut pid1) = Pid1::start() else { return };
    built(&mut pid1, &plan([bind("/", "/host").read_only().op()]));
    let mounts = pid1.say("cat /proc/$$/mountinfo");
    assert!(mounts.lines().any(|line| line.contains(" /host ")), "{mounts}");
    assert!(!mounts.contains("/proc/fs") && !mounts.contains("/sys/fs/nfsd"), "{mounts}");
}

#[test]
fn a_thousand_binds() {
    let Some(mut pid1) = Pid1::start() else { return };
    let own = Scratch::new("many");
    let data = own.file("data", "x");
    built(&mut pid1, &plan((0..1000).map(|i| bind(&data, format!("/many/{}/{i}", i % 2)).op())));
    assert_eq!(pid1.say("ls /many/* | wc -l; cat /many/1/999"), "1003\nx");
}

#[test]
fn a_full_root_says_so() {
    let Some(mut pid1) = Pid1::start() else { return };
    let text = kakuri_wire::Bytes(vec![b'x'; 1 << 20]);
    let mut tree = plan([Op::File { at: "/etc/large".into(), mode: 0o644, text }]);
    tree.size = Some(1 << 16);
    let fail = failed(&mut pid1, &tree);
    assert!(
        fail.to_string().starts_with("cannot make '/etc/large': the container's own file system is full"),
        "{fail}"
    );
    assert!(fail.hint.is_some());
}

#[test]
fn a_failed_build_leaves_the_old_root() {
    let Some(mut pid1) = Pid1::start() else { return };
    let answer = build(&mut pid1, &plan([Op::Hide { at: "/not-there".into(), folder: true }]));
    assert!(matches!(answer, FromMount::Failed(_)), "{answer:?}");
    assert_eq!(pid1.say("test -e /etc/passwd && echo there"), "there\n");
}
