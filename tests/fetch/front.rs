//! The front, as far as a fetch is concerned.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kakuri_image::talk::{Ask, Endpoint, FromFetch, Job, Login, Patience, Scheme, Secret, ToFetch, Want};
use kakuri_image::{Algorithm, Digest, Reference};
use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::document::seal_secret;
use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, Fail, Stage};

/// Longer than anything takes that is no hang.
pub const LIMIT: Duration = Duration::from_secs(60);
/// A name of this machine's loopback, as long as the front says so.
pub const NAME: &str = "registry.test";

/// The program; another build of it where the environment names one.
pub fn program() -> String {
    std::env::var("KAKURI_TEST_IMAGE").unwrap_or_else(|_| env!("CARGO_BIN_EXE_kakuri-image").into())
}

pub fn digest(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

/// Bytes nobody can pack, always the same.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A folder that goes with this value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Numbers of processes come again: what a killed test left may be in the way.
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("kfetch-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Folder(path),
                Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::AlreadyExists, "{e}"),
            }
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits for a server as long as a busy machine may need, and between two tries for no time.
pub const PATIENCE: Patience = Patience { connect: 30_000, silence: 30_000, pause: 1 };

pub fn endpoint(port: u16, scheme: Scheme) -> Endpoint {
    Endpoint {
        host: "127.0.0.1".into(),
        port,
        repository: "public/thing".into(),
        scheme,
        verify: true,
        roots: Vec::new(),
        client: None,
        login: None,
        proxy: None,
    }
}

pub fn login(user: &str, password: &str) -> Option<Login> {
    Some(Login::Basic { user: user.into(), password: secret(password) })
}

pub fn secret(text: &str) -> Secret {
    // By the form it has on the link, so that the test needs no type of its own for it.
    serde_json::from_value(text.into()).expect("a secret")
}

pub fn job(endpoints: Vec<Endpoint>) -> Job {
    let reference = Reference {
        host: "registry.test".into(),
        port: None,
        repository: "public/thing".into(),
        tag: Some("1".into()),
        digest: None,
    };
    Job { ask: Ask::Pull(reference), endpoints, patience: PATIENCE }
}

/// The helper as the front starts it.
pub struct Fetch {
    pub process: Child,
    link: Option<Channel>,
    /// Names that were asked for.
    pub asked: Vec<String>,
}

/// What came of a blob.
#[derive(Debug)]
pub struct Blob {
    pub bytes: Vec<u8>,
    pub done: Result<(), Fail>,
    pub progress: Vec<u64>,
    pub retried: Vec<Fail>,
}

impl Fetch {
    /// `before`: a command it is started by, such as strace.
    pub fn start(before: &[&str]) -> Fetch {
        let (ours, theirs) = Channel::pair().expect("a link");
        let theirs: OwnedFd = theirs.as_fd().try_clone_to_owned().expect("a copy");
        let line = r#"exec -a 'kakuri-image [fetch]' "$0" 3<&0 0</dev/null"#;
        let mut command = Command::new(before.first().unwrap_or(&"bash"));
        if before.len() > 1 {
            command.args(&before[1..]).arg("/bin/bash");
        }
        let process = command
            .args(["--norc", "-c", line, &program()])
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        Fetch { process, link: Some(ours), asked: Vec::new() }
    }

    pub fn link(&self) -> &Channel {
        self.link.as_ref().expect("still held")
    }

    pub fn give(&self, job: &Job) {
        let document = seal_secret(Stage::Front, job).expect("a document");
        self.link().send(&ToFetch::Start(Version::ours()), &[document.as_fd()]).expect("sent");
    }

    /// One that has read its job and is confined.
    pub fn ready(job: &Job) -> Fetch {
        let mut fetch = Fetch::start(&[]);
        fetch.give(job);
        match fetch.hear() {
            (FromFetch::Ready, _) => fetch,
            other => panic!("{other:?}"),
        }
    }

