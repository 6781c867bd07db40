//! The options of a run, as what the user wants.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kakuri_wire::{Bytes, Fail};

use super::options::Id;
use super::pages::{self, Verb};
use super::scan::{Met, Scanned, scan, shown_option};
use super::{
    Act, Command, General, Part, Run, Stop, description, door, forms, help, ids, image, landlock, limits, made, misuse,
    network, phrase, value, walls,
};
use crate::bind::parse;
use crate::spec::{Base, IdMode, Network, Proc, Spec, Terminal, User};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `kakuri [OPTIONS] [CMD...]`
    Bare,
    /// `kakuri run ...`
    Spelled,
}

/// The ids of `--user` alone.
const USER: User = User::Named { uid: 1000, gid: 1000 };

pub fn parse(verb: &'static Verb, arguments: &[OsString], form: Form) -> Result<Command, Stop> {
    let scanned = scan(verb, arguments)?;
    for met in &scanned.met {
        match met.id {
            Id::Help if form == Form::Bare => return Err(Stop::Text(help::front())),
            Id::Help => return Err(Stop::Text(help::page(verb))),
            Id::Version => return Ok(Command::Version),
            _ => {}
        }
    }
    let mut run = description::begin(verb, &scanned)?;
    let finished = finish(&mut run, &scanned).and_then(|()| command(arguments, &scanned, form));
    finished.map_err(|fail| description::locate(&run.described, fail))?;
    Ok(Command::Run(Box::new(run)))
}

/// The command line over what was said before it.
fn finish(run: &mut Run, scanned: &Scanned) -> Result<(), Fail> {
    scanned.met.iter().try_for_each(|met| apply(run, met))?;
    one_root(&scanned.met)?;
    image::check(&run.spec, description::all(&run.described, scanned))?;
    sane(run)?;
    if run.replace && run.name.is_none() {
        return Err(
            misuse("--replace needs the name of what is to be replaced").hint("kakuri run --replace --name NAME CMD")
        );
    }
    take_command(run, scanned)
}

/// The words of the command, which are instead of a file's.
pub(super) fn take_command(run: &mut Run, scanned: &Scanned) -> Result<(), Fail> {
    let Some(first) = scanned.command.first() else { return Ok(()) };
    if let Some(script) = scanned.met.iter().find(|m| m.id == Id::Script) {
        let (first, script) = (Bytes::from(first.as_os_str()), Bytes(script.value.to_vec()));
        return Err(misuse(format!("--command '{script}' and '{first}' are two commands"))
            .hint("leave one of them out; a script of several words is one word in quotes"));
    }
    run.spec.command = scanned.command.iter().map(|word| Bytes::from(word.as_os_str())).collect();
    Ok(())
}

/// A run of which nothing was said yet.
pub(super) fn blank() -> Run {
    Run {
        spec: Spec::default(),
        act: Act::Start,
        general: General::default(),
        status_fd: None,
        name: None,
        detach: false,
        remove: false,
        replace: false,
        interactive: false,
        detach_keys: None,
        described: None,
    }
}

