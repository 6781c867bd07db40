//! From what an asker wants run to what PID 1 is told: over what the container was started with, so that every
//! command has the same limits, rights and environment.

use std::collections::BTreeMap;

use kakuri_init::Process;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use crate::control::{Order, Words};
use crate::host::in_home;
use crate::pathname;
use crate::plan::Plan;
use crate::spec::User;

/// The process for an order.
pub fn process(plan: &Plan, order: &Order) -> Result<Process> {
    let base = &plan.process;
    check_user(plan, order.user)?;
    let mut env: BTreeMap<&[u8], &[u8]> = base.env.iter().filter_map(|pair| split(pair.as_bytes())).collect();
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
        None => base.cwd.clone(),
        Some(typed) => {
            let home = var("HOME").unwrap_or(b"/");
            Bytes(match in_home(typed) {
                Some(rest) => pathname::absolute(home, rest),
                None => pathname::absolute(base.cwd.as_bytes(), typed),
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
        terminal: order.terminal,
        window: order.window.clone(),
        pass: order.pass.clone(),
    })
}

/// `KEY=VALUE`.
fn split(setting: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = setting.iter().position(|&b| b == b'=')?;
    Some((&setting[..at], &setting[at + 1..]))
}

/// There is one id inside, and whoever is started is it.
fn check_user(plan: &Plan, wanted: Option<User>) -> Result<()> {
    let (uid, gid) = (plan.setup.uid, plan.setup.gid);
    let other = match wanted {
        None => false,
        Some(User::Root) => uid != 0,
        Some(User::KeepId) => false,
        Some(User::Named { uid: wanted, gid: group }) => (wanted, group) != (uid, gid) && wanted != uid,
    };
    if other {
        let shown = match wanted {
            Some(User::Named { uid, .. }) => uid,
            _ => 0,
        };
        return Err(Fail::new(Stage::Front, format!("cannot be user {shown} in this container"))
            .why(format!("it has one id, {uid}, which is you outside"))
            .hint("leave -u out, or create the container with the user it is to have: kakuri create -u UID NAME"));
    }
    Ok(())
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
