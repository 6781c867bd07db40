//! `kakuri registry login` and `logout`. A password is typed unseen or comes by standard input, is proved to be right by
//! the registry, and only then kept.

use std::io::Read;

use kakuri_image::talk::{Ask, Endpoint, FromFetch, Job, Login as Who, Patience, Secret};
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::FAILED;
use crate::cli::{Login, Logout, Registry as Wanted};
use crate::helper::Programs;
use crate::host::Host;
use crate::image::access::login::{self, Kept, Registry};
use crate::image::access::{self, credentials};
use crate::image::fetcher::Fetcher;
use crate::output;
use crate::terminal::ask;

/// `by_login`: kakuri is somebody's login shell.
pub fn run(wanted: &Wanted, by_login: bool) -> Result<u8> {
    let done = match wanted {
        Wanted::Login(wanted) => log_in(wanted, by_login),
        Wanted::Logout(wanted) => log_out(wanted),
    };
    done.map_err(|fail| fail.code(FAILED))
}

fn log_in(wanted: &Login, by_login: bool) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let host = Host::look();
    let registry = Registry::parse(wanted.registry.as_bytes())?;
    let path = match credentials::named(&wanted.access, &host)? {
        Some((path, _)) => path,
        None => credentials::own(&host),
    };
    // A file that cannot be kept in is found out before anybody is asked for anything.
    login::registries(&path)?;
    let programs = Programs::locate(by_login)?;
    let user = match &wanted.user {
        Some(user) => user.clone(),
        None => asked_user(&registry)?,
    };
    let password = match wanted.stdin {
        true => from_stdin()?,
        false => ask::password(&format!("Password of '{}' at {}: ", Bytes::from(&user), registry.key()))?,
    };
    if password.is_empty() {
        return Err(Fail::new(Stage::Front, "the password is empty").hint(again(&registry)));
    }
    let who = Who::Basic { user: user.clone(), password: Secret(password) };
    prove(access::of_registry(&registry, who.clone(), &wanted.access, &host)?, &programs)?;
    let kept = login::keep(&path, &registry, &who, &host)?;
    let place = match &kept {
        Kept::File(path) => format!("in '{}', in base64: whoever can read that file has it", shown(path)),
        Kept::Helper(program) => format!("with {program}"),
    };
    output::warn(format_args!("logged in to {} as '{}'; the password is {place}", registry.key(), Bytes::from(&user)));
    Ok(0)
}

fn shown(path: &[u8]) -> Bytes {
    Bytes(path.to_vec())
}

fn again(registry: &Registry) -> String {
    format!("kakuri registry login {}", registry.key())
}

fn asked_user(registry: &Registry) -> Result<String> {
    let user = ask::line(&format!("User at {}: ", registry.key()))?;
    match user.is_empty() || user.contains(':') {
        false => Ok(user),
        true => Err(Fail::new(Stage::Front, format!("'{}' is no user's name", Bytes::from(&user)))
            .why("it is empty or has a colon")
            .hint(again(registry))),
    }
}

/// All of it, without the line break an editor or `echo` puts at its end.
fn from_stdin() -> Result<Zeroizing<String>> {
    let wrong = |why: &str| {
        Err(Fail::new(Stage::Front, "standard input holds no password")
            .why(why)
            .hint("kakuri registry login -u USER --password-stdin REGISTRY <FILE, with the password alone in FILE"))
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(ask::LONGEST + 2));
    let stdin = std::io::stdin();
    // By its own descriptor: the buffer of the standard library would keep a copy.
    let mut raw = std::fs::File::from(
        rustix::io::fcntl_dupfd_cloexec(&stdin, 3).fail(Stage::Front, || "cannot read standard input".into())?,
    )
    .take(ask::LONGEST as u64 + 1);
    raw.read_to_end(&mut bytes).fail(Stage::Front, || "cannot read standard input".into())?;
    if bytes.len() > ask::LONGEST {
        return wrong("it is too long to be one");
    }
    let Ok(text) = std::str::from_utf8(&bytes) else { return wrong("it is not text") };
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    match text {
        "" => wrong("it is empty"),
        text if text.contains(['\n', '\0']) => wrong("it has more than one line"),
        text => Ok(Zeroizing::new(text.into())),
    }
}

