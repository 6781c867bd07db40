//! The container's tree of files while it is being decided: what is mounted or made at which place.
//!
//! [`locate`] walks a path through it as the kernel would inside, looking at the host where the tree shows a
//! part of the host; [`steps`] turns the finished tree into kakuri-mount's steps.

mod locate;
mod mounted;
mod recall;
mod root;
mod steps;

use std::collections::BTreeMap;
use std::rc::Rc;

use kakuri_mount::{Entry, Layer, Node, UnionKind};
use kakuri_wire::{Bytes, Kernelfs};

pub use locate::{Found, Located};
pub use mounted::{Mounted, Point as MountPoint};
pub use root::{Root, Stands};
pub use steps::SECRET;

use crate::pathname;

/// Who wanted it: what the user names replaces what the base brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Base,
    Automatic,
    User,
}

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Folder {
        mode: u32,
    },
    File {
        text: Vec<u8>,
    },
    /// A file for its owner's eyes alone.
    Secret {
        text: Vec<u8>,
    },
    Symlink {
        to: Vec<u8>,
    },
    Private {
        mode: u32,
        read_only: bool,
    },
    /// A file of the container's own, writable, over what is there.
    PrivateFile {
        mode: u32,
        text: Vec<u8>,
    },
    Tmpfs {
        mode: u32,
        size: Option<u64>,
        read_only: bool,
        noexec: bool,
    },
    Bind(Source),
    /// A folder of the host whose changes go to a layer.
    Cow {
        source: Source,
        layer: Option<Layer>,
        /// Something is mounted in it: its folders are shown by places of their own.
        split: bool,
    },
    /// A folder of the host seen through a skeleton; the entries are by path below the place.
    Union {
        from: Vec<u8>,
        how: UnionKind,
        skeleton: BTreeMap<Vec<u8>, Node>,
    },
    /// A read-only folder of nothing but what is put below it.
    Skeleton,
    Hide {
        folder: bool,
    },
    Devpts,
    Attach(Kernelfs),
}

/// The host's side of a bind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Resolved: absolute, without symbolic links.
    pub from: Vec<u8>,
    pub typed: Option<Vec<u8>>,
    pub folder: bool,
    pub seen: Option<(u64, u64)>,
    pub read_only: bool,
    pub noexec: bool,
    pub devices: bool,
    /// A folder of the container's own on the host, in which a missing mount point may be made.
    pub kept: bool,
}

impl Source {
    /// Whether the user named it, or it is the container's own: what is the host's for everybody is neither, and a device
    /// has one owner for the whole machine.
    fn is_named(&self) -> bool {
        !self.devices && (self.typed.is_some() || self.seen.is_some() || self.kept)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub what: What,
    pub origin: Origin,
}

/// Every place something was decided for, by its absolute path without links.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Kept apart from the points, because an ordered map moves what is in it, and that costs.
    places: BTreeMap<Vec<u8>, usize>,
    points: Vec<Point>,
    /// The folder of the host that all of it lies in; None: a new one.
    pub root: Option<Rc<Root>>,
    /// The container has more ids than one: what its users closed to the caller is open to its root, by whom it is built.
    pub ranged: bool,
    /// The host's files have the owners inside that they have on the host, by number: root's are root's.
    pub mapped: bool,
    /// Mount points that this folder lacks, by path without the leading slash.
    lacking: BTreeMap<Vec<u8>, Node>,
}

impl Layout {
    pub fn get(&self, at: &[u8]) -> Option<&Point> {
        self.places.get(at).map(|i| &self.points[*i])
    }

    fn get_mut(&mut self, at: &[u8]) -> Option<&mut Point> {
        self.places.get(at).map(|i| &mut self.points[*i])
    }

    /// In the order of their paths: parents before what lies in them.
    pub fn points(&self) -> impl Iterator<Item = (&[u8], &Point)> {
        self.places.iter().map(|(at, i)| (at.as_slice(), &self.points[*i]))
    }

    /// Puts something of the base, of kakuri's own, or of an argument at a place.
    pub fn put(&mut self, at: impl Into<Vec<u8>>, origin: Origin, what: What) {
        self.places.insert(at.into(), self.points.len());
        self.points.push(Point { what, origin });
    }

    /// Puts the base. In order, because an ordered map moves least when it only grows at its end.
    pub fn put_base(&mut self, mut places: Vec<(Vec<u8>, What)>) {
        places.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (at, what) in places {
            self.put(at, Origin::Base, what);
        }
    }