/// One option, validated.
pub(super) fn apply(run: &mut Run, met: &Met) -> Result<(), Fail> {
    let name = shown_option(met.name);
    let bytes = || Bytes(met.value.to_vec());
    let Run { spec, act, general, status_fd, .. } = run;
    match met.id {
        Id::AllowNetwork => spec.network = Some(Network::Host),
        Id::Args => {
            return Err(misuse(format!("{name} stands first or nowhere"))
                .hint("kakuri --args 3 CMD 3<FILE; a verb is the first word in it"));
        }
        Id::Rootfs => spec.rootfs = Some(forms::rootfs(met.value)?),
        Id::Base => spec.base = value::word(&name, met.value, &[("host", Base::Host), ("none", Base::None)], &[])?,
        Id::Bind => spec.binds.push(parse::bind(met.value)?),
        Id::RoBind => spec.binds.push(parse::read_only_bind(met.value)?),
        Id::BindProfile => spec.profiles.push(bytes().to_string()),
        Id::Config => general.config = Some(bytes()),
        Id::Detach => run.detach = true,
        Id::DetachKeys => run.detach_keys = Some(phrase::keys(&name, met.value)?),
        Id::Device => spec.devices.push(forms::device(met.value)?),
        Id::Dir => spec.made.folders.push(made::folder(&name, met.value)?),
        Id::Emit => {
            let parts =
                [("mount", Part::Mount), ("netns", Part::Netns), ("init", Part::Init), ("security", Part::Security)];
            *act = Act::Emit(value::word(&name, met.value, &parts, &[])?);
        }
        Id::Env => {
            if matches!(met.value.first(), None | Some(b'=')) {
                return Err(misuse(format!("{name} '{}' names no variable", bytes())).hint(format!("{name} KEY=VALUE")));
            }
            match forms::is_env_file(met.value) {
                true => spec.environment.files.push(bytes()),
                false => spec.environment.set.push(bytes()),
            }
        }
        Id::EnvFile => spec.environment.files.push(bytes()),
        Id::EnvHost => spec.environment.host = true,
        Id::Image
        | Id::Pull
        | Id::Platform
        | Id::Entrypoint
        | Id::Creds
        | Id::Authfile
        | Id::CertDir
        | Id::TlsVerify => image::apply(met, spec)?,
        Id::Explain => *act = Act::Explain,
        Id::File => spec.made.files.push(made::file(&name, met.value)?),
        Id::Symlink => spec.made.symlinks.push(made::symlink(met.value)?),
        Id::Hide => {
            if met.value.is_empty() {
                return Err(misuse(format!("{name} '' names no path")).hint(format!("{name} PATH")));
            }
            spec.hide.push(bytes());
        }
        Id::Hostname => spec.hostname = Some(value::hostname(&name, met.value)?),
        Id::Interactive => run.interactive = true,
        Id::Mount => forms::mount(met.value, spec)?,
        Id::Name => run.name = Some(phrase::new_name(met.value)?),
        Id::Nest => spec.nest = true,
        Id::SecurityOpt => walls::security(&name, met.value, &mut spec.walls)?,
        Id::SeccompLog => spec.walls.log = true,
        Id::CapAdd => spec.walls.add |= walls::capabilities(&name, met.value)?,
        Id::CapDrop => spec.walls.drop |= walls::capabilities(&name, met.value)?,
        Id::Ulimit => spec.walls.limits.push(walls::limit(&name, met.value)?),
        Id::LandlockRo
        | Id::LandlockRw
        | Id::LandlockRx
        | Id::LandlockTcpBind
        | Id::LandlockTcpConnect
        | Id::LandlockRestrict
        | Id::Require => landlock::apply(met, &mut spec.walls)?,
        Id::Rlimit => spec.walls.limits.push(limits::each_process(&name, met.value)?),
        Id::Network => spec.network = Some(network::mode(&name, met.value)?),
        Id::Vpn => network::vpn(&name, met.value, spec)?,
        Id::VpnIgnoreHooks | Id::VpnOnFailure => network::vpn_manner(met, spec)?,
        Id::Publish => spec.publish.push(network::publish(&name, met.value)?),
        Id::AllowHostPort => spec.host_ports.push(network::port(&name, met.value)?),
        Id::Dns => spec.dns.push(network::address(&name, met.value)?),
        Id::DnsSearch => spec.dns_search.push(network::domain(&name, met.value)?),
        Id::AddHost => spec.hosts.push(network::host(&name, met.value)?),
        Id::Audio | Id::Dbus | Id::Git | Id::Gpu | Id::SshAgent | Id::Wayland | Id::X11 => {
            door::apply(&name, met, &mut spec.doors)?;
        }
        Id::NoAutoBind => spec.auto_bind = false,
        Id::NoTty => spec.terminal = Terminal::Never,
        Id::Tty => spec.terminal = Terminal::Always,
        Id::PassFd => {
            // Ascending, as PID 1 wants them.
            spec.pass.push(value::descriptor(&name, met.value, 3)?);
            spec.pass.sort_unstable();
        }
        Id::Proc => {
            let words = [("fresh", Proc::Fresh), ("host", Proc::Host), ("none", Proc::None)];
            spec.proc = value::word(&name, met.value, &words, &[])?;
        }
        Id::Quiet => general.quiet = true,
        Id::ReadOnly => spec.read_only = true,
        Id::Remove => run.remove = true,
        Id::Script => spec.command = forms::script(&name, met.value)?,
        Id::Replace => run.replace = true,
        Id::Share => share(&name, met.value, spec)?,
        Id::StatusFd => *status_fd = Some(value::descriptor(&name, met.value, 3)?),
        Id::Memory | Id::Swap | Id::MemorySwap | Id::Cpus | Id::PidsLimit => limits::apply(met, &mut spec.limits)?,
        Id::Timeout => spec.timeout = Some(value::duration(&name, met.value)?),
        Id::Tmpfs => spec.tmpfs.push(forms::tmpfs(met.value)?),
        Id::User if met.bare => ids::user(spec, USER)?,
        Id::User | Id::Uid => ids::user(spec, value::user(&name, met.value)?)?,
        Id::Userns => met.value.split(|&b| b == b',').try_for_each(|word| ids::userns(&name, word, spec))?,
        Id::Uidmap => ids::maps(&name, spec)?.0.push(value::extent(&name, met.value)?),
        Id::Gidmap => ids::maps(&name, spec)?.1.push(value::extent(&name, met.value)?),
        Id::Verbose => general.verbose = true,
        Id::Workdir => spec.workdir = Some(bytes()),
        // The verbs' own are read by them.
        Id::All
        | Id::Archive
        | Id::Attach
        | Id::ConfigFile
        | Id::Container
        | Id::Filter
        | Id::Fix
        | Id::Follow
        | Id::FollowLinks
        | Id::Force
        | Id::Format
        | Id::Help
        | Id::Input
        | Id::Json
        | Id::List
        | Id::Login
        | Id::NoInput
        | Id::NoStream
        | Id::NoTrunc
        | Id::Nothing
        | Id::Null
        | Id::Output
        | Id::Password
        | Id::PasswordStdin
        | Id::Patch
        | Id::Pid
        | Id::Security
        | Id::Signal
        | Id::Since
        | Id::Tail
        | Id::Time
        | Id::Timestamps
        | Id::Undo
        | Id::Until
        | Id::Username
        | Id::Version => {}
    }
    Ok(())
}

