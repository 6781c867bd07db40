//! What the attacks are after: a file, a process, a server, shared memory of the host; and the container they start from.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use crate::common::{KAKURI, Run, Scene, skip};

pub struct Outside {
    pub scene: Scene,
    pub treasure: PathBuf,
    mark: String,
    key: i32,
    ids: [i32; 3],
    shared: PathBuf,
    process: Child,
    server: TcpListener,
    packets: UdpSocket,
    _abstract: UnixListener,
}

impl Outside {
    pub fn new(scene: Scene) -> Outside {
        let number = scene.work().to_string_lossy().bytes().fold(7_i32, |sum, b| sum.wrapping_mul(31) + i32::from(b));
        let key = number & 0x7fff_ffff | 1;
        let mark = format!("kakuri-mark-{key}");
        let treasure = scene.file("treasure", "treasure");
        for (name, text) in [("shown/file", "shown"), ("given/old", ""), ("attack.py", include_str!("attack.py"))] {
            scene.file(name, text);
        }
        scene.script("given/program", "#!/bin/sh\necho ran what is not to run\n");
        std::os::unix::fs::symlink(&treasure, scene.work().join("shown/link")).unwrap();
        let shared = PathBuf::from(format!("/dev/shm/{mark}"));
        fs::write(&shared, "treasure").unwrap();
        let flags = libc::IPC_CREAT | 0o600;
        // SAFETY: integers only.
        let ids = unsafe { [libc::shmget(key, 4096, flags), libc::msgget(key, flags), libc::semget(key, 1, flags)] };
        assert!(ids.iter().all(|&id| id >= 0), "{}", std::io::Error::last_os_error());
        // By its first word, which who sees the host's processes sees.
        let process = Command::new("sleep").arg0(&mark).arg("1000").spawn().unwrap();
        let address = <SocketAddr as SocketAddrExt>::from_abstract_name(&mark).unwrap();
        Outside {
            treasure,
            key,
            ids,
            shared,
            process,
            server: TcpListener::bind("127.0.0.1:0").unwrap(),
            packets: UdpSocket::bind("127.0.0.1:0").unwrap(),
            _abstract: UnixListener::bind_addr(&address).unwrap(),
            mark,
            scene,
        }
    }

    /// A folder the command may write.
    pub fn given(&self) -> PathBuf {
        self.scene.work().join("given")
    }

    /// Options of every container here.
    pub fn words(&self, name: &str, options: &[&str]) -> Vec<String> {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let mut words: Vec<String> = vec!["--bind".into(), "./attack.py:/attack.py:ro".into()];
        words.extend(["--bind".into(), "./shown:/shown:ro".into(), "--bind".into(), "./given:/given".into()]);
        for pair in [
            format!("TREASURE={}", self.treasure.display()),
            format!("MARK={}", self.mark),
            format!("KEY={}", self.key),
            format!("OUTSIDE={}", self.process.id()),
            format!("PORT={}", self.server.local_addr().unwrap().port()),
            format!("HOST={}", host.trim()),
            format!("ATTACK={name}"),
        ] {
            words.extend(["-e".into(), pair]);
        }
        words.extend(options.iter().map(|word| word.to_string()));
        words
    }

    /// The attack as the first command.
    pub fn first(&self, name: &str, options: &[&str]) -> Run {
        let attack = ["--", "python3", "-I", "/attack.py", name];
        self.scene.kakuri(self.words(name, options)).args(attack)
    }

    /// As a later one.
    pub fn later(&self, name: &str, options: &[&str]) -> Run {
        let run = ["run", "-d", "--name", "web", "--replace"].map(String::from).into_iter();
        let words: Vec<String> = run.chain(self.words(name, options)).collect();
        self.scene.program(KAKURI).args(["remove", "-f", "web"]).output();
        self.scene.program(KAKURI).args(words).args(["--", "sleep", "1000"]).output().ok();
        self.scene.program(KAKURI).args(["exec", "web", "python3", "-I", "/attack.py", name])
    }

    /// The first command, with an open file that was named.
    pub fn passed(&self, name: &str) -> Run {
        let script = "exec 7</dev/null; exec \"$@\"";
        let run = self.scene.program("sh").args(["-c", script, "sh", KAKURI, "--pass-fd", "7"]);
        run.args(self.words(name, &[])).args(["--", "python3", "-I", "/attack.py", name])
    }

    /// It ends well, and has nothing to tell.
    #[track_caller]
    pub fn holds(&self, run: Run, name: &str) {
        let said = run.output().ok();
        assert_eq!(said.text(), "", "{name}: {said}");
    }

    /// A tunnel whose peer is a socket here that never answers.
    pub fn tunnel(&self) -> String {
        const KEY: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
        const PEER: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
        let endpoint = self.packets.local_addr().unwrap();
        let text = format!(
            "[Interface]\nPrivateKey = {KEY}\nAddress = 10.66.0.2/32\n[Peer]\nPublicKey = {PEER}\n\
             AllowedIPs = 0.0.0.0/0\nEndpoint = {endpoint}\n"
        );
        let path = self.scene.file("wg.conf", text);
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    /// Nobody has connected to the server.
    pub fn nothing_came(&self) -> bool {
        self.server.set_nonblocking(true).unwrap();
        self.server.accept().is_err()
    }

    /// Nothing of it was harmed.
    #[track_caller]
    pub fn stands(&self) {
        assert_eq!(fs::read_to_string(&self.treasure).unwrap(), "treasure");
        assert_eq!(fs::read_to_string(&self.shared).unwrap(), "treasure");
        assert_eq!(fs::read_to_string(self.scene.work().join("shown/file")).unwrap(), "shown");
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        assert!(!stat.contains(") Z "), "a process of the host was ended");
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.scene.program(KAKURI).args(["remove", "-f", "web"]).output();
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.shared);
        // SAFETY: ids of this test's own, and null pointers, which removing takes.
        unsafe {
            libc::shmctl(self.ids[0], libc::IPC_RMID, std::ptr::null_mut());
            libc::msgctl(self.ids[1], libc::IPC_RMID, std::ptr::null_mut());
            libc::semctl(self.ids[2], 0, libc::IPC_RMID);
        }
    }
}

/// A copy of an open file that goes over exec.
pub fn inherited(file: &File) -> OwnedFd {
    let copy: OwnedFd = file.try_clone().unwrap().into();
    // SAFETY: clears close-on-exec of a descriptor this test owns.
    assert_eq!(unsafe { libc::fcntl(copy.as_raw_fd(), libc::F_SETFD, 0) }, 0);
    copy
}

/// Processes with this word among theirs.
pub fn running(word: &str) -> usize {
    let own = |entry: &fs::DirEntry| {
        let text = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        text.split(|&b| b == 0).any(|one| one == word.as_bytes())
    };
    fs::read_dir("/proc").unwrap().flatten().filter(own).count()
}

/// Whether this kernel has Landlock; told where not.
pub fn has_landlock(test: &str) -> bool {
    // SAFETY: with this flag, LANDLOCK_CREATE_RULESET_VERSION, the call reads nothing.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, 1) };
    if version < 1 {
        skip(format_args!("{test}: this kernel has no Landlock"));
    }
    version >= 1
}
