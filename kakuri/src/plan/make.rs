//! From what the user wants to the plan. The host is looked at, and nothing is made or changed.

use kakuri_init::Process;
use kakuri_wire::{Bytes, Fail, Result, Stage};

use super::outline::{Outline, label};
use super::{Asked, Plan, Storage};
use crate::base::kept::Keep;
use crate::base::rootfs::{self, Lacking};
use crate::base::{self, Etc, image};
use crate::bind::place::Placing;
use crate::bind::{automatic, explicit, exposed, own, profile};
use crate::cgroup;
use crate::config::Config;
use crate::confine;
use crate::door;
use crate::environment;
use crate::host::{Host, in_home};
use crate::identity::Identity;
use crate::idmap::Ids;
use crate::landlock::{self, Decided};
use crate::layout::{Found, Layout, Origin, Point, What};
use crate::network::Wiring;
use crate::pathname;
use crate::spec::Spec;

/// Decides everything. Fails with what the user named and cannot have.
pub fn make(spec: &Spec, host: &Host, config: &Config, storage: &Storage, wiring: Wiring, ids: &Ids) -> Result<Plan> {
    let mut notes = wiring.notes.clone();
    notes.extend(ids.notes.iter().cloned());
    let (limits, weaker) = cgroup::decide(spec, host)?;
    let Outline { label, setup, namespaces, .. } = Outline::of(label(spec, host), spec, host, config, &wiring, ids);
    let network = wiring.kind;
    let mut who = Identity::of(&spec.user, host);
    let real_root = host.is_real_root();
    if real_root && ids.range.is_none() {
        notes.push("kakuri was started by root: files the command may write belong to the host's root".into());
    } else if real_root {
        notes.push("started by root: no user of the container is root of the host, whose programs and settings it sees as everybody does".into());
    }

    let mut placing = Placing { layers: storage.layers(), ..Placing::default() };
    placing.layout.ranged = ids.range.is_some();
    placing.layout.mapped = ids.are_roots();
    let mut keep = storage.kept.map(|kept| Keep::of(kept, spec, &who));
    let mut own_shell = None;
    if let Some(ready) = storage.image {
        let root = image::look(ready, keep.as_ref())?;
        image::put(&mut placing.layout, root, (spec, ready), network, (host, ids), &mut notes)?;
        let (account, shell) = rootfs::account(&placing.layout, who, ids);
        (who, own_shell) = (account, Some(shell));
    } else if let Some(wanted) = &spec.rootfs {
        let root = rootfs::look(spec, wanted, host, config, keep.as_ref())?;
        rootfs::put(&mut placing.layout, root, spec, network, (host, ids), &mut notes)?;
        let (account, shell) = rootfs::account(&placing.layout, who, ids);
        (who, own_shell) = (account, Some(shell));
    } else {
        base::put(&mut placing.layout, spec, network, &who, keep.as_ref(), &mut notes);
    }
    let mut binds = spec.binds.clone();
    binds.extend(profile::binds(&spec.profiles, config, host, &mut notes)?);
    let create = explicit::put(&mut placing, spec, &binds, host, &who.home)?;

    let doors = door::open(&mut placing, spec, host, (&who, ids), network)?;
    if let Some(keep) = &mut keep {
        keep.mount_points = placing.mount_points;
    }
    let layers = placing.layers.wanted;
    notes.append(&mut placing.notes);
    let mut layout = placing.layout;
    let wanted = workdir(spec, host, &who)?;
    if let (Some(folder), Some(_)) = (&wanted, storage.image) {
        image::make_folder(&mut layout, folder, 0o755);
    }
    if spec.auto_bind && spec.shows_host() && storage.kept.is_none() {
        let from = wanted.as_deref().or(host.cwd.as_deref());
        automatic::put(&mut layout, &spec.command, host, from, &mut notes);
    }
    let cover = own::cover(&mut layout, config, host);
    base::secrets::cover(&mut layout, host);

    let of_root = own_shell.is_some();
    let shell = own_shell.unwrap_or_else(|| environment::shell(host, &layout));
    let shown = setup.hostname.clone().unwrap_or_else(hosts_name);
    Etc { who: &who, shell: &shell, hostname: &shown, wiring: &wiring }.fill(&mut layout);

    let says = storage.image.map(|ready| environment::of_image(&ready.config().env)).unwrap_or_default();
    let path = match says.get(&b"PATH"[..]) {
        Some(path) => path.clone(),
        None if of_root => environment::standard_path(),
        None => environment::path(host, &layout),
    };
    let facts =
        environment::Facts { who: &who, shell: &shell, hostname: Some(&shown), path, image: says, doors: &doors };
    let env = environment::variables(&spec.environment, host, &facts)?;
    let argv = if spec.command.is_empty() { vec![Bytes(shell)] } else { spec.command.clone() };
    let cwd = standing(wanted, host, &who, &layout, ids);
    let process_ids = ids.of(&who)?;
    let (rules, landlock) = landlock(spec, host, &who, &layout)?;
    // A home of the container's own is made by its root, and is to be its user's.
    let own_home = is_own(&layout, &who.home).then(|| who.home.clone());
    if let Some(folder) = exposed::find(spec, host, config)? {
        notes.push(format!(
            "no file that runs as its owner can be made: it would be one on this machine, in '{folder}', which others reach \
             (a folder above it that is closed to them, chmod 700, is enough)"
        ));
    }
    let filter = confine::own_filter(spec, host, config)?;
    let (filter, judge) = filter.map_or((None, None), |own| (Some(own.program), own.judge));
    let mut steps = layout.steps();
    if real_root {
        base::kernel::guard(&mut steps.finish, spec);
    }
    Ok(Plan {
        label,
        mount: kakuri_mount::Plan {
            version: kakuri_mount::PLAN_VERSION,
            root: layout.root_step(),
            size: None,
            // A layer over the root, or the user's own folder, is there to be written.
            read_only: !of_root || spec.read_only,
            ops: steps.ops,
            finish: steps.finish,
            ranged: ids.ranged(&who, own_home.as_deref(), &doors.given),
        },
        setup,
        process: Process {
            argv,
            path: Bytes(env.get(&b"PATH"[..]).cloned().unwrap_or_default()),
            env: env.iter().map(|(k, v)| Bytes([k, v].map(Vec::as_slice).join(&b'='))).collect(),
            cwd: Bytes(cwd),
            bounding: confine::bounding(spec),
            limits: confine::limits(spec, host)?,
            filter,
            watched: judge.is_some(),
            landlock: rules,
            terminal: [false; 3],
            window: None,
            pass: spec.pass.clone(),
            ids: process_ids,
        },
        judge,
        namespaces,
        terminal: spec.terminal,
        timeout: spec.timeout,
        stop_signal: spec.stop_signal,
        create,
        doors,
        cover,
        layers,
        keep,
        lacking: Lacking::of(&layout),
        wiring,
        asked: Asked {
            require: spec.walls.require.iter().chain(&config.require).cloned().collect(),
            landlock,
            environment: spec.environment.host,
            vpn: spec.vpn.is_some(),
        },
        limits,
        notes,
        weaker,
    })
}

