//! What programs return, run as the kernel would run them.

use crate::profile::{Case, Is, Profile, Test, Verdict};

use crate::*;

const ALLOWED: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;

fn program(wanted: Standard, machine: Machine) -> Vec<Instruction> {
    let own = standard(machine, wanted);
    let older = machine.older().map(|older| (older, standard(older, wanted)));
    let mut all = vec![(machine, &own)];
    all.extend(older.iter().map(|(machine, profile)| (*machine, profile)));
    compile(&all).expect("it fits")
}

fn run(program: &[Instruction], machine: u32, number: u32, arguments: [u64; 6]) -> u32 {
    judge(program, &Call { number, machine, arguments }).expect("a program of ours")
}

fn ask(program: &[Instruction], machine: Machine, name: &str, arguments: &[u64]) -> u32 {
    let number = machine.number(name).unwrap_or_else(|| panic!("{name}"));
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    run(program, machine.audit(), number, all)
}

#[test]
fn every_number_gets_what_its_profile_says() {
    for wanted in [(false, false), (false, true), (true, false), (true, true)] {
        let wanted = Standard { nest: wanted.0, set_id: wanted.1 };
        for own in [Machine::X86_64, Machine::Aarch64] {
            let program = program(wanted, own);
            for machine in [Some(own), own.older()].into_iter().flatten() {
                let profile = standard(machine, wanted);
                for (number, name) in machine.calls() {
                    let expected = match profile.verdicts.get(&number) {
                        None => ALLOWED,
                        Some(verdict) if verdict.cases.is_empty() => verdict.otherwise.value(),
                        // Of these the tables below.
                        Some(_) => continue,
                    };
                    assert_eq!(run(&program, machine.audit(), number, [0; 6]), expected, "{name} of {machine:?}");
                }
                let known: Vec<u32> = machine.calls().map(|call| call.0).collect();
                let last = known[known.len() - 1];
                // Between those there are, others may come to be.
                for number in (0..last).filter(|number| !known.contains(number)) {
                    assert_eq!(run(&program, machine.audit(), number, [0; 6]), ENOSYS, "{number} of {machine:?}");
                }
                for number in [last + 1, last + 1000, 0x4000_0000, 0x4000_0000 + 59, u32::MAX] {
                    assert_eq!(run(&program, machine.audit(), number, [0; 6]), ENOSYS, "{number}");
                }
            }
            // A 32-bit ARM, a MIPS.
            for machine in [0x4000_0028, 8] {
                assert_eq!(run(&program, machine, 1, [0; 6]), ENOSYS);
            }
        }
    }
}

