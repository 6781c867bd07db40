//! The plan in words, and a helper's part of it as the very document it gets. Makes no system call.

mod network;

use std::fmt::Write as _;

use kakuri_init::{Extent, Process, Setup};
use kakuri_netns::{Link, PLAN_VERSION};
use kakuri_wire::{Bytes, caps};
use serde::Serialize;

use crate::cgroup::{Decided, Place};
use crate::confine;
use crate::guarantee;
use crate::idmap::maps;
use crate::landlock;
use crate::layout::SECRET;
use crate::plan::{Plan, Terminal, limit};

/// One helper's part of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Mount,
    Netns,
    Init,
    /// What would be guaranteed.
    Security,
}

/// What would be done, a line a thing.
pub fn explain(plan: &Plan) -> String {
    let mut out = String::new();
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(out, "{key:<12} {value}");
    };
    let Plan { setup, process, namespaces, .. } = plan;
    line("command", &words(&process.argv));
    line("folder", &process.cwd.to_string());
    match (&setup.maps, &process.ids) {
        (Some(maps), Some(ids)) => {
            line("identity", &format!("uid {}, groups {} inside", ids.uid, numbers(&ids.groups)));
            let by_root = plan.mount.is_mapped();
            line("uids", &ids_of(&maps.uids, by_root));
            line("gids", &ids_of(&maps.gids, by_root));
        }
        _ => line("identity", &format!("uid {}, gid {} inside; you outside, with your groups", setup.uid, setup.gid)),
    }
    line("hostname", setup.hostname.as_deref().unwrap_or("the host's"));
    let made = [
        (true, "user"),
        (true, "mount"),
        (true, "pid"),
        (namespaces.network, "net"),
        (namespaces.ipc, "ipc"),
        (namespaces.uts, "uts"),
        (namespaces.cgroup, "cgroup"),
    ];
    let names = |new: bool| -> String {
        made.iter().filter(|(own, _)| *own == new).map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
    };
    line("new", &names(true));
    if !names(false).is_empty() {
        line("shared", &names(false));
    }
    for words in network::describe(&plan.wiring) {
        line("network", &words);
    }
    line("nesting", if setup.nest { "may make user namespaces" } else { "no user namespaces of its own" });
    line("rights", &rights(process.bounding));
    line("calls", &calls(setup, process.filter.is_some(), process.watched));
    for words in process.landlock.iter().flat_map(rules) {
        line("landlock", &words);
    }
    for limit in &process.limits {
        let shown = |value: Option<u64>| value.map_or("none".into(), |n| n.to_string());
        let value = match limit.soft == limit.hard {
            true => shown(limit.hard),
            false => format!("{}, at most {}", shown(limit.soft), shown(limit.hard)),
        };
        line("limit", &format!("{} {value}", limit_name(limit.resource)));
    }
    for words in plan.limits.iter().flat_map(limits) {
        line("limit", &words);
    }
    line(
        "terminal",
        match plan.terminal {
            Terminal::Auto => "terminals among 0-2 are replaced by the container's own",
            Terminal::Always => "0-2 are a terminal of the container's own",
            Terminal::Never => "none",
        },
    );
    if let Some(limit) = plan.timeout {
        line("timeout", &format!("{} s", limit.as_secs_f64()));
    }
    if !process.pass.is_empty() {
        let numbers: Vec<String> = process.pass.iter().map(i32::to_string).collect();
        line("descriptors", &format!("0 1 2 {}", numbers.join(" ")));
    }
    for door in &plan.doors.shown {
        line("door", door);
    }
    for made in &plan.doors.make {
        line("create", &format!("{} on the host", made.path));
    }
    for folder in &plan.create {
        line("create", &format!("{folder} on the host"));
    }
    for place in plan.keep.iter().flat_map(|keep| &keep.mount_points) {
        line("create", &format!("{} in what the container keeps", Bytes(place.at.clone())));
    }
    for setting in &process.env {
        line("environment", &shown(setting));
    }
    for note in plan.weaker.iter().chain(&plan.notes) {
        line("note", note);
    }
    if let Some(warning) = plan.asked.landlock.as_ref().and_then(|landlock| landlock.warning()) {
        line("warning", &warning);
    }
    if let Err(fail) = guarantee::check(plan) {
        line("refused", &fail.to_string().replace('\n', "; "));
    }
    out.push('\n');
    out += &kakuri_mount::explain::explain(&plan.mount);
    out.push('\n');
    out + &guarantee::table(&guarantee::judge(plan))
}

fn numbers(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

/// `0-65536 of your range; you are 0`.
fn ids_of(map: &[Extent], by_root: bool) -> String {
    let runs = maps::merged(map).into_iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    if by_root {
        return format!(
            "{}, of no account of the host; root of the host is none of them",
            runs.collect::<Vec<_>>().join(" ")
        );
    }
    let you = map.iter().find(|e| e.outside == 0).map_or("none of them".into(), |e| e.inside.to_string());
    format!("{}, mapped by newuidmap and newgidmap; you are {you}", runs.collect::<Vec<_>>().join(" "))
}

/// The document, as JSON on its own: what `kakuri-mount FILE -- CMD` and its like take.
pub fn emit(plan: &Plan, part: Part) -> String {
    #[derive(Serialize)]
    struct Init<'a> {
        setup: &'a Setup,
        process: &'a Process,
    }
    match part {
        Part::Mount => pretty(&without_secrets(&plan.mount)),
        Part::Init => pretty(&Init { setup: &plan.setup, process: &plan.process }),
        Part::Security => pretty(&guarantee::judge(plan)),
        Part::Netns => match &plan.wiring.netns {
            Some(netns) => pretty(netns),
            // PID 1 does this much itself: the helper is not started for it.
            None => pretty(&kakuri_netns::Plan {
                version: PLAN_VERSION,
                tun: None,
                links: plan.setup.network.then(|| Link::up("lo")).into_iter().collect(),
                routes: Vec::new(),
            }),
        },
    }
}

