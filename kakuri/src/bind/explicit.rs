//! Binds, tmpfs, devices and covers the user named, outer ones first, so that their order on the command
//! line does not matter.

use std::fmt;

use kakuri_wire::{Bytes, Fail, Result, Stage};

use super::cow;
use super::place::Placing;
use super::source::{self, Kind, Look};
use crate::host::{Host, in_home};
use crate::layout::{Found, Source, What};
use crate::pathname;
use crate::spec::made::{File, Folder, Symlink};
use crate::spec::{Bind, Device, Spec, Tmpfs};

/// A thing and where it goes.
struct Wish<'a> {
    destination: Vec<u8>,
    what: What,
    asked: Asked<'a>,
}

/// What the user asked for. In words it is how an error begins, and nobody pays for them before there is one.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Bind(&'a Bind),
    Tmpfs(&'a Tmpfs),
    Device(&'a Device),
    Hide(&'a Bytes),
    File(&'a File),
    Folder(&'a Folder),
    Symlink(&'a Symlink),
}

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Asked::Bind(Bind { source, destination: Some(destination), .. }) => {
                write!(f, "cannot bind '{source}' at '{destination}'")
            }
            Asked::Bind(bind) => write!(f, "cannot bind '{}'", bind.source),
            Asked::Tmpfs(tmpfs) => write!(f, "cannot mount a tmpfs at '{}'", tmpfs.at),
            Asked::Device(device) => write!(f, "cannot add the device '{}'", device.source),
            Asked::Hide(path) => write!(f, "cannot hide '{path}'"),
            Asked::File(file) => write!(f, "cannot make the file '{}'", file.at),
            Asked::Folder(folder) => write!(f, "cannot make the folder '{}'", folder.at),
            Asked::Symlink(link) => write!(f, "cannot make the link '{}'", link.at),
        }
    }
}

/// Folders on the host that have to be made before the binds: `create`.
pub type Create = Vec<Bytes>;

/// Puts everything the user named into the tree. `home` is the container's.
pub fn put(placing: &mut Placing, spec: &Spec, binds: &[Bind], host: &Host, home: &[u8]) -> Result<Create> {
    let mut create = Create::new();
    let mut wishes = Vec::with_capacity(binds.len() + spec.tmpfs.len() + spec.devices.len() + spec.hide.len());
    for bind in binds {
        wishes.push(bind_wish(bind, host, home, &mut create)?);
    }
    for tmpfs in &spec.tmpfs {
        wishes.push(Wish {
            destination: pathname::absolute(b"/", tmpfs.at.as_bytes()),
            what: What::Tmpfs { mode: tmpfs.mode, size: tmpfs.size, read_only: tmpfs.read_only, noexec: tmpfs.noexec },
            asked: Asked::Tmpfs(tmpfs),
        });
    }
    for device in &spec.devices {
        wishes.push(device_wish(device, host)?);
    }
    wishes.extend(made(spec));
    for hide in &spec.hide {
        let destination = match in_home(hide.as_bytes()) {
            Some(rest) => pathname::join(home, rest),
            None => host.absolute(hide.as_bytes())?,
        };
        wishes.push(Wish { destination, what: What::Hide { folder: true }, asked: Asked::Hide(hide) });
    }
    wishes.sort_by_cached_key(|w| pathname::depth(&w.destination));
    for Wish { destination, what, asked } in wishes {
        match what {
            What::Hide { .. } => hide(placing, &destination, &asked)?,
            What::Cow { source, .. } => cow::put(placing, &destination, source, &asked)?,
            What::Symlink { to } => placing.link(&destination, to, &asked)?,
            what => drop(placing.put(&destination, what, &asked)?),
        }
    }
    Ok(create)
}

fn bind_wish<'a>(bind: &'a Bind, host: &Host, home: &[u8], create: &mut Create) -> Result<Wish<'a>> {
    let typed = bind.source.as_bytes();
    let (path, look) = source::wanted(host, typed, "bind")?;
    let fail = || Fail::new(Stage::Front, format!("cannot bind '{}'", bind.source));
    let mut source = match look {
        Look::Is(real) if real.kind == Kind::Device => {
            return Err(fail()
                .why("it is a device, and devices do not work in a bind")
                .hint(format!("kakuri --device {}", bind.source)));
        }
        Look::Is(real) if bind.create && real.kind != Kind::Folder => {
            return Err(fail().why("it is a file, and `create` makes a folder").hint("leave `create` out"));
        }
        Look::Is(real)
            if pathname::below(&real.path, b"/dev").is_some_and(|r| r.split(|&b| b == b'/').next() != Some(b"shm")) =>
        {
            return Err(fail()
                .why("it lies in /dev, and devices do not work in a bind")
                .hint(format!("kakuri --device {}", bind.source)));
        }
        Look::Is(real) => real.source(Some(typed)),
        Look::Missing if bind.create => {
            let from = source::future(&path);
            create.push(Bytes(from.clone()));
            Source { from, typed: Some(typed.to_vec()), folder: true, ..Source::default() }
        }
        Look::Missing => {
            return Err(fail().errno(libc::ENOENT).hint("correct the name, or add `:create` to have the folder made"));
        }
    };
    source.read_only = bind.read_only;
    source.noexec = bind.noexec;
    if bind.cow && !source.folder {
        return Err(fail().why("it is a file, and `cow` is for folders").hint("give the folder it lies in"));
    }
    let destination = match (&bind.destination, in_home(typed)) {
        (Some(destination), _) => pathname::absolute(b"/", destination.as_bytes()),
        (None, Some(rest)) => pathname::absolute(home, rest),
        (None, None) => host.absolute(typed)?,
    };
    if destination == b"/" {
        return Err(fail()
            .why("it would cover the root of the container")
            .hint("bind the folders you need, or give it a place: --bind /:/host:ro"));
    }
    // Its layer is chosen when its place is known.
    let what = if bind.cow { What::Cow { source, layer: None, split: false } } else { What::Bind(source) };
    Ok(Wish { destination, what, asked: Asked::Bind(bind) })
}