#[test]
fn calls_by_their_arguments() {
    let junk = 0xdead_beef_0000_0000;
    for own in [Machine::X86_64, Machine::Aarch64] {
        let strict = program(Standard::default(), own);
        let machines: Vec<Machine> = [Some(own), own.older()].into_iter().flatten().collect();
        for machine in machines {
            for (name, arguments, expected) in [
                ("clone", vec![0x11], ALLOWED),
                ("clone", vec![0x3d0f00], ALLOWED),
                ("clone", vec![0x1000_0011], EPERM),
                ("clone", vec![junk | 0x2_0000], EPERM),
                ("clone", vec![0x4000_0000], EPERM),
                ("clone3", vec![], ENOSYS),
                ("unshare", vec![0x400], ALLOWED),
                ("unshare", vec![0x1000_0000], EPERM),
                ("unshare", vec![0x80], EPERM),
                ("ioctl", vec![0, 0x5401], ALLOWED),
                ("ioctl", vec![0, 0x5412], EPERM),
                ("ioctl", vec![0, junk | 0x5412], EPERM),
                ("ioctl", vec![0, 1 << 32 | 0x541c], EPERM),
                ("personality", vec![0], ALLOWED),
                ("personality", vec![0xffff_ffff], ALLOWED),
                ("personality", vec![0x20008], ALLOWED),
                ("personality", vec![0x40000], ALLOWED),
                ("personality", vec![0x40008], ALLOWED),
                ("personality", vec![0x60008], ALLOWED),
                ("personality", vec![0x60009], EPERM),
                ("personality", vec![0x10_0000], EPERM),
                ("personality", vec![0x0400_0000], EPERM),
                ("socket", vec![1, 1, 0], ALLOWED),
                ("socket", vec![1, 5, 0], ALLOWED),
                ("socket", vec![2, 1, 0], ALLOWED),
                ("socket", vec![2, 0x80801, 6], ALLOWED),
                ("socket", vec![10, 2, 17], ALLOWED),
                ("socket", vec![10, 2, 58], ALLOWED),
                ("socket", vec![2, 2, 1], ALLOWED),
                ("socket", vec![2, 1, 262], ALLOWED),
                ("socket", vec![2, 3, 1], EPERM),
                ("socket", vec![10, 0x80003, 255], EPERM),
                ("socket", vec![2, 1, 132], 0x0005_005d),
                ("socket", vec![2, 5, 0], 0x0005_005d),
                ("socket", vec![2, 10, 0], 0x0005_005d),
                ("socket", vec![junk | 2, 10, 768], 0x0005_005d),
                ("socket", vec![16, 3, 0], ALLOWED),
                ("socket", vec![16, 2, 15], ALLOWED),
                ("socket", vec![16, 3, 12], 0x0005_005d),
                ("socket", vec![16, 3, 9], 0x0005_005d),
                ("socket", vec![17, 3, 768], 0x0005_0061),
                ("socket", vec![38, 5, 0], 0x0005_0061),
                ("socket", vec![junk | 40, 1, 0], 0x0005_0061),
                ("socketpair", vec![1, 1, 0], ALLOWED),
                ("socketpair", vec![30, 1, 0], 0x0005_0061),
                ("fchmod", vec![3, 0o755], ALLOWED),
                ("fchmod", vec![3, 0o4755], EPERM),
                ("fchmodat", vec![0, 0, 0o2755], EPERM),
                ("fchmodat2", vec![0, 0, 0o2755, 0], EPERM),
                ("mknodat", vec![0, 0, 0o104755], EPERM),
                ("mknodat", vec![0, 0, 0o10644], ALLOWED),
                ("openat", vec![0, 0, 0, 0o6000], ALLOWED),
                ("openat", vec![0, 0, 0o101, 0o644], ALLOWED),
                ("openat", vec![0, 0, 0o101, 0o4755], EPERM),
                ("openat", vec![0, 0, 0o20200001, 0o4755], EPERM),
                ("openat2", vec![], ENOSYS),
                ("mount", vec![], EPERM),
                ("setns", vec![3, 0], EPERM),
                ("setns", vec![3, 0x2_0000], EPERM),
                ("setns", vec![3, 0x1000_0000], ALLOWED),
                ("fsopen", vec![], ENOSYS),
                ("io_uring_setup", vec![], ENOSYS),
                ("statmount", vec![], ENOSYS),
                ("listmount", vec![], ENOSYS),
                ("lsm_get_self_attr", vec![], ENOSYS),
                ("lsm_list_modules", vec![], ENOSYS),
                ("lsm_set_self_attr", vec![], EPERM),
                ("process_madvise", vec![], ENOSYS),
                ("sethostname", vec![], EPERM),
                ("keyctl", vec![], EPERM),
                ("execve", vec![], ALLOWED),
                ("ptrace", vec![], ALLOWED),
            ] {
                let asked = ask(&strict, machine, name, &arguments);
                assert_eq!(asked, expected, "{name}{arguments:x?} of {machine:?}");
            }
        }
    }
}

#[test]
fn the_oldest_forms_are_refused_too() {
    let strict = program(Standard::default(), Machine::X86_64);
    for (machine, name, arguments, expected) in [
        (Machine::I386, "socketcall", vec![1], ENOSYS),
        (Machine::I386, "socketcall", vec![8], ENOSYS),
        (Machine::I386, "socketcall", vec![3], ALLOWED),
        (Machine::I386, "umount", vec![], EPERM),
        (Machine::I386, "vm86", vec![], EPERM),
        (Machine::I386, "oldstat", vec![], ENOSYS),
        (Machine::X86_64, "uretprobe", vec![], ENOSYS),
        (Machine::X86_64, "uprobe", vec![], ENOSYS),
        (Machine::X86_64, "open", vec![0, 0o101, 0o4755], EPERM),
        (Machine::X86_64, "creat", vec![0, 0o2755], EPERM),
        (Machine::X86_64, "chmod", vec![0, 0o4755], EPERM),
        (Machine::X86_64, "mknod", vec![0, 0o104755], EPERM),
    ] {
        assert_eq!(ask(&strict, machine, name, &arguments), expected, "{name}{arguments:x?}");
    }
}

