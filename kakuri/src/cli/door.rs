//! Values of the options that open doors.

use kakuri_wire::Fail;

use super::misuse;
use super::options::Id;
use super::scan::{Met, shown};
use crate::spec::{Bus, Doors};

/// The D-Bus specification's limit ("Valid Names"), in bytes.
const LONGEST: usize = 255;

pub fn apply(name: &str, met: &Met, doors: &mut Doors) -> Result<(), Fail> {
    match met.id {
        Id::SshAgent => doors.ssh_agent = true,
        Id::Wayland => doors.wayland = true,
        Id::X11 => doors.x11 = true,
        Id::Audio => doors.audio = true,
        Id::Gpu => doors.gpu = true,
        Id::Git => doors.git = true,
        Id::Dbus => {
            for word in met.value.split(|&b| b == b',') {
                let bus = bus(name, word)?;
                if !doors.dbus.contains(&bus) {
                    doors.dbus.push(bus);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// `NAME`, `NAME.*`, `own:NAME`.
fn bus(option: &str, word: &[u8]) -> Result<Bus, Fail> {
    let (own, name) = match word.strip_prefix(b"own:") {
        Some(name) => (true, name),
        None => (false, word.strip_prefix(b"talk:").unwrap_or(word)),
    };
    let wrong = |why: &str| {
        misuse(format!("bad value '{}' for {option}", shown(word)))
            .why(why)
            .hint(format!("{option} org.freedesktop.Notifications, or NAME.* for all below it; own:NAME to be it"))
    };
    if name.first() == Some(&b':') {
        return Err(wrong("it is the number of one connection, and not a name"));
    }
    let stem = name.strip_suffix(b".*").unwrap_or(name);
    let element = |element: &[u8]| {
        element.first().is_some_and(|first| !first.is_ascii_digit())
            && element.iter().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(b))
    };
    let elements: Vec<&[u8]> = stem.split(|&b| b == b'.').collect();
    if elements.len() < 2 || !elements.into_iter().all(element) || name.len() > LONGEST {
        return Err(wrong("it is no name of a bus"));
    }
    let name = String::from_utf8_lossy(name).into_owned();
    Ok(if own { Bus::Own(name) } else { Bus::Talk(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_bus() {
        let talk = |name: &str| Bus::Talk(name.into());
        assert_eq!(bus("d", b"org.a.B").expect("a name"), talk("org.a.B"));
        assert_eq!(bus("d", b"talk:org.a-x.*").expect("a name"), talk("org.a-x.*"));
        assert_eq!(bus("d", b"own:a._b1").expect("a name"), Bus::Own("a._b1".into()));
        let long = ["a.", &"b".repeat(254)].concat();
        for wrong in
            ["", "*", ".*", "org", "org.*", "org..a", ":1.5", "org.1a", "org.a.", "own:", "a b.c", &long, "a.b=x"]
        {
            assert!(bus("d", wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
