//! The verbs that make a container or lead into one: create, start, exec, shell, attach.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::{Bytes, Fail};

use super::ask::{Attach, Create, Exec, General, Given, Overlay, Shell, Start, Verbs};
use super::options::Id;
use super::pages::{RUN, Verb};
use super::scan::{Met, Scanned, scan, shown, shown_option};
use super::{Command, Run, Stop, description, help, image, login, misuse, overlay, phrase, run};
use crate::spec::{Terminal, User};

/// Scans, and answers `--help`.
pub fn read<'a>(verb: &'static Verb, arguments: &'a [OsString]) -> Result<Scanned<'a>, Stop> {
    let scanned = scan(verb, arguments)?;
    if scanned.has(Id::Help) { Err(Stop::Text(help::page(verb))) } else { Ok(scanned) }
}

pub fn done(verbs: Verbs) -> Result<Command, Stop> {
    Ok(Command::Container(Box::new(verbs)))
}

/// The only word of the verb.
pub fn one_name(verb: &Verb, words: &[&[u8]]) -> Result<String, Fail> {
    match words {
        [] => Err(misuse(format!("kakuri {} needs the name of a container", verb.name))
            .hint(format!("kakuri {} NAME; kakuri list shows the names", verb.name))),
        [name] => phrase::name(verb.name, name),
        [_, more, ..] => Err(misuse(format!("kakuri {} takes one name, and '{}' follows it", verb.name, shown(more)))
            .hint(format!("kakuri {} {}", verb.name, verb.usage))),
    }
}

/// What `--config` and `--verbose` say, and every option a run knows.
fn gather(scanned: &Scanned) -> Result<Run, Fail> {
    let mut gathered = run::blank();
    scanned.met.iter().try_for_each(|met| run::apply(&mut gathered, met))?;
    Ok(gathered)
}

/// The options of a run's that every verb has.
pub fn general(scanned: &Scanned) -> Result<General, Fail> {
    gather(scanned).map(|run| run.general)
}

fn words(command: &[OsString]) -> Vec<Bytes> {
    command.iter().map(|word| Bytes::from(word.as_os_str())).collect()
}

fn no_empty_command(verb: &Verb, name: &str, command: &[OsString]) -> Result<(), Fail> {
    match command.first() {
        Some(first) if first.is_empty() => {
            Err(misuse(format!("the command for '{}' is empty", shown(name.as_bytes())))
                .hint(format!("kakuri {} {}", verb.name, verb.usage)))
        }
        _ => Ok(()),
    }
}

pub fn create(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let mut given = description::begin(verb, &scanned)?;
    let name = named(verb, &mut given, &scanned).map_err(|fail| description::locate(&given.described, fail))?;
    let Run { spec, replace, general, described, .. } = given;
    done(Verbs::Create(Create { name, spec, replace, described, general }))
}

/// What is to be made; its name.
fn named(verb: &Verb, given: &mut Run, scanned: &Scanned) -> Result<Option<String>, Fail> {
    scanned.met.iter().try_for_each(|met| run::apply(given, met))?;
    let name = match (given.name.take(), &scanned.words[..]) {
        (Some(name), [word, ..]) if scanned.has(Id::Name) => {
            return Err(misuse(format!("two names were given, '{name}' and '{}'", shown(word)))
                .hint("kakuri create NAME, or kakuri create --name NAME CMD"));
        }
        // One that a file names is another here.
        (_, [word, ..]) => Some(phrase::new_name(word)?),
        (name, []) => name,
    };
    if given.replace && name.is_none() {
        return Err(misuse("--replace needs the name of what is to be replaced").hint("kakuri create --replace NAME"));
    }
    no_empty_command(verb, name.as_deref().unwrap_or("it"), scanned.command)?;
    run::one_root(&scanned.met)?;
    image::check(&given.spec, description::all(&given.described, scanned))?;
    run::sane(given)?;
    run::take_command(given, scanned)?;
    Ok(name)
}

/// Options that are a start's own, and not laid over what is stored.
fn of_the_start(id: Id) -> bool {
    matches!(
        id,
        Id::Detach
            | Id::Interactive
            | Id::DetachKeys
            | Id::StatusFd
            | Id::Config
            | Id::Verbose
            | Id::Quiet
            | Id::Attach
            | Id::Nothing
    )
}

pub fn start(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    if makes_what_it_starts(arguments) {
        return run::parse(&RUN, arguments, run::Form::Spelled);
    }
    let scanned = read(verb, arguments)?;
    let given = gather(&scanned)?;
    overlay::sane_over_stored(&given)?;
    let name = one_name(verb, &scanned.words)?;
    no_empty_command(verb, &name, scanned.command)?;
    let owned = |m: &Met| Given { id: m.id, name: name_of(m), value: m.value.to_vec(), bare: m.bare };
    let options = Overlay { given: scanned.met.iter().filter(|m| !of_the_start(m.id)).map(owned).collect() };
    done(Verbs::Start(Start {
        name,
        detach: given.detach,
        interactive: given.interactive,
        detach_keys: given.detach_keys,
        command: words(scanned.command),
        options,
        status_fd: given.status_fd,
        general: given.general,
    }))
}

