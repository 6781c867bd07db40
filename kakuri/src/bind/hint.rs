//! A command that was not found inside: the `--bind` that would show it, where the host has it, or what it lacks.

use std::os::unix::fs::PermissionsExt;

use kakuri_image::Source;
use kakuri_wire::{Bytes, Fail};

use super::interpreter;
use super::source::{self, Kind, Look};
use crate::host::{Host, as_path};
use crate::landlock;
use crate::layout::{Found, Layout};
use crate::output;
use crate::pathname;
use crate::plan::Plan;

/// Whether a path exists inside, as far as the plan tells.
pub fn visible(plan: &Plan, path: &[u8]) -> bool {
    Layout::of(&plan.mount).locate(path).exists()
}

/// What a root of its own has to do with a command that was not found: the host's programs are none of it.
fn hint_for_root(plan: &Plan, command: &[u8]) -> Option<String> {
    let root = plan.mount.root.as_ref()?;
    let shown = root.typed.as_ref().unwrap_or(&root.from);
    let layout = Layout::of(&plan.mount);
    let folders = plan.process.path.as_bytes().split(|&b| b == b':');
    if !folders.filter(|f| !f.is_empty()).any(|folder| layout.locate(folder).found == Found::Folder) {
        return Some(format!(
            "'{shown}' has no folder of programs, such as bin or usr/bin: name one with a whole system in it"
        ));
    }
    Some(match command.first() {
        Some(b'/') => {
            format!("it is looked for in '{shown}', which is the root; correct the name, or install it there")
        }
        _ => {
            format!("it is looked for in '{shown}', along {}; correct the name, or install it there", plan.process.path)
        }
    })
}

/// The kernel says one thing for a command that is missing and for one whose interpreter is.
pub fn explain_missing(plan: &Plan, host: &Host, command: &[u8], fail: Fail) -> Fail {
    if let Some(asked) = seen_inside(plan, command).and_then(|file| interpreter::of(&file)) {
        let fail = fail.why(format!("its interpreter '{}' is not in the container", Bytes(asked.clone())));
        return match asked.last() {
            Some(b'\r') => fail.hint("its lines end as on Windows: remove each carriage return, with dos2unix or sed"),
            _ => fail.hint(
                hint_for_root(plan, &asked).or_else(|| hint_for_command(plan, host, &asked)).unwrap_or_else(|| {
                    "install that, or name another: in the first line of a script, or when a program is built".into()
                }),
            ),
        };
    }
    let of_root = || hint_for_root(plan, command).filter(|_| !command.contains(&b'/') || command.starts_with(b"/"));
    let hint = of_root().or_else(|| hint_for_command(plan, host, command)).unwrap_or_else(|| {
        let folder = &plan.process.cwd;
        match command {
            b"help" => "kakuri --help is kakuri's own".into(),
            b"load" => "kakuri image load -i FILE loads images from an archive".into(),
            b"save" => "kakuri image save -o FILE REF... writes images to an archive".into(),
            [b'/', ..] => "correct the name, or show what it lies in with --bind".into(),
            _ if let Some(image) = with_tag(plan, host, command) => format!("did you mean kakuri --image {image}?"),
            _ if is_image(command) => {
                let word = output::words(&[Bytes(command.to_vec())]);
                format!("if it is an image: kakuri run --image {word} [CMD...]")
            }
            _ if command.contains(&b'/') => {
                format!("it was looked for from {folder}; correct the name, or show what it lies in with --bind")
            }
            _ => format!("the container's PATH is {}; is it installed?", plan.process.path),
        }
    });
    fail.hint(hint)
}

/// Names of images everybody knows.
const KNOWN: [&str; 8] = ["alpine", "archlinux", "centos", "debian", "fedora", "opensuse", "rockylinux", "ubuntu"];

