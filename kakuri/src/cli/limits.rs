//! Values of the options that limit all processes of a container together.

use kakuri_init::Limit;
use kakuri_wire::Fail;

use super::options::Id;
use super::scan::{Met, shown, shown_option};
use super::{misuse, value};
use crate::confine::RESOURCES;
use crate::spec::{Limits, Swap};

/// Docker's: below it hardly a program starts, and the kernel's own part of a process counts.
const LEAST_MEMORY: u64 = 6 << 20;
/// A thousandth of a period of a tenth of a second is the least the kernel takes.
const LEAST_CPUS: u64 = 10;
/// More than any machine has: the kernel counts in microseconds.
const MOST_CPUS: u64 = 1_000_000;
/// The kernel's own limit of pids.
const MOST_PIDS: u64 = 4 << 20;

const SIZE: &str = "a number with b, k, m or g behind it, such as 512m";

pub fn apply(met: &Met, limits: &mut Limits) -> Result<(), Fail> {
    let name = shown_option(met.name);
    match met.id {
        Id::Memory => limits.memory = Some(memory(&name, met.value)?),
        Id::Swap if met.value == b"-1" => limits.swap = Some(Swap::Unlimited),
        Id::Swap => limits.swap = Some(Swap::Beside(bytes(&name, met.value)?)),
        Id::MemorySwap if met.value == b"-1" => limits.swap = Some(Swap::Unlimited),
        Id::MemorySwap => limits.swap = Some(Swap::Total(bytes(&name, met.value)?)),
        Id::Cpus => limits.cpus = Some(cpus(&name, met.value)?),
        _ => limits.pids = Some(pids(&name, met.value)?),
    }
    Ok(())
}

/// What goes wrong only together.
pub fn check(limits: &Limits) -> Result<(), Fail> {
    let Some(Swap::Total(total)) = limits.swap else { return Ok(()) };
    match limits.memory {
        None => Err(misuse("--memory-swap is memory and swap together, and needs --memory")
            .hint("--memory 512m --memory-swap 1g; --swap SIZE is swap alone")),
        Some(memory) if memory > total => Err(misuse("--memory-swap is less than --memory")
            .why("it is memory and swap together")
            .hint("give it as much at least; --swap SIZE is swap alone")),
        Some(_) => Ok(()),
    }
}

/// Without a unit it is not known whether bytes or megabytes were meant, and both mistakes are costly.
fn bytes(name: &str, value: &[u8]) -> Result<u64, Fail> {
    match value {
        b"0" | b"0b" => Ok(0),
        _ if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
            let number = shown(value);
            Err(misuse(format!("bad value '{number}' for {name}"))
                .why("it has no unit")
                .hint(format!("{name} {number}m is megabytes, {name} {number}b is bytes")))
        }
        _ => value::size(name, value).map_err(|fail| fail.hint(SIZE)),
    }
}

fn memory(name: &str, value: &[u8]) -> Result<u64, Fail> {
    let bytes = bytes(name, value)?;
    if bytes < LEAST_MEMORY {
        return Err(misuse(format!("bad value '{}' for {name}", shown(value)))
            .why("the least is 6m")
            .hint(format!("{name} takes {SIZE}")));
    }
    Ok(bytes)
}

/// `2`, `0.5`, `1.25`: three digits behind the point count.
fn cpus(name: &str, value: &[u8]) -> Result<u64, Fail> {
    let wrong = |why: &str| {
        misuse(format!("bad value '{}' for {name}", shown(value)))
            .why(why)
            .hint("a number of processors, such as 2, 1.5 or 0.25")
    };
    let text = std::str::from_utf8(value).map_err(|_| wrong("it is no number"))?;
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = text.parse().ok().filter(|_| plain).ok_or_else(|| wrong("it is no number"))?;
    let thousandths = (number * 1000.0).round();
    match thousandths {
        n if n < LEAST_CPUS as f64 => Err(wrong("the least is 0.01")),
        n if n > MOST_CPUS as f64 => Err(wrong("no machine has so many")),
        n => Ok(n as u64),
    }
}

