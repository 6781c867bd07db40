//! What a root filesystem starts from: the host's programs and settings read-only, or nothing; private
//! folders, /dev, and the kernel's file systems.

mod etc;
pub mod image;
pub mod kept;
pub mod kernel;
pub(crate) mod programs;
pub mod rootfs;
pub mod secrets;

use crate::identity::Identity;
use crate::layout::{Layout, What};
use crate::network::Kind;
use crate::pathname;
use crate::spec::{Base, Spec};

pub use etc::Etc;
use kept::Keep;

/// Places of the base, in no order.
type Places = Vec<(Vec<u8>, What)>;

/// Puts the base into the tree.
pub fn put(
    layout: &mut Layout,
    spec: &Spec,
    network: Kind,
    who: &Identity,
    keep: Option<&Keep>,
    notes: &mut Vec<String>,
) {
    let mut places = Places::with_capacity(64);
    if spec.base == Base::Host {
        programs::add_folders(&mut places, notes);
    }
    match keep {
        None => private(&mut places, spec, who),
        Some(keep) => {
            fresh(&mut places, spec.read_only);
            keep.add(&mut places, spec.read_only);
            if spec.base == Base::Host {
                notes.push(kept::os_is_hosts_note());
            }
        }
    }
    kernel::devices(&mut places, spec, notes);
    kernel::file_systems(&mut places, spec, network, notes);
    etc::mount_point(&mut places, spec);
    layout.put_base(places);
}

fn add(places: &mut Places, at: &str, what: What) {
    places.push((at.into(), what));
}

/// What is new at each start, whatever is kept.
fn fresh(places: &mut Places, read_only: bool) {
    add(places, "/tmp", What::Private { mode: 0o1777, read_only });
    add(places, "/run", What::Private { mode: 0o755, read_only });
    add(places, "/run/lock", What::Folder { mode: 0o1777 });
}

/// Folders of the container's own that anything may be written to, gone with it.
fn private(places: &mut Places, spec: &Spec, who: &Identity) {
    let read_only = spec.read_only;
    let folders: &[(&str, u32)] = match spec.base {
        Base::Host => &[("/tmp", 0o1777), ("/run", 0o755), ("/var", 0o755), ("/home", 0o755), ("/root", 0o700)],
        Base::None => &[("/tmp", 0o1777), ("/run", 0o755)],
    };
    for (at, mode) in folders {
        add(places, at, What::Private { mode: *mode, read_only });
    }
    if spec.base == Base::Host {
        add(places, "/var/tmp", What::Folder { mode: 0o1777 });
        add(places, "/run/lock", What::Folder { mode: 0o1777 });
        add(places, "/var/run", What::Symlink { to: b"/run".to_vec() });
        add(places, "/var/lock", What::Symlink { to: b"/run/lock".to_vec() });
    }
    let is = |path: &[u8]| folders.iter().any(|(at, _)| at.as_bytes() == path);
    if is(&who.home) {
        return;
    }
    // A home directly in one of these is a folder of it; elsewhere it has to be writable by itself, whatever
    // becomes of the folders above.
    let what = match pathname::parent(&who.home) {
        Some(up) if is(up) => What::Folder { mode: 0o700 },
        Some(_) => What::Private { mode: 0o700, read_only },
        None => return,
    };
    places.push((who.home.clone(), what));
}
