//! kakuri-mount alone: these tests play the front, the honest one and the lying one. PID 1 is played by a
//! shell in namespaces of its own, which tells afterwards what it sees.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use kakuri_mount::{Bind, Entry, FromMount, Node, Op, PLAN_VERSION, Plan, ToMount, UnionKind};
use kakuri_wire::channel::Broken;
use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, Channel, Fail, Kernelfs, Stage, document, lifeline, sys};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kakuri-mount");
const LIMIT: Duration = Duration::from_secs(10);

/// kakuri-mount as the front starts it: link at 3, nothing at 0-2, no environment.
fn start() -> (Child, Channel) {
    let (ours, theirs) = Channel::pair().expect("a link");
    let raw = theirs.as_fd().as_raw_fd();
    let mut command = Command::new(PROGRAM);
    command.arg0("kakuri-mount [test]").env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: dup_onto makes a dup2 or an fcntl, both async-signal-safe.
    unsafe {
        command.pre_exec(move || sys::dup_onto(std::os::fd::BorrowedFd::borrow_raw(raw), lifeline::LINK));
    }
    let child = command.spawn().expect("kakuri-mount starts");
    drop(theirs);
    (child, ours)
}

/// A shell in a user and a mount namespace of its own, waiting for commands.
struct Pid1 {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Pid1 {
    fn start() -> Option<Pid1> {
        let mut child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "--propagation", "unchanged", "/bin/sh"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .ok()?;
        let input = child.stdin.take()?;
        let output = BufReader::new(child.stdout.take()?);
        let mut pid1 = Pid1 { child, input, output };
        (pid1.say("echo ready") == "ready\n").then_some(pid1)
    }

    fn pidfd(&self) -> OwnedFd {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a pidfd")
    }

