//! A plain folder as the root: what debootstrap makes, an image that was exported, a busybox tree. Nothing of the host's
//! programs and settings is in it.

use std::rc::Rc;

use kakuri_mount::{Layer, Node};
use kakuri_wire::fail::OrFail;
use kakuri_wire::{Bytes, Fail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::kept::{Keep, make_mount_point};
use super::{Places, fresh, kernel};
use crate::account::Accounts;
use crate::bind::source::{self, Kind, Look};
use crate::config::Config;
use crate::host::{Host, as_path};
use crate::identity::Identity;
use crate::idmap::Ids;
use crate::layout::{Found, Layout, Origin, Root, Stands, What};
use crate::network;
use crate::pathname;
use crate::spec::{Rootfs, RootfsMode, Spec};

/// The container's own in its /etc; passwd and all else are the folder's.
const NAMES: [&str; 3] = ["hosts", "hostname", "resolv.conf"];
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
const HOME: &[u8] = b"/root";

/// Looks at the folder the user named, and refuses what can be no root.
pub fn look(spec: &Spec, rootfs: &Rootfs, host: &Host, config: &Config, keep: Option<&Keep>) -> Result<Root> {
    let typed = rootfs.path.as_bytes();
    let fail = || Fail::new(Stage::Front, format!("cannot use '{}' as the root", rootfs.path));
    let (_, looked) = source::wanted(host, typed, "use as the root")?;
    let real = match looked {
        Look::Is(real) if real.kind == Kind::Folder => real,
        Look::Is(_) => {
            return Err(fail()
                .errno(libc::ENOTDIR)
                .hint("an archive has to be unpacked first: mkdir DIR; tar -xf FILE -C DIR"));
        }
        Look::Missing => {
            return Err(fail()
                .errno(libc::ENOENT)
                .hint("name a folder with a system in it, such as debootstrap or docker export makes"));
        }
    };
    if real.path == b"/" {
        return Err(fail()
            .why("it is the host's own root")
            .hint("leave --rootfs out: the host's programs are there by themselves, read-only"));
    }
    let containers = source::future(&config.containers_dir(host));
    if pathname::below(&real.path, &containers).is_some() || pathname::below(&containers, &real.path).is_some() {
        return Err(fail()
            .why(format!("kakuri keeps its containers in {}", Bytes(containers)))
            .hint("use a folder that neither lies in there nor holds it"));
    }
    let list = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, as_path(&real.path), list, Mode::empty()).map_err(|e| {
        fail()
            .errno(e)
            .hint(format!("name a folder you may read: ls -ld '{typed}' shows who may", typed = Bytes(typed.to_vec())))
    })?;
    let mode = match rootfs.mode {
        // It closes the folder to the container, and cannot for what is mounted in it.
        RootfsMode::ReadWrite if spec.read_only => RootfsMode::ReadOnly,
        mode => mode,
    };
    let layer = keep.filter(|_| mode == RootfsMode::Overlay).map(|keep| Layer {
        upper: Bytes(keep.on_host(super::kept::UPPER)),
        work: Bytes(keep.on_host(super::kept::WORK)),
    });
    let mut root = Root::open(&real.path, mode, layer).map_err(|e| fail().errno(e))?;
    if root.id() != real.id {
        return Err(fail().why("it changed while it was looked at").hint("try again"));
    }
    root.typed = Some(typed.to_vec());
    Ok(root)
}

/// Puts the folder and what goes over it into the tree, which is empty.
pub fn put(
    layout: &mut Layout,
    root: Root,
    spec: &Spec,
    network: network::Kind,
    (host, ids): (&Host, &Ids),
    notes: &mut Vec<String>,
) -> Result<()> {
    let mut places = Places::new();
    // An image says itself what is in these, and programs of it rely on that.
    if spec.image.is_none() {
        fresh(&mut places, spec.read_only);
    }
    kernel::devices(&mut places, spec, notes);
    kernel::file_systems(&mut places, spec, network, notes);
    for (at, what) in &mut places {
        // Elsewhere it lies in a root that is ours.
        if at == b"/dev" {
            *what = What::Private { mode: 0o755, read_only: true };
        }
    }
    let tops: Vec<Vec<u8>> =
        places.iter().filter(|(at, _)| pathname::depth(at) == 1).map(|(at, _)| at.clone()).collect();
    let root = Rc::new(root);
    layout.root = Some(root.clone());
    layout.put_base(places);
    for at in tops {
        match root.look(&at, root.height()).0 {
            Stands::Folder { .. } => {}
            Stands::Nothing => layout.lack(&at, Node::Folder),
            Stands::File | Stands::Link(_) | Stands::Closed => return Err(in_the_way(&root, &at)),
        }
    }
    for name in NAMES {
        put_name(layout, &root, name, (host, ids), notes);
    }
    if root.is_foreign(host, ids) && root.mode != RootfsMode::ReadOnly {
        notes.push(format!(
            "{} belongs to another user: of such files only what everybody may read is to be seen, and none can be changed",
            Bytes(root.path().to_vec())
        ));
    }
    if let Some(lacking) = Lacking::of(layout) {
        let names: Vec<String> = lacking.places.iter().map(|(at, _)| at.to_string()).collect();
        notes.push(format!("made in {} for the container to mount on: {}", lacking.root, names.join(" ")));
    }
    Ok(())
}

