//! Where things are in the store. Names are digests' digits, words of ours, or random: none is a server's.

use std::os::fd::OwnedFd;

use kakuri_image::{Algorithm, Digest};
use rustix::fs::{Mode, mkdirat};
use rustix::io::Errno;

use super::{Images, Result};
use crate::idmap::{Ids, Range};
use crate::store::folder::{self, Unfit};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Stage};

pub const REFS: &str = "refs";
pub const RECORDS: &str = "records";
pub const BLOBS: &str = "blobs";
pub const PARTIAL: &str = "partial";
pub const LAYERS: &str = "layers";
pub const READY: &str = "ready";
pub const WORK: &str = "work";
/// Held for the moments in which what is kept is decided.
pub const LOCK: &str = "lock";
/// How what is to be erased begins, in work/.
pub const OLD: &str = ".old-";

const PRIVATE: Mode = Mode::RWXU;

/// The name of a blob below blobs/.
pub fn blob(digest: &Digest) -> String {
    format!("{}/{}", digest.algorithm().name(), digest.hex())
}

/// The folder of a layer.
pub fn layer(key: &str, chain: &Digest) -> String {
    format!("{LAYERS}/{key}/{}", chain.hex())
}

/// For which ids layers have been unpacked: where /etc/subuid says something else one day, their files belong to others.
pub fn key(ids: &Ids) -> String {
    match &ids.range {
        None => "single".into(),
        // Numbers as the image has them, whichever ids they are shown as.
        Some(range) if range.is_roots() => "numbers".into(),
        Some(Range { set_up, payload, .. }) => {
            let mut text = String::new();
            for extents in [&set_up.uids, &set_up.gids, &payload.uids, &payload.gids] {
                for extent in extents {
                    text += &format!("{} {} {},", extent.inside, extent.outside, extent.count);
                }
                text.push(';');
            }
            format!("ids-{}", &Digest::of(Algorithm::Sha256, text.as_bytes()).hex()[..16])
        }
    }
}

impl Images {
    /// The folder of all images; None where there is none yet.
    pub fn open(&self) -> Result<Option<OwnedFd>> {
        match folder::open_own(&self.dir) {
            Ok(dir) => Ok(Some(dir)),
            Err(Unfit::Errno(Errno::NOENT)) => Ok(None),
            Err(unfit) => Err(unfit.fail(self.what("use"), format!("ls -ld {}", Bytes::from(&self.dir)))),
        }
    }

    /// The same, made with all that lies in it.
    pub fn open_or_make(&self) -> Result<OwnedFd> {
        let cannot = |e: Errno| full(Fail::new(Stage::Front, self.what("make")).errno(e), e);
        let top = match self.open()? {
            Some(top) => top,
            None => {
                let made = std::fs::DirBuilder::new().recursive(true).create(&self.dir);
                made.map_err(|e| cannot(Errno::from_io_error(&e).unwrap_or(Errno::IO)))?;
                let top = self.open()?.ok_or_else(|| cannot(Errno::NOENT))?;
                rustix::fs::fchmod(&top, PRIVATE).map_err(cannot)?;
                top
            }
        };
        for name in [REFS, RECORDS, BLOBS, "blobs/sha256", "blobs/sha512", PARTIAL, LAYERS, READY, WORK] {
            make(&top, name).map_err(cannot)?;
        }
        Ok(top)
    }

    /// `cannot DO the folder of images '...'`.
    pub(super) fn what(&self, verb: &str) -> String {
        format!("cannot {verb} the folder of images '{}'", Bytes::from(&self.dir))
    }
}

/// A folder of ours, unless it is there.
pub fn make(dir: &OwnedFd, name: &str) -> Result<(), Errno> {
    match mkdirat(dir, name, PRIVATE) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(e),
    }
}

/// What helps where there is no room.
pub fn full(fail: Fail, e: Errno) -> Fail {
    match e {
        Errno::NOSPC | Errno::DQUOT => {
            fail.hint("make room, then go on with the same command; kakuri image rm IMAGE frees an image's")
        }
        _ => fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idmap::{By, Tools};
    use kakuri_init::{Extent, Maps};

    #[test]
    fn other_ids_have_other_layers() {
        let maps = |outside| {
            let lines =
                vec![Extent { inside: 0, outside: 1000, count: 1 }, Extent { inside: 1, outside, count: 65536 }];
            Maps { uids: lines.clone(), gids: lines }
        };
        let ids = |set_up, payload| Ids {
            range: Some(Range { set_up, payload, by: By::Tools(Tools { uids: c"a".into(), gids: c"b".into() }) }),
            notes: Vec::new(),
        };
        assert_eq!(key(&Ids::default()), "single");
        let one = key(&ids(maps(100_000), maps(1)));
        assert!(one.starts_with("ids-") && one.len() == 20, "{one}");
        assert_eq!(one, key(&ids(maps(100_000), maps(1))));
        assert_ne!(one, key(&ids(maps(165_536), maps(1))));
        assert_ne!(one, key(&ids(maps(100_000), maps(2))));
    }
}
