//! The front's part, played: PID 1 in fresh namespaces, the near end of its link, and those of its sessions.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kakuri_init::{Event, FromInit, FromSession, Process, Setup, Status, ToInit, ToSession};
use kakuri_wire::channel::Broken;
use kakuri_wire::document::Parcel;
use kakuri_wire::fail::Stage;
use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, Channel, Fail, Kernelfs, document, lifeline, sys};

pub const LIMIT: Duration = Duration::from_secs(60);

/// Waits until `what` holds; false when the time is over.
pub fn until(mut what: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + LIMIT;
    while !what() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// PID 1 in fresh namespaces, with our end of its link.
pub struct Init {
    pub child: Child,
    pub link: Option<Channel>,
    /// What was told of sessions nobody has asked about yet.
    events: RefCell<VecDeque<(u32, Event)>>,
}

impl Init {
    pub fn start() -> Init {
        Init::start_after("true")
    }

    /// The same once `prepare` has run in the shell that becomes it.
    fn start_after(prepare: &str) -> Init {
        let (ours, theirs) = Channel::pair().expect("a link");
        // A proc and a devpts of its own, as kakuri-mount would have made. The name in brackets is how the front
        // names a helper; bash is only there to set it.
        let mount = "mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts";
        let script = format!(r#"{mount} && {prepare} && exec -a "kakuri-init [test]" "$0""#);
        let mut command = Command::new("unshare");
        command.args(["-Urmpiuf", "--mount-proc", "--kill-child", "bash", "-c", &script]);
        command.arg(env!("CARGO_BIN_EXE_kakuri-init")).stdin(Stdio::null()).stdout(Stdio::null());
        let raw = theirs.as_fd().as_raw_fd();
        // SAFETY: dup_onto makes a dup2 or an fcntl, both async-signal-safe; the descriptor is open until the spawn.
        unsafe {
            command.pre_exec(move || sys::dup_onto(BorrowedFd::borrow_raw(raw), lifeline::LINK));
        }
        let child = command.spawn().expect("unshare and bash are installed");
        Init { child, link: Some(ours), events: RefCell::default() }
    }

    pub fn link(&self) -> &Channel {
        self.link.as_ref().expect("the link is open")
    }

    pub fn say(&self, message: &ToInit) {
        self.link().send(message, &[]).expect("kakuri-init listens");
    }

    pub fn recv(&self) -> (FromInit, Vec<OwnedFd>) {
        self.link().recv_within(LIMIT).expect("a word from kakuri-init")
    }

    pub fn failure(&self) -> Fail {
        match self.recv().0 {
            FromInit::Failed(fail) => fail,
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    pub fn hello(&self, setup: Setup) {
        let own = rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())
            .expect("pidfd");
        self.link().send(&ToInit::Hello(Version::ours(), setup), &[own.as_fd()]).expect("hello");
    }

    /// Hello until Ready; the file systems it made.
    pub fn greeted(setup: Setup) -> (Init, Vec<OwnedFd>) {
        let init = Init::start();
        let fds = init.greet(setup);
        (init, fds)
    }

    fn greet(&self, setup: Setup) -> Vec<OwnedFd> {
        let asked = setup.filesystems.clone();
        self.hello(setup);
        let (message, fds) = self.recv();
        assert_eq!(message, FromInit::Ready(asked));
        fds
    }

    /// A container that holds.
    pub fn hold() -> Init {
        Init::hold_with("true")
    }

    /// The same once `prepare` has run in the shell that becomes PID 1.
    pub fn hold_with(prepare: &str) -> Init {
        let init = Init::start_after(prepare);
        init.greet(setup());
        init.say(&ToInit::Hold);
        init.say(&ToInit::Go);
        assert_eq!(init.recv().0, FromInit::Holding);
        init
    }

    pub fn start_command(&self, process: &Process, stdio: [BorrowedFd; 3]) {
        let document = document::seal(Stage::Front, process).expect("a document");
        let fds = [document.as_fd(), stdio[0], stdio[1], stdio[2]];
        self.link().send(&ToInit::Start { inherited: 3, passed: 0 }, &fds).expect("start");
        self.say(&ToInit::Go);
    }

    /// Everything up to the command's end, or the reason it did not start.
    pub fn run(words: &[&str]) -> Result<Status, Fail> {
        let (init, _made) = Init::greeted(setup());
        let null = null();
        init.start_command(&process(words), [null.as_fd(); 3]);
        match init.recv().0 {
            FromInit::Failed(fail) => return Err(fail),
            other => assert!(matches!(other, FromInit::Started { terminal: false, .. }), "{other:?}"),
        }
        match init.recv().0 {
            FromInit::Exited { status, .. } => Ok(status),
            other => panic!("expected the end, got {other:?}"),
        }
    }

    /// Asks for a session with these descriptors as they are, whatever the document says of them.
    pub fn ask(
        &self,
        session: u32,
        link: impl AsFd,
        document: impl AsFd,
        inherited: &[BorrowedFd],
        passed: &[BorrowedFd],
    ) {
        let mut fds = vec![link.as_fd(), document.as_fd()];
        fds.extend(inherited);
        fds.extend(passed);
        let message = ToInit::Session { session, inherited: inherited.len() as u8, passed: passed.len() as u8 };
        self.link().send(&message, &fds).expect("kakuri-init listens");
    }

    /// The same with the document in the message.
    pub fn ask_enclosing(&self, session: u32, link: impl AsFd, document: &[u8], inherited: &[BorrowedFd]) {
        let mut fds = vec![link.as_fd()];
        fds.extend(inherited);
        let message = ToInit::Session { session, inherited: inherited.len() as u8, passed: 0 };
        self.link().send_enclosing(&message, Some(document), &fds).expect("kakuri-init listens");
    }

    /// As a front does, the document in the message where it is small; where something is passed beside it, because
    /// both are right.
    pub fn open(&self, session: u32, process: &Process, inherited: &[BorrowedFd], passed: &[BorrowedFd]) -> Holder {
        let (ours, theirs) = Channel::pair().expect("a link");
        match document::pack(Stage::Front, process).expect("a document") {
            Parcel::Enclosed(bytes) if passed.is_empty() => self.ask_enclosing(session, &theirs, &bytes, inherited),
            Parcel::Sealed(document) => self.ask(session, &theirs, document, inherited, passed),
            Parcel::Enclosed(bytes) => {
                let document = document::seal_bytes(Stage::Front, &bytes).expect("a document");
                self.ask(session, &theirs, document, inherited, passed);
            }
        }
        Holder { link: ours }
    }

    /// A session of these words with nothing at 0-2.
    pub fn open_quiet(&self, session: u32, words: &[&str]) -> Holder {
        let null = null();
        self.open(session, &process(words), &[null.as_fd(); 3], &[])
    }

    /// The same with a pipe at 1: its end comes when nobody of the session is left.
    pub fn open_piped(&self, session: u32, words: &[&str]) -> (Holder, std::io::PipeReader) {
        let null = null();
        let (read, write) = std::io::pipe().expect("a pipe");
        let holder = self.open(session, &process(words), &[null.as_fd(), write.as_fd(), null.as_fd()], &[]);
        (holder, read)
    }

    /// The next that is told of this session on the front's own link.
    pub fn event(&self, session: u32) -> Event {
        let mut events = self.events.borrow_mut();
        if let Some(place) = events.iter().position(|(number, _)| *number == session) {
            return events.remove(place).expect("just found").1;
        }
        loop {
            match self.recv().0 {
                FromInit::Session { session: number, event } if number == session => return event,
                FromInit::Session { session, event } => events.push_back((session, event)),
                other => panic!("expected what became of session {session}, got {other:?}"),
            }
        }
    }

    /// Started and Exited on the front's own link; how it ended.
    pub fn ended(&self, session: u32) -> Status {
        assert!(matches!(self.event(session), Event::Started { .. }), "session {session} has not started");
        self.exited(session)
    }

    pub fn exited(&self, session: u32) -> Status {
        match self.event(session) {
            Event::Exited(status) => status,
            other => panic!("expected the end of session {session}, got {other:?}"),
        }
    }

    /// A new session, run to its end: the proof that PID 1 lives on.
    pub fn still_serves(&self, session: u32) {
        let holder = self.open_quiet(session, &["sh", "-c", "exit 42"]);
        holder.started();
        assert_eq!(holder.exited(), Status::Code(42));
        assert_eq!(self.ended(session), Status::Code(42));
    }

    /// PID 1 as the host numbers it.
    pub fn pid(&self) -> i32 {
        let unshare = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).expect("children");
        children.trim().parse().expect("unshare has one child")
    }

    /// Whether the process ends by itself in time.
    pub fn ends(&mut self) -> bool {
        until(|| self.child.try_wait().expect("our child").is_some())
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.link = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who holds a session: our end of its link.
pub struct Holder {
    pub link: Channel,
}

impl Holder {
    pub fn recv(&self) -> (FromSession, Vec<OwnedFd>) {
        self.link.recv_within(LIMIT).expect("a word of the session")
    }

    /// The pid inside; the master of its terminal.
    pub fn started(&self) -> (i32, Option<OwnedFd>) {
        match self.recv() {
            (FromSession::Started { pid, .. }, fds) => (pid, fds.into_iter().next()),
            other => panic!("expected a start, got {other:?}"),
        }
    }

    /// How it ended, which is the last word.
    pub fn exited(&self) -> Status {
        match self.recv().0 {
            FromSession::Exited { status, .. } => {
                self.closed();
                status
            }
            other => panic!("expected the end, got {other:?}"),
        }
    }

    pub fn failed(&self) -> Fail {
        match self.recv().0 {
            FromSession::Failed(fail) => {
                self.closed();
                fail
            }
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    pub fn closed(&self) {
        let after = self.link.recv_within::<FromSession>(LIMIT);
        assert!(matches!(after, Err(Broken::Closed)), "the link is open after the last word: {after:?}");
    }

    pub fn signal(&self, signal: i32, group: bool) {
        self.link.send(&ToSession::Signal { signal, group }, &[]).expect("the link is open");
    }
}

pub fn null() -> File {
    File::options().read(true).write(true).open("/dev/null").expect("/dev/null")
}

pub fn setup() -> Setup {
    Setup {
        hostname: Some("tried".into()),
        network: true,
        filesystems: vec![Kernelfs::Proc, Kernelfs::Mqueue, Kernelfs::Sysfs],
        uid: 0,
        gid: 0,
        nest: false,
        filter: None,
        guarded: false,
        maps: None,
        outer_network: None,
    }
}

pub fn process(words: &[&str]) -> Process {
    Process {
        argv: words.iter().map(Bytes::from).collect(),
        env: vec![Bytes::from("PATH=/usr/bin:/bin")],
        path: Bytes::from("/usr/bin:/bin"),
        cwd: Bytes::from("/"),
        bounding: kakuri_wire::caps::default_bounding().bits(),
        limits: vec![],
        filter: None,
        landlock: None,
        watched: false,
        terminal: [false; 3],
        window: None,
        pass: vec![],
        ids: None,
    }
}