fn share(name: &str, list: &[u8], spec: &mut Spec) -> Result<(), Fail> {
    let words = [("ipc", 0), ("uts", 1), ("cgroup", 2), ("net", 3), ("network", 3)];
    for word in list.split(|&b| b == b',') {
        if [&b"pid"[..], b"user", b"mount", b"mnt"].contains(&word) {
            return Err(misuse(format!("the {} namespace is never shared", Bytes(word.to_vec())))
                .hint(format!("{name} ipc,uts,cgroup,net; --proc host shows the host's processes")));
        }
        match value::word(name, word, &words, &[])? {
            0 => spec.share.ipc = true,
            1 => spec.share.uts = true,
            2 => spec.share.cgroup = true,
            _ => spec.network = Some(Network::Host),
        }
    }
    Ok(())
}

/// `--base`, `--rootfs` and `--image` are answers to one question.
pub(super) fn one_root(met: &[Met]) -> Result<(), Fail> {
    let all = [(Id::Base, "--base"), (Id::Rootfs, "--rootfs"), (Id::Image, "--image")];
    let mut given = all.iter().filter(|(id, _)| met.iter().any(|m| m.id == *id)).map(|(_, name)| name);
    match (given.next(), given.next()) {
        (Some(one), Some(other)) => {
            Err(misuse(format!("{one} and {other} both say what the root is")).hint("choose one of them"))
        }
        _ => Ok(()),
    }
}