#[test]
fn what_is_asked_for_is_allowed() {
    let nest = program(Standard { nest: true, set_id: false }, Machine::X86_64);
    for name in ["mount", "umount2", "setns", "clone3", "open_tree", "mount_setattr", "pivot_root", "openat2"] {
        assert_eq!(ask(&nest, Machine::X86_64, name, &[]), ALLOWED, "{name}");
    }
    assert_eq!(ask(&nest, Machine::X86_64, "unshare", &[0x1000_0000]), ALLOWED);
    assert_eq!(ask(&nest, Machine::X86_64, "socket", &[2, 3, 1]), ALLOWED);
    assert_eq!(ask(&nest, Machine::X86_64, "socket", &[38, 5, 0]), 0x0005_0061);
    for name in ["keyctl", "bpf", "open_by_handle_at"] {
        assert_eq!(ask(&nest, Machine::X86_64, name, &[]), EPERM, "{name}");
    }
    let set_id = program(Standard { nest: false, set_id: true }, Machine::X86_64);
    assert_eq!(ask(&set_id, Machine::X86_64, "chmod", &[0, 0o4755]), ALLOWED);
    assert_eq!(ask(&set_id, Machine::X86_64, "openat2", &[]), ALLOWED);
}

/// Each comparison at its borders, over both halves.
#[test]
fn comparisons() {
    let values = [0, 1, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, u64::MAX - 1, u64::MAX];
    for at in values {
        for (is, holds) in [
            (Is::Masked { mask: u64::MAX, value: at }, (|a, b| a == b) as fn(u64, u64) -> bool),
            (Is::Not(at), |a, b| a != b),
            (Is::Below(at), |a, b| a < b),
            (Is::AtMost(at), |a, b| a <= b),
            (Is::AtLeast(at), |a, b| a >= b),
            (Is::Above(at), |a, b| a > b),
        ] {
            let tests = vec![Test { argument: 5, is }, Test::equals(0, 7)];
            let verdict = Verdict { cases: vec![Case { tests, action: Action::Errno(5) }], otherwise: Action::Allow };
            let profile = Profile {
                verdicts: [(0, verdict)].into(),
                otherwise: Action::KillProcess,
                unknown: Action::KillProcess,
            };
            let program = compile(&[(Machine::X86_64, &profile)]).expect("it fits");
            for value in values {
                let got = run(&program, Machine::X86_64.audit(), 0, [7, 0, 0, 0, 0, value]);
                assert_eq!(got == 0x0005_0005, holds(value, at), "{value:#x} {is:?}");
                assert_eq!(run(&program, Machine::X86_64.audit(), 0, [8, 0, 0, 0, 0, value]), ALLOWED);
            }
        }
    }
}

#[test]
fn tables_are_in_order_and_the_program_is_small() {
    for machine in [Machine::X86_64, Machine::I386, Machine::Aarch64] {
        let numbers: Vec<u32> = machine.calls().map(|call| call.0).collect();
        assert!(numbers.len() > 300 && numbers.is_sorted_by(|a, b| a < b), "{machine:?}");
        assert_eq!(machine.name(machine.number("openat").expect("a call")), Some("openat"));
    }
    let length = program(Standard::default(), Machine::X86_64).len();
    assert!(length < 600, "{length}");
    println!("{length}");
}

/// The file podman installs, with the list of a container's capabilities.
#[test]
fn files_of_the_usual_form() {
    let text = include_bytes!("example.json");
    let file = oci::parse(text).expect("it is well");
    let capabilities = ["CAP_SYS_CHROOT".to_string(), "CAP_AUDIT_WRITE".into()];
    let around = oci::Surroundings { capabilities: &capabilities, kernel: (6, 1) };
    let own = file.profile(Machine::X86_64, &around).expect("a profile");
    let program = compile(&[(Machine::X86_64, &own)]).expect("it fits");
    for (name, arguments, expected) in [
        ("read", vec![], ALLOWED),
        ("chroot", vec![], ALLOWED),
        ("bpf", vec![], EPERM),
        ("ptrace", vec![], ALLOWED),
        ("personality", vec![8], ALLOWED),
        ("personality", vec![9], 0x0005_0026),
        ("clone", vec![0x11], ALLOWED),
        ("clone", vec![0x1000_0000], 0x0005_0026),
        ("keyctl", vec![], 0x0005_0026),
    ] {
        assert_eq!(ask(&program, Machine::X86_64, name, &arguments), expected, "{name}{arguments:x?}");
    }
    let none = oci::Surroundings { capabilities: &[], kernel: (4, 7) };
    let own = file.profile(Machine::X86_64, &none).expect("a profile");
    let program = compile(&[(Machine::X86_64, &own)]).expect("it fits");
    assert_eq!(ask(&program, Machine::X86_64, "chroot", &[]), EPERM);
    assert_eq!(ask(&program, Machine::X86_64, "ptrace", &[]), 0x0005_0026);
}

