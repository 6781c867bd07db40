//! Starting a command: the payload is exec number one, and every later one takes this same way.
//!
//! Runs in a child that shares our memory until its exec. No capability before it joins P; all of P's
//! after (they reach nothing outside P), cut to the bounding set before the exec.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kakuri_wire::fail::{CODE_NOT_EXECUTABLE, CODE_NOT_FOUND, Fail, OrFail, Result, Stage};
use kakuri_wire::{Bytes, Channel, Exec, caps, sys};
use nix::sys::signal::SigSet;
use rustix::fs::{FileType, fchown, fstat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::process::{Resource, Rlimit, chdir, ioctl_tiocsctty, setrlimit, setsid};
use rustix::thread::{
    LinkNameSpaceType, clear_ambient_capability_set, move_into_link_name_space, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use crate::filter;
use crate::landlock;
use crate::reap::Child;
use crate::{Ids, Limit, Process};

/// What a command is started with beside its own words.
pub struct Launch<'a> {
    pub process: &'a Process,
    /// P.
    pub user: BorrowedFd<'a>,
    /// What becomes 0-2; the terminal's slave wherever `process.terminal` says so.
    pub stdio: [BorrowedFd<'a>; 3],
    /// The terminal that becomes the controlling one.
    pub terminal: Option<BorrowedFd<'a>>,
    /// In the order of `process.pass`.
    pub passed: &'a [OwnedFd],
    /// The mask to give back.
    pub mask: &'a SigSet,
    /// The limit of open files to give back, where this process raised its own.
    pub files: Option<&'a Rlimit>,
    /// Who is told, and of which session, where somebody is to answer the command's refused calls.
    pub watch: Option<(&'a Channel, u32)>,
    /// What it is put under before its exec.
    pub ruleset: Option<BorrowedFd<'a>>,
}

/// Starts the command and returns once its image is loaded, or with the reason it could not be.
pub fn launch(launch: &Launch) -> Result<Child> {
    let process = launch.process;
    let shown = process.argv.first().map(ToString::to_string).unwrap_or_default();
    let nul = || {
        Fail::new(Stage::Command, format!("cannot run '{shown}'")).why("an argument or variable contains a NUL byte")
    };
    let strings = |list: &[Bytes]| list.iter().map(Bytes::to_cstring).collect::<Option<Vec<CString>>>().ok_or_else(nul);
    let (argv, env) = (strings(&process.argv)?, strings(&process.env)?);
    if argv.is_empty() {
        return Err(Fail::new(Stage::Command, "there is no command to run"));
    }
    // Ready before the child exists: what it allocates and does not free before its exec would be lost to us for good.
    let mut image = Exec::new(argv, env, process.path.as_bytes());

    let filter = process.filter.as_ref().map(|bytes| filter::read(bytes.as_bytes())).transpose()?;

    let mut failure = None;
    let (pid, pidfd) = sys::clone_vfork(0, &mut || {
        let confined = confine(launch).and_then(|told| match (filter.as_deref(), told) {
            (Some(filter), Some((link, session))) => filter::watch(filter, &link, session),
            (Some(filter), None) => filter::apply(filter),
            (None, _) => Ok(()),
        });
        failure = Some(match confined {
            Err(fail) => fail,
            Ok(()) => refused(&shown, image.run(), launch.ruleset.is_some()),
        });
        i32::from(CODE_NOT_FOUND)
    })
    .fail(Stage::Init, || format!("cannot start '{shown}'"))?;
    match failure {
        None => Ok(Child { pid, pidfd }),
        Some(fail) => Err(fail),
    }
}

fn refused(shown: &str, errno: i32, ruled: bool) -> Fail {
    let fail = Fail::new(Stage::Command, format!("cannot run '{shown}'")).errno(errno);
    match errno {
        libc::ENOENT | libc::ENOTDIR => fail.why("command not found in the container").code(CODE_NOT_FOUND),
        libc::EACCES if ruled => fail
            .why("it is not executable, or the Landlock rules do not let it be executed")
            .hint("--landlock-rx allows a program, its interpreter and its libraries: --landlock-rx /usr, or / for all")
            .code(CODE_NOT_EXECUTABLE),
        libc::EACCES => fail
            .why("it is not executable")
            .hint("name a program; chmod +x FILE makes a script or program executable")
            .code(CODE_NOT_EXECUTABLE),
        libc::ENOEXEC => fail.why("it is not a program this machine can run").code(CODE_NOT_EXECUTABLE),
        _ => fail.code(CODE_NOT_EXECUTABLE),
    }
}

/// Every step from our child to the moment before exec, in the order the kernel forces. What is left is the filter, and who is
/// told of it.
fn confine(launch: &Launch) -> Result<Option<(Channel, u32)>> {
    let process = launch.process;
    // A session of its own: the caller's terminal is out of reach, and job control works in the new one.
    setsid().fail(Stage::Init, || "cannot start a session".into())?;
    if let Some(terminal) = launch.terminal {
        ioctl_tiocsctty(terminal).fail(Stage::Init, || "cannot take the terminal".into())?;
    }
    let Kept { user, ruleset, link } = place_descriptors(launch)?;
    // From here on with P's capabilities; the order below is forced: the bounding set needs SETPCAP, and
    // no_new_privs must be the last word before filters.
    move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))
        .fail(Stage::Init, || "cannot join the payload's user namespace".into())?;
    caps::bound(Stage::Init, caps::Set::from_bits_retain(process.bounding))?;
    clear_ambient_capability_set().fail(Stage::Init, || "cannot clear ambient capabilities".into())?;
    if let Some(ids) = &process.ids {
        become_user(ids, launch)?;
    }
    if let Some(files) = launch.files {
        setrlimit(Resource::Nofile, *files).fail(Stage::Init, || "cannot set the limit of open files".into())?;
    }
    for limit in &process.limits {
        set_limit(limit)?;
    }
    enter(&process.cwd)?;
    set_no_new_privs(true).fail(Stage::Init, || "cannot set no_new_privs".into())?;
    // Of the steps that open something by path the exec alone is left; a filter of the command's own may refuse the call.
    if let Some(ruleset) = ruleset {
        landlock::enter(ruleset.as_fd())?;
    }
    sys::reset_signals(launch.mask.as_ref()).fail(Stage::Init, || "cannot give the signal mask back".into())?;
    Ok(link.zip(launch.watch).map(|(link, (_, session))| (link, session)))
}

/// In P: from the caller, who P's root or another of its users is, to the wanted one. Needs SETGID and SETUID in P, which
/// P's own bounding set does not decide.
fn become_user(ids: &Ids, launch: &Launch) -> Result<()> {
    let what = || format!("cannot be user {}:{} in the container", ids.uid, ids.gid);
    let is_pipe = |fd: &BorrowedFd| fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    let pipes = launch.stdio.into_iter().filter(|fd| ids.pipes && is_pipe(fd));
    for own in pipes.chain(launch.terminal) {
        // Where the map leaves the caller out, whose it is, nobody inside may give it away, and it is used as it is.
        match fchown(own, Some(Uid::from_raw(ids.uid)), None) {
            Ok(()) | Err(Errno::PERM | Errno::INVAL | Errno::OVERFLOW) => {}
            Err(e) => return Err(Fail::new(Stage::Init, "cannot give the terminal to the command").errno(e)),
        }
    }
    let groups: Vec<Gid> = ids.groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
    let (uid, gid) = (Uid::from_raw(ids.uid), Gid::from_raw(ids.gid));
    // Groups first: who is not root any more may set none.
    set_thread_groups(&groups)
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid))
        .map_err(|e| {
            let fail = Fail::new(Stage::Init, what()).errno(e);
            match e {
                Errno::INVAL => {
                    fail.why("the container has no such id").hint("its ids are in /proc/self/uid_map there")
                }
                _ => fail,
            }
        })?;
    // Whoever was none of P's roots before has kept what only root has.
    if ids.uid != 0 { caps::drop_all(Stage::Init) } else { Ok(()) }
}