fn in_the_way(root: &Root, at: &[u8]) -> Fail {
    let shown = Bytes(root.typed.clone().unwrap_or_else(|| root.path().to_vec()));
    let name = Bytes(pathname::name(at).to_vec());
    Fail::new(Stage::Front, format!("cannot use '{shown}' as the root"))
        .why(format!("'{name}' in it is not a folder, and the container mounts its own there"))
        .hint(format!("put an empty folder in its place: mkdir {name}"))
}

/// One of the container's own files, over what the folder has there: where the folder's links lead, as the command will
/// follow them.
fn put_name(layout: &mut Layout, root: &Root, name: &str, (host, ids): (&Host, &Ids), notes: &mut Vec<String>) {
    let typed = [b"/etc/", name.as_bytes()].concat();
    let located = layout.locate(&typed);
    let holder = layout.holder(&located.at).map(|(_, point)| point.what.clone());
    // None: a folder that is to be made itself.
    let makeable = located.deepest_host.as_ref().is_none_or(|folder| root.takes_new(folder, host, ids));
    match (located.found, holder) {
        (Found::Missing, None) if !makeable => {
            notes.push(format!("there is no /etc/{name}: it is missing, and only its owner can make something there"));
        }
        (Found::File | Found::Missing, None) if layout.get(&located.at).is_none() && located.at != b"/" => {
            if located.found == Found::Missing {
                layout.lack(&located.at, Node::File(Bytes::default()));
            }
            layout.put(located.at, Origin::Base, What::PrivateFile { mode: 0o644, text: Vec::new() });
        }
        // A link into /run, where something else would write it.
        (Found::Missing, Some(What::Private { .. })) if pathname::below(&located.at, b"/dev").is_none() => {
            layout.put(located.at, Origin::Base, What::File { text: Vec::new() });
        }
        _ => notes.push(format!("/etc/{name} is the folder's own: what stands there is no file, or no place for one")),
    }
}

/// The folder's own accounts, as the command will find them; empty where there are none to be read.
pub fn accounts(layout: &Layout) -> Accounts {
    let text = |path: &[u8]| {
        let located = layout.locate(path);
        match (&layout.root, located.found, located.host) {
            (Some(root), Found::File, Some(host)) => root.read(&host).unwrap_or_default(),
            _ => Vec::new(),
        }
    };
    Accounts { passwd: text(b"/etc/passwd"), group: text(b"/etc/group") }
}

/// Who the command is by the folder's own accounts, and his shell.
pub fn account(layout: &Layout, who: Identity, ids: &Ids) -> (Identity, Vec<u8>) {
    let is = |path: &[u8], kind| path.first() == Some(&b'/') && layout.locate(path).found == kind;
    let accounts = accounts(layout);
    let (name, home, shell) = match accounts.by_uid(who.uid) {
        Some(account) => (account.name, account.home, account.shell),
        None => (who.name, Vec::new(), Vec::new()),
    };
    let groups = accounts.groups_of(who.uid, who.gid);
    let home = match home.as_slice() {
        home if home.first() == Some(&b'/') && !home.contains(&0) => pathname::absolute(b"/", home),
        // With one id root's home is whoever's.
        _ if (who.uid == 0 || ids.range.is_none()) && is(HOME, Found::Folder) => HOME.to_vec(),
        _ => b"/".to_vec(),
    };
    let shells = SHELLS.iter().map(|shell| shell.as_bytes());
    let shell =
        [shell.as_slice()].into_iter().chain(shells).find(|path| is(path, Found::File)).unwrap_or(b"/bin/sh").to_vec();
    (Identity { name, home, groups, ..who }, shell)
}

/// Whether the command may stand in a folder: of a tree that root made, root's home is closed.
pub fn may_stand(layout: &Layout, folder: &[u8], host: &Host, who: &Identity, ids: &Ids) -> bool {
    match (&layout.root, layout.locate(folder).host) {
        (Some(root), Some(place)) if pathname::below(&place, root.path()).is_some() => {
            root.may_enter(&place, host, who, ids)
        }
        _ => true,
    }
}

/// The usual mount points that a folder lacks which is to be written itself: made in it before the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    pub root: Bytes,
    /// By path inside, and whether it is a folder.
    pub places: Vec<(Bytes, bool)>,
}

impl Lacking {
    /// What has to be made, if anything.
    pub fn of(layout: &Layout) -> Option<Lacking> {
        let root = layout.root.as_ref().filter(|root| root.mode == RootfsMode::ReadWrite)?;
        let places: Vec<_> =
            layout.lacking().map(|(at, node)| (Bytes(pathname::join(b"/", at)), *node == Node::Folder)).collect();
        (!places.is_empty()).then(|| Lacking { root: Bytes(root.path().to_vec()), places })
    }

    pub fn make(&self) -> Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat2(CWD, self.root.as_bytes(), flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
            .fail(Stage::Front, || format!("cannot open the root '{}'", self.root))?;
        for (at, folder) in &self.places {
            make_mount_point(&root, at.as_bytes(), *folder, &mut Vec::new()).map_err(|e| {
                let fail = Fail::new(Stage::Front, format!("cannot make '{at}' in '{}'", self.root)).errno(e);
                match e {
                    Errno::ACCESS | Errno::PERM | Errno::ROFS => {
                        fail.hint("make it yourself, or leave `:rw` out: then nothing is written to the folder")
                    }
                    _ => fail.hint("make it yourself: mkdir, and an empty file in etc"),
                }
            })?;
        }
        Ok(())
    }
}
