//! A layer as it comes: hashed, kept where that was asked for, and never longer than its manifest says.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, ftruncate, openat};
use rustix::io::{Errno, pread, pwrite, read};

use crate::{Digest, Hasher};

/// Of all that is read and written at once.
pub const CHUNK: usize = 128 << 10;

pub struct Blob {
    /// None once it is not wanted any more, so that who writes it learns of that.
    from: Option<OwnedFd>,
    /// `N.blob`, and how many bytes of it are there already.
    kept: Option<(File, u64)>,
    keep: bool,
    size: u64,
    at: u64,
    hasher: Option<Hasher>,
    /// What is wrong with where it comes from or goes to, rather than with what it is.
    pub trouble: Option<Fail>,
}

/// Opens `N.blob` of the current folder; it is whoever's the folder is, who is to go on with it.
fn open(n: u32, owner: &impl Fn(&OwnedFd) -> Result<()>) -> Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(CWD, format!("{n}.blob"), flags, Mode::RUSR | Mode::WUSR)
        .fail(Stage::Unpack, || "cannot keep the layer as it comes".into())?;
    owner(&file)?;
    Ok(file.into())
}

impl Blob {
    pub fn begin(
        n: u32,
        layer: &crate::Layer,
        have: u64,
        keep: bool,
        from: OwnedFd,
        owner: impl Fn(&OwnedFd) -> Result<()>,
    ) -> Result<Blob> {
        let kept = if keep || have > 0 { Some((open(n, &owner)?, have.min(layer.size))) } else { None };
        if let Some((file, have)) = &kept
            && keep
        {
            // What was written behind it is not to be taken for more of it.
            ftruncate(file, *have).fail(Stage::Unpack, || "cannot keep the layer as it comes".into())?;
        }
        let hasher = Some(Hasher::new(layer.digest.algorithm()));
        Ok(Blob { from: Some(from), kept, keep, size: layer.size, at: 0, hasher, trouble: None })
    }

    /// How much of `N.blob` may be gone on with.
    pub fn saved(&self) -> u64 {
        match &self.kept {
            Some((_, have)) => self.at.max(*have),
            None => 0,
        }
    }

    /// Reads what is left, for the digest of it. False where it cannot be known.
    pub fn drain(&mut self) -> bool {
        let mut buffer = vec![0; CHUNK];
        while let Ok(1..) = self.read(&mut buffer) {}
        self.trouble.is_none()
    }

    /// Of all of it.
    pub fn digest(&mut self) -> Option<Digest> {
        self.hasher.take().map(Hasher::finish)
    }

    /// Nothing more of it is wanted.
    pub fn close(&mut self) {
        self.from = None;
    }

    fn broken(&mut self, fail: Fail) -> io::Error {
        self.trouble.get_or_insert(fail);
        io::Error::from(io::ErrorKind::BrokenPipe)
    }

    fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some((file, have)) = &self.kept
            && self.at < *have
        {
            let wanted = buffer.len().min(usize::try_from(have - self.at).unwrap_or(usize::MAX));
            return match patiently(|| pread(file, &mut buffer[..wanted], self.at)) {
                Ok(n @ 1..) => Ok(n),
                Ok(_) => Err(self.broken(Fail::new(Stage::Unpack, "a part of the layer that was kept is gone"))),
                Err(e) => {
                    Err(self
                        .broken(Fail::new(Stage::Unpack, "cannot read the part of the layer that was kept").errno(e)))
                }
            };
        }
        let Some(from) = &self.from else { return Ok(0) };
        let read = patiently(|| read(from.as_fd(), &mut *buffer));
        match read {
            Ok(0) if self.at < self.size => {
                let why = format!("it has {} bytes, and {} have come", self.size, self.at);
                Err(self.broken(
                    Fail::new(Stage::Unpack, "the layer ended early").why(why).hint("try again: what came is kept"),
                ))
            }
            Ok(n) if n as u64 > self.size - self.at => {
                let why = format!("it should have {} bytes", self.size);
                Err(self.broken(Fail::new(Stage::Unpack, "the layer is longer than the image says").why(why)))
            }
            Ok(n) => Ok(n),
            Err(e) => Err(self.broken(Fail::new(Stage::Unpack, "cannot read the layer").errno(e))),
        }
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.trouble.is_some() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        let n = self.next(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..n]);
        }
        let begin = self.at;
        if let Some((file, have)) = &self.kept
            && self.keep
            && begin >= *have
        {
            let mut written = 0;
            while written < n {
                match patiently(|| pwrite(file, &buffer[written..n], begin + written as u64)) {
                    Ok(more) => written += more,
                    Err(e) => {
                        let fail = super::disk(Fail::new(Stage::Unpack, "cannot keep the layer as it comes"), e);
                        return Err(self.broken(fail));
                    }
                }
            }
        }
        self.at += n as u64;
        Ok(n)
    }
}

fn patiently<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}