/// What rustainer's users type for an image: its name, and the tag as a word of its own.
fn with_tag(plan: &Plan, host: &Host, command: &[u8]) -> Option<String> {
    let [name, tag] = &plan.process.argv[..] else { return None };
    let (name, tag) = (std::str::from_utf8(name.as_bytes()).ok()?, std::str::from_utf8(tag.as_bytes()).ok()?);
    // Whatever else a tag may be, a program that was mistyped would have it as an argument.
    let version = tag == "latest" || tag.starts_with(|c: char| c.is_ascii_digit());
    // Docker's users type a command there, and a shell more often than any other.
    let is_command = || tag.ends_with("sh") || host.places(tag).any(|place| place.is_file());
    let image = format!("{name}:{tag}");
    let fits = !name.contains(':') && !name.starts_with('.') && (version || KNOWN.contains(&name) && !is_command());
    let is = fits && name.as_bytes() == command && matches!(Source::parse(image.as_bytes()), Ok(Source::Registry(_)));
    is.then_some(image)
}

/// What docker's users type for an image. A path of the command's own does not look so.
fn is_image(command: &[u8]) -> bool {
    let tagged = || {
        let name = command.rsplit(|&b| b == b'/').next().unwrap_or_default();
        name.iter().any(|b| matches!(b, b':' | b'@')) && matches!(Source::parse(command), Ok(Source::Registry(_)))
    };
    KNOWN.iter().any(|known| known.as_bytes() == command) || (!command.starts_with(b".") && tagged())
}

/// The same for one that is not executable, which may lie where nothing is.
pub fn explain_denied(plan: &Plan, command: &[u8], fail: Fail) -> Fail {
    match seen_inside(plan, command) {
        Some(file) if fail.errno == Some(libc::ENOEXEC) => match foreign(plan, &file) {
            Some(machine) => {
                fail.why(format!("it is a program for another kind of processor, {machine}")).hint(format!(
                    "take one made for {}, or have qemu-user-static with binfmt_misc run it",
                    std::env::consts::ARCH
                ))
            }
            None => fail,
        },
        Some(file) if is_folder(&file) => fail.why("it is a folder").hint("name a program in it"),
        Some(file) if fail.errno == Some(libc::EACCES) && denied_by_rules(plan, command).is_some() => {
            let denied = denied_by_rules(plan, command).unwrap_or(file);
            let folder = pathname::parent(&denied).unwrap_or(b"/").to_vec();
            fail.why(format!("no Landlock rule lets '{}' be executed", Bytes(denied)))
                .hint(format!("--landlock-rx {}, or --landlock-rx / for all programs and libraries", Bytes(folder)))
        }
        Some(file) if fail.errno == Some(libc::EACCES) && is_program(&file) => fail
            .why("it lies where nothing may be executed")
            .hint("leave `noexec` out of the bind around it; what the host has mounted so stays so"),
        _ => fail,
    }
}

/// The kind of processor that a file's program is for, or its script's, where that is not this machine's.
fn foreign(plan: &Plan, file: &[u8]) -> Option<&'static str> {
    let asked = interpreter::machine(file).or_else(|| {
        let layout = Layout::of(&plan.mount);
        interpreter::machine(&layout.locate(&interpreter::of(file)?).host?)
    });
    asked.filter(|machine| *machine != std::env::consts::ARCH)
}

/// What of a command the Landlock rules do not let be executed: itself, its interpreter or its loader, by the path it has
/// inside. The kernel says the same for each.
fn denied_by_rules(plan: &Plan, command: &[u8]) -> Option<Vec<u8>> {
    /// A script, what runs it, and that one's loader.
    const STEPS: usize = 4;
    let rules = plan.process.landlock.as_ref()?;
    let layout = Layout::of(&plan.mount);
    let place = |path: &[u8]| layout.locate(path).at;
    let mut next = located(plan, &layout, command);
    for _ in 0..STEPS {
        let (at, host) = next?;
        if !landlock::may_execute(rules, &at, place) {
            return Some(at);
        }
        let asked = layout.locate(&interpreter::of(&host)?);
        next = asked.host.map(|host| (asked.at, host));
    }
    None
}

/// The file of the host that a command is inside.
fn seen_inside(plan: &Plan, command: &[u8]) -> Option<Vec<u8>> {
    located(plan, &Layout::of(&plan.mount), command).map(|(_, host)| host)
}

