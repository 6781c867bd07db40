//! Rows about this machine and this installation: the kernel's age, device nodes, ids, terminal, programs, and
//! whether a container starts. No capability.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Command, Stdio};

use kakuri_wire::handshake::{BUILD, PROTOCOL};
use kakuri_wire::{Bytes, Fail, fail};

use super::{Row, script};
use crate::helper::{NAMES, Programs};
use crate::host::{Host, kernel_release, kernel_version};
use crate::idmap;
use crate::idmap::Ids;
use crate::idmap::range::Lack;
use crate::idmap::subid::Given;
use crate::landlock::{self, Decided};
use crate::spec::Spec;
use crate::userns;

/// mount_setattr(2) is the youngest call a start needs.
const FLOOR: (u32, u32) = (5, 12);

pub(super) fn kernel() -> Row {
    let release = kernel_release();
    let release = if release.is_empty() { "unknown" } else { &release };
    let row = "kernel";
    match kernel_version(release) {
        Some(found) if found < FLOOR => Row::fails(row, format!("{release} is older than {}.{}", FLOOR.0, FLOOR.1))
            .mend("boot Linux 5.12 or later (on Debian 11: sudo apt install -t bullseye-backports linux-image-amd64)")
            .without("nothing: mount_setattr(2) makes read-only whole"),
        _ => Row::works(row, format!("{release} ({}.{} or later)", FLOOR.0, FLOOR.1)),
    }
}

/// Nodes an ordinary user cannot make: the outer ones are bound.
pub(super) fn devices() -> Row {
    let missing: Vec<&str> = ["null", "zero", "full", "random", "urandom", "tty"]
        .into_iter()
        .filter(|name| !fs::metadata(format!("/dev/{name}")).is_ok_and(|m| m.file_type().is_char_device()))
        .collect();
    if missing.is_empty() {
        return Row::works("devices", "null zero full random urandom tty");
    }
    Row::fails("devices", format!("missing in /dev: {}", missing.join(" ")))
        .mend("give the outer container a /dev (bwrap: --dev /dev; chroot: sudo mount --rbind /dev CHROOT/dev)")
        .without("containers without the missing ones")
}

fn roots_ids(ids: &Ids) -> Row {
    const NAME: &str = "id range";
    match ids.range.as_ref().and_then(|range| range.set_up.uids.get(1)) {
        Some(own) => Row::works(
            NAME,
            format!("{} ids from {} on: root's containers have them, and never root's own", own.count, own.outside),
        ),
        None => Row::lesser(NAME, ids.notes.join("; "))
            .mend("give the outer container these rights, or start kakuri as an ordinary user in it")
            .without("containers whose root is not this one"),
    }
}

fn roots_lack(fail: Fail) -> Row {
    let lack = Row::fails("id range", fail.why.clone().unwrap_or(fail.what)).without("every container");
    match fail.hint {
        Some(hint) => lack.mend(hint),
        None => lack,
    }
}

/// Only what was asked for by the --landlock options wants it.
pub(super) fn landlock() -> Row {
    const NAME: &str = "landlock";
    const WITHOUT: &str = "all but what the --landlock options deny; what does not hold is named at the start";
    let decided = Decided::kernel_alone();
    match decided.version {
        Ok(version) if version >= landlock::WHOLE => Row::works(NAME, format!("version {version}")),
        Ok(version) => Row::lesser(NAME, format!("version {version} of {}", landlock::WHOLE))
            .mend("boot Linux 6.12 or later")
            .without(WITHOUT),
        Err(_) => Row::lesser(NAME, decided.kernel()).mend(decided.mend()).without(WITHOUT),
    }
}

/// More ids than one: only images and trees with users of their own want them. By what a start looks at.
pub(super) fn ids() -> Row {
    const NAME: &str = "id range";
    let host = Host::look();
    if host.is_real_root() {
        return idmap::root::decide(&Spec::default(), &host).map_or_else(roots_lack, |ids| roots_ids(&ids));
    }
    match idmap::range::Facts::look(&host).granted() {
        Ok(granted) => {
            let count = |given: &[Given]| given.iter().map(|range| u64::from(range.count)).sum::<u64>();
            let (uids, gids) = (count(&granted.uids), count(&granted.gids));
            let ids = if uids == gids { format!("{uids} ids") } else { format!("{uids} uids and {gids} gids") };
            Row::works(NAME, format!("newuidmap, and {ids} for this user"))
        }
        Err(lack) => {
            let (why, mend) = lack.words();
            let fix: Vec<String> = match lack {
                Lack::Tools(_) => {
                    script::install(["uidmap", "shadow-utils", "shadow", "shadow", "shadow-uidmap"]).into()
                }
                Lack::NoRange => vec![mend.clone()],
                _ => Vec::new(),
            };
            Row::lesser(NAME, why).mend(mend).fix(fix).without("every container whose files belong to one user: you")
        }
    }
}

