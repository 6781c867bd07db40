//! Accounts of a container: its own passwd(5) and group(5), as text. Nothing of the host's is asked, and what stands in
//! them may be hostile: it is shown nowhere without its control characters, and decides nothing but numbers inside.

use std::borrow::Cow;

use kakuri_wire::fail::{Fail, Result, Stage};

use crate::base::kept::Keep;
use crate::base::{image, rootfs};
use crate::config::Config;
use crate::host::Host;
use crate::identity::Identity;
use crate::layout::{Layout, Root};
use crate::plan::Storage;
use crate::spec::{Spec, User};

/// Names that an error tells of those there are.
const SHOWN: usize = 12;
/// Supplementary groups of one user, as many as the kernel takes at most times less.
const MOST_GROUPS: usize = 1000;

/// Both files.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    pub passwd: Vec<u8>,
    pub group: Vec<u8>,
}

/// A line of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: Vec<u8>,
    pub shell: Vec<u8>,
}

/// The wish with what its image says where the user said nothing, and with what a user is called turned into numbers where
/// that is a name; everything else stays as it is. Looks into the root only where there is a name.
pub fn settle<'a>(spec: &'a Spec, host: &Host, config: &Config, storage: &Storage) -> Result<Cow<'a, Spec>> {
    let spec = match storage.image {
        Some(ready) => Cow::Owned(ready.complete(spec)),
        None => Cow::Borrowed(spec),
    };
    // The bus asks who one is and is told by the program, who has to say what the kernel says outside. An image names its
    // own users.
    if spec.user == User::Unset && spec.image.is_none() && !spec.doors.dbus.is_empty() && !host.is_real_root() {
        return Ok(Cow::Owned(Spec { user: User::KeepId, ..spec.into_owned() }));
    }
    let User::Name(typed) = &spec.user else { return Ok(spec) };
    let accounts = |root: Root| {
        let mut layout = Layout::default();
        layout.root = Some(std::rc::Rc::new(root));
        rootfs::accounts(&layout)
    };
    let keep = storage.kept.map(|kept| Keep::of(kept, &spec, &Identity::of(&User::Root, host)));
    let user = match (&spec.rootfs, storage.image) {
        (_, Some(ready)) => {
            let (uid, gid) = accounts(image::look(ready, keep.as_ref())?).find_of_image(typed)?;
            User::Named { uid, gid }
        }
        (Some(wanted), None) => {
            let (uid, gid) = accounts(rootfs::look(&spec, wanted, host, config, keep.as_ref())?).find(typed)?;
            User::Named { uid, gid }
        }
        (None, None) => of_base(typed, host)?,
    };
    Ok(Cow::Owned(Spec { user, ..spec.into_owned() }))
}

/// With the host's programs, or none, the accounts are kakuri's own: these are all there are.
pub fn of_base(typed: &str, host: &Host) -> Result<User> {
    let own = host.user_name();
    match typed {
        "root" => Ok(User::Root),
        "user" => Ok(User::Named { uid: 1000, gid: 1000 }),
        "nobody" => Ok(User::Named { uid: 65534, gid: 65534 }),
        typed if typed == own => Ok(User::KeepId),
        typed => Err(unknown("user", typed, ["root", "user", "nobody", &own].map(String::from).to_vec())),
    }
}

fn unknown(kind: &str, typed: &str, names: Vec<String>) -> Fail {
    let more = names.len().saturating_sub(SHOWN);
    let mut shown = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        shown += &format!(" and {more} more");
    }
    let fail = Fail::new(Stage::Front, format!("the container has no {kind} '{}'", typed.escape_debug()));
    match shown.is_empty() {
        true => fail
            .why(format!("there is no list of its {kind}s that can be read"))
            .hint("numbers always work: -u UID:GID"),
        false => fail.hint(format!("it has {shown}; numbers work as well: -u UID:GID")),
    }
}

/// The fields of each line that has so many at least.
fn lines(text: &[u8], least: usize) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|&b| b == b'\n')
        .map(|line| line.split(|&b| b == b':').collect::<Vec<_>>())
        .filter(move |fields| fields.len() >= least)
}

fn account(fields: &[&[u8]]) -> Option<Account> {
    Some(Account {
        name: name(fields[0])?.into(),
        uid: number(fields[2])?,
        gid: number(fields[3])?,
        home: fields[5].to_vec(),
        shell: fields[6].to_vec(),
    })
}

/// A name that can be shown and typed.
fn name(field: &[u8]) -> Option<&str> {
    let sane = |name: &&str| !name.is_empty() && name.len() <= 64 && !name.chars().any(char::is_control);
    std::str::from_utf8(field).ok().filter(sane)
}

/// An id; -1 is nobody's.
pub fn number(field: &[u8]) -> Option<u32> {
    let digits = !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    let id = std::str::from_utf8(field).ok().filter(|_| digits)?.parse().ok()?;
    (id != u32::MAX).then_some(id)
}

impl Accounts {
    /// Every uid and gid in them.
    pub fn numbers(&self) -> Vec<u32> {
        let both = lines(&self.passwd, 4).chain(lines(&self.group, 3));
        both.flat_map(|fields| fields.into_iter().skip(2).take(2).filter_map(number).collect::<Vec<_>>()).collect()
    }

