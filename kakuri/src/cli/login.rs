//! kakuri as somebody's login shell. Whoever logs in may choose nothing: a word that is not expected is refused.
//!
//! login(1) and sshd(8) call a login shell with a dash before its name and no arguments, or, for `ssh host COMMAND`,
//! scp and git, by its name with `-c COMMAND`. The name says which container: a link called `kakuri-shell-NAME` means
//! NAME. By its own name kakuri is nobody's login shell: su(1) hands its caller's arguments on to the shell of an account,
//! and by that name they would be options.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::{Bytes, Fail};

use super::ask::{General, Shell};
use super::scan::shown;
use super::{misuse, phrase};
use crate::spec::Environment;

/// The beginning of a link's name; the rest is the container's.
const LINK: &[u8] = b"kakuri-shell-";

/// None: kakuri was called as a program.
pub fn read(arguments: &[OsString]) -> Result<Option<Shell>, Fail> {
    let called = arguments.first().map(|a| a.as_bytes()).unwrap_or_default();
    let rest = arguments.get(1..).unwrap_or_default();
    let dash = called.first() == Some(&b'-');
    let own = called[usize::from(dash)..].rsplit(|&b| b == b'/').next().unwrap_or_default();
    let linked = own.strip_prefix(LINK);
    let asked = rest.first().is_some_and(|a| matches!(a.as_bytes(), b"-c" | b"-lc"));
    if !dash && linked.is_none() && !asked {
        return Ok(None);
    }
    let Some(name) = linked else {
        return Err(misuse("kakuri by its own name is no login shell")
            .why("whoever may give it arguments, as with su, would not be confined")
            .hint("ln -s kakuri /usr/local/bin/kakuri-shell-NAME, and give the account that shell"));
    };
    let name = phrase::new_name(name)
        .map_err(|fail| fail.why(format!("the link '{}' says which container it is for", shown(own))))?;
    let command = command(own, rest)?;
    Ok(Some(shell(name, command)))
}

/// `-c COMMAND`, with `-l` or without.
fn command(own: &[u8], rest: &[OsString]) -> Result<Option<Bytes>, Fail> {
    let mut words = rest.iter().map(|w| w.as_bytes());
    let mut command = None;
    while let Some(word) = words.next() {
        match word {
            b"-l" | b"--login" => {}
            b"-c" | b"-lc" | b"-cl" if command.is_none() => match words.next() {
                Some(given) => command = Some(Bytes(given.to_vec())),
                None => return Err(misuse("'-c' needs a value").hint(format!("{} -c COMMAND", shown(own)))),
            },
            word => {
                return Err(misuse(format!("a login shell takes no '{}'", shown(word)))
                    .hint(format!("{} alone, or with -c COMMAND", shown(own))));
            }
        }
    }
    Ok(command)
}

/// A login shell of the container `name`; all else is left as it is.
pub fn shell(name: String, command: Option<Bytes>) -> Shell {
    Shell {
        name,
        login: true,
        command,
        environment: Environment::default(),
        workdir: None,
        user: None,
        detach_keys: None,
        general: General::default(),
    }
}