fn device_wish<'a>(device: &'a Device, host: &Host) -> Result<Wish<'a>> {
    let typed = device.source.as_bytes();
    let asked = Asked::Device(device);
    let fail = || Fail::new(Stage::Front, asked.to_string());
    let (_, look) = source::wanted(host, typed, "add the device")?;
    let mut source = match look {
        Look::Is(real) if matches!(real.kind, Kind::Device | Kind::Folder) => real.source(Some(typed)),
        Look::Is(_) => {
            return Err(fail().why("it is not a device").hint(format!("kakuri --bind {}", device.source)));
        }
        Look::Missing => {
            return Err(fail().errno(libc::ENOENT).hint("ls /dev shows what the host has"));
        }
    };
    source.devices = true;
    source.read_only = device.read_only;
    let destination = match &device.destination {
        Some(destination) => pathname::absolute(b"/", destination.as_bytes()),
        None => host.absolute(typed)?,
    };
    Ok(Wish { destination, what: What::Bind(source), asked })
}

/// What is made for the container alone.
fn made(spec: &Spec) -> impl Iterator<Item = Wish<'_>> {
    let at = |at: &Bytes| pathname::absolute(b"/", at.as_bytes());
    let read_only = spec.read_only;
    let files = spec.made.files.iter().map(move |file| Wish {
        destination: at(&file.at),
        what: What::PrivateFile { mode: file.mode, text: file.contents.0.clone() },
        asked: Asked::File(file),
    });
    let folders = spec.made.folders.iter().map(move |folder| Wish {
        destination: at(&folder.at),
        what: What::Private { mode: folder.mode, read_only },
        asked: Asked::Folder(folder),
    });
    let links = spec.made.symlinks.iter().map(move |link| Wish {
        destination: at(&link.at),
        what: What::Symlink { to: link.to.0.clone() },
        asked: Asked::Symlink(link),
    });
    files.chain(folders).chain(links)
}

/// Covers what exists; a typo in a name that is to be hidden must not pass unseen.
fn hide(placing: &mut Placing, destination: &[u8], asked: &Asked) -> Result<()> {
    let located = placing.layout.locate(destination);
    if located.at.starts_with(b"/proc/self/") || [&b"/proc/self"[..], b"/proc/thread-self"].contains(&&located.at[..]) {
        return Err(Fail::new(Stage::Front, asked.to_string())
            .why("it leads each process to itself")
            .hint("--proc none leaves /proc out"));
    }
    let folder = match located.found {
        Found::Folder if located.at != b"/" => true,
        Found::File => false,
        Found::Folder => {
            return Err(Fail::new(Stage::Front, asked.to_string())
                .why("it is the root of the container")
                .hint("--base none"));
        }
        Found::Missing | Found::Blocked => {
            return Err(Fail::new(Stage::Front, asked.to_string())
                .why("it cannot be seen inside anyway, or the name is wrong")
                .hint("correct the name or leave it out"));
        }
    };
    // What was made only for this place gives way to something empty; what is shown of the host is covered.
    let made_here = placing.layout.get(&located.at).is_some();
    let what = match (made_here, folder) {
        (true, true) => What::Skeleton,
        (true, false) => What::File { text: Vec::new() },
        (false, folder) => What::Hide { folder },
    };
    placing.layout.replace(&located.at, what);
    Ok(())
}