    /// The host's users, as its own file has them; directory services are not asked.
    pub fn of_host() -> Accounts {
        Accounts { passwd: std::fs::read("/etc/passwd").unwrap_or_default(), group: Vec::new() }
    }

    fn users(&self) -> impl Iterator<Item = Account> {
        lines(&self.passwd, 7).filter_map(|fields| account(&fields))
    }

    pub fn by_uid(&self, uid: u32) -> Option<Account> {
        lines(&self.passwd, 7).filter(|fields| number(fields[2]) == Some(uid)).find_map(|fields| account(&fields))
    }

    pub fn by_name(&self, name: &str) -> Option<Account> {
        self.users().find(|account| account.name == name)
    }

    /// What `-u` names: `app`, `app:extra`, `1000:extra`, `app:100`.
    pub fn find(&self, typed: &str) -> Result<(u32, u32)> {
        self.find_or(typed, |uid| uid)
    }

    /// What an image's configuration names. A number that no line tells of is of root's group there (docker's rule).
    pub fn find_of_image(&self, typed: &str) -> Result<(u32, u32)> {
        self.find_or(typed, |_| 0)
    }

    fn find_or(&self, typed: &str, lone: impl Fn(u32) -> u32) -> Result<(u32, u32)> {
        let (user, group) = typed.split_once(':').map_or((typed, None), |(user, group)| (user, Some(group)));
        let (uid, own) = match number(user.as_bytes()) {
            Some(uid) => (uid, self.by_uid(uid).map(|account| account.gid)),
            None => match self.by_name(user) {
                Some(account) => (account.uid, Some(account.gid)),
                None => return Err(unknown("user", user, self.users().map(|account| account.name).collect())),
            },
        };
        let gid = match group {
            None => own.unwrap_or_else(|| lone(uid)),
            Some(group) => match number(group.as_bytes()) {
                Some(gid) => gid,
                None => self.group(group)?,
            },
        };
        Ok((uid, gid))
    }

    fn group(&self, wanted: &str) -> Result<u32> {
        let groups = || lines(&self.group, 3).filter_map(|f| Some((name(f[0])?.to_string(), number(f[2])?)));
        let found = groups().find(|(name, _)| name == wanted).map(|(_, gid)| gid);
        found.ok_or_else(|| unknown("group", wanted, groups().map(|(name, _)| name).collect()))
    }

    /// The groups a user is in, as initgroups(3) makes them: his own, and with that one all that list him.
    pub fn groups_of(&self, uid: u32, gid: u32) -> Vec<u32> {
        let mut groups = vec![gid];
        let Some(account) = self.by_uid(uid).filter(|account| account.gid == gid) else { return groups };
        for fields in lines(&self.group, 4) {
            let member = fields[3].split(|&b| b == b',').any(|member| member == account.name.as_bytes());
            if let Some(gid) = number(fields[2]).filter(|gid| member && !groups.contains(gid)) {
                groups.push(gid);
            }
            if groups.len() >= MOST_GROUPS {
                break;
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: b"root:x:0:0:root:/root:/bin/sh\napp:x:101:104:An app:/srv/app:/bin/false\nbad\nodd:x:-1:0::/:/\n\
                \xff:x:5:5::/:/\n\nlast:x:7:7::/home/last:/bin/sh"
                .to_vec(),
            group: b"root:x:0:\nextra:x:55:other,app\napp:x:104:\nmore:x:56:app\ndup:x:55:app\nno:x:y:app\n".to_vec(),
        }
    }

    #[test]
    fn every_form_of_a_user() {
        let find = |typed| accounts().find(typed).map_err(|fail| fail.to_string());
        assert_eq!(find("app"), Ok((101, 104)));
        assert_eq!(find("app:extra"), Ok((101, 55)));
        assert_eq!(find("app:9"), Ok((101, 9)));
        assert_eq!(find("9:extra"), Ok((9, 55)));
        assert_eq!(find("last"), Ok((7, 7)));
        let said = find("ap").expect_err("unknown");
        assert!(said.contains("no user 'ap'") && said.contains("root, app, last"), "{said}");
        let said = find("app:none").expect_err("unknown");
        assert!(said.contains("no group 'none'") && said.contains("extra"), "{said}");
        assert!(find("odd").is_err() && find("bad").is_err());
        let said = Accounts::default().find("x\u{1b}").expect_err("none").to_string();
        assert!(said.contains("no list") && !said.contains('\u{1b}'), "{said}");
    }

    #[test]
    fn groups_of_members() {
        assert_eq!(accounts().groups_of(101, 104), [104, 55, 56]);
        // Another group than his own was asked for: nothing but that.
        assert_eq!(accounts().groups_of(101, 9), [9]);
        assert_eq!(accounts().groups_of(4242, 4242), [4242]);
    }

    #[test]
    fn numbers() {
        assert_eq!((number(b"7"), number(b"+7"), number(b""), number(b"4294967295")), (Some(7), None, None, None));
    }

    #[test]
    fn names_without_a_root() {
        let host = Host { uid: 4_000_000, ..Host::default() };
        assert_eq!(of_base("root", &host).expect("root"), User::Root);
        assert_eq!(of_base("nobody", &host).expect("nobody"), User::Named { uid: 65534, gid: 65534 });
        assert!(of_base("postgres", &host).is_err());
    }
}
