//! Our own programs as the target: whoever starts /proc/self/exe runs what PID 1 was a moment ago, a file of the caller's.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::common::{INIT, KAKURI, MOUNT, NETNS, Scene};
use crate::need;
use crate::tree::plant;

/// Tries to change the program it runs as, from within.
const CHANGE: &str = r#"
    #define _GNU_SOURCE
    #include <fcntl.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/stat.h>
    #include <sys/xattr.h>
    #include <unistd.h>
    __attribute__((constructor)) static void change(void) {
        char path[64];
        int own = open("/proc/self/exe", O_RDONLY);
        snprintf(path, sizeof path, "/proc/self/fd/%d", own);
        for (const char **way = (const char *[]){"/proc/self/exe", path, 0}; *way; way++) {
            if (open(*way, O_WRONLY) >= 0 || open(*way, O_RDWR | O_APPEND) >= 0) puts("opened");
            if (!truncate(*way, 0)) puts("cut");
            if (!chmod(*way, 04777) || !chmod(*way, 0777)) puts("its mode");
            if (!chown(*way, 1, 1)) puts("its owner");
            if (!utimensat(AT_FDCWD, *way, 0, 0)) puts("its times");
            if (!setxattr(*way, "user.x", "x", 1, 0)) puts("its attributes");
        }
        puts("tried");
        fflush(stdout);
    }
"#;

fn state(file: &Path) -> (u32, u32, i64, i64, Vec<u8>) {
    let meta = fs::metadata(file).unwrap();
    (meta.mode(), meta.uid(), meta.ctime(), meta.ctime_nsec(), fs::read(file).unwrap())
}

#[test]
fn it_cannot_be_changed_by_what_runs_as_it() {
    need!("gcc", "busybox");
    let scene = Scene::new();
    let own = scene.folder("own");
    for program in [KAKURI, INIT, MOUNT, NETNS] {
        let copy = own.join(Path::new(program).file_name().unwrap());
        fs::copy(program, &copy).unwrap();
        fs::set_permissions(copy, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let init = own.join("kakuri-init");
    let before = state(&init);
    let kakuri = |words: &[&str]| {
        let always = std::env::var("KAKURI_TEST_ALWAYS").unwrap_or_default();
        let run = scene.program(own.join("kakuri")).args(always.split_whitespace()).args(words);
        run.output()
    };
    // By a child of it, which sees it in /proc.
    let script = "cd /proc/$PPID; [ exe -ef /bin/sh ] && echo none; chmod 4777 exe && echo its mode; : >exe && echo opened; \
        touch exe && echo its times; chown 1 exe && echo its owner; echo tried";
    let tree = plant(&scene, "tree");
    for options in [&[][..], &["--rootfs", "tree:ro"]] {
        let said = kakuri(&[options, &["/proc/self/exe", "--", "sh", "-c", script]].concat());
        assert!(matches!(said.text().as_str(), "tried" | ""), "{said}");
        assert!(state(&init) == before, "{said}");
    }
    // By what is loaded into it.
    let source = scene.file("change.c", CHANGE);
    let library = scene.work().join("change.so");
    scene.program("gcc").args(["-shared", "-fPIC", "-w", "-o"]).arg(&library).arg(source).output().ok();
    let bind = format!("{}:/tmp/change.so:ro", library.display());
    let said = kakuri(&["--bind", &bind, "-e", "LD_PRELOAD=/tmp/change.so", "/proc/self/exe", "--version"]);
    assert!(said.text().lines().all(|line| line == "tried" || line.starts_with("kakuri-init ")), "{said}");
    assert!(state(&init) == before, "{said}");
    // By a script that names it, and by a link to it.
    fs::write(tree.join("script"), "#!/proc/self/exe\n").unwrap();
    fs::set_permissions(tree.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/proc/self/exe", tree.join("link")).unwrap();
    for command in ["/script", "/link", "/proc/1/exe", "/proc/thread-self/exe"] {
        kakuri(&["--ulimit", "nproc=50", "--rootfs", "tree:ro", command]);
        assert!(state(&init) == before, "{command}");
    }
}