/// Ryouiki's `start --path DIR --env FILE --command CMD`: a root and a command are named, and no container. Ours takes
/// neither of the two.
fn makes_what_it_starts(arguments: &[OsString]) -> bool {
    let begins = |word: &str| {
        let of_it =
            |a: &&OsString| a.as_bytes().strip_prefix(word.as_bytes()).is_some_and(|r| matches!(r, [] | [b'=', ..]));
        arguments.iter().take_while(|a| *a != "--").any(|a| of_it(&a))
    };
    let both = begins("--path") && begins("--command");
    both && scan(&RUN, arguments).is_ok_and(|s| s.has(Id::Rootfs) && s.has(Id::Script) && s.command.is_empty())
}

/// With its dash, out of a cluster too.
fn name_of(met: &Met) -> Vec<u8> {
    shown_option(met.name).into_bytes()
}

/// docker's: in the background unless -a or -i, and without a command.
pub fn docker_start(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let given = gather(&scanned)?;
    if let [name, word, ..] = &scanned.words[..] {
        let (name, word) = (shown(name), shown(word));
        return Err(misuse(format!("kakuri container start takes one name, and '{word}' follows it"))
            .hint(format!("one start for each; or, if it is a command: kakuri start -d {name} {word}"))
            .into());
    }
    let name = one_name(verb, &scanned.words)?;
    done(Verbs::Start(Start {
        name,
        detach: !scanned.has(Id::Attach) && !given.interactive,
        interactive: given.interactive,
        detach_keys: given.detach_keys,
        command: Vec::new(),
        options: Overlay::default(),
        status_fd: None,
        general: given.general,
    }))
}

/// None where nobody said who.
fn user(scanned: &Scanned, given: &Run) -> Option<User> {
    let said = scanned.has(Id::User) || scanned.has(Id::Uid);
    said.then(|| given.spec.user.clone())
}

pub fn exec(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let given = gather(&scanned)?;
    let name = one_name(verb, &scanned.words)?;
    no_empty_command(verb, &name, scanned.command)?;
    if scanned.command.is_empty() {
        return Err(misuse(format!("kakuri exec {} needs a command", shown(name.as_bytes())))
            .hint(format!(
                "kakuri exec {name} CMD [ARG...]; kakuri shell {name} is a shell in it",
                name = shown(name.as_bytes())
            ))
            .into());
    }
    let user = user(&scanned, &given);
    done(Verbs::Exec(Exec {
        name,
        command: words(scanned.command),
        detach: given.detach,
        terminal: match given.spec.terminal {
            Terminal::Auto => None,
            Terminal::Always => Some(true),
            Terminal::Never => Some(false),
        },
        interactive: given.interactive,
        detach_keys: given.detach_keys,
        environment: given.spec.environment,
        workdir: given.spec.workdir,
        user,
        pass: given.spec.pass,
        status_fd: given.status_fd,
        general: given.general,
    }))
}

pub fn shell(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    if let [_, more, ..] = &scanned.words[..] {
        return Err(misuse(format!("kakuri shell takes one name, and '{}' follows it", shown(more)))
            .hint("a command is run by kakuri exec NAME CMD")
            .into());
    }
    let name = one_name(verb, &scanned.words)?;
    if scanned.has(Id::Login) {
        // The line belongs to whoever set the login up; what they did not say there nobody can say.
        return match scanned.met.iter().find(|m| m.id != Id::Login) {
            Some(met) => Err(misuse(format!("kakuri shell --login takes no {}", shown_option(met.name)))
                .hint(format!("kakuri shell --login {}", shown(name.as_bytes())))
                .into()),
            None => done(Verbs::Shell(login::shell(name, None))),
        };
    }
    let given = gather(&scanned)?;
    let user = user(&scanned, &given);
    done(Verbs::Shell(Shell {
        name,
        login: false,
        command: None,
        environment: given.spec.environment,
        workdir: given.spec.workdir,
        user,
        detach_keys: given.detach_keys,
        general: given.general,
    }))
}

pub fn attach(verb: &'static Verb, arguments: &[OsString]) -> Result<Command, Stop> {
    let scanned = read(verb, arguments)?;
    let given = gather(&scanned)?;
    done(Verbs::Attach(Attach {
        name: one_name(verb, &scanned.words)?,
        detach_keys: given.detach_keys,
        no_input: scanned.has(Id::NoInput),
        general: given.general,
    }))
}