    /// The same where nothing has been put yet.
    pub fn put_new(&mut self, at: impl Into<Vec<u8>>, origin: Origin, what: What) {
        let at = at.into();
        if !self.places.contains_key(&at) {
            self.put(at, origin, what);
        }
    }

    /// Puts what the user named, which takes the place of the base's own there and below.
    pub fn replace(&mut self, at: &[u8], what: What) {
        let covered: Vec<Vec<u8>> =
            self.under(at).filter(|(_, p)| p.origin == Origin::Base).map(|(place, _)| place.to_vec()).collect();
        for place in covered {
            self.places.remove(&place);
        }
        self.put(at, Origin::User, what);
    }

    /// Adds to the skeleton of the union at `union`.
    pub fn add_entry(&mut self, union: &[u8], entry: &[u8], node: Node) {
        if let Some(Point { what: What::Union { skeleton, .. }, .. }) = self.get_mut(union) {
            skeleton.entry(entry.to_vec()).or_insert(node);
        }
    }

    /// The root folder lacks this mount point.
    pub fn lack(&mut self, at: &[u8], node: Node) {
        self.lacking.insert(at.strip_prefix(b"/").unwrap_or(at).to_vec(), node);
    }

    pub fn lacking(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.lacking.iter().map(|(at, node)| (at.as_slice(), node))
    }

    /// kakuri-mount's root.
    pub fn root_step(&self) -> Option<kakuri_mount::Root> {
        self.root.as_ref().map(|root| root.plan(entries(&self.lacking)))
    }

    /// Gives a file of kakuri's own its text, in the union at `folder` or as a file of the base.
    pub fn fill(&mut self, folder: &[u8], name: &[u8], text: Vec<u8>) {
        if self.root.is_some() {
            let at = self.locate(&pathname::join(folder, name)).at;
            if let Some(Point {
                what: What::PrivateFile { text: old, .. } | What::File { text: old },
                origin: Origin::Base,
            }) = self.get_mut(&at)
            {
                *old = text;
            }
            return;
        }
        if let Some(Point { what: What::Union { skeleton, .. }, origin: Origin::Base }) = self.get_mut(folder) {
            skeleton.insert(name.to_vec(), Node::File(Bytes(text)));
        } else if let Some(Point { what: What::File { text: old }, origin: Origin::Base }) =
            self.get_mut(&pathname::join(folder, name))
        {
            *old = text;
        }
    }

    /// Everything strictly below a place.
    pub fn under(&self, at: &[u8]) -> impl Iterator<Item = (&[u8], &Point)> {
        let start = pathname::join(at, b"\0");
        let prefix = start.len() - 1;
        self.places
            .range(start.clone()..)
            .take_while(move |(place, _)| place.starts_with(&start[..prefix]))
            .map(|(place, i)| (place.as_slice(), &self.points[*i]))
    }

    /// The nearest place above `at` where something is mounted; None is the root itself.
    pub fn holder<'a>(&self, at: &'a [u8]) -> Option<(&'a [u8], &Point)> {
        let mut place = at;
        while let Some(up) = pathname::parent(place) {
            place = up;
            match self.get(place) {
                Some(point) if point.what.is_mount() => return Some((place, point)),
                _ => {}
            }
        }
        None
    }
}

impl What {
    pub fn is_mount(&self) -> bool {
        !matches!(self, What::Folder { .. } | What::File { .. } | What::Secret { .. } | What::Symlink { .. })
    }

    /// Whether it is a folder to who stands inside.
    pub fn is_folder(&self) -> bool {
        match self {
            What::File { .. } | What::Secret { .. } | What::Symlink { .. } | What::PrivateFile { .. } => false,
            What::Bind(source) => source.folder,
            What::Hide { folder } => *folder,
            _ => true,
        }
    }

    /// What a place for it looks like in a skeleton: empty, but for a link, which is no mount.
    pub fn place(&self) -> Node {
        match self {
            What::Symlink { to } => Node::Symlink(Bytes(to.clone())),
            what if what.is_folder() => Node::Folder,
            _ => Node::File(Bytes::default()),
        }
    }

    /// What it looks like in a skeleton that is all there is around it.
    fn mount_point(&self) -> Node {
        match self {
            What::File { text } => Node::File(Bytes(text.clone())),
            What::Symlink { to } => Node::Symlink(Bytes(to.clone())),
            what if what.is_folder() => Node::Folder,
            _ => Node::File(Bytes::default()),
        }
    }
}

fn entries(skeleton: &BTreeMap<Vec<u8>, Node>) -> Vec<Entry> {
    skeleton.iter().map(|(at, node)| Entry { at: Bytes(at.clone()), node: node.clone() }).collect()
}