/// What is still needed between the placing of the descriptors and the exec.
struct Kept {
    /// P.
    user: OwnedFd,
    ruleset: Option<OwnedFd>,
    /// Where the listener of refused calls is sent.
    link: Option<Channel>,
}

/// 0-2 and the passed descriptors at their numbers, open over exec; everything else is closed by the exec
/// (each is close-on-exec from birth; the ranges are marked once more, in case one ever is not).
fn place_descriptors(launch: &Launch) -> Result<Kept> {
    let what = || "cannot place the command's descriptors".to_string();
    let wanted: Vec<(BorrowedFd, i32)> = launch
        .stdio
        .iter()
        .copied()
        .zip(0..)
        .chain(launch.passed.iter().map(AsFd::as_fd).zip(launch.process.pass.iter().copied()))
        .collect();
    // First above every target, so that no placement overwrites a source still needed, P, the rules or the link.
    let above = wanted.iter().map(|w| w.1).max().unwrap_or(2) + 1;
    let high = |fd: BorrowedFd| rustix::io::fcntl_dupfd_cloexec(fd, above).fail(Stage::Init, what);
    let user = high(launch.user)?;
    let ruleset = launch.ruleset.map(high).transpose()?;
    let link = launch.watch.map(|(link, _)| high(link.as_fd())).transpose()?;
    let mut sources = Vec::with_capacity(wanted.len());
    for (source, _) in &wanted {
        sources.push(high(*source)?);
    }
    for (source, (_, target)) in sources.iter().zip(&wanted) {
        sys::dup_onto(source.as_fd(), *target).fail(Stage::Init, what)?;
    }
    let mut first = 0;
    for (_, target) in &wanted {
        let target = *target as u32;
        if target > first {
            sys::close_range(first, target - 1, true).fail(Stage::Init, what)?;
        }
        first = target + 1;
    }
    sys::close_range(first, u32::MAX, true).fail(Stage::Init, what)?;
    Ok(Kept { user, ruleset, link: link.map(Channel::from) })
}

fn set_limit(limit: &Limit) -> Result<()> {
    sys::set_limit(limit.resource, limit.soft, limit.hard)
        .fail(Stage::Init, || format!("cannot set resource limit {}", limit.resource))
}

/// The working folder, and that it lies inside: a descriptor to the outside must not become it.
fn enter(cwd: &Bytes) -> Result<()> {
    let what = || format!("cannot use '{cwd}' as the working folder");
    chdir(cwd.as_path())
        .map_err(|e| Fail::new(Stage::Init, what()).errno(e).hint("name a folder that exists inside with -w"))?;
    let path = rustix::process::getcwd(Vec::new()).fail(Stage::Init, what)?;
    if path.as_bytes().first() != Some(&b'/') {
        return Err(Fail::new(Stage::Init, what()).why("it lies outside of the container"));
    }
    Ok(())
}