/// 0 and -1 are docker's words for no limit.
fn pids(name: &str, value: &[u8]) -> Result<u64, Fail> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    if matches!(text, "-1" | "0" | "unlimited") {
        return Ok(0);
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && *n <= MOST_PIDS).ok_or_else(|| {
        misuse(format!("bad value '{}' for {name}", shown(value)))
            .why("it is no number of processes")
            .hint(format!("{name} 100; -1 is as many as you may have yourself"))
    })
}

/// `--rlimit-fsize 10m`: what --ulimit says, in the unit of each.
pub fn each_process(name: &str, value: &[u8]) -> Result<Limit, Fail> {
    let resource = name.rsplit('-').next().unwrap_or_default();
    let number = match (resource, value) {
        (_, b"unlimited" | b"-1") => None,
        ("as" | "core" | "fsize", b"0") => Some(0),
        // Bytes, as setrlimit(2) has them, where there is no unit.
        ("as" | "core" | "fsize", value) => Some(value::size(name, value)?),
        // It counts whole seconds, and one that is begun counts.
        ("cpu", value) => Some(value::duration(name, value)?.as_secs_f64().ceil() as u64),
        (_, value) => {
            let text = std::str::from_utf8(value).unwrap_or_default();
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            Some(text.parse().ok().filter(|_| digits).ok_or_else(|| {
                misuse(format!("bad value '{}' for {name}", shown(value)))
                    .why("it is no number")
                    .hint(format!("{name} 100, or unlimited"))
            })?)
        }
    };
    let resource = RESOURCES.iter().find(|known| known.0 == resource).map_or(0, |known| known.1);
    Ok(Limit { resource, soft: number, hard: number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_and_a_least() {
        assert_eq!(memory("m", b"64m").expect("a size"), 64 << 20);
        assert_eq!(memory("m", b"8388608b").expect("a size"), 8 << 20);
        assert_eq!(memory("m", b"1G").expect("a size"), 1 << 30);
        assert_eq!(bytes("s", b"0").expect("none"), 0);
        for wrong in [&b""[..], b"64", b"0", b"5m", b"m", b"-1", b"64x", b"1.5g", b"99999999999g", b"\xff"] {
            assert!(memory("m", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn processors_and_processes() {
        assert_eq!(cpus("c", b"1.5").expect("a number"), 1500);
        assert_eq!(cpus("c", b".25").expect("a number"), 250);
        for wrong in [&b""[..], b"0", b"0.001", b"-1", b"1e3", b"nan", b"inf", b"1001", b"two", b"."] {
            assert!(cpus("c", wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(pids("p", b"64").expect("a number"), 64);
        assert_eq!(pids("p", b"-1").expect("no limit"), 0);
        for wrong in [&b""[..], b"-2", b"x", b"4194305", b"1.5", b"+1"] {
            assert!(pids("p", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn limits_of_each_process() {
        let number = |name: &str, value: &[u8]| each_process(name, value).expect("a limit").hard;
        assert_eq!(number("--rlimit-as", b"1g"), Some(1 << 30));
        assert_eq!(number("--limit-core", b"0"), Some(0));
        assert_eq!(number("--rlimit-cpu", b"1.5"), Some(2));
        assert_eq!(number("--rlimit-nofile", b"unlimited"), None);
        assert_eq!(
            each_process("--rlimit-nproc", b"7").expect("a limit"),
            super::super::walls::limit("u", b"nproc=7").expect("a limit")
        );
        for (name, wrong) in
            [("--rlimit-as", "x"), ("--rlimit-cpu", "x"), ("--rlimit-nofile", "1m"), ("--rlimit-nproc", "")]
        {
            assert!(each_process(name, wrong.as_bytes()).is_err(), "{name} {wrong}");
        }
    }

    #[test]
    fn swap_beside_memory_and_with_it() {
        let total = |memory, total| Limits { memory, swap: Some(Swap::Total(total)), ..Limits::default() };
        assert!(check(&total(None, 5)).is_err() && check(&total(Some(6), 5)).is_err());
        assert!(check(&total(Some(5), 5)).is_ok());
        assert_eq!(total(Some(5), 8).swap_bytes(), Some(Some(3)));
        assert_eq!(Limits { memory: Some(1), ..Limits::default() }.swap_bytes(), Some(Some(0)));
        assert_eq!(Limits::default().swap_bytes(), None);
        assert_eq!(Limits { swap: Some(Swap::Unlimited), ..Limits::default() }.swap_bytes(), Some(None));
    }
}
