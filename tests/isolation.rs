//! What a container keeps from its command when nothing is asked for: files, network, processes, descriptors,
//! environment, rights.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "isolation/rights.rs"]
mod rights;

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::net::{SocketAddr, UnixListener};

use common::Scene;

#[test]
fn the_hosts_own_programs_run() {
    let scene = Scene::new();
    let shown = scene.kakuri(["cat", "/etc/os-release"]).output().ok();
    assert_eq!(shown.stdout, fs::read("/etc/os-release").unwrap());
    assert!(shown.stderr.is_empty(), "kakuri is silent unless something is wrong: {shown}");
}

/// The README's first example: a script beside the caller works with no flag, and can do nothing to it.
#[test]
fn a_script_beside_the_caller_runs_with_no_flag() {
    need!("python3");
    let scene = Scene::new();
    scene.file("script.py", "print(open('/etc/hostname').read().strip())\n");
    let name = scene.kakuri(["python3", "script.py"]).output().ok().text();
    assert!(!name.is_empty());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_ne!(name, host.trim(), "the container has a host name of its own");
}

#[test]
fn a_script_bound_by_itself_cannot_be_written_nor_its_folder() {
    let scene = Scene::new();
    scene.script(
        "try.sh",
        "#!/bin/sh\ntouch made 2>/dev/null && echo wrote the folder\n\
         touch \"$PWD/made\" 2>/dev/null && echo wrote the path\n\
         echo x 2>/dev/null >>try.sh && echo wrote the script\nrm -f try.sh 2>/dev/null && echo removed\n\
         chmod 777 try.sh 2>/dev/null && echo changed\nexit 0\n",
    );
    scene.file("neighbour", "secret");
    let before = fs::read_dir(scene.work()).unwrap().count();
    let said = scene.kakuri(["sh", "./try.sh"]).output().ok();
    assert_eq!(said.text(), "", "{said}");
    assert_eq!(fs::read_dir(scene.work()).unwrap().count(), before);
    // The file beside it was not named, so it is not there.
    let listing = scene.kakuri(["sh", "-c", "cd \"$1\" && ls -A", "sh", "./try.sh"]).output();
    assert!(!listing.text().contains("neighbour"), "{listing}");
}

#[test]
fn the_callers_files_are_not_visible() {
    let scene = Scene::new();
    fs::write(scene.home().join("secret"), "s").unwrap();
    scene.file("secret", "s");
    let home = scene.home().display().to_string();
    let work = scene.work().display().to_string();
    let seen = scene.inside(
        &[],
        &format!("ls -A '{home}' '{work}' /home /root /tmp /var /run /mnt /srv /boot 2>/dev/null; exit 0"),
    );
    assert!(!seen.contains("secret"), "{seen}");
    // Home exists under its own name, empty and private.
    assert_eq!(scene.inside(&[], &format!("test \"$HOME\" = '{home}' && cd && ls -A && touch here && pwd")), home);
    assert!(!scene.home().join("here").exists());
    // The caller's real home, whatever HOME says.
    let real = scene.program("sh").args(["-c", "getent passwd $(id -u) | cut -d: -f6"]).output().ok().text();
    if real != "/" && !real.is_empty() {
        assert_eq!(scene.inside(&[], &format!("ls -A '{real}' 2>/dev/null; exit 0")), "");
    }
}

#[test]
fn the_hosts_programs_and_settings_are_read_only() {
    let scene = Scene::new();
    let script = "for d in / /usr /usr/bin /etc /opt /sys /proc/sys /dev; do
        [ -d $d ] || continue
        if (: >$d/kakuri-was-here) 2>/dev/null; then echo \"$d can be written\"; fi
        if mkdir $d/kakuri-was-here.d 2>/dev/null; then echo \"$d takes folders\"; fi
    done
    (echo x >>/etc/passwd) 2>/dev/null && echo passwd
    (echo 1 >/proc/sys/kernel/panic) 2>/dev/null && echo sysctl
    exit 0";
    assert_eq!(scene.inside(&[], script), "");
}

