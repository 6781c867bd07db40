//! What a start makes on the host before anything of the container is made: the folders the user asked for, and what is
//! missing in those the container keeps.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use kakuri_wire::{Fail, Result, Stage};

use super::Plan;
use crate::idmap;

impl Plan {
    /// Makes it. For a container with a name its lock must be held, so that nobody writes there meanwhile.
    pub fn prepare(&self) -> Result<()> {
        for folder in &self.create {
            std::fs::create_dir_all(folder.as_path()).map_err(|e| {
                Fail::new(Stage::Front, format!("cannot make the folder '{folder}'"))
                    .errno(e)
                    .hint("`create` makes it where you may: name another place, or have it made for you")
            })?;
        }
        for folder in &self.cover {
            DirBuilder::new().recursive(true).mode(0o700).create(folder.as_path()).map_err(|e| {
                Fail::new(Stage::Front, format!("cannot make kakuri's own folder '{folder}'"))
                    .errno(e)
                    .hint("it lies in what is bound and has to be covered there: make it, or bind less")
            })?;
        }
        for made in &self.doors.make {
            made.make()?;
        }
        if let Some(lacking) = &self.lacking {
            self.for_all_ids(|| lacking.make())?;
        }
        if let Some(keep) = &self.keep {
            self.for_all_ids(|| keep.make())?;
        }
        crate::layer::begin(&self.layers)
    }

    /// What a user of the container has closed to the caller is opened by root of all his ids.
    fn for_all_ids(&self, make: impl Fn() -> Result<()>) -> Result<()> {
        let closed = |fail: &Fail| matches!(fail.errno, Some(libc::EACCES | libc::EPERM));
        match make() {
            Err(fail) if self.setup.maps.is_some() && closed(&fail) => match idmap::granted() {
                Some(range) => idmap::within::within(&range, make),
                None => Err(fail),
            },
            made => made,
        }
    }
}