    /// What a command prints, both streams.
    fn say(&mut self, command: &str) -> String {
        if writeln!(self.input, "{{ {command}\n}} 2>&1; echo; echo --end--").is_err() {
            return String::new();
        }
        let mut said = String::new();
        while !said.ends_with("\n--end--\n") {
            if self.output.read_line(&mut said).unwrap_or(0) == 0 {
                return said;
            }
        }
        said.truncate(said.len() - "\n--end--\n".len());
        said
    }
}

impl Drop for Pid1 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Namespaces for an ordinary user, or a skip that says so.
macro_rules! pid1 {
    () => {
        match Pid1::start() {
            Some(pid1) => pid1,
            None => {
                eprintln!("skipped: this system makes no user namespaces for an ordinary user, or has no unshare(1)");
                return;
            }
        }
    };
}

/// The whole conversation of an honest front.
fn build(pid1: &Pid1, plan: &Plan) -> FromMount {
    let (mut child, link) = start();
    let sealed = document::seal(Stage::Front, plan).expect("a document");
    link.send(&ToMount::Plan(Version::ours()), &[sealed.as_fd()]).expect("sent");
    let _ = link.send(&ToMount::Join, &[pid1.pidfd().as_fd()]);
    let _ = link.send(&ToMount::Finish(vec![]), &[]);
    let (answer, _) = link.recv_within::<FromMount>(LIMIT).expect("an answer");
    let code = child.wait().expect("it ends").code();
    assert_eq!(code, Some(if answer == FromMount::Built { 0 } else { 125 }), "{answer:?}");
    answer
}

fn built(pid1: &Pid1, plan: &Plan) {
    assert_eq!(build(pid1, plan), FromMount::Built);
}

fn failed(pid1: &Pid1, plan: &Plan) -> Fail {
    match build(pid1, plan) {
        FromMount::Failed(fail) => fail,
        answer => panic!("{answer:?}"),
    }
}

/// The host's programs, so that the shell can look around, and what the test is about.
fn plan(ops: impl IntoIterator<Item = Op>) -> Plan {
    let mut all = vec![bind("/usr", "/usr").read_only().op()];
    for name in ["bin", "lib", "lib64", "sbin"] {
        let path = Path::new("/").join(name);
        match fs::read_link(&path) {
            Ok(to) => all.push(Op::Symlink { at: path.into(), to: to.into() }),
            Err(_) if path.exists() => all.push(bind(&path, &path).read_only().op()),
            Err(_) => {}
        }
    }
    // The host's /proc, which the shell's cat of mountinfo needs.
    all.push(bind("/proc", "/proc").op());
    all.extend(ops);
    Plan { version: PLAN_VERSION, size: None, read_only: true, ops: all, finish: vec![] }
}

struct Binding(Bind);

fn bind(from: impl AsRef<Path>, at: impl AsRef<Path>) -> Binding {
    let from = from.as_ref().canonicalize().expect("the source exists");
    Binding(Bind {
        folder: from.is_dir(),
        from: from.into(),
        at: at.as_ref().to_path_buf().into(),
        typed: None,
        seen: None,
        read_only: false,
        noexec: false,
        devices: false,
        make: true,
    })
}

impl Binding {
    fn read_only(mut self) -> Binding {
        self.0.read_only = true;
        self
    }
    fn existing(mut self) -> Binding {
        self.0.make = false;
        self
    }
    fn op(self) -> Op {
        Op::Bind(self.0)
    }
}

fn private(at: &str, mode: u32) -> Op {
    Op::Private { at: at.into(), mode, make: true, read_only: false }
}

/// A folder of this test's own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().canonicalize().expect("a temporary folder");
        let path = path.join(format!("kakuri-mount-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Scratch(path)
    }
    fn file(&self, name: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_root_is_built_and_the_old_one_is_gone() {
    let mut pid1 = pid1!();
    let own = Scratch::new("root");
    own.file("data", "from the host");
    let tree = plan([
        private("/tmp", 0o1777),
        Op::Folder { at: "/etc".into(), mode: 0o755 },
        Op::File { at: "/etc/hostname".into(), mode: 0o640, text: "box\n".into() },
        bind(&own.0, "/work/here").op(),
        bind(own.0.join("data"), "/work/only/data").read_only().op(),
    ]);
    built(&pid1, &tree);
    assert_eq!(pid1.say("ls -A / | tr '\\n' ' '"), "bin etc lib lib64 proc sbin tmp usr work ");
    assert_eq!(pid1.say("cat /etc/hostname"), "box\n");
    assert_eq!(pid1.say("stat -c %a /tmp /etc /etc/hostname"), "1777\n755\n640\n");
    assert_eq!(pid1.say("cat /work/here/data /work/only/data"), "from the hostfrom the host");
    assert_eq!(pid1.say("echo new > /work/here/new; echo y > /tmp/y; cat /work/here/new /tmp/y"), "new\ny\n");
    assert_eq!(fs::read_to_string(own.0.join("new")).expect("written"), "new\n");
    assert!(pid1.say("echo x > /work/only/data").contains("Read-only"));
    assert!(pid1.say("echo x > /new").contains("Read-only"));
    assert!(pid1.say("echo x > /usr/x").contains("Read-only"));
    // Of the staging tmpfs only its root and /tmp are mounted, of the host only what was bound.
    let mounts = pid1.say("cat /proc/$$/mountinfo");
    let mut roots: Vec<_> = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|field| {
            field[field.iter().position(|f| *f == "-").expect("a dash") + 1] == "tmpfs"
                && !field[4].starts_with("/proc")
        })
        .filter(|field| !field[4].starts_with("/usr") && !field[4].starts_with("/work"))
        .map(|field| format!("{} {}", field[3], field[4]))
        .collect();
    roots.sort();
    assert_eq!(roots, ["/private-1 /tmp", "/root /"], "{mounts}");
    for line in mounts.lines() {
        assert!(!line.contains(" /.old"), "{mounts}");
        let flags = line.split(' ').nth(5).expect("flags");
        assert!(flags.contains("nosuid") && flags.contains("nodev"), "{line}");
        assert!(!line.contains("shared:") && !line.contains("master:"), "later host mounts come in: {line}");
    }
}