#[test]
fn private_folders_are_writable_and_empty_again_next_time() {
    let scene = Scene::new();
    for _ in 0..2 {
        let script = "for d in /tmp /var/tmp /run \"$HOME\" /dev/shm; do
            [ -d $d ] || { echo \"no $d\"; continue; }
            [ -e $d/left ] && echo \"$d kept a file\"
            echo text >$d/left || echo \"$d cannot be written\"
        done";
        assert_eq!(scene.inside(&[], script), "");
    }
}

#[test]
fn there_is_no_network_but_its_own_loopback() {
    let scene = Scene::new();
    let links = scene.inside(&[], "cat /proc/net/dev | sed -n 's/^ *\\([^:]*\\):.*/\\1/p'");
    assert_eq!(links, "lo");
    assert_eq!(scene.inside(&[], "wc -l < /proc/net/route"), "1", "a route beside the heading");
    let own = fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
    assert_ne!(scene.inside(&[], "readlink /proc/self/ns/net"), own);
}

#[test]
fn its_own_loopback_is_up() {
    need!("python3");
    let scene = Scene::new();
    let talk = "import socket\n\
        s=socket.socket(); s.bind(('127.0.0.1',80)); s.listen()\n\
        c=socket.create_connection(('127.0.0.1',80)); a,_=s.accept(); c.send(b'hi'); print(a.recv(2).decode())\n";
    assert_eq!(scene.kakuri(["python3", "-c", talk]).output().ok().text(), "hi");
}

#[test]
fn a_server_of_the_host_cannot_be_reached() {
    need!("python3");
    let scene = Scene::new();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port().to_string();
    let knock = "import socket,sys\ntry:\n socket.create_connection(('127.0.0.1',int(sys.argv[1])),5); print('reached')\nexcept OSError as e: print('refused')\n";
    assert_eq!(scene.kakuri(["python3", "-c", knock, &port]).output().ok().text(), "refused");
    assert_eq!(scene.kakuri(["--allow-network", "python3", "-c", knock, &port]).output().ok().text(), "reached");
}

#[test]
fn abstract_sockets_of_the_host_cannot_be_reached() {
    need!("python3");
    let scene = Scene::new();
    let name = format!("kakuri-test-{}", std::process::id());
    let address = <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(&name).unwrap();
    let _server = UnixListener::bind_addr(&address).unwrap();
    let knock = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ntry:\n s.connect('\\0'+sys.argv[1]); print('reached')\nexcept OSError: print('refused')\n";
    assert_eq!(scene.program("python3").args(["-c", knock, &name]).output().ok().text(), "reached");
    assert_eq!(scene.kakuri(["python3", "-c", knock, &name]).output().ok().text(), "refused");
}

#[test]
fn only_its_own_processes_are_visible() {
    let scene = Scene::new();
    let seen = scene.inside(&[], "for p in /proc/[0-9]*; do cat $p/comm; done 2>/dev/null | sort -u");
    let names: Vec<&str> = seen.lines().collect();
    assert!(names.contains(&"sh"), "{names:?}");
    for name in &names {
        assert!(["sh", "cat", "sort", "kakuri-init"].iter().any(|n| name.starts_with(n)), "{names:?}");
    }
    assert!(!names.iter().any(|n| n.starts_with("kakuri-mount") || n.starts_with("kakuri-netns")), "{names:?}");
}

#[test]
fn every_namespace_is_its_own() {
    let scene = Scene::new();
    for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"] {
        let own = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap().display().to_string();
        assert_ne!(scene.inside(&[], &format!("readlink /proc/self/ns/{kind}")), own, "{kind}");
    }
}

#[test]
fn root_inside_is_the_caller_outside() {
    let scene = Scene::new();
    assert_eq!(scene.inside(&[], "id -u; id -g"), "0\n0");
    let bind = format!("{}:/work", scene.work().display());
    scene.inside(&["--bind", &bind], "touch /work/made");
    use std::os::unix::fs::MetadataExt;
    let made = fs::metadata(scene.work().join("made")).unwrap();
    let mine = fs::metadata(scene.work()).unwrap();
    assert_eq!((made.uid(), made.gid()), (mine.uid(), mine.gid()));
}

#[test]
fn with_user_it_is_an_ordinary_name_inside() {
    let scene = Scene::new();
    assert_eq!(
        scene.inside(&["--user"], "id -un; id -u; echo $HOME; cd && touch x && pwd"),
        "user\n1000\n/home/user\n/home/user"
    );
}

/// Descriptors the caller left open (a terminal, a secret, a lock) must not travel along.
#[test]
fn no_descriptor_above_two_enters() {
    let scene = Scene::new();
    let secret = fs::File::open(scene.file("secret", "s")).unwrap();
    let extra: Vec<_> = (0..20).map(|_| secret.try_clone().unwrap()).collect();
    for file in &extra {
        // SAFETY: clears close-on-exec of descriptors this test owns, so that kakuri inherits them.
        assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }, 0);
    }
    // ls itself opens the folder it lists: descriptor 3.
    assert_eq!(scene.kakuri(["ls", "/proc/self/fd"]).output().ok().text(), "0\n1\n2\n3");
    assert_eq!(scene.inside(&[], "for f in 3 4 5 6 7 8 9; do (: <&$f) 2>/dev/null && echo $f; done; exit 0"), "");
}