/// A cookie is for nobody's terminal.
fn without_secrets(plan: &kakuri_mount::Plan) -> kakuri_mount::Plan {
    let mut plan = plan.clone();
    for op in &mut plan.ops {
        if let kakuri_mount::Op::File { mode: SECRET, text, .. } = op {
            *text = "...".into();
        }
    }
    plan
}

fn pretty(value: &impl Serialize) -> String {
    // Plain data of strings and numbers: writing it to memory does not fail.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn words(argv: &[Bytes]) -> String {
    let word = |arg: &Bytes| {
        let text = arg.to_string();
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&b));
        if plain { text } else { format!("'{text}'") }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Values that kakuri itself chose are shown; others may be secrets.
fn shown(setting: &Bytes) -> String {
    const OPEN: [&str; 14] = [
        "COLORTERM",
        "HOME",
        "HOSTNAME",
        "LANG",
        "LANGUAGE",
        "LOGNAME",
        "NO_COLOR",
        "PATH",
        "SHELL",
        "TERM",
        "TZ",
        "USER",
        "container",
        "PWD",
    ];
    let text = setting.to_string();
    match text.split_once('=') {
        Some((key, _)) if OPEN.contains(&key) || key.starts_with("LC_") => text,
        Some((key, _)) => format!("{key}=..."),
        None => text,
    }
}

fn rights(bounding: u64) -> String {
    let held = bounding.count_ones();
    if bounding == caps::default_bounding().bits() {
        format!("no capability outside; at most {held} over its own namespace; no new privileges")
    } else {
        format!("no capability outside; at most {held} ({bounding:#x}) over its own namespace; no new privileges")
    }
}

/// Of all its processes together.
fn limits(decided: &Decided) -> Vec<String> {
    let Decided { limits, offer } = decided;
    let by = match &offer.place {
        Place::Manager { .. } => "all processes together, by a scope of the service manager's".to_string(),
        Place::Below(folder) => format!("all processes together, by a control group below {}", folder.display()),
    };
    let swap = match limits.swap_bytes() {
        Some(None) => Some("swap as much as there is".into()),
        Some(Some(bytes)) => Some(format!("swap {bytes} bytes")),
        None => None,
    };
    let all = [
        limits.memory.map(|bytes| format!("memory {bytes} bytes")),
        swap,
        limits.cpus.map(|thousandths| format!("processors {}", thousandths as f64 / 1000.0)),
        limits.most_pids().filter(|_| offer.controllers.pids).map(|most| format!("processes {most}")),
    ];
    all.into_iter().flatten().map(|limit| format!("{limit}, {by}")).collect()
}

/// Which system calls there are.
fn calls(setup: &Setup, own: bool, watched: bool) -> String {
    let refused = |set_id: bool| match set_id {
        true => "",
        false => "; no file that runs as its owner can be made",
    };
    match setup.filter {
        Some(filter) if setup.nest => {
            format!("the usual ones, and those that make namespaces{}", refused(filter.set_id))
        }
        Some(filter) => format!("the usual ones, on every ABI{}", refused(filter.set_id)),
        None if own && watched => "as without --seccomp-log; what is refused is listed after the run".into(),
        None if own => "those of the profile you named, and no others".into(),
        None => "all of the kernel's".into(),
    }
}

/// Landlock's rules, a line each.
fn rules(landlock: &kakuri_init::Landlock) -> Vec<String> {
    let mut all = Vec::new();
    if landlock.files != 0 && landlock.beneath.is_empty() {
        all.push("no file may be opened, read or executed".into());
    }
    all.extend(landlock.beneath.iter().map(|rule| format!("{} {}", rule.at, landlock::shown(rule.allowed))));
    for (right, act) in [(landlock::BIND, "listened on"), (landlock::CONNECT, "connected to")] {
        let allowed = landlock.ports.iter().filter(|ports| ports.allowed & right != 0);
        let ports: Vec<String> = allowed
            .map(|p| if p.first == p.last { p.first.to_string() } else { format!("{}-{}", p.first, p.last) })
            .collect();
        match (landlock.network & right != 0, ports.is_empty()) {
            (true, true) => all.push(format!("no TCP port may be {act}")),
            (true, false) => all.push(format!("TCP ports that may be {act}: {}", ports.join(" "))),
            (false, _) => {}
        }
    }
    for (scope, words) in [
        (landlock::ABSTRACT, "no abstract socket of another command's may be reached"),
        (landlock::SIGNALS, "no process of another command's may be signalled"),
    ] {
        all.extend((landlock.scoped & scope != 0).then(|| words.to_string()));
    }
    all
}

fn limit_name(resource: u32) -> String {
    match resource {
        limit::CORE => "core dump bytes".into(),
        limit::PROCESSES => "processes".into(),
        r => confine::name(r).into(),
    }
}
