//! Values of the options that say what the command may ask of the kernel.

use kakuri_init::Limit;
use kakuri_wire::caps::Set;
use kakuri_wire::{Bytes, Fail};

use super::misuse;
use super::scan::shown;
use crate::confine::RESOURCES;
use crate::spec::{Seccomp, Walls};

/// `seccomp=unconfined`, `seccomp=FILE`, `no-new-privileges`.
pub fn security(name: &str, value: &[u8], walls: &mut Walls) -> Result<(), Fail> {
    let wrong = || misuse(format!("bad value '{}' for {name}", shown(value)));
    let forms = format!("{name} seccomp=FILE, or seccomp=unconfined");
    let (key, given) = match value.iter().position(|&b| b == b'=' || b == b':') {
        Some(at) => (&value[..at], Some(&value[at + 1..])),
        None => (value, None),
    };
    match (key, given) {
        (b"seccomp", Some(b"unconfined")) => walls.seccomp = Seccomp::Unconfined,
        (b"seccomp", Some(b"" | b"default" | b"builtin")) => walls.seccomp = Seccomp::Standard,
        (b"seccomp", Some(file)) => walls.seccomp = Seccomp::File(Bytes(file.to_vec())),
        // It is so whatever is asked for.
        (b"no-new-privileges", None | Some(b"true" | b"")) => {}
        (b"no-new-privileges", Some(_)) => {
            return Err(wrong().why("no command in a container gains privileges").hint("leave it out"));
        }
        (b"apparmor" | b"label" | b"mask" | b"unmask" | b"proc-opts" | b"systempaths", _) => {
            return Err(wrong()
                .why("kakuri's walls are the kernel's own, without a policy of the system's")
                .hint(forms));
        }
        _ => return Err(wrong().why("it is no setting").hint(forms)),
    }
    Ok(())
}

/// `NET_RAW`, `cap_net_raw`, `ALL`, several parted by commas.
pub fn capabilities(name: &str, value: &[u8]) -> Result<u64, Fail> {
    let text = String::from_utf8_lossy(value).to_ascii_uppercase();
    let mut all = Set::empty();
    for word in text.split(',') {
        if word == "ALL" {
            all |= Set::all();
            continue;
        }
        let short = word.strip_prefix("CAP_").unwrap_or(word);
        let Some((_, set)) = Set::all().iter_names().find(|known| known.0 == short) else {
            return Err(misuse(format!("bad value '{}' for {name}", shown(value)))
                .why(format!("there is no capability '{}'", shown(word.as_bytes())))
                .hint(format!("{name} NAME, as capabilities(7) has them, such as NET_RAW; or ALL")));
        };
        all |= set;
    }
    Ok(all.bits())
}

/// What cannot be meant together: nothing refused is listed, or both are said of one capability.
pub fn check(walls: &Walls) -> Result<(), Fail> {
    if walls.log && walls.seccomp == Seccomp::Unconfined {
        return Err(misuse("--seccomp-log and --security-opt seccomp=unconfined contradict each other")
            .why("without a filter nothing is refused")
            .hint("leave one of them out"));
    }
    let both = Set::from_bits_retain(walls.add & walls.drop);
    let everything = |set: u64| set == Set::all().bits();
    match both.iter_names().next() {
        // All but some, and some of none.
        Some((name, _)) if !everything(walls.add) && !everything(walls.drop) => {
            Err(misuse(format!("--cap-add {name} and --cap-drop {name} contradict each other"))
                .hint("leave one of them out"))
        }
        Some(_) if everything(walls.add) && everything(walls.drop) => {
            Err(misuse("--cap-add ALL and --cap-drop ALL contradict each other").hint("leave one of them out"))
        }
        _ => Ok(()),
    }
}

/// `NAME=SOFT[:HARD]`.
pub fn limit(name: &str, value: &[u8]) -> Result<Limit, Fail> {
    let wrong = |why: &str| {
        let names: Vec<&str> = RESOURCES.iter().map(|resource| resource.0).collect();
        misuse(format!("bad value '{}' for {name}", shown(value)))
            .why(why)
            .hint(format!("{name} NAME=SOFT[:HARD] with one of {}; -1 is no limit", names.join(", ")))
    };
    let text = std::str::from_utf8(value).map_err(|_| wrong("it is not text"))?;
    let (resource, values) = text.split_once('=').ok_or_else(|| wrong("it has no value"))?;
    let resource = RESOURCES.iter().find(|known| known.0 == resource).ok_or_else(|| wrong("there is no such limit"))?.1;
    let number = |word: &str| match word {
        "-1" | "unlimited" => Ok(None),
        word if word.bytes().all(|b| b.is_ascii_digit()) => {
            word.parse().map(Some).map_err(|_| wrong("it is no number"))
        }
        _ => Err(wrong("it is no number")),
    };
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let (soft, hard) = (number(soft)?, number(hard)?);
    // None is above every number.
    if hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard)) {
        return Err(wrong("the soft limit is above the hard one"));
    }
    Ok(Limit { resource, soft, hard })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_by_name() {
        let raw = Set::NET_RAW.bits();
        assert_eq!(capabilities("c", b"NET_RAW").expect("one"), raw);
        assert_eq!(capabilities("c", b"cap_net_raw,KILL").expect("two"), raw | Set::KILL.bits());
        assert_eq!(capabilities("c", b"all").expect("all"), Set::all().bits());
        for wrong in [&b""[..], b"NET", b"NET_RAW,", b"\xff", b"CAP_"] {
            assert!(capabilities("c", wrong).is_err(), "{wrong:?}");
        }
        let both = |add, drop| check(&Walls { add, drop, ..Walls::default() });
        assert!(both(raw, raw).is_err() && both(raw, 1).is_ok());
        assert!(both(raw, Set::all().bits()).is_ok() && both(Set::all().bits(), raw).is_ok());
        assert!(both(Set::all().bits(), Set::all().bits()).is_err());
    }

    #[test]
    fn limits_and_settings() {
        let nofile = limit("--ulimit", b"nofile=64:128").expect("a limit");
        assert_eq!((nofile.soft, nofile.hard), (Some(64), Some(128)));
        assert_eq!(limit("--ulimit", b"core=-1").expect("a limit").hard, None);
        for wrong in
            [&b""[..], b"nofile", b"nofile=", b"nofile=x", b"files=3", b"nofile=5:4", b"nofile=-1:4", b"a=1:2:3"]
        {
            assert!(limit("--ulimit", wrong).is_err(), "{wrong:?}");
        }
        let mut walls = Walls::default();
        security("s", b"seccomp=./x.json", &mut walls).expect("a file");
        assert_eq!(walls.seccomp, Seccomp::File("./x.json".into()));
        security("s", b"seccomp=unconfined", &mut walls).expect("a word");
        assert_eq!(walls.seccomp, Seccomp::Unconfined);
        security("s", b"no-new-privileges", &mut walls).expect("always so");
        for wrong in [&b""[..], b"seccomp", b"apparmor=x", b"no-new-privileges=false", b"\xff"] {
            assert!(security("s", wrong, &mut walls).is_err(), "{wrong:?}");
        }
    }
}