    /// Its next word; look-ups are answered on the way.
    pub fn hear(&mut self) -> (FromFetch, Vec<OwnedFd>) {
        self.try_hear().expect("a word")
    }

    pub fn try_hear(&mut self) -> Result<(FromFetch, Vec<OwnedFd>), Broken> {
        loop {
            let (word, fds) = self.link().recv_within::<FromFetch>(LIMIT)?;
            let FromFetch::Resolve { ask, host, port } = word else { return Ok((word, fds)) };
            let answer = if host == NAME {
                ToFetch::Resolved { ask, addresses: vec![([127, 0, 0, 1], port).into()] }
            } else {
                let fail =
                    Fail::new(Stage::Netns, format!("the name '{host}' does not resolve")).why("nobody knows it");
                ToFetch::Unresolved { ask, fail }
            };
            self.asked.push(host);
            self.link().send(&answer, &[]).expect("sent");
        }
    }

    pub fn say(&self, word: &ToFetch) {
        self.link().send(word, &[]).expect("sent");
    }

    /// The manifest's media type, itself, and who answered.
    pub fn manifest(&mut self, want: Want) -> Result<(String, Vec<u8>, String), Fail> {
        self.say(&ToFetch::Manifest { want });
        match self.hear() {
            (FromFetch::Manifest { media, from }, fds) => Ok((media, whole(fds), from)),
            (FromFetch::Failed(fail), _) => Err(fail),
            other => panic!("{other:?}"),
        }
    }

    pub fn small(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Fail> {
        self.say(&ToFetch::Small { digest: digest(bytes), size: bytes.len() as u64 });
        match self.hear() {
            (FromFetch::Small, fds) => Ok(whole(fds)),
            (FromFetch::SmallFailed(fail), _) => Err(fail),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for a blob; the thread reads its pipe to the end.
    pub fn begin(&self, n: u32, digest: &Digest, size: u64, from: u64) -> JoinHandle<Vec<u8>> {
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        let word = ToFetch::Blob { n, digest: digest.clone(), size, from };
        self.link().send(&word, &[writer.as_fd()]).expect("sent");
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).expect("read");
            bytes
        })
    }

    pub fn blob(&mut self, digest: &Digest, size: u64, from: u64) -> Blob {
        let reader = self.begin(1, digest, size, from);
        let (mut progress, mut retried) = (Vec::new(), Vec::new());
        let done = loop {
            match self.hear().0 {
                FromFetch::Progress { n: 1, bytes } => progress.push(bytes),
                FromFetch::Retrying { n: 1, fail, .. } => retried.push(fail),
                FromFetch::Sent { n: 1 } => break Ok(()),
                FromFetch::BlobFailed { n: 1, fail } => break Err(fail),
                other => panic!("{other:?}"),
            }
        };
        Blob { bytes: reader.join().expect("read"), done, progress, retried }
    }

    /// The front goes: all of it ends, and it has said nothing but on its link.
    pub fn end(mut self) -> Option<i32> {
        self.link = None;
        let code = self.gone();
        let mut said = String::new();
        self.process.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        self.process.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
        assert_eq!(said, "");
        code
    }

    /// Waits for its end.
    pub fn gone(&mut self) -> Option<i32> {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.process.try_wait().expect("a status") {
                return status.code();
            }
            assert!(Instant::now() < end, "it stays");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.link = None;
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn whole(fds: Vec<OwnedFd>) -> Vec<u8> {
    let file = File::from(fds.into_iter().next().expect("a document"));
    let mut bytes = vec![0; file.metadata().expect("a size").len() as usize];
    file.read_exact_at(&mut bytes, 0).expect("read");
    bytes
}

pub fn bytes(path: &std::path::Path) -> Bytes {
    Bytes::from(path)
}

/// Waits for what comes to be by itself.
pub fn until(come: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !come() {
        assert!(Instant::now() < end, "it does not come to be");
        std::thread::sleep(Duration::from_millis(5));
    }
}