/// Asks the registry whether it takes the login.
fn prove(endpoint: Endpoint, programs: &Programs) -> Result<()> {
    let mut fetcher =
        Fetcher::begin(Job { ask: Ask::Login, endpoints: vec![endpoint], patience: Patience::default() }, programs)?;
    loop {
        for (word, _) in fetcher.hear()? {
            match word {
                FromFetch::Welcome => return Ok(()),
                FromFetch::Failed(fail) => return Err(fail),
                FromFetch::Retrying { fail, attempt, .. } => log::info!("try {attempt} failed: {fail}"),
                _ => {}
            }
        }
        let watched: Vec<_> = fetcher.watched().collect();
        let mut polled: Vec<_> = watched.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        match poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Fail::new(Stage::Front, "cannot wait for the registry").errno(e)),
        }
    }
}

/// The files a logout looks into: the one that is named, else those of podman and of kakuri.
fn files(wanted: &Logout, host: &Host) -> Result<Vec<Vec<u8>>> {
    Ok(match credentials::named(&wanted.access, host)? {
        Some((path, _)) => vec![path],
        None => credentials::of_podman(host),
    })
}

fn log_out(wanted: &Logout) -> Result<u8> {
    super::start_log(wanted.general.verbose);
    let host = Host::look();
    let files = files(wanted, &host)?;
    match &wanted.registry {
        Some(typed) => one(&Registry::parse(typed.as_bytes())?, &files, wanted, &host),
        None => all(&files, &host),
    }
}

fn one(registry: &Registry, files: &[Vec<u8>], wanted: &Logout, host: &Host) -> Result<u8> {
    let mut forgotten = Vec::new();
    for path in files {
        forgotten.extend(login::forget(path, registry, host)?);
    }
    // Docker's own file is read by a pull, and written by docker alone.
    let docker = credentials::of_docker(host);
    let named = credentials::named(&wanted.access, host)?.is_some();
    let left = !named && login::registries(&docker)?.contains(registry);
    if left {
        output::warn(format_args!("'{}' has a login for {} too: docker logout {1}", shown(&docker), registry.key()));
    }
    if forgotten.is_empty() && !left {
        let looked: Vec<String> = files.iter().map(|path| shown(path).to_string()).collect();
        return Err(Fail::new(Stage::Front, format!("there is no login for {}", registry.key()))
            .why(format!("looked in {}", looked.join(", ")))
            .hint("kakuri registry logout --all forgets all there are"));
    }
    told(registry, &forgotten);
    Ok(if forgotten.is_empty() { FAILED } else { 0 })
}

fn told(registry: &Registry, forgotten: &[Kept]) {
    for kept in forgotten {
        let place = match kept {
            Kept::File(path) => format!("'{}'", shown(path)),
            Kept::Helper(program) => program.clone(),
        };
        output::warn(format_args!("logged out of {}: taken out of {place}", registry.key()));
    }
}

fn all(files: &[Vec<u8>], host: &Host) -> Result<u8> {
    let mut code = 0;
    for path in files {
        for registry in login::registries(path)? {
            match login::forget(path, &registry, host) {
                Ok(forgotten) => told(&registry, &forgotten),
                // The others go on where one fails.
                Err(fail) => {
                    output::warn(fail);
                    code = FAILED;
                }
            }
        }
    }
    Ok(code)
}

/// Registries there is a login for, for completion: silent about whatever goes wrong.
pub fn known(host: &Host) -> Vec<String> {
    let mut names: Vec<String> = (credentials::of_podman(host).iter())
        .flat_map(|path| login::registries(path).unwrap_or_default())
        .map(|registry| registry.key())
        .collect();
    names.sort();
    names.dedup();
    names
}
