//! Entering a running container, beside nsenter(1) into a like sandbox and `crun exec`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Peer, installed, measure, stop, table, words, working};

const NAME: &str = "kakuri-bench";
const COMMAND: &str = "/bin/true";

/// What runs while it is measured; gone with this value.
struct Running {
    home: PathBuf,
    kakuri: String,
    sandbox: Option<Child>,
    crun: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = quiet(&self.kakuri, &["remove", "-f", NAME]);
        if let Some(child) = &mut self.sandbox {
            let _ = child.kill();
            let _ = child.wait();
        }
        if self.crun {
            let _ = quiet("crun", &["delete", "-f", NAME]);
        }
        let _ = fs::remove_dir_all(&self.home);
    }
}

fn quiet(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The ratio to nsenter.
pub fn exec(kakuri: &str, rounds: usize) -> Option<f64> {
    let home = std::env::temp_dir().join(format!("kakuri-bench-{}", std::process::id()));
    fs::create_dir_all(home.join("run")).unwrap_or_else(|e| stop(&format!("{}: {e}", home.display())));
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(home.join("run"), private).unwrap_or_else(|e| stop(&e.to_string()));
    // SAFETY: nothing else runs in this process yet.
    unsafe {
        std::env::set_var("HOME", &home);
        std::env::set_var("XDG_RUNTIME_DIR", home.join("run"));
    }
    let mut running = Running { home, kakuri: kakuri.into(), sandbox: None, crun: false };
    if !quiet(kakuri, &["create", NAME]) || !quiet(kakuri, &["start", "-d", NAME]) {
        stop("kakuri could not start a container to enter");
    }
    let mut list = vec![Peer { name: "kakuri", argv: words(&format!("{kakuri} exec {NAME} {COMMAND}")) }];
    list.extend(sandbox(&mut running));
    list.extend(crun(&mut running));
    list.push(Peer { name: "no sandbox", argv: words(COMMAND) });
    let list = working(list);
    let times = measure(&list, rounds);
    table("exec of true", &list, &times);
    let nsenter = list.iter().position(|peer| peer.name == "nsenter")?;
    Some(crate::ratio(&times[0], &times[nsenter]))
}

/// nsenter, and a sandbox with the same namespaces to enter.
fn sandbox(running: &mut Running) -> Option<Peer> {
    let mut command = Command::new("unshare");
    command.args(words("-Urmpfniu --cgroup --mount-proc --kill-child sleep 1000"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().ok()?;
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    running.sandbox = Some(child);
    let end = Instant::now() + Duration::from_secs(5);
    let pid = loop {
        let pid = fs::read_to_string(&children).ok().and_then(|text| text.split_whitespace().next().map(String::from));
        let asleep = |pid: &String| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
        match pid.filter(asleep) {
            Some(pid) => break pid,
            None if Instant::now() > end => return None,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let line = format!("nsenter -t {pid} -U -m -p -i -u -n -C --preserve-credentials {COMMAND}");
    Some(Peer { name: "nsenter", argv: words(&line) })
}

/// crun, where it is installed, and a bundle that runs.
fn crun(running: &mut Running) -> Option<Peer> {
    if !installed("crun") {
        return None;
    }
    let bundle = running.home.join("bundle");
    let shown = ["/usr", "/bin", "/lib", "/lib64", "/sbin", "/etc"].into_iter().filter(|d| Path::new(d).exists());
    let mut mounts = vec![r#"{"destination":"/proc","type":"proc","source":"proc"}"#.to_string()];
    for folder in shown {
        fs::create_dir_all(bundle.join("rootfs").join(&folder[1..])).ok()?;
        let source = fs::canonicalize(folder).ok()?;
        mounts.push(format!(
            r#"{{"destination":"{folder}","type":"bind","source":"{}","options":["rbind","ro"]}}"#,
            source.display()
        ));
    }
    fs::create_dir_all(bundle.join("rootfs/proc")).ok()?;
    let meta = fs::metadata("/proc/self").ok()?;
    let (uid, gid) = (std::os::unix::fs::MetadataExt::uid(&meta), std::os::unix::fs::MetadataExt::gid(&meta));
    let namespaces: Vec<String> = ["user", "mount", "pid", "ipc", "uts", "network", "cgroup"]
        .iter()
        .map(|kind| format!(r#"{{"type":"{kind}"}}"#))
        .collect();
    let config = format!(
        r#"{{"ociVersion":"1.0.2","process":{{"user":{{"uid":0,"gid":0}},"args":["sleep","1000"],"cwd":"/",
"env":["PATH=/usr/bin:/bin"],"noNewPrivileges":true}},"root":{{"path":"rootfs"}},"mounts":[{}],
"linux":{{"uidMappings":[{{"containerID":0,"hostID":{uid},"size":1}}],
"gidMappings":[{{"containerID":0,"hostID":{gid},"size":1}}],"namespaces":[{}]}}}}"#,
        mounts.join(","),
        namespaces.join(",")
    );
    fs::write(bundle.join("config.json"), config).ok()?;
    let bundle = bundle.display().to_string();
    running.crun = quiet("crun", &["--cgroup-manager=disabled", "run", "-d", "-b", &bundle, NAME]);
    running.crun.then(|| Peer { name: "crun", argv: words(&format!("crun exec {NAME} {COMMAND}")) })
}
