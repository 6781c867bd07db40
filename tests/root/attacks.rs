//! A payload that root has started, and that wants to be root of the host.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::common::{GONE, Output, Scene, until};
use crate::root;

/// Where the ids of root's containers begin at least: no person, no service and no sub-id of a usual host is above.
const HIGH: u32 = 65536;

/// The processes of a process namespace, seen from the host: number and name.
fn in_namespace_of(pid: i32) -> Vec<(i32, String)> {
    let namespace = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let wanted = namespace(pid).unwrap();
    let all = fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    let name = |pid| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_string();
    all.filter(|&pid| namespace(pid).as_ref() == Some(&wanted)).map(|pid| (pid, name(pid))).collect()
}

/// All ids a process has, by a field of its status.
fn ids(pid: i32, field: &str) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// Whether a map of /proc, as the host sees it, has the host's root in it.
fn has_root(pid: i32, file: &str) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    assert!(!text.is_empty(), "{pid}");
    text.lines().any(|line| line.split_whitespace().nth(1) == Some("0"))
}

/// A container that waits, its command's number on the host, and the end of it.
fn with_payload(scene: &Scene, options: &[&str], look: impl FnOnce(i32)) {
    let args = [options, &["sh", "-c", "sleep 98765 & sleep 98765; true"]].concat();
    let child = scene.kakuri(args).spawn();
    let front = child.id() as i32;
    let mut found = None;
    let all = || fs::read_dir("/proc").unwrap().flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    let is_ours = |pid: i32| {
        // A child of a child of the front's, which is PID 1.
        let parent = |pid| ids(pid, "PPid").first().map(|&ppid| ppid as i32);
        let above = parent(pid).and_then(parent).and_then(parent);
        above == Some(front) && fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default().ends_with(b"98765\0")
    };
    assert!(
        until(GONE, || {
            found = all().find(|&pid| is_ours(pid));
            found.is_some()
        }),
        "the command does not begin"
    );
    look(found.unwrap());
    // SAFETY: integers only; a child of this test's.
    unsafe { libc::kill(front, libc::SIGTERM) };
    assert_eq!(Output::of(child).code(), 143);
}

#[test]
fn no_process_of_it_is_root_of_the_host() {
    if !root("no_process_of_it_is_root_of_the_host") {
        return;
    }
    let scene = Scene::new();
    let tree = crate::files::tree(&scene);
    let rootfs = format!("{}:O", tree.display());
    let ways: [&[&str]; 5] =
        [&[], &["-u", "1000:1000"], &["--nest"], &["--userns", "range"], &["--rootfs", &rootfs, "--cap-add", "all"]];
    for options in ways {
        with_payload(&scene, options, |payload| {
            let inside = in_namespace_of(payload);
            assert!(inside.len() >= 3, "{inside:?}");
            for (pid, name) in inside {
                // PID 1 is kakuri's own: it has no right left, and nobody in the container is the same.
                if name.starts_with("kakuri-init") {
                    let held = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
                    assert!(held.contains("CapPrm:\t0000000000000000"), "{held}");
                    continue;
                }
                for field in ["Uid", "Gid", "Groups"] {
                    let all = ids(pid, field);
                    assert!(all.iter().all(|&id| id >= HIGH), "{options:?} {name} {field} {all:?}");
                }
                assert_eq!(ids(pid, "Uid").len(), 4);
                for file in ["uid_map", "gid_map"] {
                    assert!(!has_root(pid, file), "{options:?} {name} {file}");
                }
            }
        });
    }
}

#[test]
fn no_call_makes_it_root_of_the_host() {
    if !root("no_call_makes_it_root_of_the_host") {
        return;
    }
    crate::need!("python3");
    let scene = Scene::new();
    // Every id it can name, and every process it can see; what works is told.
    let script = r#"
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
def tried(what, act):
    try:
        if act(): print(what)
    except OSError:
        pass
def as_id(number):
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([]); os.setresgid(number, number, number); os.setresuid(number, number, number)
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0
for number in (65536, 65537, 1879048191, 2**31 - 1, 2**32 - 2):
    tried(f"became {number}", lambda: as_id(number))
tried("signal to PID 1", lambda: os.kill(1, signal.SIGTERM) is None)
tried("signal by pidfd", lambda: signal.pidfd_send_signal(os.pidfd_open(1), signal.SIGKILL) is None)
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
tried("attach", lambda: libc.ptrace(PTRACE_ATTACH, 1, 0, 0) == 0)
tried("seize", lambda: libc.ptrace(PTRACE_SEIZE, 1, 0, 0) == 0)
for name in ("mem", "environ", "maps", "fd/3", "root/etc/shadow", "cwd/etc/shadow", "exe"):
    tried(f"open {name}", lambda: open(f"/proc/1/{name}", "rb").read(1) is not None)
for kind in ("user", "mnt", "net", "pid", "uts", "ipc", "cgroup"):
    tried(f"join {kind}", lambda: libc.setns(os.open(f"/proc/1/ns/{kind}", os.O_RDONLY), 0) == 0)
for file, text in (("uid_map", "0 0 1"), ("gid_map", "0 0 1"), ("setgroups", "allow")):
    tried(f"write {file}", lambda: os.write(os.open(f"/proc/self/{file}", os.O_WRONLY), text.encode()))
    tried(f"write {file} of PID 1", lambda: os.write(os.open(f"/proc/1/{file}", os.O_WRONLY), text.encode()))
print("done")
"#;
    let said = scene.kakuri(["/usr/bin/python3", "-c", script]).output().ok();
    assert_eq!(said.text(), "done", "{said}");
}

