//! Putting what the user named at its destination: through the links on the way, and where the destination
//! does not exist, how it comes to be without touching the host.

use std::fmt;

use kakuri_mount::UnionKind;
use kakuri_wire::{Bytes, Fail, Result, Stage};

use crate::base::kept::MountPoint;
use crate::layer::Layers;
use crate::layout::{Found, Layout, Located, Mounted, Origin, Point, What};
use crate::pathname;
use crate::spec::RootfsMode;

/// The tree being decided, and what was asked of the host for it.
#[derive(Default)]
pub struct Placing {
    pub layout: Layout,
    pub mounted: Mounted,
    /// What has to be made in folders that are kept.
    pub mount_points: Vec<MountPoint>,
    /// Where what is changed in `cow` folders goes.
    pub layers: Layers,
    /// What is weaker or otherwise than one may expect.
    pub notes: Vec<String>,
}

impl Placing {
    /// Puts `what` at `destination`. `label` says in an error what was typed: `cannot bind './x' at '/y'`.
    /// Gives the place it has in the end.
    pub fn put(&mut self, destination: &[u8], what: What, label: &dyn fmt::Display) -> Result<Vec<u8>> {
        let located = self.layout.locate(destination);
        if let Some(link) = &located.led_out {
            return Err(self.refuse_link(link, label));
        }
        refuse(&located, &what, label)?;
        if located.found == Found::Missing {
            self.make(&located, &what, label)?;
        }
        if let Some(Point { what: other, origin: Origin::User }) = self.layout.get(&located.at) {
            if *other == what {
                return Ok(located.at);
            }
            return Err(Fail::new(Stage::Front, label.to_string())
                .why(format!("something else is asked for at '{}' too", Bytes(located.at.clone())))
                .hint("give each destination one --bind, --tmpfs or --device"));
        }
        self.layout.replace(&located.at, what);
        Ok(located.at)
    }

    /// A symbolic link where nothing is yet. A link is no mount: in a folder of the host it is an entry of what is laid over
    /// that.
    pub fn link(&mut self, destination: &[u8], to: Vec<u8>, label: &dyn fmt::Display) -> Result<()> {
        let located = self.layout.locate(destination);
        if let Some(link) = &located.led_out {
            return Err(self.refuse_link(link, label));
        }
        let what = What::Symlink { to };
        refuse(&located, &what, label)?;
        if located.found != Found::Missing {
            return Err(Fail::new(Stage::Front, label.to_string())
                .why("something is there already")
                .hint("give it another name"));
        }
        self.make(&located, &what, label)?;
        let over_host = match self.layout.holder(&located.at) {
            Some((_, point)) => !matches!(point.what, What::Private { .. } | What::Tmpfs { .. } | What::Skeleton),
            None => self.layout.root.as_ref().is_some_and(|root| root.mode == RootfsMode::ReadOnly),
        };
        if !over_host {
            self.layout.replace(&located.at, what);
        }
        Ok(())
    }

    /// A link where the user named a folder: in a folder of his it leads out of it, in what a container keeps it may
    /// have been put there by the container.
    fn refuse_link(&self, link: &[u8], label: &dyn fmt::Display) -> Fail {
        let kept = |point: &Point| matches!(&point.what, What::Bind(source) if source.kept);
        let what = match self.layout.holder(link) {
            Some((_, point)) if kept(point) => "a symbolic link in the container's own files",
            _ => "a symbolic link that leads out of the bound folder",
        };
        Fail::new(Stage::Front, label.to_string())
            .why(format!("'{}' is {what}", Bytes(link.to_vec())))
            .hint("name the place it leads to, if that is what you want")
    }

