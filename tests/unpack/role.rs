//! kakuri-image's roles as the front starts them, but without a container: the work folder is the current one.

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kakuri_image::talk::{FromUnpack, Limits, Report, ToUnpack};
use kakuri_image::{Algorithm, Digest, Layer, Owners, Packing};
use kakuri_wire::channel::{Broken, Channel};
use kakuri_wire::handshake::Version;
use kakuri_wire::{Fail, Stage};

use crate::common::{HANG, KAKURI};

/// As whom it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// The one who runs the tests.
    Caller,
    /// Root of a namespace with one id, which is what a container without a range has.
    Single,
}

pub struct Role {
    pub process: Child,
    pub link: Channel,
}

fn program() -> PathBuf {
    Path::new(KAKURI).with_file_name("kakuri-image")
}

impl Role {
    /// Started, told to begin, and ready.
    pub fn start(role: &str, work: &Path, whom: As) -> Role {
        Role::with(role, work, whom, Limits::default())
    }

    pub fn with(role: &str, work: &Path, whom: As, limits: Limits) -> Role {
        let (link, far) = Channel::pair().expect("a link");
        let far: OwnedFd = far.as_fd().try_clone_to_owned().expect("a copy");
        let line = format!("exec -a 'kakuri-image [{role}]' \"$0\" 3<&0 0</dev/null");
        let mut command = match whom {
            As::Caller => Command::new("bash"),
            As::Single => {
                let mut command = Command::new("unshare");
                command.args(["-Ur", "--", "bash"]);
                command
            }
        };
        let process = command
            .args(["-c", &line])
            .arg(program())
            .current_dir(work)
            .stdin(Stdio::from(far))
            .spawn()
            .expect("it starts");
        let role = Role { process, link };
        role.say(&ToUnpack::Start(Version::ours(), limits, Owners::Squashed), &[]);
        assert_eq!(role.hear().0, FromUnpack::Ready);
        role
    }

    pub fn say(&self, word: &ToUnpack, fds: &[BorrowedFd]) {
        self.link.send(word, fds).expect("it hears");
    }

    /// Its next word that is no progress.
    pub fn hear(&self) -> (FromUnpack, Vec<OwnedFd>) {
        loop {
            match self.link.recv_within(HANG) {
                Ok((FromUnpack::Progress { .. }, _)) => {}
                Ok(heard) => return heard,
                Err(e) => panic!("{e}"),
            }
        }
    }

    /// Unpacks a blob that is whole in a file.
    pub fn unpack(&self, n: u32, blob: &[u8], archive: &[u8]) -> Result<Report, Fail> {
        self.give(n, &layer(blob, archive), blob);
        self.done(n).map_err(|(fail, _)| fail)
    }

    /// Gives it bytes as a layer.
    pub fn give(&self, n: u32, layer: &Layer, bytes: &[u8]) {
        let file = memory(bytes);
        self.say(&ToUnpack::Layer { n, layer: layer.clone(), have: 0, keep: false }, &[file.as_fd()]);
    }

    pub fn done(&self, which: u32) -> Result<Report, (Fail, u64)> {
        match self.hear().0 {
            FromUnpack::Done { n, report } if n == which => Ok(report),
            FromUnpack::Bad { n, fail, keep } if n == which => Err((fail, keep)),
            other => panic!("{other:?}"),
        }
    }

    pub fn settle(&self, n: u32, below: &[u32]) -> Result<Report, Fail> {
        self.say(&ToUnpack::Settle { n, below: below.to_vec() }, &[]);
        match self.hear().0 {
            FromUnpack::Settled { n: told, report } if told == n => Ok(report),
            FromUnpack::Failed(fail) => Err(fail),
            other => panic!("{other:?}"),
        }
    }

    /// The front goes; it has ended well, without a word.
    pub fn end(mut self) {
        drop(std::mem::replace(&mut self.link, Channel::pair().expect("a link").0));
        assert_eq!(self.process.wait().expect("it ends").code(), Some(0));
    }

    /// Its answer to what it should not have been told.
    pub fn answer(&self) -> Result<FromUnpack, Broken> {
        self.link.recv_within(HANG).map(|(word, _)| word)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A layer of an image, without a layer below.
pub fn layer(blob: &[u8], archive: &[u8]) -> Layer {
    let diff_id = Digest::of(Algorithm::Sha256, archive);
    Layer {
        digest: Digest::of(Algorithm::Sha256, blob),
        size: blob.len() as u64,
        packing: Packing::Plain,
        chain: diff_id.clone(),
        diff_id,
    }
}

/// Bytes as a file that nobody else has.
pub fn memory(bytes: &[u8]) -> File {
    let fd = kakuri_wire::document::seal_bytes(Stage::Front, bytes).expect("a file in memory");
    let file = File::from(fd);
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0)).expect("from its begin");
    file
}

/// Runs a program on bytes.
pub fn through(program: &str, args: &[&str], bytes: &[u8]) -> Vec<u8> {
    let input = memory(bytes);
    let out = Command::new(program).args(args).stdin(input).output().expect("it runs");
    assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// The work folder of a scene, and the one for the layers below beside it.
pub fn work(scene: &crate::common::Scene) -> PathBuf {
    let work = scene.folder("work");
    fs::create_dir_all(scene.work().join("below")).expect("a folder");
    work
}

/// Whether a user namespace can be made.
pub fn can_unshare() -> bool {
    let made = Command::new("unshare").args(["-Ur", "true"]).output().is_ok_and(|out| out.status.success());
    if !made {
        crate::common::skip("no user namespace can be made here");
    }
    made
}