/// Where a command is inside, and what it is on the host.
fn located(plan: &Plan, layout: &Layout, command: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let look = |folder: &[u8]| {
        let found = layout.locate(&pathname::absolute(folder, command));
        found.host.map(|host| (found.at, host))
    };
    match command.contains(&b'/') {
        true => look(plan.process.cwd.as_bytes()),
        false => plan.process.path.as_bytes().split(|&b| b == b':').filter(|f| !f.is_empty()).find_map(look),
    }
}

/// For a command that was not found inside: where the host has it and what shows it, as the hint of the
/// error; None where the host has none either, or it is visible and something else is wrong.
fn hint_for_command(plan: &Plan, host: &Host, command: &[u8]) -> Option<String> {
    let layout = Layout::of(&plan.mount);
    let file = if command.contains(&b'/') {
        host.absolute(command).ok().filter(|path| is_program(path))?
    } else {
        host.var("PATH")?
            .split(|&b| b == b':')
            .filter(|folder| folder.first() == Some(&b'/'))
            .map(|folder| pathname::absolute(folder, command))
            .find(|path| is_program(path))?
    };
    let mut folders = Vec::new();
    let inside = layout.locate(&file);
    if !inside.exists() {
        // A link that is visible, and what it leads to is not.
        let lacking = if is_program(&inside.at) { &inside.at } else { &file };
        folders.push(folder_of(host, lacking));
    }
    // What it is a link to has to be visible too.
    if let Ok(Look::Is(real)) = source::look(&file)
        && !layout.locate(&real.path).exists()
        && !folders.iter().any(|f| pathname::below(&real.path, f).is_some())
    {
        folders.push(folder_of(host, &real.path));
    }
    // The programs in ~/.cargo/bin are doors to the toolchains in ~/.rustup.
    let home = |name: &str| pathname::join(&host.home, name.as_bytes());
    let rustup = host.var("RUSTUP_HOME").map_or_else(|| home(".rustup"), <[u8]>::to_vec);
    if folders.contains(&home(".cargo")) && !layout.locate(&rustup).exists() && is_folder(&rustup) {
        folders.push(rustup);
    }
    if folders.is_empty() {
        return None;
    }
    let binds: Vec<String> = folders.iter().map(|f| format!("--bind {}:ro", short(host, f))).collect();
    Some(format!("the host has {}, which is not visible inside; show it with {}", Bytes(file), binds.join(" ")))
}

/// The folder a program is installed in: what is directly in the home, else what `bin` lies in.
fn folder_of(host: &Host, file: &[u8]) -> Vec<u8> {
    let folder = pathname::parent(file).unwrap_or(b"/");
    if let Some(rest) = pathname::strictly_below(file, &host.home).filter(|_| host.home != b"/") {
        let top = rest.split(|&b| b == b'/').next().unwrap_or(rest);
        return pathname::join(&host.home, top);
    }
    match pathname::parent(folder) {
        Some(outer) if pathname::name(folder) == b"bin" && outer != b"/" => outer.to_vec(),
        _ if folder == b"/" => file.to_vec(),
        _ => folder.to_vec(),
    }
}

/// `~/x` for what is in the home, quoted for the shell where it must be.
fn short(host: &Host, path: &[u8]) -> String {
    let (front, rest) = match pathname::strictly_below(path, &host.home).filter(|_| host.home != b"/") {
        Some(rest) => ("~/", Bytes(rest.to_vec()).to_string()),
        None => ("", Bytes(path.to_vec()).to_string().replace(':', r"\:")),
    };
    let plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+@%,".contains(&b));
    if plain { format!("{front}{rest}") } else { format!("{front}'{}'", rest.replace('\'', r"'\''")) }
}

fn is_program(path: &[u8]) -> bool {
    std::fs::metadata(as_path(path)).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn is_folder(path: &[u8]) -> bool {
    matches!(source::look(path), Ok(Look::Is(real)) if real.kind == Kind::Folder)
}
