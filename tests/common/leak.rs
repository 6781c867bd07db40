//! What a container must not leave behind: processes, mounts, files, cgroups, descriptors.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{GONE, Scene, until};

/// The machine before a run.
pub struct Before {
    mounts: BTreeSet<String>,
    files: BTreeSet<String>,
    cgroups: BTreeSet<String>,
    descriptors: BTreeSet<String>,
    scene: std::path::PathBuf,
}

impl Before {
    pub fn look(scene: &Scene) -> Before {
        let root = scene.work().parent().unwrap().to_path_buf();
        Before { mounts: mounts(), files: files(&root), cgroups: cgroups(), descriptors: descriptors(), scene: root }
    }

    /// Panics, naming it, if anything is still there after the time the kernel gets to clean up.
    #[track_caller]
    pub fn nothing_left(&self) {
        let mut left = Vec::new();
        let clean = until(GONE, || {
            left = self.left();
            left.is_empty()
        });
        assert!(clean, "left behind: {left:#?}");
    }

    fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = children().into_iter().map(|(pid, what)| format!("process {pid} {what}")).collect();
        let new = |kind: &str, now: BTreeSet<String>, then: &BTreeSet<String>| -> Vec<String> {
            now.difference(then).map(|x| format!("{kind} {x}")).collect()
        };
        left.extend(new("mount", mounts(), &self.mounts));
        left.extend(new("file", files(&self.scene), &self.files));
        left.extend(new("cgroup", cgroups(), &self.cgroups));
        left.extend(new("descriptor", descriptors(), &self.descriptors));
        left
    }
}

/// Waits for everything this process has adopted to be gone.
pub fn wait_for_no_children(whose: &str) {
    let mut left = Vec::new();
    let gone = until(super::HANG, || {
        left = children();
        left.is_empty()
    });
    assert!(gone, "{whose} left processes: {left:?}");
}

/// Pid, parent, state and name of a process.
type Seen = (i32, i32, String, String);

fn processes() -> Vec<Seen> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        // It may end while we look.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, s)| s.rsplit_once(')')) else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        all.push((pid, fields[1].parse::<i32>().unwrap(), fields[0].to_string(), name.to_string()));
    }
    all
}

/// A process and all its descendants.
fn family(root: i32, all: &[Seen]) -> BTreeSet<i32> {
    let mut family = BTreeSet::from([root]);
    loop {
        let more: Vec<i32> =
            all.iter().filter(|(_, parent, ..)| family.contains(parent)).map(|(pid, ..)| *pid).collect();
        let size = family.len();
        family.extend(more);
        if family.len() == size {
            return family;
        }
    }
}

/// Kills a child that hangs, with everything it has started.
pub fn kill_family(root: u32) {
    for pid in family(root as i32, &processes()) {
        // SAFETY: a descendant of an unreaped child of ours, seen a moment ago; the test has failed in any case.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
}

/// Every living descendant of this process; orphans that have ended are reaped on the way.
fn children() -> Vec<(i32, String)> {
    let me = std::process::id() as i32;
    let all = processes();
    let family = family(me, &all);
    let mut living = Vec::new();
    for (pid, parent, state, name) in all {
        if pid == me || !family.contains(&pid) {
            continue;
        }
        if state == "Z" && parent == me {
            // SAFETY: no pointer but null; the pid is our own dead child, which no one else waits for:
            // this runs only while no other test has children.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
            continue;
        }
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        living.push((pid, format!("{name} ({state}) {}", command.chars().take(200).collect::<String>())));
    }
    living
}

fn mounts() -> BTreeSet<String> {
    fs::read_to_string("/proc/self/mountinfo").unwrap().lines().map(String::from).collect()
}

/// Our files where a container might leave one: the scene, and the shared folders by name.
fn files(scene: &Path) -> BTreeSet<String> {
    // SAFETY: always succeeds.
    let uid = unsafe { libc::getuid() };
    let mut found = BTreeSet::new();
    walk(scene, &mut found);
    for shared in ["/tmp", "/var/tmp", "/dev/shm", "/run"] {
        for entry in fs::read_dir(shared).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let ours = entry.metadata().is_ok_and(|m| m.uid() == uid);
            if ours && name.contains("kakuri") {
                found.insert(format!("{shared}/{name}"));
            }
        }
    }
    found
}

fn walk(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        found.insert(entry.path().display().to_string());
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            walk(&entry.path(), found);
        }
    }
}

fn cgroups() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk_cgroups(Path::new("/sys/fs/cgroup"), &mut found);
    found
}

fn walk_cgroups(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            if entry.file_name().to_string_lossy().contains("kakuri") {
                found.insert(entry.path().display().to_string());
            }
            walk_cgroups(&entry.path(), found);
        }
    }
}

/// What this very process has open: a leak here is the test's own mistake.
fn descriptors() -> BTreeSet<String> {
    fs::read_dir("/proc/self/fd")
        .unwrap()
        .flatten()
        .filter_map(|e| Some(format!("{:?}", fs::read_link(e.path()).ok()?)))
        .filter(|d| d.contains("kakuri") || d.contains("ptmx"))
        .collect()
}
