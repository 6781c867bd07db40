//! The profile of a container: docker's and podman's idea of it, tightened where a container has nothing that needs the
//! call.
//!
//! What is refused answers as a kernel would that has no such call (ENOSYS) where programs know what to do without it,
//! else as one that does not allow it (EPERM). Calls newer than this list are unknown, and answer ENOSYS.

use crate::Machine;
use crate::profile::Action::{self, Allow, Errno};
use crate::profile::{Case, Profile, Test, Verdict};

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;
const EPROTONOSUPPORT: u16 = 93;
const EAFNOSUPPORT: u16 = 97;

/// What a container may do beyond the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standard {
    /// Make namespaces of its own, and mount in them.
    pub nest: bool,
    /// Make files that run as their owner. Where only the host's programs are there, no package manager needs it, and what it
    /// plants in a folder of the host would run as the caller for whoever starts it there.
    pub set_id: bool,
}

/// Refused whatever is asked for: keys, tracing of the kernel, its modules and clocks, memory of other nodes, files by their
/// number, and what nobody has used for long.
const FORBIDDEN: &[&str] = &[
    "acct",
    "add_key",
    "bpf",
    "clock_settime",
    "clock_settime64",
    "create_module",
    "delete_module",
    "fanotify_init",
    "fanotify_mark",
    "finit_module",
    "get_kernel_syms",
    "get_mempolicy",
    "init_module",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "lsm_set_self_attr",
    "mbind",
    "migrate_pages",
    "move_pages",
    "nfsservctl",
    "open_by_handle_at",
    "perf_event_open",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "set_mempolicy",
    "set_mempolicy_home_node",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "sysfs",
    "syslog",
    "uselib",
    "userfaultfd",
    "ustat",
    "vhangup",
    "vm86",
    "vm86old",
    "vmsplice",
    "_sysctl",
];

/// As if the kernel had none. Of io_uring's it cannot be seen what they are asked for; the others look at security modules
/// and other processes' memory, or are the kernel's own ways back from a probe; programs do without all of them.
const ABSENT: &[&str] = &[
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "lsm_get_self_attr",
    "lsm_list_modules",
    "process_madvise",
    "uprobe",
    "uretprobe",
];

/// What only programs older than any that runs here have made, on the oldest of the machines: as above.
const BYGONE: &[&str] = &["nice", "oldfstat", "oldlstat", "oldolduname", "oldstat", "olduname", "sgetmask", "ssetmask"];

/// With `nest` alone.
const MOUNTING: &[&str] = &["mount", "pivot_root", "setdomainname", "sethostname", "umount", "umount2"];
const MOUNTING_ANEW: &[&str] = &[
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "listmount",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "open_tree_attr",
    "statmount",
];

/// CLONE_NEW* of clone(2).
const NAMESPACES: u32 = 0x7e02_0000;
/// CLONE_NEWUSER.
const USER: u32 = 0x1000_0000;
/// CLONE_NEWTIME, which unshare(2) takes; for clone(2) these bits are a signal's.
const TIME: u32 = 0x80;

/// TIOCSTI and TIOCLINUX put words into a terminal's mouth. The kernel takes 32 bits of the number.
const IOCTLS: [u32; 2] = [0x5412, 0x541c];

/// PER_LINUX or PER_LINUX32 (8) with UNAME26 and with ADDR_NO_RANDOMIZE, for debuggers, which changes nothing for anybody but
/// what its caller starts. Every other flag makes memory easier to attack or files stranger.
const PERSONALITIES: u32 = 8 | 0x20000 | 0x40000;
/// Asks for the present one.
const WHICH: u32 = u32::MAX;

/// S_ISUID | S_ISGID.
const SET_ID: u32 = 0o6000;
/// O_CREAT, and what O_TMPFILE adds to O_DIRECTORY: only with these is the mode one.
const MAKES: u32 = 0o100 | 0o20_000_000;

const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_NETLINK: u32 = 16;
/// AF_INET6 is AF_INET and this bit.
const SIX: u32 = 8;
const SOCK_RAW: u32 = 3;
/// ROUTE, SOCK_DIAG, KOBJECT_UEVENT, GENERIC.
const NETLINKS: [u32; 4] = [0, 4, 15, 16];

