//! `kakuri container cp`: the ends of a copy, found and judged before anything is written.
//!
//! What goes where is as with docker: a folder is copied into a folder that is there and becomes one that is not; `/.`
//! behind it means what is in it; a file is copied into a folder or becomes what the destination names.

use std::fs::File;
use std::io::{BufWriter, IsTerminal};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use kakuri_wire::fail::Result;
use kakuri_wire::{Bytes, sys};
use rustix::fs::{AtFlags, FileType, statat};
use rustix::io::Errno;
use rustix::stdio;

use super::{FAILED, Surroundings, exec};
use crate::account;
use crate::cli::{self, Side};
use crate::client::{self, ask};
use crate::copy::place::{self, Base, Spot};
use crate::copy::root::Inside;
use crate::copy::tar::{Owner, Writer};
use crate::copy::tree::Tree;
use crate::copy::walk::Walk;
use crate::copy::{Progress, Trail, cannot, fail, unpack};
use crate::identity::Identity;
use crate::idmap::{self, Range, maps};
use crate::image::ready::{self, Fetch};
use crate::plan::{Kept, Storage};
use crate::rights;
use crate::spec::{IdMode, User};
use crate::store::State;

/// A container that ends while it is looked at is started; this often.
const TRIES: usize = 50;
/// How long the end of a container that was started for the copy is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(4);
/// What goes to standard output at once.
const BUFFER: usize = 256 << 10;

pub fn run(wanted: &cli::Copy) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let surroundings = Surroundings::look(&wanted.general)?;
    let ((Side::Container { name, .. }, _) | (_, Side::Container { name, .. })) = (&wanted.from, &wanted.to) else {
        return Err(fail("kakuri container cp copies to a container or from one"));
    };
    check_ends(wanted).map_err(|fail| fail.code(FAILED))?;
    let known = surroundings.store.find(name).map_err(|fail| fail.code(FAILED))?.name;
    let idle = client::running(&surroundings.store, &known).is_none();
    let inside = enter(&surroundings, name).map_err(|fail| fail.code(FAILED))?;
    // With a limit on file sizes the kernel would kill us instead of saying so.
    let done = sys::ignoring(libc::SIGXFSZ, || carry_out(wanted, name, &surroundings, &inside));
    let stands = inside.stands();
    drop(inside);
    if idle {
        wait_for_end(&surroundings, name);
    }
    match done {
        Err(fail) => Err(fail.code(FAILED)),
        Ok(()) if !stands => Err(fail(format!("the container '{name}' ended while its files were copied"))
            .why("what was copied may not be all")
            .hint("copy again")),
        Ok(()) => Ok(0),
    }
}

/// What is wrong on the host's side is told without starting a container for it.
fn check_ends(wanted: &cli::Copy) -> Result<()> {
    match (&wanted.from, &wanted.to) {
        (Side::Host(path), _) => locate_source(&Base::Host, &path.0, wanted.follow).map(drop),
        (_, Side::Host(path)) => Destination::find(&Base::Host, &path.0).map(drop),
        (Side::Tar, _) if std::io::stdin().is_terminal() => {
            Err(fail("cannot read an archive from a terminal")
                .hint("tar -C FOLDER -c . | kakuri container cp - NAME:PATH"))
        }
        (_, Side::Tar) if std::io::stdout().is_terminal() => Err(fail("cannot write an archive to a terminal")
            .hint("send it to a file or a command: kakuri container cp NAME:PATH - >files.tar")),
        _ => Ok(()),
    }
}

/// The container, which runs or is started for as long as this is held.
fn enter(surroundings: &Surroundings, name: &str) -> Result<Inside> {
    for _ in 0..TRIES {
        let control = exec::supervisor_of(surroundings, name, false)?;
        if let Some(inside) = Inside::open(control, name)? {
            return Ok(inside);
        }
    }
    Err(exec::unstable(name))
}

