//! Everything inside is against the caller: nothing on the host is read or written but what was named.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Stdio};

use super::common::{Run, Scene, rounds};
use super::{Web, snapshot, well_or_told};

/// Swaps two names in a folder as fast as it can, inside the container, until it is killed.
fn swap(web: &Web, folder: &str, a: &str, b: &str) -> Swapping {
    let number = libc::SYS_renameat2;
    // -100 is AT_FDCWD, 2 is RENAME_EXCHANGE.
    let script = format!(
        "$| = 1; chdir '{folder}' or die; print 'on'; ($a, $b) = ('{a}', '{b}'); for (;;) {{ syscall({number}, -100, $a, -100, $b, 2) }}"
    );
    let run = web.scene.kakuri(["exec", "web", "perl", "-e", &script]).stdout(Stdio::piped());
    let mut child = run.spawn();
    let mut on = [0; 2];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut on).unwrap();
    Swapping(child)
}

struct Swapping(Child);

impl Drop for Swapping {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Files of the host whose words must never be seen and never change.
fn treasure(scene: &Scene) -> std::path::PathBuf {
    for n in 0..20 {
        scene.file(&format!("treasure/f{n}"), "SECRET");
    }
    scene.work().join("treasure")
}

fn files(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for n in 0..20 {
        fs::write(folder.join(format!("f{n}")), "harmless").unwrap();
    }
}

#[test]
fn a_folder_swapped_for_a_link_leads_nowhere() {
    crate::need!("perl");
    let web = Web::running(&[]);
    let treasure = treasure(&web.scene);
    let whole = snapshot(&treasure);
    // The host's folder by its own path, and by way of as many parents as there may be.
    for target in [treasure.display().to_string(), format!("../../../../../../../..{}", treasure.display())] {
        web.sh(&format!("rm -rf /root/t; mkdir -p /root/t/d; cd /root/t; for n in $(seq 0 19); do echo harmless >d/f$n; done; ln -s '{target}' l"));
        files(&web.work("in/d"));
        let swapping = swap(&web, "/root/t", "d", "l");
        for round in 0..rounds("KAKURI_TEST_SWAPS", 15) {
            let out = format!("out{round}");
            well_or_told(web.cp(["web:/root/t", &out]).output());
            well_or_told(web.cp(["web:/root/t/d", &format!("{out}-d")]).output());
            well_or_told(web.cp(["web:/root/t/d/f7", &format!("{out}-f")]).output());
            well_or_told(web.cp(["-L", "web:/root/t/l", &format!("{out}-l")]).output());
            well_or_told(web.cp(["in", "web:/root/t"]).output());
            well_or_told(web.cp(["in/.", "web:/root/t"]).output());
            well_or_told(web.cp(["in/d/f7", "web:/root/t/d/f7"]).output());
            well_or_told(web.cp(["in/d/.", "web:/root/t/d"]).output());
        }
        drop(swapping);
        assert_eq!(snapshot(&treasure), whole, "nothing was written there");
        for name in fs::read_dir(web.scene.work()).unwrap() {
            let path = name.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("out") {
                // The link itself, where that was copied, is no way for this test to take.
                let is_link = path.symlink_metadata().unwrap().is_symlink();
                let path = if is_link { web.work("in") } else { path };
                let words = web.scene.program("grep").args(["-r", "SECRET"]).arg(&path).output().text();
                assert!(words.is_empty(), "{words}");
            }
        }
        assert_eq!(web.sh("grep -r SECRET /root || :"), "");
        web.scene.program("sh").args(["-c", "rm -rf out*"]).output().ok();
    }
}

#[test]
fn a_destination_on_the_host_that_the_container_swaps_is_not_left() {
    crate::need!("perl");
    let scene = Scene::new();
    let shared = scene.folder("shared");
    let victim = scene.folder("victim");
    let bind = format!("{}:/shared", shared.display());
    let web = Web::with(scene, &["--bind", &bind]);
    web.scene.kakuri(["start", "-d", "web"]).output().ok();
    web.sh(&format!(
        "mkdir -p /root/src/d/e /shared/src/d/e; for n in $(seq 0 19); do echo x >/root/src/d/f$n; echo y >/root/src/d/e/g$n; done; \
         ln -s '{0}' /shared/src/l; ln -s '{0}' /shared/src/d/f3; ln -s '{0}/new' /shared/src/d/f4",
        victim.display()
    ));
    let swapping = swap(&web, "/shared/src", "d", "l");
    for _ in 0..rounds("KAKURI_TEST_SWAPS", 15) {
        for args in [["web:/root/src", "shared"], ["web:/root/src/.", "shared/src"], ["-a", "web:/root/src"]] {
            let args = if args[0] == "-a" { vec!["-a", args[1], "shared"] } else { args.to_vec() };
            well_or_told(web.cp(args).output());
            assert_eq!(snapshot(&victim).len(), 0, "nothing was written through the link");
        }
    }
    drop(swapping);
    assert_eq!(victim.metadata().unwrap().mode() & 0o777, 0o755);
}

#[test]
fn a_link_that_was_copied_out_is_not_followed_by_the_next_copy() {
    let web = Web::running(&[]);
    let victim = web.scene.folder("victim");
    fs::write(victim.join("f"), "mine").unwrap();
    web.sh(&format!("cd /root; mkdir a; ln -s '{0}' a/d; ln -s '{0}/f' a/f; ln -s '{0}/new' a/new", victim.display()));
    web.cp(["web:/root/a", "out"]).output().ok();
    web.sh("cd /root; rm -r a; mkdir -p a/d; echo evil >a/f; echo evil >a/new; echo evil >a/d/f");
    web.cp(["web:/root/a/.", "out"]).output().refused(1, &["out/d", "a symbolic link stands there"]);
    web.sh("rm -r /root/a/d");
    web.cp(["web:/root/a/.", "out"]).output().ok();
    assert_eq!(fs::read(web.work("out/f")).unwrap(), b"evil\n", "the link itself was replaced");
    assert_eq!(
        snapshot(&victim).into_iter().map(|(n, t)| (n, t.2)).collect::<Vec<_>>(),
        [(b"f".to_vec(), b"mine".to_vec())]
    );
}

#[test]
fn a_link_that_has_the_very_name_of_the_destination_is_not_followed() {
    let web = Web::running(&[]);
    let victim = web.scene.folder("victim");
    fs::write(victim.join("rc"), "mine").unwrap();
    let whole = snapshot(&victim);
    // The first copy brings the link, the second what shall go through it.
    for target in ["rc", "new"] {
        web.sh(&format!("cd /root; rm -rf res; ln -s '{}/{target}' res", victim.display()));
        web.cp(["web:/root/res", "./res"]).output().ok();
        assert!(web.work("res").is_symlink());
        web.sh("cd /root; rm res; mkdir res; echo evil >res/evil");
        for from in ["web:/root/res", "web:/root/res/."] {
            web.cp([from, "./res"]).output().refused(1, &["./res", "a folder cannot take the place"]);
            web.cp([from, "./res/"]).output().refused(1, &["./res/"]);
        }
        web.sh("cd /root; rm -r res; echo evil >res");
        web.cp(["web:/root/res", "./res"]).output().ok();
        assert!(web.work("res").symlink_metadata().unwrap().is_file(), "the link itself was replaced");
        assert_eq!(fs::read(web.work("res")).unwrap(), b"evil\n");
        assert_eq!(snapshot(&victim), whole, "{target}");
        fs::remove_file(web.work("res")).unwrap();
    }
    web.sh(&format!("cd /root; rm -rf res; ln -s '{}' res", victim.display()));
    web.cp(["web:/root/res", "./res"]).output().ok();
    web.sh("cd /root; rm res; mkdir res; echo evil >res/evil");
    for from in ["web:/root/res", "web:/root/res/.", "web:/root/res/evil"] {
        let refused = web.cp([from, "./res"]).output();
        refused.refused(1, &["./res", "a symbolic link to a folder"]).hints(&["./res/"]);
        assert_eq!(snapshot(&victim), whole, "{from}");
    }
    // Whoever means the folder it leads to says so.
    web.cp(["web:/root/res/evil", "./res/"]).output().ok();
    assert_eq!(fs::read(victim.join("evil")).unwrap(), b"evil\n");
}

#[test]
fn pipes_sockets_and_devices_do_not_hang_and_are_named() {
    crate::need!("perl");
    let web = Web::running(&[]);
    web.sh("mkdir -p /root/t/x; cd /root/t; mkfifo pipe; echo f >x/f; perl -MSocket -e 'socket S, AF_UNIX, SOCK_STREAM, 0; bind S, sockaddr_un(\"sock\") or die'");
    let output = web.cp(["web:/root/t", "out"]).output().ok();
    for words in ["'web:/root/t/pipe': it is a named pipe", "'web:/root/t/sock': it is a socket"] {
        assert!(output.err().contains(words), "{output}");
    }
    assert_eq!(snapshot(&web.work("out")).keys().collect::<Vec<_>>(), [&b"x"[..], b"x/f"]);
    for (from, words) in [
        ("web:/root/t/pipe", "a named pipe"),
        ("web:/root/t/sock", "a socket"),
        ("web:/dev/zero", "a device"),
        ("web:/dev/stdin", "a symbolic link"),
        ("web:/proc/1/environ", "the kernel makes it up"),
        ("web:/sys/kernel", "the kernel makes it up"),
    ] {
        let run = web.cp(["-L", from, "new"]);
        if from.ends_with("stdin") {
            well_or_told(run.output());
        } else {
            run.output().refused(1, &[from, words]);
        }
    }
    // Into them neither, by whatever way.
    web.scene.file("f", "text");
    web.sh("cd /root; ln -s t/pipe p; ln -s /proc/sys/kernel k; ln -s /proc/1/oom_score_adj o");
    for to in ["web:/root/t/pipe", "web:/root/p", "web:/root/k", "web:/root/k/x", "web:/root/o", "web:/dev/null"] {
        web.cp(["f", to]).output().refused(1, &[]);
    }
    assert_eq!(
        web.sh("cat /proc/1/oom_score_adj"),
        web.scene.program("cat").arg("/proc/self/oom_score_adj").output().text()
    );
    // All of a container, with all the kernel shows in it, has an end.
    web.sh("mount | grep -c proc");
    let output = web.cp(["web:/dev", "dev"]).output().ok();
    assert!(output.err().contains("'web:/dev/null': it is a device"), "{output}");
    assert!(output.err().contains("'web:/dev/pts': the kernel makes it up"), "{output}");
}

#[test]
fn programs_of_the_container_do_not_run_as_the_caller() {
    let web = Web::running(&[]);
    web.scene.file("tool", "#!/bin/sh\n");
    fs::set_permissions(web.work("tool"), fs::Permissions::from_mode(0o6755)).unwrap();
    web.cp(["-a", "tool", "web:/root"]).output().ok();
    assert_eq!(web.sh("stat -c %a /root/tool"), "755");
    // What the container has made of its kept files from elsewhere.
    let kept = web.scene.home().join(".local/kakuri/containers/web/root");
    let found = web.scene.program("find").arg(&kept).args(["-name", "tool"]).output().ok().text();
    assert!(!found.is_empty());
    for path in found.lines() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o6755)).unwrap();
    }
    assert_eq!(web.sh("stat -c %a /root/tool"), "6755");
    web.cp(["-a", "web:/root/tool", "out"]).output().ok();
    assert_eq!(web.work("out").metadata().unwrap().mode() & 0o7777, 0o755);
    let tar: Run =
        web.scene.program("sh").args(["-c", "\"$0\" container cp web:/root/tool - | tar -tv", super::common::KAKURI]);
    assert!(tar.output().ok().text().starts_with("-rwxr-xr-x "));
}

#[test]
fn a_tree_that_grows_while_it_is_copied_comes_to_an_end_with_the_copier() {
    let web = Web::running(&[]);
    web.sh("mkdir /root/t; echo x >/root/t/log");
    // A file that is written to all the time is copied as long as it was.
    web.scene.kakuri(["exec", "-d", "web", "sh", "-c", "while :; do cat /bin/ls; done >>/root/t/log"]).output().ok();
    web.cp(["web:/root/t", "out"]).output().ok();
    web.cp(["web:/root/t", "-"]).stdout(Stdio::null()).output().ok();
    web.scene.kakuri(["stop", "--time", "0", "web"]).output().ok();
}
