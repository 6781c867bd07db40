//! Who is on the bridge: a file a container in a folder of root's own, with its addresses and names, locked for as long
//! as the container's process lives. The kernel lets the lock go with it, so a kill -9 frees the address.
//!
//! The folder is one of this network namespace: a bridge in another one is another bridge. Whoever changes something,
//! on the bridge too, holds the folder's own lock.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Fail, Result, Stage};
use serde::{Deserialize, Serialize};

use super::subnet::{FIRST, LAST};

const STAGE: Stage = Stage::Netns;
const FOLDER: &str = "/run/kakuri/bridge";
/// No lease has more bytes.
const MOST: u64 = 4096;

/// A container on the bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub number: u8,
    pub v4: Ipv4Addr,
    pub v6: Option<Ipv6Addr>,
    pub names: Vec<String>,
    /// The end of its veth pair that the bridge has.
    pub link: String,
}

/// A lease of ours: given back when this is dropped.
pub struct Held {
    pub lease: Lease,
    // Holds the lock.
    _file: File,
}

/// Whose ports there may be on the bridge.
#[derive(Debug, Default)]
pub struct Roll {
    pub living: Vec<Lease>,
    pub dead: Vec<Lease>,
}

/// The folder, while nobody else changes what it says.
pub struct Locked {
    path: PathBuf,
    // Holds the lock.
    _folder: File,
}

/// Where this network namespace's leases are.
pub fn path() -> Result<PathBuf> {
    let own = fs::metadata("/proc/self/ns/net").fail(STAGE, || "cannot tell which network namespace this is".into())?;
    Ok(Path::new(FOLDER).join(own.ino().to_string()))
}

/// Waits for whoever is at work; that takes milliseconds.
pub fn lock() -> Result<Locked> {
    let path = path()?;
    let cannot = || format!("cannot use the folder '{}'", path.display());
    loop {
        match DirBuilder::new().recursive(true).mode(0o700).create(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other.fail(STAGE, cannot)?,
        }
        let folder = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other.fail(STAGE, cannot)?,
        };
        folder.lock().fail(STAGE, cannot)?;
        // The last one out may have removed it while we waited.
        let ours = folder.metadata().fail(STAGE, cannot)?.ino();
        if fs::metadata(&path).is_ok_and(|now| now.ino() == ours) {
            return Ok(Locked { path, _folder: folder });
        }
    }
}

impl Locked {
    /// Everybody who is there, and who was. What the dead have left in the folder is removed on the way.
    pub fn roll(&self) -> Roll {
        let mut roll = Roll::default();
        for (path, file) in files(&self.path) {
            match file.try_lock() {
                Ok(()) => {
                    roll.dead.extend(read(&file));
                    let _ = fs::remove_file(path);
                }
                Err(_) => roll.living.extend(read(&file)),
            }
        }
        roll
    }

    /// The first number nobody has, and that is not `taken`; `describe` says what follows from it.
    pub fn take(&self, taken: &[u8], describe: impl Fn(u8) -> Lease) -> Result<Held> {
        for number in (FIRST..=LAST).filter(|number| !taken.contains(number)) {
            let path = self.path.join(number.to_string());
            let cannot = || format!("cannot write '{}'", path.display());
            let mut open = OpenOptions::new();
            let open = open.read(true).write(true).create(true).truncate(false).mode(0o600);
            let mut file = open.open(&path).fail(STAGE, cannot)?;
            if file.try_lock().is_err() {
                continue;
            }
            let lease = describe(number);
            let text = serde_json::to_vec(&lease).map_err(|e| Fail::new(STAGE, cannot()).why(e.to_string()))?;
            file.set_len(0).and_then(|()| file.write_all(&text)).fail(STAGE, cannot)?;
            return Ok(Held { lease, _file: file });
        }
        Err(Fail::new(STAGE, "the bridge is full")
            .why(format!("{} containers are on it", LAST - FIRST + 1))
            .hint("end some of them, or take --network nat, which needs no bridge"))
    }

    /// Called when nobody is left: the folder goes too.
    pub fn remove(self) {
        for folder in self.path.ancestors().take(3) {
            // One that is in use by another network namespace stays.
            if fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }
}

/// The files of leases, in the order of their numbers.
fn files(folder: &Path) -> Vec<(PathBuf, File)> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut numbers: Vec<u8> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    let paths = numbers.into_iter().map(|number| folder.join(number.to_string()));
    paths.filter_map(|path| File::open(&path).ok().map(|file| (path, file))).collect()
}

fn read(file: &File) -> Option<Lease> {
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Who has a name now. Needs no lock: a lease is written whole, and what is read while it is being written is nobody's.
pub fn find(folder: &Path, name: &str) -> Option<Lease> {
    files(folder)
        .iter()
        .filter(|(_, file)| file.try_lock_shared().is_err())
        .find_map(|(_, file)| read(file).filter(|lease| lease.names.iter().any(|own| own.eq_ignore_ascii_case(name))))
}