/// A container that was started for us is gone when the prompt is back, unless somebody else has entered it: a
/// supervisor that answers once we have left goes on for another reason than us.
fn wait_for_end(surroundings: &Surroundings, name: &str) {
    let Ok(entry) = surroundings.store.find(name) else { return };
    let end = Instant::now() + PATIENCE;
    while entry.state() == State::Running && Instant::now() < end {
        if ask::look(&entry).is_ok() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

fn carry_out(wanted: &cli::Copy, name: &str, surroundings: &Surroundings, inside: &Inside) -> Result<()> {
    let container = Base::Container(&inside.root, name);
    let mut progress = Progress::begin();
    let done = match (&wanted.from, &wanted.to) {
        (Side::Container { path, .. }, Side::Tar) => {
            let owner = owner(surroundings, name, inside)?;
            pack(&container, &path.0, wanted, owner, &mut progress)
        }
        (Side::Tar, Side::Container { path, .. }) => {
            into(surroundings, name, inside).and_then(|()| unpack_into(&container, &path.0, &mut progress))
        }
        (Side::Container { path, .. }, Side::Host(to)) => {
            copy(&container, &path.0, &Base::Host, &to.0, wanted, &mut progress)
        }
        (Side::Host(from), Side::Container { path, .. }) => into(surroundings, name, inside)
            .and_then(|()| copy(&Base::Host, &from.0, &container, &path.0, wanted, &mut progress)),
        _ => Ok(()),
    };
    done.map_err(|mut fail| {
        if progress.entries > 0 {
            let why = fail.reason().unwrap_or_default();
            fail.why = Some(format!("{why} (copied before it, and left there: {progress})"));
        }
        fail
    })
}

/// A source that is there, and by what name it goes on; None is what is in a folder.
fn locate_source(base: &Base, path: &[u8], follow: bool) -> Result<(Spot, Option<Vec<u8>>)> {
    let slash = path.ends_with(b"/");
    let spot = base.locate(path, follow || slash).map_err(|e| place::missing(base, path, e))?;
    let name = match &spot {
        Spot::Folder(_) => None,
        Spot::Named { kind: None, .. } => return Err(place::missing(base, path, Errno::NOENT)),
        Spot::Named { kind: Some(kind), .. } if slash && *kind != FileType::Directory => {
            return Err(cannot("copy", Bytes(base.shown(path)), Errno::NOTDIR)
                .why("it is no folder, as the slash at its end says")
                .hint("leave the slash out"));
        }
        // A link that was followed keeps its own name.
        Spot::Named { .. } => Some(place::split(place::strip_slashes(path)).1.to_vec()),
    };
    Ok((spot, name))
}

/// Where a copy goes.
enum Destination {
    /// A folder that is there.
    Folder(OwnedFd),
    /// A name in a folder: nothing is there, or something that is no folder.
    Name { folder: OwnedFd, name: Vec<u8>, taken: bool },
}

impl Destination {
    /// In the container a link is followed. On the host the last name is not: what comes out of a container may have
    /// brought the link with an earlier copy, and would choose with it what of the caller's is written.
    fn find(base: &Base, path: &[u8]) -> Result<Destination> {
        let shown = Bytes(base.shown(path));
        let spot = base.locate(path, base.is_container()).map_err(|e| match e {
            Errno::NOENT | Errno::NOTDIR => fail(format!("cannot copy to '{shown}'"))
                .why("the folder it would be in does not exist")
                .hint("make it first, or name one that is there"),
            e => cannot("copy to", &shown, e),
        })?;
        match spot {
            Spot::Folder(folder) => Ok(Destination::Folder(folder)),
            Spot::Named { folder, name, kind: Some(FileType::Directory) } => {
                let found = place::step(&folder, &name).map_err(|e| cannot("copy to", &shown, e))?;
                Ok(Destination::Folder(found))
            }
            Spot::Named { folder, name, kind: Some(FileType::Symlink) } => {
                Destination::at_link(base, path, folder, name)
            }
            Spot::Named { folder, name, kind } => match kind {
                None | Some(FileType::RegularFile) => Ok(Destination::Name { folder, name, taken: kind.is_some() }),
                Some(_) => Err(fail(format!("cannot copy to '{shown}'"))
                    .why("it is neither a file nor a folder")
                    .hint("name another place")),
            },
        }
    }

    /// A link on the host: a slash behind it says that the folder it leads to is meant. Otherwise it is a name that is
    /// taken, and a file takes its place.
    fn at_link(base: &Base, path: &[u8], folder: OwnedFd, name: Vec<u8>) -> Result<Destination> {
        let shown = Bytes(base.shown(path));
        if path.ends_with(b"/") {
            return base.folder(path).map(Destination::Folder).map_err(|e| cannot("copy to", &shown, e));
        }
        let refused = |why: &str, hint: String| Err(fail(format!("cannot copy to '{shown}'")).why(why).hint(hint));
        match statat(&folder, &name, AtFlags::empty()).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Directory) => refused(
                "it is a symbolic link to a folder, and may have come out of a container",
                format!("with a slash at its end it is followed: {shown}/"),
            ),
            Ok(FileType::RegularFile) | Err(_) => Ok(Destination::Name { folder, name, taken: true }),
            Ok(_) => refused("it leads to what is neither a file nor a folder", "name another place".into()),
        }
    }
}

