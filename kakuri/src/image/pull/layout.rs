//! `oci:DIR`: a folder of the OCI image layout (image-layout.md) in the place of a registry. Nothing in it is believed or
//! parsed here: documents are handed on as they are, and blobs as open files.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use kakuri_image::Digest;
use kakuri_image::talk::LARGEST_MANIFEST;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use crate::host::{Host, as_path};

pub struct Layout {
    dir: OwnedFd,
    /// As typed, for people.
    path: Bytes,
}

impl Layout {
    /// What people call it, the folder and the image as they typed it: it may have been made of an archive.
    pub fn open(path: &Bytes, (folder, image): (&Bytes, &str), host: &Host) -> Result<Layout> {
        let what = || format!("cannot read {image}");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(CWD, as_path(&host.expand(path.as_bytes())?), flags, Mode::empty()).map_err(|e| {
            Fail::new(Stage::Front, what())
                .errno(e)
                .hint("oci:DIR names a folder: skopeo copy docker://... oci:DIR:TAG makes one")
        })?;
        let layout = Layout { dir, path: folder.clone() };
        layout.file("oci-layout").map_err(|_| {
            Fail::new(Stage::Front, what())
                .why("it is no folder of an OCI image: it has no file oci-layout")
                .hint("skopeo copy docker://... oci:DIR:TAG makes one")
        })?;
        Ok(layout)
    }

    /// index.json.
    pub fn index(&self) -> Result<Vec<u8>> {
        self.document("index.json")
    }

    /// A manifest or a configuration. It is no larger than a document may be.
    pub fn small(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.document(&name(digest))
    }

    /// A blob of this size.
    pub fn blob(&self, digest: &Digest, size: u64) -> Result<File> {
        let file = self.file(&name(digest)).map_err(|e| self.cannot(&name(digest), e))?;
        match file.metadata() {
            Ok(found) if found.len() == size => Ok(file),
            Ok(found) => Err(self
                .cannot(&name(digest), Errno::INVAL)
                .why(format!("it has {} bytes, and its manifest says {size}", found.len()))
                .hint("copy the image anew")),
            Err(e) => Err(Fail::new(Stage::Front, format!("cannot read '{}'", self.path)).errno(e)),
        }
    }

    fn document(&self, name: &str) -> Result<Vec<u8>> {
        let file = self.file(name).map_err(|e| self.cannot(name, e))?;
        let mut bytes = Vec::new();
        let most = 2 * LARGEST_MANIFEST;
        file.take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Fail::new(Stage::Front, format!("cannot read '{}/{name}'", self.path)).errno(e))?;
        if bytes.len() as u64 > most {
            return Err(self.cannot(name, Errno::FBIG).why(format!("it has more than {most} bytes")));
        }
        Ok(bytes)
    }

    /// A regular file in it; no link is followed, so that the folder of a stranger leads nowhere else.
    fn file(&self, name: &str) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let here = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let file = openat2(&self.dir, name, flags, Mode::empty(), here)?;
        match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(File::from(file)),
            _ => Err(Errno::INVAL),
        }
    }

    fn cannot(&self, name: &str, e: Errno) -> Fail {
        let fail = Fail::new(Stage::Front, format!("cannot read '{}/{name}'", self.path)).errno(e);
        match e {
            Errno::NOENT => fail.hint("the image is not whole there: copy it anew"),
            Errno::LOOP => fail
                .why("there is a symbolic link in the way, and none is followed")
                .hint("put what it leads to in its place, or copy the image anew"),
            _ => fail,
        }
    }
}

fn name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}