pub(super) fn terminal() -> Row {
    let here: Vec<&str> = [
        ("stdin", rustix::termios::isatty(std::io::stdin())),
        ("stdout", rustix::termios::isatty(std::io::stdout())),
        ("stderr", rustix::termios::isatty(std::io::stderr())),
    ]
    .into_iter()
    .filter_map(|(name, is)| is.then_some(name))
    .collect();
    if here.is_empty() {
        return Row::works("terminal", "none here; -t gives a command one of its own");
    }
    Row::works("terminal", format!("{}: replaced inside by the container's own", here.join(" ")))
}

/// All of them, and of one build.
pub(super) fn programs() -> Row {
    const NAME: &str = "programs";
    const MEND: &str = "cargo install --path . --target x86_64-unknown-linux-musl";
    let fails = |why: String| Row::fails(NAME, why).mend(MEND).without("nothing: each does a part of every start");
    let found = match Programs::locate(false) {
        Ok(found) => found,
        Err(e) => return fails(e.to_string()),
    };
    let expected = |name: &str| format!("{name} {BUILD} (protocol {PROTOCOL})");
    for name in NAMES {
        // Opened once and run by descriptor, as at a start.
        let fd = match found.open(name) {
            Ok(fd) => fd,
            Err(e) => return fails(e.to_string().lines().next().unwrap_or_default().into()),
        };
        let said = Command::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).arg("--version").output();
        let said = match said {
            Ok(out) => String::from_utf8_lossy(&out.stdout).trim().to_string(),
            // Told above already.
            Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => return Row::untried(NAME, "more processes"),
            Err(e) => return fails(format!("{name} cannot be run: {}", fail::describe(e.raw_os_error().unwrap_or(0)))),
        };
        if said != expected(name) {
            return fails(format!("'{}' where {} belongs", said.escape_debug(), expected(name)));
        }
    }
    Row::works(NAME, format!("all of build {BUILD}"))
}

/// The proof of all the rest.
pub(super) fn container() -> Row {
    const NAME: &str = "a container";
    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(_) => return Row::fails(NAME, "cannot tell where kakuri is").mend("mount /proc"),
    };
    let tried = Command::new(&own)
        .args(["run", "--no-auto-bind", "true"])
        .current_dir(Path::new("/"))
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(out) if out.status.success() => Row::works(NAME, "kakuri true"),
        Ok(out) => {
            let said = String::from_utf8_lossy(&out.stderr);
            let mut lines = said.lines().map(|line| line.trim().trim_start_matches("kakuri: "));
            let row = Row::fails(
                NAME,
                format!("kakuri true: {}", Bytes::from(lines.next().unwrap_or("it failed without a word"))),
            );
            match lines.find_map(|line| line.strip_prefix("hint: ")) {
                Some(hint) => row.mend(Bytes::from(hint).to_string()),
                None => row.mend("see what fails above"),
            }
        }
        Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => {
            let (why, hint) = userns::explain_failure(libc::EAGAIN);
            Row::fails(NAME, format!("kakuri cannot be run: {why}")).mend(hint)
        }
        Err(e) => Row::fails(NAME, format!("kakuri cannot be run: {}", fail::describe(e.raw_os_error().unwrap_or(0))))
            .mend("chmod +x the program, or leave the noexec mount it is on"),
    }
}

#[cfg(test)]
mod tests {
    use crate::host::kernel_version;

    #[test]
    fn kernel_versions() {
        assert_eq!(kernel_version("6.1.0-32-amd64"), Some((6, 1)));
        assert_eq!(kernel_version("5.12"), Some((5, 12)));
        assert_eq!(kernel_version("6.18.44-fc-v669"), Some((6, 18)));
        assert!(kernel_version("5.4.0") < Some((5, 12)));
        assert_eq!(kernel_version("odd"), None);
    }
}