/// What goes wrong only together.
pub(super) fn sane(run: &Run) -> Result<(), Fail> {
    let spec = &run.spec;
    crate::network::check::check(spec)?;
    walls::check(&spec.walls)?;
    landlock::check(&spec.walls, spec.nest)?;
    limits::check(&spec.limits)?;
    if matches!(spec.ids, IdMode::Map { .. }) && spec.user == User::KeepId {
        return Err(ids::two_maps());
    }
    if let (Some(name), true) = (&spec.hostname, spec.share.uts) {
        return Err(
            misuse(format!("--hostname {name} with --share uts would rename the host")).hint("leave one of them out")
        );
    }
    if let Some(number) = run.status_fd.filter(|number| spec.pass.contains(number)) {
        return Err(misuse(format!("--status-fd {number} and --pass-fd {number} want the same descriptor"))
            .hint(format!("give the command a copy of it: --pass-fd 9 9>&{number}")));
    }
    let mut pass = spec.pass.clone();
    pass.sort_unstable();
    match pass.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(misuse(format!("--pass-fd {} was given twice", pair[0])).hint("name each descriptor once")),
        None => Ok(()),
    }
}

/// Words that cannot be meant as a command.
fn command(arguments: &[OsString], scanned: &Scanned, form: Form) -> Result<(), Fail> {
    let Some(first) = scanned.command.first() else { return Ok(()) };
    let word = Bytes::from(first.as_os_str());
    if first.is_empty() {
        return Err(misuse("the command is empty").hint("kakuri CMD [ARG...], or no word at all for your shell"));
    }
    // The two-word form of bubblewrap: `--bind A /b`.
    if let (false, Some(last)) = (scanned.dashes, scanned.met.last()) {
        let two_words = matches!(last.id, Id::Bind | Id::RoBind)
            && !parse::split(last.value).iter().skip(1).any(|f| f.starts_with(b"/"));
        if two_words && first.as_bytes().starts_with(b"/") && !Path::new(first).is_file() {
            let (name, value) = (shown_option(last.name), Bytes(last.value.to_vec()));
            let instead = match last.id {
                Id::RoBind => format!("kakuri --bind {value}:{word}:ro"),
                _ => format!("kakuri {name} {value}:{word}"),
            };
            return Err(misuse(format!("'{word}' is not a command"))
                .why(format!("{name} takes one word"))
                .hint(instead));
        }
    }
    if form == Form::Bare && !scanned.dashes && matches!(first.as_bytes(), b"login" | b"logout") {
        // docker's verbs, that nobody is asked for a password by another program in their place.
        let rest: Vec<String> = scanned.command[1..]
            .iter()
            .filter(|w| !w.as_bytes().starts_with(b"-"))
            .map(|w| Bytes::from(w.as_os_str()).to_string())
            .collect();
        let registry = rest.last().map(|registry| format!(" {registry}")).unwrap_or_default();
        return Err(misuse(format!("kakuri has no verb '{word}' of its own"))
            .hint(format!("kakuri registry {word}{registry}; to run a program of that name: kakuri -- {word}")));
    }
    let verb = pages::is_verb(first.as_bytes());
    if form == Form::Bare && verb && !scanned.dashes && !scanned.met.is_empty() {
        let before: Vec<String> = arguments[..arguments.len() - scanned.command.len()]
            .iter()
            .map(|a| Bytes::from(a.as_os_str()).to_string())
            .collect();
        return Err(misuse(format!("'{word}' is a word of kakuri's own, and options stand before it"))
            .hint(format!("put it first; to run a program of that name: kakuri {} -- {word}", before.join(" "))));
    }
    Ok(())
}
