//! `--gpu`: the devices of the GPUs, read-only as files: who owns them and with which mode stays the host's, their data
//! passes. libdrm and Mesa find out what they are by /sys/dev/char, /sys/class/drm and the folders of the PCI devices these
//! lead to, all of which the container's own sysfs has; where there is none they are shown, read-only.
//!
//! Mesa is the container's own. NVIDIA's libraries have to be of the very version of the host's kernel module: a root of its
//! own is shown the host's.

mod nvidia;

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use kakuri_wire::{Bytes, Result};
use rustix::fs::{Access, access};

use super::socket::cannot;
use super::{Doors, Visitor};
use crate::bind::place::Placing;
use crate::bind::source::{self, Look};
use crate::layout::{Origin, Source, What};
use crate::network::Kind;
use crate::pathname;

const DOOR: &str = "gpu";
const NODES: [&str; 5] = ["kfd", "nvidiactl", "nvidia-modeset", "nvidia-uvm", "nvidia-uvm-tools"];

/// What there is in /dev, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Device,
    /// And whether a device is in it.
    Folder(bool),
    Other,
}

pub fn open(placing: &mut Placing, doors: &mut Doors, visitor: &Visitor) -> Result<()> {
    let names = judge(&listing(Path::new("/dev")));
    if names.is_empty() {
        return Err(cannot(DOOR)
            .why("this machine shows none: looked for /dev/dri/*, /dev/nvidia0, ... and /dev/kfd")
            .hint("is its driver loaded? lspci -k | grep -A3 VGA; in a container or a virtual machine it has to be passed on"));
    }
    for name in &names {
        let at = pathname::join(b"/dev", name.as_bytes());
        if placing.layout.get(&at).is_some_and(|point| point.origin == Origin::User) {
            continue;
        }
        let Ok(Look::Is(real)) = source::look(&at) else { continue };
        let source = Source { devices: true, read_only: true, ..real.source(Some(&at)) };
        placing.put(&at, What::Bind(source), &format_args!("cannot open --gpu: '/dev/{name}'"))?;
        if access(crate::host::as_path(&at), Access::READ_OK).is_err() {
            placing.notes.push(format!("you may not open /dev/{name}: ls -l shows which group may"));
        }
    }
    doors.shown.push(format!("{DOOR}: /dev/{}", names.join(" /dev/")));
    if visitor.network == Kind::Joined {
        show_sys(placing)?;
    }
    let nvidia = names.iter().any(|name| name.starts_with("nvidia"));
    if nvidia && visitor.spec.has_own_root() {
        nvidia::show(placing, doors)?;
    }
    Ok(())
}

/// The names in /dev that are of GPUs; none where no GPU is among them.
fn judge(listing: &[(String, Entry)]) -> Vec<String> {
    let numbered = |name: &str| {
        name.strip_prefix("nvidia").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_gpu = |name: &str, entry: &Entry| match entry {
        Entry::Device => name == "kfd" || numbered(name),
        Entry::Folder(devices) => name == "dri" && *devices,
        Entry::Other => false,
    };
    if !listing.iter().any(|(name, entry)| is_gpu(name, entry)) {
        return Vec::new();
    }
    let wanted = |(name, entry): &&(String, Entry)| match entry {
        Entry::Device => NODES.contains(&name.as_str()) || numbered(name),
        Entry::Folder(devices) => *devices && matches!(name.as_str(), "dri" | "nvidia-caps"),
        Entry::Other => false,
    };
    let mut names: Vec<String> = listing.iter().filter(wanted).map(|(name, _)| name.clone()).collect();
    names.sort_unstable();
    names
}

fn listing(folder: &Path) -> Vec<(String, Entry)> {
    let within = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
    // By what is at the name, and not by what its folder tells of it: in a sandbox it may be mounted there.
    let is_device = |path: &Path| {
        let meta = std::fs::metadata(path).ok();
        meta.is_some_and(|meta| meta.file_type().is_char_device() || meta.file_type().is_block_device())
    };
    let entry = |found: std::fs::DirEntry| {
        let name = found.file_name().into_string().ok()?;
        if !(name == "dri" || name == "kfd" || name.starts_with("nvidia")) {
            return None;
        }
        let path = found.path();
        let kind = match path.is_dir() {
            true => Entry::Folder(within(&path).any(|inner| is_device(&inner.path()))),
            false if is_device(&path) => Entry::Device,
            false => Entry::Other,
        };
        Some((name, kind))
    };
    within(folder).filter_map(entry).collect()
}

/// For a container without a sysfs of its own.
fn show_sys(placing: &mut Placing) -> Result<()> {
    let mut folders = vec!["/sys/dev/char".into(), "/sys/class/drm".into()];
    for node in std::fs::read_dir("/dev/dri").into_iter().flatten().flatten() {
        let Ok(meta) = node.metadata() else { continue };
        let number = meta.rdev();
        let link = format!("/sys/dev/char/{}:{}/device", rustix::fs::major(number), rustix::fs::minor(number));
        folders.extend(std::fs::canonicalize(link).ok());
    }
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        let path: Vec<u8> = folder.as_os_str().as_bytes().to_vec();
        if let Ok(Look::Is(real)) = source::look(&path) {
            let source = Source { read_only: true, ..real.source(None) };
            placing.layout.put_new(path, Origin::Base, What::Bind(source));
        }
    }
    placing.notes.push(format!("of the host's {} what tells of the GPUs is shown, read-only", Bytes::from("/sys")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(listing: &[(&str, Entry)]) -> String {
        judge(&listing.iter().map(|(name, entry)| (name.to_string(), *entry)).collect::<Vec<_>>()).join(" ")
    }

    #[test]
    fn what_of_dev_is_of_a_gpu() {
        use Entry::{Device, Folder, Other};
        assert_eq!(names(&[("dri", Folder(true)), ("kfd", Device)]), "dri kfd");
        assert_eq!(
            names(&[
                ("nvidiactl", Device),
                ("nvidia0", Device),
                ("nvidia12", Device),
                ("nvidia-uvm", Device),
                ("nvidia-caps", Folder(true)),
                ("nvidia-nvswitch0", Device),
                ("nvidiax", Device),
            ]),
            "nvidia-caps nvidia-uvm nvidia0 nvidia12 nvidiactl"
        );
        // A driver without a GPU, an empty folder, and files that only have the names.
        assert_eq!(names(&[("nvidiactl", Device), ("nvidia-uvm", Device)]), "");
        assert_eq!(names(&[("dri", Folder(false)), ("nvidia0", Other), ("kfd", Folder(true)), ("dri", Device)]), "");
        assert_eq!(names(&[]), "");
    }
}
