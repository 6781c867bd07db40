//! From what an asker wants run to what PID 1 is told: over what the container was started with, so that every
//! command has the same limits, rights and environment.

use std::collections::BTreeMap;

use kakuri_init::{Ids, Process};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::inside::Inside;
use crate::account::Account;
use crate::control::{Order, Words};
use crate::host::in_home;
use crate::idmap;
use crate::pathname;
use crate::plan::Plan;
use crate::spec::User;

/// The process for an order.
pub fn process(plan: &Plan, order: &Order, init: i32) -> Result<Process> {
    let base = &plan.process;
    let inside = order.user.as_ref().map(|_| Inside::open(init));
    let other = match (&order.user, &inside) {
        (Some(user), Some(inside)) => Some(other(plan, user, inside)?),
        _ => None,
    };
    let account = other.as_ref().and_then(|other| other.account.as_ref());
    let mut env: BTreeMap<&[u8], &[u8]> = base.env.iter().filter_map(|pair| split(pair.as_bytes())).collect();
    let mut cwd = base.cwd.as_bytes();
    if let (Some(account), Some(inside)) = (account, &inside) {
        let home: &[u8] = if inside.has_folder(&account.home) { &account.home } else { b"/" };
        // Where the container's own user is at home, another may not even enter.
        if env.get(&b"HOME"[..]).is_some_and(|own| *own == cwd) {
            cwd = home;
        }
        env.insert(b"HOME", home);
        env.insert(b"USER", account.name.as_bytes());
        env.insert(b"LOGNAME", account.name.as_bytes());
    }
    if account.is_none()
        && other.as_ref().and_then(|other| other.ids.as_ref()).is_some_and(|ids| ids.uid != 0)
        && env.get(&b"HOME"[..]).is_some_and(|own| *own == cwd)
    {
        // The home is somebody else's, who may have closed it.
        cwd = b"/";
    }
    for setting in &order.environment {
        match split(setting.as_bytes()) {
            Some((key, value)) => drop(env.insert(key, value)),
            None => drop(env.remove(setting.as_bytes())),
        }
    }
    let var = |key: &str| env.get(key.as_bytes()).copied();
    let argv = match &order.words {
        Words::Planned => base.argv.clone(),
        Words::Command(words) => words.clone(),
        Words::Shell { login, script } => {
            let mut argv = vec![Bytes(var("SHELL").unwrap_or(b"/bin/sh").to_vec())];
            if *login {
                argv.push(Bytes(b"-l".to_vec()));
            }
            if let Some(script) = script {
                argv.extend([Bytes(b"-c".to_vec()), script.clone()]);
            }
            argv
        }
    };
    let cwd = match order.workdir.as_ref().map(Bytes::as_bytes) {
        None => Bytes(cwd.to_vec()),
        Some(typed) => {
            let home = var("HOME").unwrap_or(b"/");
            Bytes(match in_home(typed) {
                Some(rest) => pathname::absolute(home, rest),
                None => pathname::absolute(cwd, typed),
            })
        }
    };
    Ok(Process {
        argv,
        path: Bytes(var("PATH").unwrap_or_default().to_vec()),
        env: env.iter().map(|(key, value)| Bytes([*key, *value].join(&b'='))).collect(),
        cwd,
        bounding: base.bounding,
        limits: base.limits.clone(),
        filter: base.filter.clone(),
        watched: base.watched,
        landlock: base.landlock.clone(),
        terminal: order.terminal,
        window: order.window.clone(),
        pass: order.pass.clone(),
        ids: other.as_ref().and_then(|other| other.ids.clone()).or_else(|| base.ids.clone()),
    })
}

/// `KEY=VALUE`.
fn split(setting: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = setting.iter().position(|&b| b == b'=')?;
    Some((&setting[..at], &setting[at + 1..]))
}

/// Who an order's command is, where that is another than the container's own.
struct Other {
    ids: Option<Ids>,
    /// His line of the container's passwd, with a range of ids.
    account: Option<Account>,
}

/// Whoever was named, if there is such a user: by the container's own files, as they are now.
fn other(plan: &Plan, wanted: &User, inside: &Inside) -> Result<Other> {
    let (uid, gid) = match wanted {
        User::Unset | User::Root => (0, 0),
        // With one id whoever is meant is it.
        User::KeepId if plan.setup.maps.is_none() => return Ok(Other { ids: None, account: None }),
        User::KeepId => (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw()),
        User::Named { uid, gid } => (*uid, *gid),
        User::Name(typed) => inside.accounts().find(typed)?,
    };
    let Some(maps) = &plan.setup.maps else {
        return match uid == plan.setup.uid {
            true => Ok(Other { ids: None, account: None }),
            false => Err(one_id(plan, uid)),
        };
    };
    idmap::check(maps, uid, gid)?;
    let accounts = inside.accounts();
    let groups = accounts.groups_of(uid, gid).into_iter().filter(|&gid| idmap::maps::has_inside(&maps.gids, gid));
    let ids = Ids { uid, gid, groups: groups.collect(), pipes: false };
    Ok(Other { ids: Some(ids), account: accounts.by_uid(uid) })
}

/// There is one id inside, and whoever is started is it.
fn one_id(plan: &Plan, shown: u32) -> Fail {
    Fail::new(Stage::Front, format!("cannot be user {shown} in this container"))
        .why(format!("it has one id, {}, which is you outside", plan.setup.uid))
        .hint("leave -u out, or create the container with the user it is to have: kakuri create -u UID NAME; with users of its own: --userns range")
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_value_may_hold_the_sign() {
        assert_eq!(split(b"A=b=c"), Some((&b"A"[..], &b"b=c"[..])));
        assert_eq!(split(b"A"), None);
    }
}
