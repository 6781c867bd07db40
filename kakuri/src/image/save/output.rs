//! Where an archive goes: a file that has its name when it is whole, or what cannot be renamed, a pipe say.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{Bytes, sys};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fdatasync, linkat, openat, renameat, stat, unlinkat};
use rustix::io::Errno;

use crate::copy::contents::errno;
use crate::store::name;

/// An image may hold what is nobody else's business; docker's are as private.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

pub struct Output {
    to: File,
    /// As typed, for people.
    shown: String,
    fresh: Option<Fresh>,
}

/// A file that is to be given a name.
struct Fresh {
    folder: OwnedFd,
    name: PathBuf,
    /// What it is called meanwhile, where a file system has no files without a name.
    meanwhile: Option<String>,
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(name) = &self.meanwhile {
            let _ = unlinkat(&self.folder, name, AtFlags::empty());
        }
    }
}

impl Output {
    pub fn stdout() -> Result<Output> {
        let cannot = |e: std::io::Error| Fail::new(Stage::Front, "cannot write to standard output").errno(e);
        let own = std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned().map_err(cannot)?;
        Ok(Output { to: own.into(), shown: "standard output".into(), fresh: None })
    }

    /// `path`: absolute; `typed`: for people.
    pub fn file(path: &Path, typed: &Bytes) -> Result<Output> {
        let shown = format!("'{typed}'");
        let cannot = |e: Errno| cannot(&shown, e);
        match stat(path).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Err(Errno::NOENT) | Ok(FileType::RegularFile) => {}
            Ok(FileType::Directory) => return Err(cannot(Errno::ISDIR).hint("name a file in it")),
            // /dev/null, a pipe: what has a name already, and is not replaced.
            Ok(_) => {
                let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
                let to = openat(CWD, path, flags, Mode::empty()).map_err(cannot)?;
                return Ok(Output { to: to.into(), shown, fresh: None });
            }
            Err(e) => return Err(cannot(e)),
        }
        // Where the name is a link's, the file it leads to is replaced.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(cannot(Errno::ISDIR)) };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, parent, flags, Mode::empty()).map_err(cannot)?;
        let mut fresh = Fresh { folder, name: name.into(), meanwhile: None };
        // Whoever kills this leaves nothing: it has no name.
        let unnamed = openat(&fresh.folder, ".", OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, PRIVATE);
        let to = match unnamed {
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => {
                let name = fresh.temporary()?;
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                let to = openat(&fresh.folder, &name, flags, PRIVATE).map_err(cannot)?;
                fresh.meanwhile = Some(name);
                to
            }
            to => to.map_err(cannot)?,
        };
        Ok(Output { to: to.into(), shown, fresh: Some(fresh) })
    }

    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let Output { to, shown, .. } = self;
        sys::ignoring(libc::SIGPIPE, || to.write_all(bytes)).map_err(|e| cannot(shown, errno(&e)))
    }

    /// It is whole: it gets its name.
    pub fn finish(self) -> Result<()> {
        let Output { to, shown, fresh } = self;
        let Some(mut fresh) = fresh else { return Ok(()) };
        // A power cut is not to leave the name of a whole one on half a file.
        fdatasync(&to).map_err(|e| cannot(&shown, e))?;
        fresh.place(&to).map_err(|e| cannot(&shown, e))
    }
}

impl Fresh {
    fn temporary(&self) -> Result<String> {
        Ok(format!(".kakuri-{}", name::random(6)?))
    }

    fn place(&mut self, file: &File) -> Result<(), Errno> {
        if self.meanwhile.is_none() {
            let own = format!("/proc/self/fd/{}", file.as_raw_fd());
            let link = |name: &Path| linkat(CWD, &own, &self.folder, name, AtFlags::SYMLINK_FOLLOW);
            match link(&self.name) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
            let name = self.temporary().map_err(|_| Errno::AGAIN)?;
            link(Path::new(&name))?;
            self.meanwhile = Some(name);
        }
        if let Some(name) = &self.meanwhile {
            renameat(&self.folder, name, &self.folder, &self.name)?;
        }
        self.meanwhile = None;
        Ok(())
    }
}

fn cannot(shown: &str, e: Errno) -> Fail {
    let fail = Fail::new(Stage::Front, format!("cannot write the archive to {shown}")).errno(e);
    match e {
        Errno::PIPE => fail.why("who read it has gone").hint("the command behind the `|` tells why"),
        Errno::NOSPC | Errno::DQUOT => fail.why("no space is left there").hint("make room, or save it elsewhere"),
        Errno::NOENT => fail.hint("its folder has to be there"),
        _ => fail,
    }
}