#[test]
fn files_that_are_wrong_say_how() {
    let around = oci::Surroundings { capabilities: &[], kernel: (6, 1) };
    for (text, why) in [
        ("{", "EOF"),
        ("{}", "defaultAction"),
        (r#"{"defaultAction":"ALLOW"}"#, "'ALLOW' is no action"),
        (r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#, "listen"),
        (r#"{"defaultAction":"SCMP_ACT_ALLOW","sycalls":[]}"#, "sycalls"),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["raed"],"action":"SCMP_ACT_ERRNO"}]}"#,
            "no system call 'raed'",
        ),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]}"#,
            "argument 6",
        ),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":0,"op":"EQ"}]}]}"#,
            "no comparison",
        ),
    ] {
        let said = match oci::parse(text.as_bytes()) {
            Err(said) => said,
            Ok(file) => file.profile(Machine::X86_64, &around).expect_err(text),
        };
        assert!(said.contains(why), "{text}: {said}");
    }
}

/// A profile for who listens: what was refused waits, all else is as it was, and the answer can be found again.
#[test]
fn what_would_fail_waits_for_who_listens() {
    let machine = Machine::X86_64;
    let own = standard(machine, Standard::default());
    let (mount, sendmsg) = (machine.number("mount").expect("a call"), machine.number("sendmsg").expect("a call"));
    let plain = compile(&[(machine, &own)]).expect("it fits");
    let watched = compile(&[(machine, &own.watched(&[]))]).expect("it fits");
    for (name, arguments) in
        [("mount", vec![]), ("read", vec![]), ("socket", vec![38, 5, 0]), ("socket", vec![1, 1, 0]), ("clone3", vec![])]
    {
        let (before, after) = (ask(&plain, machine, name, &arguments), ask(&watched, machine, name, &arguments));
        assert_eq!(after, if before == ALLOWED { ALLOWED } else { 0x7fc0_0000 }, "{name}");
        assert_eq!(Action::errno_of(before).is_some(), before != ALLOWED);
    }
    assert_eq!(run(&watched, machine.audit(), 5000, [0; 6]), 0x7fc0_0000);
    assert_eq!(ask(&compile(&[(machine, &own.watched(&[mount]))]).expect("it fits"), machine, "mount", &[]), EPERM);
    let closed = Profile { verdicts: Default::default(), otherwise: Action::Errno(1), unknown: Action::Errno(38) };
    let but = compile(&[(machine, &closed.watched(&[sendmsg]))]).expect("it fits");
    assert_eq!(ask(&but, machine, "sendmsg", &[]), EPERM);
    assert_eq!(ask(&but, machine, "read", &[]), 0x7fc0_0000);
    assert_eq!(own.deciding(machine.number("socket").expect("a call")), [0, 1, 2]);
    assert!(own.deciding(mount).is_empty());
}

#[test]
fn lists_of_what_is_allowed() {
    let machine = Machine::X86_64;
    let calls = [
        ("read", Action::Allow.into()),
        ("mmap", Verdict::when([Test::any(2, 4)], Action::KillProcess, Action::Allow)),
        ("openat", Action::Errno(13).into()),
        ("s390_runtime_instr", Action::Allow.into()),
    ];
    assert!(source::allow_list("x86_64", &calls).is_err(), "no machine of ours has that one");
    assert!(source::allow_list("vax", &calls[..3]).is_err());
    let program = source::allow_list("x86_64", &calls[..3]).expect("a program");
    const KILL: u32 = 0x8000_0000;
    assert_eq!(ask(&program, machine, "read", &[]), ALLOWED);
    assert_eq!(ask(&program, machine, "mmap", &[0, 0, 3]), ALLOWED);
    assert_eq!(ask(&program, machine, "mmap", &[0, 0, 7]), KILL);
    assert_eq!(ask(&program, machine, "openat", &[]), 0x0005_000d);
    // Whatever else there is, by whichever number.
    for number in (0..600).filter(|number| ![0, 9, 257].contains(number)).chain([0x4000_0000, u32::MAX]) {
        assert_eq!(run(&program, machine.audit(), number, [0; 6]), KILL, "{number}");
    }
    for other in [Machine::I386.audit(), Machine::Aarch64.audit(), 8] {
        assert_eq!(run(&program, other, 0, [0; 6]), KILL);
    }
    let text = source::write("PROGRAM", &program[..1]);
    assert_eq!(text, "static PROGRAM: [Instruction; 1] = [\n    Instruction { code: 32, jt: 0, jf: 0, k: 4 },\n];\n");
}
