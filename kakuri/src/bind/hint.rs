//! A command that was not found inside, though the host has it: which `--bind` would show it.

use std::os::unix::fs::PermissionsExt;

use kakuri_wire::Bytes;

use super::source::{self, Kind, Look};
use crate::host::{Host, as_path};
use crate::layout::Layout;
use crate::pathname;
use crate::plan::Plan;

/// Whether a path exists inside, as far as the plan tells.
pub fn visible(plan: &Plan, path: &[u8]) -> bool {
    Layout::of(&plan.mount).locate(path).exists()
}

/// For a command that was not found inside: where the host has it and what shows it, as the hint of the
/// error; None where the host has none either, or it is visible and something else is wrong.
pub fn hint_for_command(plan: &Plan, host: &Host, command: &[u8]) -> Option<String> {
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
    if !layout.locate(&file).exists() {
        folders.push(folder_of(host, &file));
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