#[test]
fn a_descriptor_asked_for_enters() {
    let scene = Scene::new();
    scene.file("given", "the text");
    let run = format!("exec '{}' --pass-fd 7 sh -c 'cat <&7' 7<given", common::KAKURI);
    assert_eq!(scene.program("sh").args(["-c", &run]).output().ok().text(), "the text");
}

#[test]
fn the_environment_is_an_allow_list() {
    let scene = Scene::new();
    let run = scene
        .kakuri(["env"])
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("SSH_AUTH_SOCK", "/run/x")
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:x")
        .env("LD_PRELOAD", "")
        .env("LC_TIME", "C")
        .env("COLORTERM", "truecolor");
    let text = run.output().ok().text();
    let names: Vec<&str> = text.lines().filter_map(|l| l.split_once('=')).map(|(k, _)| k).collect();
    for kept in
        ["TERM", "LANG", "LC_TIME", "COLORTERM", "HOME", "USER", "LOGNAME", "SHELL", "HOSTNAME", "PATH", "container"]
    {
        assert!(names.contains(&kept), "{kept} is missing: {text}");
    }
    for gone in ["AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "LD_PRELOAD", "XDG_RUNTIME_DIR"]
    {
        assert!(!names.contains(&gone), "{gone} came along: {text}");
    }
    assert!(text.lines().any(|l| l == "container=kakuri"), "{text}");
}

/// PID 1 is the one process of ours the command can see: nothing of it may be read.
#[test]
fn pid_1_gives_nothing_away() {
    let scene = Scene::new();
    let script = "
        [ \"$(cat /proc/1/comm)\" = kakuri-init ] || echo \"PID 1 is $(cat /proc/1/comm)\"
        readlink /proc/1/exe 2>/dev/null && echo exe
        ls /proc/1/root/ 2>/dev/null && echo root
        readlink /proc/1/root 2>/dev/null && echo root link
        readlink /proc/1/cwd 2>/dev/null && echo cwd
        cat /proc/1/environ 2>/dev/null | grep . && echo environ
        # The numbers may be seen; what they are may not.
        for f in /proc/1/fd/*; do readlink $f 2>/dev/null && echo $f; done
        cat /proc/1/mem 2>/dev/null && echo mem
        cat /proc/1/maps 2>/dev/null | grep . && echo maps
        cp /proc/1/exe /tmp/copy 2>/dev/null && echo copied the launcher
        exit 0";
    assert_eq!(scene.inside(&[], script), "");
}

#[test]
fn every_mount_of_the_host_seen_inside_is_nosuid() {
    let scene = Scene::new();
    let text = scene.kakuri(["cat", "/proc/self/mountinfo"]).output().ok().text();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        assert!(fields[5].split(',').any(|f| f == "nosuid"), "{line}");
        // Nothing of the old root stays reachable, and nothing spreads back out.
        assert!(!line.contains("shared:") && !line.contains("/.old"), "{line}");
    }
}

#[test]
fn dev_has_the_plain_devices_and_no_other() {
    let scene = Scene::new();
    let seen = scene.inside(&[], "ls /dev | sort | tr '\\n' ' '");
    let names: Vec<&str> = seen.split_whitespace().collect();
    for name in [
        "null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd", "stdin", "stdout",
        "stderr",
    ] {
        assert!(names.contains(&name), "{name} is missing: {seen}");
    }
    for name in &names {
        assert!(
            [
                "null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd", "stdin",
                "stdout", "stderr", "console", "core"
            ]
            .contains(name),
            "{name} does not belong: {seen}"
        );
    }
    assert_eq!(
        scene.inside(&[], "echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c"),
        "3\n3"
    );
}

#[test]
fn own_account_files_name_root_and_the_caller_only() {
    let scene = Scene::new();
    assert_eq!(scene.inside(&[], "id -un; getent passwd 0 | cut -d: -f6"), format!("root\n{}", scene.home().display()));
    assert_eq!(
        scene.inside(
            &["--hostname", "box"],
            "hostname 2>/dev/null || cat /proc/sys/kernel/hostname; cat /etc/hostname; grep -c box /etc/hosts"
        ),
        "box\nbox\n1"
    );
}

/// Whatever holds for a container of one id.
#[test]
fn all_of_it_holds_with_a_range_of_ids() {
    if common::sub_ids("isolation::all_of_it_holds_with_a_range_of_ids").is_some() {
        common::again_with("--userns range", "all_of_it_holds_with_a_range_of_ids");
    }
}
