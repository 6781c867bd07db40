//! What of the host a command must not find: a file, memory shared by a key or a name, a process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::common::Scene;

pub struct Outside {
    pub treasure: PathBuf,
    key: i32,
    ids: [i32; 3],
    shared: PathBuf,
    process: Child,
}

impl Outside {
    pub fn new(scene: &Scene) -> Outside {
        static NUMBER: AtomicI32 = AtomicI32::new(0);
        let key = (std::process::id() as i32) << 8 | NUMBER.fetch_add(1, Ordering::Relaxed);
        let treasure = scene.file("closed/treasure", "treasure");
        // It is not kept by its mode.
        fs::set_permissions(&treasure, fs::Permissions::from_mode(0o666)).unwrap();
        let shared = PathBuf::from(format!("/dev/shm/ktest-{key}"));
        fs::write(&shared, "treasure").unwrap();
        let flags = libc::IPC_CREAT | 0o666;
        // SAFETY: integers only.
        let ids = unsafe { [libc::shmget(key, 4096, flags), libc::msgget(key, flags), libc::semget(key, 1, flags)] };
        assert!(ids.iter().all(|&id| id >= 0), "{}", std::io::Error::last_os_error());
        let process = Command::new("sleep").arg("1000").spawn().unwrap();
        Outside { treasure, key, ids, shared, process }
    }

    /// The words that tell a program of it.
    pub fn told(&self) -> Vec<String> {
        let mut all = vec![
            format!("TREASURE={}", self.treasure.display()),
            format!("KEY={}", self.key),
            format!("OUTSIDE={}", self.process.id()),
        ];
        let symbols = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
        let address = |line: &str| line.split(' ').next().is_some_and(|address| !address.trim_matches('0').is_empty());
        if symbols.lines().take(1000).any(address) {
            crate::common::skip("attacks: this machine shows everybody the addresses of its kernel");
            all.push("SYMBOLS=open".into());
        }
        all.into_iter().flat_map(|pair| ["-e".to_string(), pair]).collect()
    }

    /// Nothing of it was harmed.
    #[track_caller]
    pub fn stands(&mut self) {
        assert_eq!(fs::read_to_string(&self.treasure).unwrap(), "treasure");
        assert_eq!(fs::read_to_string(&self.shared).unwrap(), "treasure");
        assert!(self.process.try_wait().unwrap().is_none(), "a process of the host was ended");
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let own = fs::read_to_string("/proc/self/stat").unwrap();
        // proc_pid_stat(5): state is the first after the name, nice the 17th.
        let nice = |stat: &str| stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).map(String::from);
        assert_eq!(nice(&stat), nice(&own), "a process of the host was slowed");
        // SAFETY: the pid is of a child that has not been waited for; SYS_ioprio_get takes integers.
        let weight = unsafe { libc::syscall(libc::SYS_ioprio_get, 1, self.process.id()) };
        assert_ne!(weight >> 13, 3, "a process of the host waits for its disk");
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
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