/// Landlock's rules, where any were asked for: only then the kernel is asked what it has.
fn landlock(
    spec: &Spec,
    host: &Host,
    who: &Identity,
    layout: &Layout,
) -> Result<(Option<kakuri_init::Landlock>, Option<Decided>)> {
    let wanted = &spec.walls.landlock;
    if wanted.is_empty() {
        return Ok((None, None));
    }
    let place = |typed: &Bytes| {
        let path = match in_home(typed.as_bytes()) {
            Some(rest) => pathname::absolute(&who.home, rest),
            None => host.absolute(typed.as_bytes())?,
        };
        let found = layout.locate(&path);
        match &found.led_out {
            // What it wrote at an earlier time must not widen what it is held to now.
            Some(link) => Err(Fail::new(Stage::Front, format!("cannot put '{typed}' into the Landlock rules"))
                .why(format!("the link '{}' leads out of a folder the command may write", Bytes(link.clone())))
                .hint(format!("name what it leads to, '{}', if that is what you mean", Bytes(found.at)))),
            // PID 1 looks for what is only there later, /proc for one.
            None => Ok(Bytes(if found.exists() { found.at } else { path })),
        }
    };
    landlock::decide(wanted, landlock::version(), place).map(|(rules, decided)| (rules, Some(decided)))
}

/// Whether a folder is made for the container, or kept by it.
fn is_own(layout: &Layout, folder: &[u8]) -> bool {
    let point = layout.get(folder).or_else(|| layout.holder(folder).map(|(_, point)| point));
    layout.root.is_none()
        && point.is_some_and(|Point { what, origin }| {
            let own = match what {
                What::Folder { .. } | What::Private { read_only: false, .. } => true,
                What::Bind(source) => source.kept,
                _ => false,
            };
            own && *origin != Origin::User
        })
}

/// What `-w` names: a path inside.
fn workdir(spec: &Spec, host: &Host, who: &Identity) -> Result<Option<Vec<u8>>> {
    let Some(typed) = &spec.workdir else { return Ok(None) };
    let typed = typed.as_bytes();
    match (in_home(typed), typed.first()) {
        (Some(rest), _) => Ok(Some(pathname::absolute(&who.home, rest))),
        (None, None) => Err(Fail::new(Stage::Front, "cannot start in ''").hint("-w names a folder in the container")),
        (None, _) => host.absolute(typed).map(Some),
    }
}

/// Where the command stands: what was asked for, else where the caller is if that can be seen, else the home.
/// A folder that was asked for and does not exist is an error of the start, not of the plan: the command's own
/// root filesystem may bring it.
fn standing(wanted: Option<Vec<u8>>, host: &Host, who: &Identity, layout: &Layout, ids: &Ids) -> Vec<u8> {
    if let Some(wanted) = wanted {
        return layout.locate(&wanted).at;
    }
    let visible = |path: &[u8]| layout.locate(path).found == Found::Folder;
    // In a root of its own the same name is another folder, unless it was bound there.
    let same = |path: &[u8]| layout.root.is_none() || layout.locate(path).host.as_deref() == Some(path);
    match &host.cwd {
        Some(cwd) if visible(cwd) && same(cwd) => cwd.clone(),
        _ if visible(&who.home) && rootfs::may_stand(layout, &who.home, host, who, ids) => who.home.clone(),
        _ => b"/".to_vec(),
    }
}

/// The host's own name, where the uts namespace is shared.
fn hosts_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".into(),
        name => name.into(),
    }
}
