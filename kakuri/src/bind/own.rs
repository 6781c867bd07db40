//! kakuri's own folders and the WireGuard ones are covered inside whatever shows them, unless they were
//! named themselves: a bind of the whole home must not hand out keys or other containers, and one of the runtime
//! folder no control socket, which a read-only bind does not protect.

use kakuri_wire::Bytes;
use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::source;
use crate::config::Config;
use crate::host::{Host, as_path};
use crate::layout::{Found, Layout, Located, Origin, What};
use crate::pathname;

/// Puts an empty read-only cover over each, wherever it can be seen. The answer: those that are not there yet and have
/// to be made for that, because what a later container puts into them would be seen as well.
pub fn cover(layout: &mut Layout, config: &Config, host: &Host) -> Vec<Bytes> {
    let shown: Vec<(Vec<u8>, Vec<u8>)> = layout
        .points()
        .filter_map(|(at, point)| match &point.what {
            What::Bind(source) if source.folder && !source.devices => Some((at.to_vec(), source.from.clone())),
            What::Cow { source, .. } => Some((at.to_vec(), source.from.clone())),
            What::Union { from, .. } => Some((at.to_vec(), from.clone())),
            _ => None,
        })
        .collect();
    // The base alone shows none but what lies in its folders by name; a bind may show more, through links.
    let more = layout.points().any(|(_, point)| point.origin != Origin::Base);
    let mut to_make = Vec::new();
    for (folder, ours) in folders(config, host, &shown) {
        if !more && !shown.iter().any(|(_, from)| pathname::below(&folder, from).is_some()) {
            continue;
        }
        // Most do not exist, which one look tells.
        let missing = std::fs::symlink_metadata(as_path(&folder)).is_err();
        let real = match (missing, ours) {
            (false, _) => source::real(&folder),
            (true, true) => to_come(&folder),
            (true, false) => None,
        };
        let Some(real) = real else { continue };
        for (at, from) in &shown {
            let Some(rest) = pathname::strictly_below(&real, from) else { continue };
            let located = layout.locate(&pathname::join(at, rest));
            if layout.get(&located.at).is_some() || !leads_to(&located, &real, missing) {
                continue;
            }
            match missing {
                true => to_make.push((located.at, real.clone())),
                false => {
                    let what = What::Hide { folder: located.found == Found::Folder };
                    layout.put(located.at, Origin::Base, what);
                }
            }
        }
    }
    // At last: of two in one folder that is missing too, the first would keep the other from being located.
    for (at, _) in &to_make {
        layout.put(at.clone(), Origin::Base, What::Hide { folder: true });
    }
    let mut make: Vec<Bytes> = to_make.into_iter().map(|(_, real)| Bytes(real)).collect();
    make.sort_unstable();
    make.dedup();
    make
}

/// Whether what was located is this folder of the host, or will be once it is made.
fn leads_to(located: &Located, real: &[u8], missing: bool) -> bool {
    if !missing {
        return located.host.as_deref() == Some(real);
    }
    let rest = pathname::strictly_below(&located.at, &located.deepest);
    match (located.found, &located.deepest_host, rest) {
        (Found::Missing, Some(folder), Some(rest)) => pathname::join(folder, rest) == real,
        // What it would lie in is covered already, or is not shown.
        _ => false,
    }
}

/// The real path a folder that is missing will have; None where it cannot be made by us, or by anybody as it is named.
fn to_come(folder: &[u8]) -> Option<Vec<u8>> {
    if folder.first() != Some(&b'/') {
        return None;
    }
    let mut above = pathname::parent(folder)?;
    while std::fs::symlink_metadata(as_path(above)).is_err() {
        above = pathname::parent(above)?;
    }
    access(as_path(above), Access::WRITE_OK | Access::EXEC_OK).ok()?;
    Some(pathname::join(&source::real(above)?, pathname::strictly_below(folder, above)?))
}

/// Each, and whether it is one in which kakuri keeps containers.
fn folders(config: &Config, host: &Host, shown: &[(Vec<u8>, Vec<u8>)]) -> Vec<(Vec<u8>, bool)> {
    let home = |rest: &str| pathname::join(&host.home, rest.as_bytes());
    let mut all = vec![
        (home(".config/wireguard"), false),
        (config.containers_dir(host), true),
        (home(".local/kakuri/images"), true),
        (home(".local/kakuri/tries"), true),
    ];
    // With XDG_CONFIG_HOME there is one elsewhere.
    all.extend(crate::vpn::find::folders(host).into_iter().map(|folder| (folder, false)));
    all.extend(pathname::parent(&config.file).map(|folder| (folder.to_vec(), false)));
    if let Some(run) = host.var("XDG_RUNTIME_DIR") {
        // One that is missing itself is not kakuri's to make.
        all.push((pathname::absolute(run, b"kakuri"), as_path(run).is_dir()));
    }
    if shown.iter().any(|(_, from)| pathname::below(b"/tmp", from).is_some()) {
        all.extend(in_tmp().into_iter().map(|folder| (folder, false)));
    }
    all
}

/// The live folders of containers whose own folder can have no socket.
fn in_tmp() -> Vec<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    let ours = format!("kakuri-{}-", geteuid().as_raw()).into_bytes();
    let names = std::fs::read_dir("/tmp").into_iter().flatten().flatten().map(|entry| entry.file_name().into_vec());
    names.filter(|name| name.starts_with(&ours)).map(|name| pathname::join(b"/tmp", &name)).collect()
}