    /// A place that does not exist yet, in whatever it lies in.
    fn make(&mut self, located: &Located, what: &What, label: &dyn fmt::Display) -> Result<()> {
        let Some((holder, point)) = self.layout.holder(&located.at) else {
            return self.make_in_root(&located.at, what, label);
        };
        let (how, origin) = match &point.what {
            What::Union { how, .. } => (*how, point.origin),
            What::Bind(source) if source.kept => {
                if let What::Symlink { .. } = what {
                    return Err(Fail::new(Stage::Front, label.to_string())
                        .why("it lies in what the container keeps")
                        .hint("make it there once: kakuri exec NAME ln -s TARGET PATH"));
                }
                self.mount_points.push(MountPoint { at: located.at.clone(), folder: what.is_folder() });
                return Ok(());
            }
            What::Bind(source) if source.read_only && !source.noexec => (UnionKind::Overlay, point.origin),
            What::Bind(source) | What::Cow { source, .. } => {
                let there = pathname::join(&source.from, pathname::below(&located.at, holder).unwrap_or(b""));
                let make = if what.is_folder() { "mkdir -p" } else { "touch" };
                return Err(Fail::new(Stage::Front, label.to_string())
                    .why("the destination does not exist in the folder bound around it")
                    .hint(format!("make it on the host first: {make} '{}'", Bytes(there))));
            }
            _ => return Ok(()),
        };
        let holder = holder.to_vec();
        // A skeleton over the deepest folder that exists: the one around it, unless that is this one.
        let over = match &located.deepest_host {
            Some(from) if located.deepest != holder || !matches!(point.what, What::Union { .. }) => {
                let how = if how == UnionKind::Entries && located.deepest == holder {
                    how
                } else if self.mounted.below(from) {
                    UnionKind::Entries
                } else {
                    UnionKind::Overlay
                };
                let union = What::Union { from: from.clone(), how, skeleton: Default::default() };
                self.layout.put(located.deepest.clone(), origin, union);
                located.deepest.clone()
            }
            _ => holder,
        };
        let entry = pathname::below(&located.at, &over).unwrap_or(b"").to_vec();
        let node = what.place();
        self.layout.add_entry(&over, &entry, node);
        Ok(())
    }
}

impl Placing {
    /// A place directly in the root, which is ours to make things in unless it is a folder of the host.
    fn make_in_root(&mut self, at: &[u8], what: &What, label: &dyn fmt::Display) -> Result<()> {
        let Some(root) = self.layout.root.clone() else { return Ok(()) };
        match root.mode {
            RootfsMode::Overlay => Ok(()),
            RootfsMode::ReadOnly => {
                self.layout.lack(at, what.place());
                Ok(())
            }
            RootfsMode::ReadWrite => {
                let there = pathname::join(root.path(), pathname::below(at, b"/").unwrap_or(b""));
                let make = if what.is_folder() { "mkdir -p" } else { "touch" };
                Err(Fail::new(Stage::Front, label.to_string())
                    .why("the destination does not exist in the folder that is the root")
                    .hint(format!("make it there first: {make} '{}'", Bytes(there))))
            }
        }
    }
}

/// Places nothing may be put at.
fn refuse(located: &Located, what: &What, label: &dyn fmt::Display) -> Result<()> {
    let fail = |why: String| Fail::new(Stage::Front, label.to_string()).why(why);
    let at = Bytes(located.at.clone());
    for kernel in [&b"/proc"[..], b"/sys", b"/dev/pts", b"/dev/mqueue"] {
        if pathname::below(&located.at, kernel).is_some() {
            return Err(fail(format!("{} is the kernel's own", Bytes(kernel.to_vec())))
                .hint("choose a destination outside /proc, /sys, /dev/pts and /dev/mqueue"));
        }
    }
    if located.at == b"/dev" || located.at == b"/" {
        return Err(fail(format!("{at} itself belongs to the container"))
            .hint("choose a folder below it; --device adds a device"));
    }
    match located.found {
        Found::Blocked => {
            Err(fail(format!("something on the way to '{at}' is not a folder")).hint("choose another destination"))
        }
        Found::Folder if !what.is_folder() => {
            Err(fail(format!("'{at}' is a folder, and a file goes there"))
                .hint(format!("name the file in it: {at}/NAME")))
        }
        Found::File if what.is_folder() => {
            Err(fail(format!("'{at}' is a file, and a folder goes there")).hint("choose another destination"))
        }
        _ => Ok(()),
    }
}
