//! kakuri's own folders and the WireGuard ones are covered inside whatever shows them, unless they were
//! named themselves: a bind of the whole home must not hand out keys or other containers.

use super::source;
use crate::config::Config;
use crate::host::{Host, as_path};
use crate::layout::{Found, Layout, Origin, What};
use crate::pathname;

/// Puts an empty read-only cover over each, wherever it can be seen.
pub fn cover(layout: &mut Layout, config: &Config, host: &Host) {
    let shown: Vec<(Vec<u8>, Vec<u8>)> = layout
        .points()
        .filter_map(|(at, point)| match &point.what {
            What::Bind(source) if source.folder && !source.devices => Some((at.to_vec(), source.from.clone())),
            What::Union { from, .. } => Some((at.to_vec(), from.clone())),
            _ => None,
        })
        .collect();
    // The base alone shows none but what lies in its folders by name; a bind may show more, through links.
    let more = layout.points().any(|(_, point)| point.origin != Origin::Base);
    for folder in folders(config, host) {
        if !more && !shown.iter().any(|(_, from)| pathname::below(&folder, from).is_some()) {
            continue;
        }
        // Most do not exist, which one look tells.
        if std::fs::symlink_metadata(as_path(&folder)).is_err() {
            continue;
        }
        let Some(real) = source::real(&folder) else { continue };
        for (at, from) in &shown {
            let Some(rest) = pathname::strictly_below(&real, from) else { continue };
            let located = layout.locate(&pathname::join(at, rest));
            if located.host.as_deref() == Some(&real) && layout.get(&located.at).is_none() {
                let what = What::Hide { folder: located.found == Found::Folder };
                layout.put(located.at, Origin::Base, what);
            }
        }
    }
}

fn folders(config: &Config, host: &Host) -> Vec<Vec<u8>> {
    let home = |rest: &str| pathname::join(&host.home, rest.as_bytes());
    let mut all = vec![
        b"/etc/wireguard".to_vec(),
        home(".config/wireguard"),
        home(".wireguard"),
        config.containers_dir(host),
        home(".local/kakuri/images"),
    ];
    all.extend(pathname::parent(&config.file).map(<[u8]>::to_vec));
    all.extend(host.var("XDG_RUNTIME_DIR").map(|run| pathname::absolute(run, b"kakuri")));
    all
}
