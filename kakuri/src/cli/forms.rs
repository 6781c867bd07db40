//! Values that are small languages: `--tmpfs`, `--device`, and docker's `--mount`.

use kakuri_wire::{Bytes, Fail};

use super::{misuse, value};
use crate::bind::parse;
use crate::host::as_path;
use crate::spec::{Bind, Device, Rootfs, RootfsMode, Spec, Tmpfs};

/// Writable by everybody, as /tmp and docker's are.
const TMPFS_MODE: u32 = 0o1777;

/// `DST[:size=64m,mode=0755,ro,noexec]`.
pub fn tmpfs(typed: &[u8]) -> Result<Tmpfs, Fail> {
    let fields = parse::split(typed);
    let shown = Bytes(typed.to_vec());
    let (at, words) = match &fields[..] {
        [at] => (at, None),
        [at, words] => (at, Some(words)),
        _ => {
            return Err(misuse(format!("cannot mount a tmpfs at '{shown}'"))
                .why("it has more than two fields")
                .hint("--tmpfs DST:size=64m,mode=0755"));
        }
    };
    parse::check_destination("mount a tmpfs at", typed, at)?;
    let mut tmpfs = Tmpfs { at: Bytes(at.clone()), mode: TMPFS_MODE, size: None, read_only: false, noexec: false };
    for word in words.map(|w| w.split(|&b| b == b',')).into_iter().flatten() {
        match word {
            b"ro" => tmpfs.read_only = true,
            b"noexec" => tmpfs.noexec = true,
            b"rw" | b"exec" | b"nosuid" | b"nodev" => {}
            word => match pair(word) {
                Some((b"size", size)) => tmpfs.size = Some(value::size("--tmpfs size", size)?),
                Some((b"mode", mode)) => tmpfs.mode = value::mode("--tmpfs mode", mode)?,
                _ => {
                    return Err(misuse(format!("cannot mount a tmpfs at '{shown}'"))
                        .why(format!("unknown option '{}'", Bytes(word.to_vec())))
                        .hint("the options are size=, mode=, ro, noexec"));
                }
            },
        }
    }
    Ok(tmpfs)
}

/// `DIR[:ro|:rw|:O]`.
pub fn rootfs(typed: &[u8]) -> Result<Rootfs, Fail> {
    let fields = parse::split(typed);
    let wrong = |why: String| {
        Err(misuse(format!("cannot use '{}' as the root", Bytes(typed.to_vec())))
            .why(why)
            .hint("--rootfs DIR, or DIR:ro, DIR:rw, DIR:O; write a colon of a name as '\\:'"))
    };
    let (path, mode) = match &fields[..] {
        [path] => (path, RootfsMode::Overlay),
        [path, word] => match word.as_slice() {
            b"ro" => (path, RootfsMode::ReadOnly),
            b"rw" => (path, RootfsMode::ReadWrite),
            b"O" => (path, RootfsMode::Overlay),
            word => return wrong(format!("unknown option '{}'", Bytes(word.to_vec()))),
        },
        _ => return wrong("it has more than two fields".into()),
    };
    if path.is_empty() {
        return wrong("it names no folder".into());
    }
    Ok(Rootfs { path: Bytes(path.clone()), mode })
}

/// `--command`: what the container's own sh reads.
pub fn script(name: &str, typed: &[u8]) -> Result<Vec<Bytes>, Fail> {
    if typed.is_empty() {
        return Err(misuse(format!("the command is empty ({name})")).hint(format!("{name} 'make && make install'")));
    }
    Ok(vec!["sh".into(), "-c".into(), Bytes(typed.to_vec())])
}

/// Ryouiki's `--env FILE`: what has no `=` and is no name of a variable a shell could have, and is a path or there.
pub fn is_env_file(typed: &[u8]) -> bool {
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let named = typed.iter().all(word) && !typed.first().is_some_and(u8::is_ascii_digit);
    !named && !typed.contains(&b'=') && (typed.contains(&b'/') || as_path(typed).is_file())
}

