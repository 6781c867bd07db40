//! What the command, and whoever is around it, may do.

use std::fs;
use std::process::Stdio;

use crate::common::{self, GONE, HANG, Scene, until};

#[test]
fn nothing_can_be_mounted_or_unmounted() {
    let scene = Scene::new();
    let script = "
        mkdir -p /tmp/m
        mount -t tmpfs none /tmp/m 2>/dev/null && echo tmpfs
        mount --bind / /tmp/m 2>/dev/null && echo bind
        mount -t proc none /tmp/m 2>/dev/null && echo proc
        mount -o remount,rw,bind /usr 2>/dev/null && echo remount
        for m in /proc /dev /tmp /usr /etc /sys; do umount $m 2>/dev/null && echo umount $m; umount -l $m 2>/dev/null && echo detach $m; done
        hostname other 2>/dev/null && echo hostname
        ip link set lo down 2>/dev/null && echo lo
        unshare -m true 2>/dev/null && echo unshare mount
        unshare -U true 2>/dev/null && echo unshare user
        unshare -Urm true 2>/dev/null && echo unshare user and mount
        exit 0";
    assert_eq!(scene.inside(&[], script), "");
}

#[test]
fn nested_user_namespaces_work_when_asked_for() {
    let scene = Scene::new();
    assert_eq!(scene.inside(&["--nest"], "unshare -Ur id -u"), "0");
}

const DOCKERS_LIST: u64 = 0x0000_0000_a804_25fb;

fn status(text: &str, key: &str) -> String {
    let line = text.lines().find(|l| l.starts_with(&format!("{key}:")));
    line.unwrap_or_else(|| panic!("no {key} in {text}")).split_once(':').unwrap().1.trim().to_string()
}

#[test]
fn the_command_has_capabilities_over_nothing_but_its_own_namespace() {
    let scene = Scene::new();
    let text = scene.kakuri(["cat", "/proc/self/status"]).output().ok().text();
    let set = |key| u64::from_str_radix(&status(&text, key), 16).unwrap();
    assert_eq!(set("CapBnd") & !DOCKERS_LIST, 0, "{text}");
    assert_eq!(set("CapPrm") & !DOCKERS_LIST, 0, "{text}");
    assert_eq!(set("CapEff") & !DOCKERS_LIST, 0, "{text}");
    assert_eq!(set("CapInh"), 0, "{text}");
    assert_eq!(set("CapAmb"), 0, "{text}");
    assert_eq!(status(&text, "NoNewPrivs"), "1");
}

#[test]
fn no_process_of_ours_has_a_capability_once_the_command_runs() {
    let scene = Scene::alone();
    let run = scene.kakuri(["sh", "-c", "cat /proc/1/status; echo; read wait"]);
    let mut child = run.stdin(Stdio::piped()).spawn();
    let front = child.id();
    let capabilities = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        ["CapEff", "CapPrm", "CapInh", "CapAmb"].map(|key| u64::from_str_radix(&status(&text, key), 16).unwrap())
    };
    let children = |pid: u32| -> Vec<u32> {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        text.split_whitespace().map(|p| p.parse().unwrap()).collect()
    };
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_string();
    // The command runs once PID 1 has a child.
    let mut init = 0;
    let up = until(HANG, || {
        init = children(front).into_iter().find(|&p| name(p) == "kakuri-init").unwrap_or(0);
        init != 0 && children(init).iter().any(|&p| name(p) == "sh" || name(p) == "cat")
    });
    assert!(up, "the command never ran");
    assert_eq!(capabilities(front), [0; 4], "kakuri");
    assert_eq!(capabilities(init), [0; 4], "kakuri-init");
    assert!(until(GONE, || children(front) == [init]), "the builder is still there: {:?}", children(front));
    // PID 1 keeps neither an environment nor anything that leads to the host.
    drop(child.stdin.take());
    let said = common::Output::of(child);
    let inside = said.text();
    for key in ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] {
        assert_eq!(u64::from_str_radix(&status(&inside, key), 16).unwrap(), 0, "{key} of PID 1 seen from inside");
    }
}

#[test]
fn set_id_bits_do_nothing_in_binds() {
    let scene = Scene::new();
    let options = format!("{}:/work", scene.work().display());
    let line = scene.inside(&["--bind", &options], "grep ' /work ' /proc/self/mountinfo");
    let flags: Vec<&str> = line.split(' ').nth(5).unwrap().split(',').collect();
    assert!(flags.contains(&"nosuid") && flags.contains(&"nodev"), "{line}");
}
