//! A call in words: its name, and those of its arguments that say what it was wanted for.

use crate::{Call, Machine};

/// The numbers of the x32 ABI have this bit.
const X32: u32 = 0x4000_0000;

/// `mount`, `i386 socketcall`, `x32 59`, `471` where nobody here knows the number.
pub fn name(call: &Call) -> String {
    let Some(machine) = Machine::of_audit(call.machine) else {
        return format!("{:#x} {}", call.machine, call.number);
    };
    let (prefix, number) = match machine {
        Machine::I386 => ("i386 ", call.number),
        Machine::X86_64 if call.number & X32 != 0 => ("x32 ", call.number & !X32),
        _ => ("", call.number),
    };
    match machine.name(number) {
        // Those of x32 beyond the usual ones are its own.
        Some(name) if prefix != "x32 " || number < 512 => format!("{prefix}{name}"),
        _ => format!("{prefix}{number}"),
    }
}

/// `CLONE_NEWUSER`, `AF_ALG SOCK_SEQPACKET`, `mode 4755`; empty where the name alone says it. `deciding`: the arguments the
/// profile looks at. Nothing behind a pointer is looked at: it may be another thing by then.
pub fn arguments(call: &Call, deciding: &[u8]) -> String {
    let machine = Machine::of_audit(call.machine);
    let name = machine.and_then(|machine| machine.name(call.number & !X32)).unwrap_or_default();
    let low = |at: usize| call.arguments.get(at).map_or(0, |argument| *argument as u32);
    match name {
        "socket" | "socketpair" => socket(low(0), low(1), low(2)),
        "clone" | "unshare" => flags(low(0), name == "unshare"),
        "setns" => flags(low(1), true),
        "ioctl" => match low(1) {
            0x5412 => "TIOCSTI".into(),
            0x541c => "TIOCLINUX".into(),
            other => format!("{other:#x}"),
        },
        "personality" => format!("{:#x}", low(0)),
        "chmod" | "fchmod" | "creat" | "mknod" => mode(low(1)),
        "fchmodat" | "fchmodat2" | "mknodat" | "open" => mode(low(2)),
        "openat" => mode(low(3)),
        "socketcall" => find(SUB_CALLS, low(0)).map_or_else(|| low(0).to_string(), Into::into),
        "keyctl" | "bpf" | "prctl" | "ptrace" | "quotactl" => format!("operation {}", low(0)),
        _ => {
            let shown =
                deciding.iter().filter_map(|at| Some(format!("{at}: {:#x}", call.arguments.get(usize::from(*at))?)));
            shown.collect::<Vec<_>>().join(" ")
        }
    }
}

fn mode(mode: u32) -> String {
    format!("mode {:04o}", mode & 0o7777)
}

/// `NUMBER NAME` words: as text they cost a program that has them no relocation.
fn find(table: &'static str, number: u32) -> Option<&'static str> {
    pairs(table).find(|known| known.0 == number).map(|known| known.1)
}

fn pairs(table: &'static str) -> impl Iterator<Item = (u32, &'static str)> {
    table.split(',').filter_map(|pair| {
        let (number, name) = pair.trim().split_once(' ')?;
        Some((number.parse().ok()?, name))
    })
}

/// address_families(7).
const FAMILIES: &str =
    "1 AF_UNIX,2 AF_INET,3 AF_AX25,4 AF_IPX,5 AF_APPLETALK,9 AF_X25,10 AF_INET6,15 AF_KEY,16 AF_NETLINK,
    17 AF_PACKET,21 AF_RDS,24 AF_PPPOX,29 AF_CAN,30 AF_TIPC,31 AF_BLUETOOTH,38 AF_ALG,40 AF_VSOCK,44 AF_XDP";
/// socket(2).
const KINDS: &str = "1 SOCK_STREAM,2 SOCK_DGRAM,3 SOCK_RAW,4 SOCK_RDM,5 SOCK_SEQPACKET,6 SOCK_DCCP,10 SOCK_PACKET";
/// socketcall(2).
const SUB_CALLS: &str = "1 SYS_SOCKET,2 SYS_BIND,3 SYS_CONNECT,4 SYS_LISTEN,5 SYS_ACCEPT,8 SYS_SOCKETPAIR";
/// CLONE_* of clone(2), by the number of the bit.
const NAMESPACES: &str =
    "28 CLONE_NEWUSER,17 CLONE_NEWNS,29 CLONE_NEWPID,30 CLONE_NEWNET,27 CLONE_NEWIPC,26 CLONE_NEWUTS,
    25 CLONE_NEWCGROUP,7 CLONE_NEWTIME";

/// `time`: CLONE_NEWTIME is none of the bits of a signal.
fn flags(value: u32, time: bool) -> String {
    let set = pairs(NAMESPACES).filter(|(bit, _)| value >> bit & 1 != 0 && (time || *bit != 7)).map(|(_, name)| name);
    let names = set.collect::<Vec<_>>().join("|");
    if names.is_empty() { format!("{value:#x}") } else { names }
}

/// The protocol where it is none of the usual.
fn socket(family: u32, kind: u32, protocol: u32) -> String {
    let kind = kind & 0xf;
    let family = find(FAMILIES, family).map_or_else(|| format!("family {family}"), Into::into);
    let kind = find(KINDS, kind).map_or_else(|| format!("type {kind}"), Into::into);
    match protocol {
        0 => format!("{family} {kind}"),
        _ => format!("{family} {kind} protocol {protocol}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(machine: Machine, call: &str, arguments: &[u64]) -> String {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let call = Call { number: machine.number(call).expect(call), machine: machine.audit(), arguments: all };
        format!("{} {}", name(&call), super::arguments(&call, &[2])).trim_end().to_string()
    }

    #[test]
    fn calls_are_told_by_what_they_were_wanted_for() {
        let own = Machine::X86_64;
        for (call, arguments, expected) in [
            ("socket", vec![38, 5, 0], "socket AF_ALG SOCK_SEQPACKET"),
            ("socket", vec![2, 0x80003, 1], "socket AF_INET SOCK_RAW protocol 1"),
            ("socket", vec![99, 7, 0], "socket family 99 type 7"),
            ("socket", vec![99, 15, 0], "socket family 99 type 15"),
            ("unshare", vec![0x1002_0080], "unshare CLONE_NEWUSER|CLONE_NEWNS|CLONE_NEWTIME"),
            ("clone", vec![0x1000_0091], "clone CLONE_NEWUSER"),
            ("setns", vec![3, 0], "setns 0x0"),
            ("ioctl", vec![0, 1 << 32 | 0x5412], "ioctl TIOCSTI"),
            ("fchmodat", vec![0, 0, 0o104755], "fchmodat mode 4755"),
            ("openat", vec![0, 0, 0o100, 0o2755], "openat mode 2755"),
            ("mount", vec![1, 2, 3], "mount 2: 0x3"),
        ] {
            assert_eq!(said(own, call, &arguments), expected);
        }
        assert_eq!(said(Machine::I386, "socketcall", &[1]), "i386 socketcall SYS_SOCKET");
        assert_eq!(said(Machine::I386, "socketcall", &[77]), "i386 socketcall 77");
        let other = |machine, number| name(&Call { number, machine, arguments: [0; 6] });
        assert_eq!(other(own.audit(), 5000), "5000");
        assert_eq!(other(own.audit(), 59 | X32), "x32 execve");
        assert_eq!(other(own.audit(), 520 | X32), "x32 520");
        assert_eq!(other(8, 3), "0x8 3");
    }
}
