//! records/IMAGE.use: shared by every process that runs something from the image, and had alone by who removes it.

use std::os::fd::{AsFd, OwnedFd};

use kakuri_image::Digest;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::place::RECORDS;
use super::record;
use crate::store::folder::{self, Unfit};
use crate::store::lock::{self, Lock};

fn path(image: &Digest) -> String {
    format!("{RECORDS}/{}.use", image.hex())
}

/// Shares it; None where the image is not there any more, or is being removed.
pub fn share(top: &OwnedFd, image: &Digest) -> Result<Option<OwnedFd>> {
    match lock::try_share_file(top.as_fd(), &path(image)) {
        // Looked at only now: who removes an image has this lock while he does.
        Ok(Some(lock)) if folder::exists(top, &record::path(image)) => Ok(Some(lock.file.into())),
        Ok(_) => Ok(None),
        Err(unfit) => Err(cannot(image, unfit)),
    }
}

/// Takes it alone; None while something runs from the image.
pub fn take(top: &OwnedFd, image: &Digest) -> Result<Option<Lock>> {
    lock::try_take_file(top.as_fd(), &path(image)).map_err(|unfit| cannot(image, unfit))
}

fn cannot(image: &Digest, unfit: Unfit) -> Fail {
    unfit.fail(
        format!("cannot lock the image {image}"),
        format!("kakuri image rm -f {image} takes it away, and kakuri pull brings it back"),
    )
}

/// The file of an image that is gone; whoever calls has its lock.
pub fn remove(top: &OwnedFd, image: &Digest) {
    let _ = rustix::fs::unlinkat(top, path(image), rustix::fs::AtFlags::empty());
}

/// For one whose digest is known by its digits alone.
pub fn no_image(name: &str) -> Fail {
    Fail::new(Stage::Front, format!("the image {name} is being removed")).hint(format!("kakuri pull {name}"))
}
