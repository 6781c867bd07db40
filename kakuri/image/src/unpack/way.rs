//! The way from the root of a tree to one of its folders.
//!
//! Every step is one name in an open folder, and no link is followed by the kernel: those met on the way are read and
//! walked here, so that none leads out, not even by `..`. The folders are kept open, because the next entry of an archive
//! lies in the same one mostly, or near.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, mkdirat, openat, readlinkat};
use rustix::io::Errno;

/// Links on one way, as the kernel counts.
const LINKS: usize = 40;
/// Folders in folders.
pub const DEEPEST: usize = 1000;
/// So many folders stay open, those next to the root, and the last.
const OPEN: usize = 24;

/// How a folder is opened, and nothing else.
pub const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

struct Step {
    name: Vec<u8>,
    fd: Option<OwnedFd>,
}

pub struct Way {
    root: OwnedFd,
    steps: Vec<Step>,
    /// Where it was sent last, which need not be where it is: there may have been links.
    sent: Option<Vec<u8>>,
}

impl Way {
    pub fn new(root: OwnedFd) -> Way {
        Way { root, steps: Vec::new(), sent: None }
    }

    /// The folder it is at.
    pub fn here(&self) -> BorrowedFd<'_> {
        self.steps.last().and_then(|step| step.fd.as_ref()).unwrap_or(&self.root).as_fd()
    }

    /// The path of a name in it, without links on the way.
    pub fn path(&self, name: &[u8]) -> Vec<u8> {
        let mut path =
            Vec::with_capacity(self.steps.iter().map(|step| step.name.len() + 1).sum::<usize>() + name.len());
        for step in &self.steps {
            path.extend_from_slice(&step.name);
            path.push(b'/');
        }
        if name.is_empty() {
            path.pop();
        }
        path.extend_from_slice(name);
        path
    }

    /// Forgets what it knows of the names below here, one of which is another thing now.
    pub fn changed(&mut self) {
        self.sent = None;
    }

    /// Goes to a folder by its path, without `.`, `..` and empty names. What is missing is made, where `made` is there to
    /// be told of it.
    pub fn go(&mut self, path: &[u8], mut made: Option<&mut dyn FnMut(Vec<u8>)>) -> Result<(), Errno> {
        if self.sent.as_deref() == Some(path) {
            return Ok(());
        }
        self.sent = None;
        let mut left: VecDeque<Vec<u8>> = VecDeque::new();
        let mut same = 0;
        for name in path.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
            if left.is_empty() && self.steps.get(same).is_some_and(|step| step.name == name) {
                same += 1;
            } else {
                left.push_back(name.to_vec());
            }
        }
        self.back_to(same)?;
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            match &name[..] {
                b"" | b"." => continue,
                b".." => {
                    self.back_to(self.steps.len().saturating_sub(1))?;
                    continue;
                }
                _ => {}
            }
            match self.down(&name) {
                Err(Errno::NOENT) => {
                    let Some(made) = &mut made else { return Err(Errno::NOENT) };
                    mkdirat(self.here(), &name[..], Mode::RWXU)?;
                    self.down(&name)?;
                    made(self.path(b""));
                }
                Err(e @ (Errno::NOTDIR | Errno::LOOP)) => {
                    let target = match readlinkat(self.here(), &name[..], Vec::new()) {
                        Ok(target) => target.into_bytes(),
                        Err(Errno::INVAL) => return Err(Errno::NOTDIR),
                        Err(_) => return Err(e),
                    };
                    links += 1;
                    if links > LINKS {
                        return Err(Errno::LOOP);
                    }
                    if target.first() == Some(&b'/') {
                        self.back_to(0)?;
                    }
                    for name in target.split(|&b| b == b'/').rev() {
                        left.push_front(name.to_vec());
                    }
                }
                done => done?,
            }
        }
        self.sent = Some(path.to_vec());
        Ok(())
    }

    fn down(&mut self, name: &[u8]) -> Result<(), Errno> {
        if self.steps.len() >= DEEPEST {
            return Err(Errno::NAMETOOLONG);
        }
        let fd = openat(self.here(), name, FOLDER, Mode::empty())?;
        let depth = self.steps.len();
        if depth > OPEN
            && let Some(last) = self.steps.last_mut()
        {
            last.fd = None;
        }
        self.steps.push(Step { name: name.to_vec(), fd: Some(fd) });
        Ok(())
    }

    /// Leaves all but the first so many folders.
    fn back_to(&mut self, depth: usize) -> Result<(), Errno> {
        self.steps.truncate(depth);
        let last = self.steps.iter().rposition(|step| step.fd.is_some());
        // Where that fails it is nowhere, rather than in a folder above the one it should be in.
        self.reopen(last.map_or(0, |last| last + 1)).inspect_err(|_| self.steps.clear())
    }

    /// Back to the root, knowing nothing.
    pub fn forget(&mut self) {
        self.sent = None;
        self.steps.clear();
    }

    /// Opens the last folder again, by the names from the step at `from` on.
    fn reopen(&mut self, from: usize) -> Result<(), Errno> {
        for i in from..self.steps.len() {
            let above =
                if i == 0 { self.root.as_fd() } else { self.steps[i - 1].fd.as_ref().ok_or(Errno::BADF)?.as_fd() };
            let fd = openat(above, &self.steps[i].name[..], FOLDER, Mode::empty())?;
            if i > from {
                self.steps[i - 1].fd = None;
            }
            self.steps[i].fd = Some(fd);
        }
        Ok(())
    }
}
