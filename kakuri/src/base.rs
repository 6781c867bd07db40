//! What a root filesystem starts from: the host's programs and settings read-only, or nothing; private
//! folders, /dev, and the kernel's file systems.

mod etc;
mod kernel;
mod programs;

use crate::host::Host;
use crate::identity::Identity;
use crate::layout::{Layout, Origin, What};
use crate::pathname;
use crate::spec::{Base, Network, Spec};

pub use etc::Etc;

/// Puts the base into the tree. `etc` is what kakuri itself writes into /etc.
pub fn put(layout: &mut Layout, spec: &Spec, network: Network, who: &Identity, host: &Host, notes: &mut Vec<String>) {
    if spec.base == Base::Host {
        programs::put(layout, notes);
    }
    private(layout, spec, who);
    kernel::devices(layout, spec, notes);
    kernel::file_systems(layout, spec, network, notes);
    etc::mount_point(layout, spec, host);
}

/// Folders of the container's own that anything may be written to, gone with it.
fn private(layout: &mut Layout, spec: &Spec, who: &Identity) {
    let read_only = spec.read_only;
    let mut folder = |at: &str, mode| layout.put(at, Origin::Base, What::Private { mode, read_only });
    folder("/tmp", 0o1777);
    folder("/run", 0o755);
    if spec.base == Base::Host {
        folder("/var", 0o755);
        folder("/home", 0o755);
        folder("/root", 0o700);
        layout.put("/var/tmp", Origin::Base, What::Folder { mode: 0o1777 });
        layout.put("/run/lock", Origin::Base, What::Folder { mode: 0o1777 });
        layout.put("/var/run", Origin::Base, What::Symlink { to: b"/run".to_vec() });
        layout.put("/var/lock", Origin::Base, What::Symlink { to: b"/run/lock".to_vec() });
    }
    // A home directly in one of these is a folder of it; elsewhere it has to be writable by itself, whatever
    // becomes of the folders above.
    let above = pathname::parent(&who.home).and_then(|up| layout.get(up));
    let what = match above.map(|point| &point.what) {
        Some(What::Private { .. }) => What::Folder { mode: 0o700 },
        _ => What::Private { mode: 0o700, read_only },
    };
    if pathname::depth(&who.home) > 0 {
        layout.put_new(who.home.clone(), Origin::Base, what);
    }
}
