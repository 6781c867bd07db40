//! The layers of an image as the root: what was built to be a container, with a configuration of its own. Nothing of the
//! host's programs and settings is in it, and nothing of it is covered but what the container cannot be without.

use kakuri_mount::Layer;
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::{Bytes, fail};

use super::kept::{Keep, UPPER, WORK};
use super::rootfs;
use crate::host::Host;
use crate::idmap::Ids;
use crate::image::ready::Ready;
use crate::layout::{Found, Layout, Located, Origin, Root, What};
use crate::network;
use crate::pathname;
use crate::spec::{RootfsMode, Spec};

/// Places that every program expects, and an image made of one program lacks.
const USUAL: [(&[u8], u32); 2] = [(b"/tmp", 0o1777), (b"/run", 0o755)];

/// Its layers, with what the container has kept over them.
pub fn look(ready: &Ready, keep: Option<&Keep>) -> Result<Root> {
    let kept = keep.map(|keep| Layer { upper: Bytes(keep.on_host(UPPER)), work: Bytes(keep.on_host(WORK)) });
    let layer = kept.or_else(|| ready.scratch.as_ref().map(|scratch| scratch.layer.clone()));
    let mut root = Root::open_stack(&ready.layers, RootfsMode::Overlay, layer).map_err(|e| {
        let fail = Fail::new(Stage::Front, format!("cannot use the image '{}' as the root", ready.typed)).errno(e);
        match e.raw_os_error() {
            libc::EMFILE | libc::ENFILE => fail
                .why(format!("it has {} layers, and {}", ready.layers.len(), fail::describe(e.raw_os_error())))
                .hint("raise the limit of open files: ulimit -n 1024"),
            _ => fail.hint(format!("kakuri pull {} mends it", ready.typed)),
        }
    })?;
    root.typed = Some(ready.typed.as_bytes().to_vec());
    Ok(root)
}

/// Puts the layers and what goes over them into the tree, which is empty.
pub fn put(
    layout: &mut Layout,
    root: Root,
    (spec, ready): (&Spec, &Ready),
    network: network::Kind,
    (host, ids): (&Host, &Ids),
    notes: &mut Vec<String>,
) -> Result<()> {
    rootfs::put(layout, root, spec, network, (host, ids), notes)?;
    for (at, mode) in USUAL {
        make_folder(layout, at, mode);
    }
    for typed in &ready.config().volumes {
        if typed.is_empty() || typed.contains('\0') {
            continue;
        }
        let at = pathname::absolute(b"/", typed.as_bytes());
        let made = match spec.read_only {
            // It is there to be written, whatever becomes of the rest.
            true => put_private(layout, &at),
            false => make_folder(layout, &at, 0o755),
        };
        if !made {
            let typed = Bytes::from(typed);
            notes.push(format!("the image has a volume at {typed}, which is left out: no folder can be there"));
        }
    }
    Ok(())
}

/// Makes a folder of the root where there is none. Whether there is one.
pub fn make_folder(layout: &mut Layout, path: &[u8], mode: u32) -> bool {
    let located = layout.locate(path);
    match located.found {
        Found::Folder => true,
        Found::Missing if is_in_root(layout, &located) => {
            layout.put(located.at, Origin::Base, What::Folder { mode });
            true
        }
        _ => false,
    }
}

fn put_private(layout: &mut Layout, path: &[u8]) -> bool {
    let located = layout.locate(path);
    let fits = matches!(located.found, Found::Folder | Found::Missing) && is_in_root(layout, &located);
    if fits {
        layout.put_new(located.at, Origin::Base, What::Private { mode: 0o755, read_only: false });
    }
    fits
}

/// Whether a place lies in the image's own files, and is not all of them.
fn is_in_root(layout: &Layout, located: &Located) -> bool {
    let at = &located.at;
    at != b"/" && layout.holder(at).is_none() && layout.get(at).is_none_or(|point| !point.what.is_mount())
}