pub fn standard(machine: Machine, wanted: Standard) -> Profile {
    let mut profile = Profile { verdicts: Default::default(), otherwise: Allow, unknown: Errno(ENOSYS) };
    let mut set = |names: &[&str], verdict: Verdict| {
        for name in names {
            if let Some(number) = machine.number(name) {
                profile.verdicts.insert(number, verdict.clone());
            }
        }
    };
    let refuse = |tests: Vec<Test>| Verdict::when(tests, Errno(EPERM), Allow);
    set(FORBIDDEN, Errno(EPERM).into());
    set(ABSENT, Errno(ENOSYS).into());
    set(BYGONE, Errno(ENOSYS).into());
    if !wanted.nest {
        set(MOUNTING, Errno(EPERM).into());
        set(MOUNTING_ANEW, Errno(ENOSYS).into());
        set(&["clone"], refuse(vec![Test::any(0, NAMESPACES)]));
        // PID 1 joins the namespace of its commands; a command can join none that it is not in.
        set(&["setns"], Verdict::when([Test::equals(1, USER)], Allow, Errno(EPERM)));
        set(&["unshare"], refuse(vec![Test::any(0, NAMESPACES | TIME)]));
        // Its flags lie in memory. The libraries know kernels without it.
        set(&["clone3"], Errno(ENOSYS).into());
    }
    set(&["ioctl"], choice(IOCTLS, 1, Errno(EPERM), Allow));
    let kinds = [Test::equals(0, WHICH), Test::low(0, !PERSONALITIES, 0)];
    let cases = kinds.map(|kind| Case { tests: vec![kind], action: Allow });
    set(&["personality"], Verdict { cases: cases.into(), otherwise: Errno(EPERM) });
    set(&["socket", "socketpair"], sockets(wanted.nest));
    // Which family is wanted lies in memory: SYS_SOCKET and SYS_SOCKETPAIR.
    set(&["socketcall"], choice([1, 8], 0, Errno(ENOSYS), Allow));
    if !wanted.set_id {
        set(&["chmod", "fchmod", "creat", "mknod"], refuse(vec![Test::any(1, SET_ID)]));
        set(&["fchmodat", "fchmodat2", "mknodat"], refuse(vec![Test::any(2, SET_ID)]));
        set(&["open"], refuse(vec![Test::any(1, MAKES), Test::any(2, SET_ID)]));
        set(&["openat"], refuse(vec![Test::any(2, MAKES), Test::any(3, SET_ID)]));
        // Its mode lies in memory. A container in a container needs it, and is kakuri's to filter.
        if !wanted.nest {
            set(&["openat2"], Errno(ENOSYS).into());
        }
    }
    profile
}

/// One action where an argument is one of these, another elsewhere.
fn choice<const N: usize>(values: [u32; N], argument: u8, action: Action, otherwise: Action) -> Verdict {
    let cases = values.map(|value| Case { tests: vec![Test::equals(argument, value)], action });
    Verdict { cases: cases.into(), otherwise }
}

/// Local ones, the internet's without raw access, and the questions everybody may ask the kernel.
fn sockets(nest: bool) -> Verdict {
    let family = |value| Test::equals(0, value);
    let internet = || Test::low(0, !SIX, AF_INET);
    let allow = |tests| Case { tests, action: Allow };
    let mut cases = vec![allow(vec![family(AF_UNIX)])];
    if nest {
        cases.extend([allow(vec![internet()]), allow(vec![family(AF_NETLINK)])]);
    } else {
        cases.extend(NETLINKS.map(|protocol| allow(vec![family(AF_NETLINK), Test::equals(2, protocol)])));
        cases.push(Case { tests: vec![family(AF_NETLINK)], action: Errno(EPROTONOSUPPORT) });
        cases.push(Case { tests: vec![internet(), Test::low(1, 0xf, SOCK_RAW)], action: Errno(EPERM) });
        // STREAM and DGRAM, with what is usual behind them: 0, ICMP and UDP in one test, then TCP, ICMPV6, MPTCP. Others
        // would have the kernel load what hardly anybody uses.
        let usual = |protocol| allow(vec![internet(), Test::low(1, 0xc, 0), protocol]);
        cases.push(usual(Test::low(2, !17, 0)));
        cases.extend([6, 58, 262].map(|protocol| usual(Test::equals(2, protocol))));
        cases.push(Case { tests: vec![internet()], action: Errno(EPROTONOSUPPORT) });
    }
    Verdict { cases, otherwise: Errno(EAFNOSUPPORT) }
}
