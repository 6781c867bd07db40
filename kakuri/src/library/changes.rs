//! What was changed in a folder that is never touched, and its way into it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::error::{Error, ErrorKind, Result};
use super::verb::Verb;

/// What the commands of a container changed in its `cow` folders, or the latest [`Container::try_in`] of a folder did.
///
/// [`Container::try_in`]: crate::Container::try_in
#[derive(Clone, Debug)]
pub struct Changes {
    program: Option<PathBuf>,
    whose: Whose,
}

#[derive(Clone, Debug)]
enum Whose {
    Container(String),
    Folder(PathBuf),
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// On the host; of a container's root, inside.
    pub path: PathBuf,
}

/// What became of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its contents, permissions or attributes are others, or it is a link that leads elsewhere.
    Modified,
    /// It is gone.
    Deleted,
    /// It is something else now: a folder where a file was.
    Type,
    /// Something this version does not know.
    Other,
}

impl Changes {
    /// Of a container that stays.
    pub fn of_container(name: impl Into<String>) -> Changes {
        Changes { program: None, whose: Whose::Container(name.into()) }
    }

    /// Of the latest try of this folder.
    pub fn of_folder(folder: impl AsRef<Path>) -> Changes {
        Changes { program: None, whose: Whose::Folder(folder.as_ref().into()) }
    }

    /// The program `kakuri` itself, as [`Container::program`](crate::Container::program).
    #[must_use]
    pub fn program(self, path: impl AsRef<Path>) -> Changes {
        self.at(Some(path.as_ref().into()))
    }

    pub(super) fn at(self, program: Option<PathBuf>) -> Changes {
        Changes { program, ..self }
    }

    /// `paths` are on the host; none of them is all.
    fn verb(&self, words: &[&str], paths: &[PathBuf]) -> Result<Vec<u8>> {
        let mut all: Vec<OsString> = words.iter().map(OsString::from).collect();
        match &self.whose {
            Whose::Container(name) => all.push(format!("--container={name}").into()),
            Whose::Folder(_) => {}
        }
        all.push("--".into());
        match &self.whose {
            Whose::Folder(folder) if paths.is_empty() => all.push(folder.into()),
            _ => all.extend(paths.iter().map(OsString::from)),
        }
        Verb::new(self.program.as_deref(), all).run()
    }

    /// The changes, in the order of their paths.
    ///
    /// # Errors
    /// There is no such container or try.
    pub fn list(&self) -> Result<Vec<Change>> {
        let text = self.verb(&["changes", "--null"], &[])?;
        let here = std::env::current_dir().map_err(|e| Error::io("cannot tell the current folder", &e))?;
        text.split(|&b| b == 0).filter(|line| !line.is_empty()).map(|line| change(line, &here)).collect()
    }

    /// The changes as a patch, for git-apply(1) and patch(1), from the folder.
    ///
    /// # Errors
    /// As [`Changes::list`].
    pub fn patch(&self) -> Result<Vec<u8>> {
        self.verb(&["changes", "--patch"], &[])
    }

    /// Carries all of them over to the originals. What was changed there meanwhile by somebody else is an error, and then
    /// nothing is carried over.
    ///
    /// # Errors
    /// There is a conflict, the container runs, or the originals cannot be written.
    pub fn commit(&self) -> Result<()> {
        self.verb(&["commit"], &[]).map(drop)
    }

    /// Carries these paths over, and leaves the others to be decided.
    ///
    /// # Errors
    /// As [`Changes::commit`].
    pub fn commit_paths<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Result<()> {
        self.verb(&["commit"], &owned(paths)).map(drop)
    }

    /// Takes the latest commit back.
    ///
    /// # Errors
    /// There is none, or what it left was changed since.
    pub fn undo(&self) -> Result<()> {
        self.verb(&["commit", "--undo"], &[]).map(drop)
    }

    /// Gives all of them up.
    ///
    /// # Errors
    /// There is no such container or try, or it runs.
    pub fn discard(&self) -> Result<()> {
        self.verb(&["discard"], &[]).map(drop)
    }

    /// Gives these paths up.
    ///
    /// # Errors
    /// As [`Changes::discard`].
    pub fn discard_paths<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Result<()> {
        self.verb(&["discard"], &owned(paths)).map(drop)
    }
}

fn owned<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Vec<PathBuf> {
    paths.into_iter().map(|path| path.as_ref().into()).collect()
}

/// `LETTER PATH`, the path from where we are where it lies below that.
fn change(line: &[u8], here: &Path) -> Result<Change> {
    let [letter, b' ', path @ ..] = line else {
        return Err(Error::new(ErrorKind::Program, "kakuri told of changes in a form this library does not know"));
    };
    let kind = match letter {
        b'A' => ChangeKind::Added,
        b'M' => ChangeKind::Modified,
        b'D' => ChangeKind::Deleted,
        b'T' => ChangeKind::Type,
        _ => ChangeKind::Other,
    };
    let path = OsString::from_vec(path.to_vec());
    let path = if path == OsStr::new(".") { here.into() } else { here.join(path) };
    Ok(Change { kind, path })
}
