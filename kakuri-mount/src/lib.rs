//! kakuri-mount's vocabulary: what it is told, what it answers, and the plan it carries out.
//!
//! The plan is plain data. Deciding (the front's `plan.rs`), checking ([`check`]) and explaining
//! ([`explain`]) make no system call; carrying it out makes no decision.
//!
//! # The staging tmpfs
//! One tmpfs holds everything that is the container's own:
//! `root` becomes the container's root (read-only at the end where the plan says so), `private-N` are the
//! writable folders (/tmp, /home, ...), `skeleton-N` the trees that overlays and read-only folders are made
//! of, and an empty folder and an empty file cover what is hidden. Each is bound where it belongs, which
//! is several times cheaper than a tmpfs each. After the pivot nothing of it can be reached but what was bound.
//!
//! Where the plan names a folder of the host as its [`Root`], that takes the place of `root`. Of a writable overlay
//! without a layer on disk `upper-N` and `work-N` hold what is written.
//!
//! # Who may do what
//! [`check`] and [`explain`] are pure. Everything else runs between `serve::confine` and the exit, with
//! CAP_SYS_ADMIN over the container's namespaces and the caller's own rights to the host's files. A writable overlay
//! wants CAP_DAC_OVERRIDE too, in the one call that makes it; it is given up for good after the last one.

mod attach;
pub mod build;
pub mod byhand;
pub mod check;
mod cow;
mod device;
pub mod explain;
pub mod mapped;
mod overlay;
mod pivot;
mod power;
mod root;
pub mod serve;
mod skeleton;
mod source;
mod stack;
mod union;

use kakuri_wire::handshake::Version;
use kakuri_wire::{Bytes, Fail, Kernelfs, Message, Stage};
use serde::{Deserialize, Serialize};

/// The front speaks. Permitted in this order, each once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToMount {
    /// Carries the plan as a document.
    Plan(Version),
    /// Carries a user namespace whose ids are the owners of what the plan has mapped. Only for such a plan, and then before
    /// Join.
    Map,
    /// Carries PID 1's pidfd: join its user and mount namespaces and build.
    Join,
    /// Carries the detached file systems PID 1 made, in [`Kernelfs`] order, one for each named. Attach
    /// them, pivot, end.
    Finish(Vec<Kernelfs>),
}

impl Message for ToMount {
    fn descriptors(&self) -> usize {
        match self {
            ToMount::Plan(_) | ToMount::Map | ToMount::Join => 1,
            ToMount::Finish(made) => made.len(),
        }
    }

    fn has_document(&self) -> bool {
        matches!(self, ToMount::Plan(_))
    }
}

/// kakuri-mount answers, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromMount {
    /// The root is the container's, the old one is gone.
    Built,
    Failed(Fail),
}

/// How an error begins when the kernel makes no overlay of a folder.
const NO_OVERLAY: &str = "cannot lay the container's own files over";

/// Whether a build failed because the kernel makes no overlay of a union's folder: planned with
/// [`UnionKind::Entries`], the same container can still be built.
pub fn overlay_refused(fail: &Fail) -> bool {
    fail.stage == Stage::Mount && fail.what.starts_with(NO_OVERLAY)
}

impl Message for FromMount {
    fn descriptors(&self) -> usize {
        0
    }
}

/// The version of the plan's form.
pub const PLAN_VERSION: u32 = 1;

/// A root filesystem, described. Every `at` is an absolute path in the new root without `.` or `..`
/// components, repeated or trailing slashes; it is resolved below the new root, and a symbolic link
/// anywhere on the way is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub version: u32,
    /// What the root is; None: a new folder of the staging tmpfs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// Bytes the staging tmpfs may hold; None: the kernel's default, half of the memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The root folder itself turns read-only at the end (mounts below keep their own mode).
    pub read_only: bool,
    /// Carried out in this order.
    pub ops: Vec<Op>,
    /// Carried out, in this order, once PID 1 has made its file systems: `Attach`, and what goes on top.
    #[serde(default)]
    pub finish: Vec<Op>,
    /// The container has more ids than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranged: Option<Ranged>,
}

/// Who its own files belong to, in S's ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranged {
    /// The payload's root, uid and gid: whatever is made for the container is his.
    pub root: (u32, u32),
    /// The group of terminals, 5 by custom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// The caller is root of the host and has no id inside: the root, `cow` folders and the binds that say so show files of
    /// id N of the host's as id N of the container's, and what is made there belongs to N.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mapped: bool,
    /// And what else is his: files and folders, outer ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<Home>,
}

/// A folder that is made for the container and is to be its user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    pub at: Bytes,
    pub uid: u32,
    pub gid: u32,
}

/// A folder of the host as the container's root. Always nosuid and nodev.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Resolved: absolute, without symbolic links.
    pub from: Bytes,
    /// As the user typed it, for errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<Bytes>,
    /// Device and inode the front saw: another one there now is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<(u64, u64)>,
    /// Further folders that lie below it, the highest first: the layers of an image. For an overlay alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under: Vec<Lower>,
    pub how: RootKind,
}

/// A folder below the root's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lower {
    /// Resolved: absolute, without symbolic links.
    pub from: Bytes,
    /// Device and inode the front saw: another one there now is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<(u64, u64)>,
}

