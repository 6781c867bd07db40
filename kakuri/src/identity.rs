//! Who the command is inside: ids, name, home, and the files that say so.

use std::fmt::Write as _;

use crate::account;
use crate::host::Host;
use crate::pathname;
use crate::spec::User;

/// The overflow ids, which everybody who has no id inside is shown as.
pub const NOBODY: u32 = 65534;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
    /// The home inside.
    pub home: Vec<u8>,
    /// With a range of ids, his groups, the first of them `gid`.
    pub groups: Vec<u32>,
}

impl Identity {
    /// With the host base the home has the caller's own path, so that paths mean the same inside and outside.
    pub fn of(user: &User, host: &Host) -> Identity {
        let own_home = || if is_home(&host.home) { host.home.clone() } else { b"/root".to_vec() };
        let (uid, gid, name, home) = match user.clone() {
            User::Unset | User::Root | User::Named { uid: 0, gid: 0 } => (0, 0, "root".into(), own_home()),
            User::KeepId => (host.uid, host.gid, host.user_name(), own_home()),
            User::Named { uid: 0, gid } => (0, gid, "root".into(), own_home()),
            User::Named { uid, gid } => (uid, gid, "user".into(), b"/home/user".to_vec()),
            User::Name(typed) => match account::of_base(&typed, host) {
                Ok(user) => return Identity::of(&user, host),
                // A root's own user, who is a number by now wherever it matters: whoever may do least.
                Err(_) => (NOBODY, NOBODY, "nobody".into(), b"/nonexistent".to_vec()),
            },
        };
        Identity { uid, gid, name, home, groups: vec![gid] }
    }

    pub fn passwd(&self, shell: &[u8]) -> Vec<u8> {
        let line = |name: &str, uid: u32, gid: u32, home: &[u8], shell: &[u8]| {
            let head = format!("{name}:x:{uid}:{gid}:{name}:");
            [head.as_bytes(), &field(home), b":", &field(shell), b"\n"].concat()
        };
        let mut text = line(&self.name, self.uid, self.gid, &self.home, shell);
        if self.uid != 0 {
            text.extend(line("root", 0, 0, b"/root", shell));
        }
        if self.uid != NOBODY {
            text.extend(line("nobody", NOBODY, NOBODY, b"/nonexistent", b"/usr/sbin/nologin"));
        }
        text
    }

    pub fn group(&self) -> Vec<u8> {
        let mut text = String::new();
        let _ = writeln!(text, "{}:x:{}:", if self.gid == 0 { "root" } else { &self.name }, self.gid);
        if self.gid != 0 {
            text += "root:x:0:\n";
        }
        if self.gid != NOBODY {
            let _ = writeln!(text, "nogroup:x:{NOBODY}:");
        }
        text.into_bytes()
    }
}

/// A field of passwd(5) holds no colon and no line break.
fn field(value: &[u8]) -> Vec<u8> {
    if value.iter().any(|b| matches!(b, b':' | b'\n')) { b"/".to_vec() } else { value.to_vec() }
}

/// Whether a private folder can stand at this path without covering what a command needs.
fn is_home(path: &[u8]) -> bool {
    let taken = [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix", "/gnu", "/proc", "/sys", "/dev",
    ];
    pathname::depth(path) > 0
        && !taken.iter().any(|t| pathname::below(path, t.as_bytes()).is_some())
        && ![&b"/home"[..], b"/tmp", b"/var", b"/run", b"/opt"].contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        Host { home: b"/home/ada".to_vec(), uid: 1234, gid: 100, ..Host::default() }
    }

    #[test]
    fn root_by_default_at_the_callers_own_path() {
        let id = Identity::of(&User::Root, &host());
        assert_eq!((id.uid, id.gid, &id.home[..]), (0, 0, &b"/home/ada"[..]));
        let passwd = String::from_utf8(id.passwd(b"/bin/bash")).expect("text");
        assert_eq!(
            passwd,
            "root:x:0:0:root:/home/ada:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        );
    }

    #[test]
    fn a_user_has_a_home_of_his_own() {
        let id = Identity::of(&User::Named { uid: 1000, gid: 1000 }, &host());
        assert_eq!((&id.home[..], id.name.as_str()), (&b"/home/user"[..], "user"));
        assert_eq!(id.group(), b"user:x:1000:\nroot:x:0:\nnogroup:x:65534:\n");
    }

    #[test]
    fn homes_that_would_cover_programs_are_not_taken() {
        for home in ["/", "/usr/sbin", "/home", "/dev/x"] {
            let host = Host { home: home.into(), ..Host::default() };
            assert_eq!(Identity::of(&User::Root, &host).home, b"/root", "{home}");
        }
    }
}