#[test]
fn what_it_writes_is_nobodys_who_counts() {
    if !root("what_it_writes_is_nobodys_who_counts") {
        return;
    }
    let scene = Scene::new();
    let shown = scene.folder("shown");
    fs::set_permissions(&shown, PermissionsExt::from_mode(0o700)).unwrap();
    let bind = format!("{}:/shown", shown.display());
    // With the host's programs nothing can be left behind that others would run as its owner.
    let script = "echo x >/shown/own; cp /usr/bin/true /shown/program && chmod 4755 /shown/program 2>/dev/null && echo set
        chmod 2755 /shown/program 2>/dev/null && echo set-group
        mknod /shown/device b 8 0 2>/dev/null && echo device; mknod /shown/console c 5 1 2>/dev/null && echo device; exit 0";
    assert_eq!(scene.inside(&["--bind", &bind], script), "");
    // The folder is root's, and so is what root inside makes there: that is what mapped means.
    assert_eq!(fs::metadata(shown.join("own")).unwrap().uid(), 0);
    assert_eq!(fs::metadata(shown.join("program")).unwrap().mode() & 0o6000, 0);
    // What is not bound and everybody may write to is written as nobody the host knows.
    let open = scene.folder("open");
    fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    let via = format!("{}:/tmp/out", open.display());
    scene.kakuri(["--bind", &via, "-u", "4242:4242", "sh", "-c", "echo x >/tmp/out/file"]).output().ok();
    assert_eq!(fs::metadata(open.join("file")).unwrap().uid(), 4242);
}

/// Of a mount that cannot be mapped it sees what everybody sees.
#[test]
fn what_cannot_be_mapped_is_read_as_a_stranger_or_not_bound() {
    if !root("what_cannot_be_mapped_is_read_as_a_stranger_or_not_bound") {
        return;
    }
    crate::need!("unshare", "mount");
    let scene = Scene::new();
    let work = scene.work();
    for name in ["lower", "upper", "work", "both"] {
        scene.folder(name);
    }
    fs::write(work.join("lower/secret"), "secret").unwrap();
    fs::write(work.join("lower/open"), "open").unwrap();
    fs::set_permissions(work.join("lower/secret"), PermissionsExt::from_mode(0o600)).unwrap();
    let overlaid = |options: &str, command: &str| {
        let script = format!(
            "mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work both && exec {} {options} {command}",
            crate::common::KAKURI
        );
        scene.program("unshare").args(["-m", "sh", "-c", &script]).dir(&work).output()
    };
    let said = overlaid("--bind both:/both:ro", "sh -c 'cat /both/open; cat /both/secret 2>/dev/null || echo closed'");
    assert_eq!(said.ok().text(), "openclosed");
    overlaid("--bind both:/both", "true").refused(125, &["cannot bind 'both'", "under other owners"]).hints(&[":ro"]);
    overlaid("--bind both:/both:cow", "true").refused(125, &["both", "under other owners"]).hints(&["copy"]);
    overlaid("--rootfs both:O", "true").refused(125, &["both", "under other owners"]).hints(&["file system"]);
}

/// Programs of root's that run as their owner do not, from wherever they are shown.
#[test]
fn a_set_id_program_of_roots_changes_nobody() {
    if !root("a_set_id_program_of_roots_changes_nobody") {
        return;
    }
    let scene = Scene::new();
    let shown = scene.folder("shown");
    let program = shown.join("id");
    fs::copy("/usr/bin/id", &program).unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o6755)).unwrap();
    let bind = format!("{}:/shown", shown.display());
    let said = scene.kakuri(["--bind", &bind, "-u", "1000:1000", "/shown/id"]).output().ok().text();
    assert!(said.starts_with("uid=1000") && !said.contains("euid") && !said.contains("egid"), "{said}");
    assert!(Path::new(&program).exists());
}