fn copy(
    from: &Base,
    source: &[u8],
    to: &Base,
    destination: &[u8],
    wanted: &cli::Copy,
    progress: &mut Progress,
) -> Result<()> {
    let (spot, own) = locate_source(from, source, wanted.follow)?;
    let found = Destination::find(to, destination)?;
    let shown = to.shown(destination);
    let is_folder = matches!(&spot, Spot::Folder(_) | Spot::Named { kind: Some(FileType::Directory), .. });
    let refused = |why: &str, hint: &str| {
        Err(fail(format!("cannot copy '{}' to '{}'", Bytes(from.shown(source)), Bytes(shown.clone())))
            .why(why)
            .hint(hint))
    };
    let (folder, name, shown) = match found {
        Destination::Folder(folder) => (folder, own, shown),
        Destination::Name { taken: true, .. } if is_folder => {
            return refused("a folder cannot take the place of a file", "remove the file, or name another place");
        }
        Destination::Name { taken, .. } if destination.ends_with(b"/") && (taken || !is_folder) => {
            return refused("there is no such folder", "make the folder first, or leave the slash out");
        }
        Destination::Name { folder, name, .. } => {
            let parent = place::split(place::strip_slashes(destination)).0;
            (folder, Some(name), to.shown(parent))
        }
    };
    let mut tree = Tree::new(folder, shown, wanted.archive, to.is_container(), name.is_none())?;
    let trail = Trail::new(from.shown(source));
    Walk::new(trail, from.is_container(), &mut tree, progress).run(&spot, name.as_deref())
}

fn pack(base: &Base, source: &[u8], wanted: &cli::Copy, owner: Owner, progress: &mut Progress) -> Result<()> {
    let (spot, own) = locate_source(base, source, wanted.follow)?;
    let out = stdio::stdout().try_clone_to_owned().map_err(|_| cannot("write to", "standard output", Errno::BADF))?;
    let mut writer = Writer::new(BufWriter::with_capacity(BUFFER, File::from(out)), owner, wanted.archive);
    let name = own.unwrap_or_else(|| b".".to_vec());
    Walk::new(Trail::new(base.shown(source)), true, &mut writer, progress).run(&spot, Some(&name))?;
    writer.finish()
}

fn unpack_into(base: &Base, destination: &[u8], progress: &mut Progress) -> Result<()> {
    match Destination::find(base, destination)? {
        Destination::Folder(_) => {}
        Destination::Name { taken, .. } => {
            return Err(fail(format!("cannot unpack to '{}'", Bytes(base.shown(destination))))
                .why(if taken { "it is no folder" } else { "there is no such folder" })
                .hint("an archive is unpacked into a folder that is there: kakuri exec NAME mkdir PATH"));
        }
    }
    let stdin = stdio::stdin().try_clone_to_owned().map_err(|_| cannot("read", "standard input", Errno::BADF))?;
    unpack::run(File::from(stdin), base, destination, progress)
}

/// Who is root of a container that root started, on the host. None: the caller is one of its users himself.
fn root_of(surroundings: &Surroundings, name: &str, inside: &Inside) -> Result<Option<(u32, u32)>> {
    let (Some((uid, gid)), true) = (inside.first, surroundings.host.is_real_root()) else { return Ok(None) };
    let spec = surroundings.store.find(name)?.record.spec;
    let Some(Range { payload, .. }) = idmap::decide(&spec, &surroundings.host)?.range else { return Ok(None) };
    // By the container's own map: which ids it has was decided when it was started.
    let root = |first: u32, map| maps::outside(map, 0).map_or(first, |id| first.saturating_add(id.saturating_sub(1)));
    Ok(Some((root(uid, &payload.uids), root(gid, &payload.gids))))
}

/// Copies into a container: as the caller, who is one of its users, or as its root.
fn into(surroundings: &Surroundings, name: &str, inside: &Inside) -> Result<()> {
    root_of(surroundings, name, inside)?.map_or(Ok(()), rights::act_as)
}

/// Who the caller is in the container.
fn owner(surroundings: &Surroundings, name: &str, inside: &Inside) -> Result<Owner> {
    if let Some(host) = root_of(surroundings, name, inside)? {
        return Ok(Owner { host, inside: (0, 0) });
    }
    let entry = surroundings.store.find(name)?;
    let host = &surroundings.host;
    let kept = Kept::of(&entry.folder);
    let config = &surroundings.config;
    let image = ready::prepare(&entry.record.spec, host, config, Fetch::Never { login: false })?;
    let storage = Storage { kept: Some(&kept), image: image.as_ref(), ..Storage::default() };
    let spec = account::settle(&entry.record.spec, host, config, &storage)?;
    let ranged = match (&spec.ids, &image) {
        (IdMode::Unset, Some(image)) => image.ids.range.is_some(),
        (ids, _) => matches!(ids, IdMode::Range | IdMode::Auto | IdMode::Map { .. }),
    };
    let inside = match (ranged, &spec.user) {
        // With a range of ids the caller is root inside, whoever the command is, unless he keeps his own.
        (true, user) if *user != User::KeepId => (0, 0),
        (_, user) => {
            let identity = Identity::of(user, host);
            (identity.uid, identity.gid)
        }
    };
    Ok(Owner { host: (host.uid, host.gid), inside })
}