/// As many lower folders as overlayfs takes beside the upper one (OVL_MAX_STACK).
pub const MAX_LOWERS: usize = 499;

/// How a folder becomes the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RootKind {
    /// Itself, with everything mounted below it. Nothing is made in it: every mount point has to be there.
    Bind { read_only: bool },
    /// A read-only overlay: a skeleton, which brings the mount points it lacks, over the folder.
    Skeleton { skeleton: Vec<Entry> },
    /// A writable overlay: what is written, mount points included, goes to a layer, and never to the folder. None: a
    /// layer in the staging tmpfs, gone with the container, which wants Linux 6.6.
    Overlay { layer: Option<Layer> },
}

/// Two folders of one file system, as overlayfs wants them: resolved, empty at first, and of nobody else meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    pub upper: Bytes,
    pub work: Bytes,
}

/// One step. Wherever `make` is true, a missing mount point and its missing parents (0755) are made, which
/// is only permitted where the place lies in the staging tmpfs or in a writable overlay; where it is false it must exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Op {
    /// A folder in the root.
    Folder { at: Bytes, mode: u32 },
    /// A file with contents, in the root or a private folder.
    File { at: Bytes, mode: u32, text: Bytes },
    /// A symbolic link in the root or a private folder. Its target is not resolved.
    Symlink { at: Bytes, to: Bytes },
    /// A writable folder of the staging tmpfs; read-only with `--read-only`.
    Private {
        at: Bytes,
        mode: u32,
        make: bool,
        #[serde(default)]
        read_only: bool,
    },
    /// A writable file of the staging tmpfs with contents, over what is at its place.
    PrivateFile { at: Bytes, mode: u32, text: Bytes, make: bool },
    /// A tmpfs of its own: `--tmpfs DST:size=..,mode=..`.
    Tmpfs {
        at: Bytes,
        mode: u32,
        #[serde(default)]
        size: Option<u64>,
        #[serde(default)]
        read_only: bool,
        #[serde(default)]
        noexec: bool,
        make: bool,
    },
    /// A file or folder of the host, with everything mounted below it. Always nosuid; nodev unless `devices`.
    Bind(Bind),
    /// A folder of the host under a writable overlay: what is written goes to a layer, and never to the folder. Always
    /// nosuid and nodev.
    Cow(Cow),
    /// A read-only folder of the host seen through a skeleton: the skeleton's entries over the folder's own.
    Union { at: Bytes, from: Bytes, how: UnionKind, skeleton: Vec<Entry>, make: bool },
    /// A read-only folder made of nothing but these entries (the way to an automatically bound file).
    Skeleton { at: Bytes, entries: Vec<Entry>, make: bool },
    /// Covers a folder or file that exists with an empty read-only one.
    Hide { at: Bytes, folder: bool },
    /// What is at this place already, as it is, read-only: a mount of it upon itself.
    Freeze { at: Bytes },
    /// A new devpts, and nothing else; its mount point is made where it is missing.
    Devpts { at: Bytes },
    /// A file system PID 1 made; its mount point is made where it is missing.
    Attach { what: Kernelfs, at: Bytes },
}

/// A bind, and what its source was when the front looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bind {
    /// The resolved source: absolute, without symbolic links.
    pub from: Bytes,
    pub at: Bytes,
    /// The source as the user typed it, for errors; absent for what kakuri itself binds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<Bytes>,
    pub folder: bool,
    /// Device and inode the front saw: another one there now is an error, so that a folder others can
    /// write to cannot turn the bind elsewhere between the look and the mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<(u64, u64)>,
    pub read_only: bool,
    #[serde(default)]
    pub noexec: bool,
    /// Device nodes work (`--device`, /dev/null): not nodev.
    #[serde(default)]
    pub devices: bool,
    /// Its owners are mapped; see [`Ranged::mapped`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mapped: bool,
    pub make: bool,
}

/// A folder that is shown, and whose changes go elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cow {
    /// Resolved: absolute, without symbolic links.
    pub from: Bytes,
    pub at: Bytes,
    /// As the user typed it, for errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<Bytes>,
    /// Device and inode the front saw: another one there now is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<(u64, u64)>,
    /// None: a layer in the staging tmpfs, gone with the container, which wants Linux 6.6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// Something is mounted below, of which the kernel makes no overlay: the folder's own files are copied, and its
    /// folders are empty places for what later steps put there.
    #[serde(default)]
    pub split: bool,
    #[serde(default)]
    pub noexec: bool,
    pub make: bool,
}

/// How a union is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnionKind {
    /// A read-only overlay: the skeleton over the folder.
    Overlay,
    /// A read-only folder with one bind per entry: where the kernel refuses an overlay of that folder
    /// (something is mounted in it that may not be looked under, or it is on an overlay stack itself).
    Entries,
}

/// Something in a skeleton. `at` is relative to the skeleton, without `.` or `..`; parents come first or are
/// made (0755).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub at: Bytes,
    pub node: Node,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    Folder,
    /// Mode 0644; an empty one serves as a mount point for a file.
    File(Bytes),
    Symlink(Bytes),
}