/// `PATH[:DST][:rwm]`.
pub fn device(typed: &[u8]) -> Result<Device, Fail> {
    let fields = parse::split(typed);
    let wrong = |why: String| {
        Err(misuse(format!("cannot add the device '{}'", Bytes(typed.to_vec())))
            .why(why)
            .hint("--device PATH[:DST], such as --device /dev/kvm"))
    };
    let (source, destination, rights) = match &fields[..] {
        [source] => (source, None, None),
        [source, second] if second.first() == Some(&b'/') => (source, Some(second), None),
        [source, rights] => (source, None, Some(rights)),
        [source, destination, rights] => (source, Some(destination), Some(rights)),
        _ => return wrong("it has more than three fields".into()),
    };
    if source.is_empty() {
        return wrong("it names no device".into());
    }
    if let Some(destination) = destination {
        parse::check_destination("add the device", typed, destination)?;
    }
    let rights = rights.map_or(&b"rwm"[..], Vec::as_slice);
    if rights.is_empty() || rights.iter().any(|b| !b"rwm".contains(b)) {
        return wrong(format!(
            "'{}' is neither a destination, which begins with '/', nor some of r, w, m",
            Bytes(rights.to_vec())
        ));
    }
    Ok(Device {
        source: Bytes(source.clone()),
        destination: destination.map(|d| Bytes(d.clone())),
        read_only: !rights.contains(&b'w'),
    })
}

/// docker's `--mount type=bind,source=A,target=/B,readonly`.
pub fn mount(typed: &[u8], spec: &mut Spec) -> Result<(), Fail> {
    let wrong = |why: String| {
        misuse(format!("cannot mount '{}'", Bytes(typed.to_vec())))
            .why(why)
            .hint("--mount type=bind,source=A,target=/B,readonly or --mount type=tmpfs,target=/B,tmpfs-size=64m")
    };
    let (mut kind, mut source, mut target) = (None, None, None);
    let (mut read_only, mut size, mut mode) = (false, None, TMPFS_MODE);
    for field in typed.split(|&b| b == b',') {
        match pair(field).unwrap_or((field, b"true")) {
            (b"type", v) => kind = Some(v),
            (b"source" | b"src", v) => source = Some(v),
            (b"target" | b"dst" | b"destination", v) => target = Some(v),
            (b"readonly" | b"ro", v) => read_only = v != b"false" && v != b"0",
            (b"tmpfs-size", v) => size = Some(value::size("--mount tmpfs-size", v)?),
            (b"tmpfs-mode", v) => mode = value::mode("--mount tmpfs-mode", v)?,
            (b"bind-propagation" | b"consistency" | b"bind-nonrecursive", _) => {}
            (key, _) => return Err(wrong(format!("unknown key '{}'", Bytes(key.to_vec())))),
        }
    }
    let target = target.ok_or_else(|| wrong("it names no target".into()))?;
    parse::check_destination("mount", typed, target)?;
    let at = Bytes(target.to_vec());
    match kind.ok_or_else(|| wrong("it names no type".into()))? {
        b"bind" => {
            let source = source.filter(|s| !s.is_empty()).ok_or_else(|| wrong("it names no source".into()))?;
            let source = Bytes(source.to_vec());
            spec.binds.push(Bind {
                source,
                destination: Some(at),
                read_only,
                noexec: false,
                create: false,
                cow: false,
            });
        }
        b"tmpfs" => spec.tmpfs.push(Tmpfs { at, mode, size, read_only, noexec: false }),
        kind => return Err(wrong(format!("the type '{}' is neither bind nor tmpfs", Bytes(kind.to_vec())))),
    }
    Ok(())
}

fn pair(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = field.iter().position(|&b| b == b'=')?;
    Some((&field[..at], &field[at + 1..]))
}
