//! The front's and PID 1's parts, played. PID 1 is a shell in namespaces of its own, which tells afterwards
//! what it sees.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use kakuri_mount::{Bind, Entry, FromMount, Node, Op, PLAN_VERSION, Plan, ToMount};
use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, Channel, Fail, Stage, document, lifeline, sys};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_kakuri-mount");
pub const LIMIT: Duration = Duration::from_secs(60);

/// kakuri-mount as the front starts it: link at 3, nothing at 0-2, no environment.
pub fn start() -> (Child, Channel) {
    spawn(Command::new(PROGRAM), "kakuri-mount [test]")
}

/// The same with one system call that fails: `CALL:error=EPERM:when=3`. None where nothing can be traced.
pub fn start_without(own: &Scratch, fault: &str) -> Option<(Child, Channel)> {
    // It is told by its name that a front starts it.
    let link = own.0.join("kakuri-mount [test]");
    let _ = std::os::unix::fs::symlink(PROGRAM, &link);
    let tried = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no strace that can trace here");
        return None;
    }
    let call = fault.split(':').next().expect("a call");
    let mut strace = Command::new("/usr/bin/strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &format!("inject={fault}")]);
    strace.arg(link);
    Some(spawn(strace, "strace"))
}

fn spawn(mut command: Command, name: &str) -> (Child, Channel) {
    let (ours, theirs) = Channel::pair().expect("a link");
    let raw = theirs.as_fd().as_raw_fd();
    command.arg0(name).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: dup_onto makes a dup2 or an fcntl, both async-signal-safe; the descriptor is open until the spawn.
    unsafe {
        command.pre_exec(move || sys::dup_onto(BorrowedFd::borrow_raw(raw), lifeline::LINK));
    }
    let child = command.spawn().expect("kakuri-mount starts");
    drop(theirs);
    (child, ours)
}

pub struct Pid1 {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

const NAMESPACES: &str = "unshare --user --map-root-user --mount --propagation unchanged";

impl Pid1 {
    pub fn start() -> Option<Pid1> {
        Pid1::after("true")
    }

    /// The same in a mount namespace in which `prepare` has been run as root: its mounts are locked.
    pub fn after_mounting(prepare: &str) -> Option<Pid1> {
        Pid1::after(&format!("{NAMESPACES} sh -c '{prepare} && exec {NAMESPACES} sh'; exit"))
    }

    fn after(prepare: &str) -> Option<Pid1> {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{prepare}; exec {NAMESPACES} sh")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .ok()?;
        let input = child.stdin.take()?;
        let output = BufReader::new(child.stdout.take()?);
        let mut pid1 = Pid1 { child, input, output };
        let ready = pid1.say("echo ready") == "ready\n";
        if !ready {
            eprintln!("skipped: this system makes no user namespaces for an ordinary user, or has no unshare(1)");
        }
        ready.then_some(pid1)
    }

    pub fn pidfd(&mut self) -> OwnedFd {
        // The shell's own pid: it may be a grandchild. The builtin read needs no /proc of the container.
        let pid = self.say("echo $$").trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a pidfd")
    }

    /// What a command prints, both streams.
    pub fn say(&mut self, command: &str) -> String {
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
        let _ = writeln!(self.input, "exit");
        let _ = self.child.wait();
    }
}

/// The whole conversation of an honest front.
pub fn build(pid1: &mut Pid1, plan: &Plan) -> FromMount {
    build_with(start(), pid1, plan)
}

pub fn build_with((mut child, link): (Child, Channel), pid1: &mut Pid1, plan: &Plan) -> FromMount {
    let sealed = document::seal(Stage::Front, plan).expect("a document");
    link.send(&ToMount::Plan(Version::ours()), &[sealed.as_fd()]).expect("sent");
    let _ = link.send(&ToMount::Join, &[pid1.pidfd().as_fd()]);
    let _ = link.send(&ToMount::Finish(vec![]), &[]);
    let (answer, _) = link.recv_within::<FromMount>(LIMIT).expect("an answer");
    let code = child.wait().expect("it ends").code();
    assert_eq!(code, Some(if answer == FromMount::Built { 0 } else { 125 }), "{answer:?}");
    answer
}

pub fn built(pid1: &mut Pid1, plan: &Plan) {
    assert_eq!(build(pid1, plan), FromMount::Built);
}

pub fn failed(pid1: &mut Pid1, plan: &Plan) -> Fail {
    match build(pid1, plan) {
        FromMount::Failed(fail) => fail,
        FromMount::Built => panic!("it was built"),
    }
}

/// The host's programs, so that the shell can look around, and what the test is about.
pub fn plan(ops: impl IntoIterator<Item = Op>) -> Plan {
    let mut all = vec![bind("/usr", "/usr").read_only().op()];
    for name in ["bin", "lib", "lib64", "sbin"] {
        let path = Path::new("/").join(name);
        match fs::read_link(&path) {
            Ok(to) => all.push(Op::Symlink { at: path.into(), to: to.into() }),
            Err(_) if path.exists() => all.push(bind(&path, &path).read_only().op()),
            Err(_) => {}
        }
    }
    // For mountinfo; the host's own, since the shell has no pid namespace.
    all.push(bind("/proc", "/proc").op());
    all.extend(ops);
    Plan { version: PLAN_VERSION, root: None, size: None, read_only: true, ops: all, finish: vec![], ranged: None }
}

pub struct Binding(pub Bind);

/// Writable, its mount point made.
pub fn bind(from: impl AsRef<Path>, at: impl AsRef<Path>) -> Binding {
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
        mapped: false,
        make: true,
    })
}

impl Binding {
    pub fn read_only(mut self) -> Binding {
        self.0.read_only = true;
        self
    }
    pub fn existing(mut self) -> Binding {
        self.0.make = false;
        self
    }
    pub fn typed(mut self, name: &str) -> Binding {
        self.0.typed = Some(name.into());
        self
    }
    pub fn op(self) -> Op {
        Op::Bind(self.0)
    }
}

pub fn private(at: &str, mode: u32) -> Op {
    Op::Private { at: at.into(), mode, make: true, read_only: false }
}

pub fn entry(at: &str, node: Node) -> Entry {
    Entry { at: at.into(), node }
}

pub fn file(text: &str) -> Node {
    Node::File(Bytes::from(text))
}

/// A folder of a test's own, removed at the end.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().canonicalize().expect("a temporary folder");
        let path = path.join(format!("kakuri-mount-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Scratch(path)
    }

    pub fn file(&self, name: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    pub fn folder(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).expect("a folder");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
