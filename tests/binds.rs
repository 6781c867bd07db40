//! What `--bind` and the automatic binds show inside, and what they keep from the host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use common::Scene;

#[test]
fn a_bind_is_writable_unless_said_otherwise() {
    let scene = Scene::new();
    scene.file("there/in", "from outside");
    scene.inside(&["--bind", "there:/work"], "grep -q outside /work/in && echo made >/work/out");
    assert_eq!(fs::read_to_string(scene.work().join("there/out")).unwrap(), "made\n");

    let said =
        scene.inside(&["--bind", "there:/work:ro"], "cat /work/in; (echo x >/work/no) 2>/dev/null || echo refused");
    assert_eq!(said, "from outsiderefused");
    assert!(!scene.work().join("there/no").exists());
}

#[test]
fn dockers_spelling_of_a_bind_works() {
    let scene = Scene::new();
    scene.file("there/in", "x");
    for flag in ["-v", "--volume", "--bind"] {
        assert_eq!(scene.inside(&[flag, "./there:/work:ro"], "cat /work/in"), "x");
    }
}

/// bubblewrap's word, in the form of --bind.
#[test]
fn a_bind_is_read_only_by_its_option() {
    let scene = Scene::new();
    scene.file("there/in", "x");
    let said = scene.inside(&["--ro-bind", "there:/work"], "cat /work/in; (echo x >/work/no) 2>/dev/null || echo ref");
    assert_eq!(said, "xref");
    assert!(!scene.work().join("there/no").exists());
}

#[test]
fn without_a_destination_a_bind_is_where_it_was() {
    let scene = Scene::new();
    scene.file("there/in", "x");
    let path = scene.work().join("there");
    assert_eq!(scene.inside(&["--bind", path.to_str().unwrap()], &format!("cat {}/in", path.display())), "x");
    // Beginning where the caller is, so that relative names go on working.
    assert_eq!(scene.inside(&["--bind", "."], "pwd; cat there/in"), format!("{}\nx", scene.work().display()));
}

#[test]
fn a_file_can_be_bound() {
    let scene = Scene::new();
    scene.file("one", "1");
    scene.file("two", "2");
    assert_eq!(
        scene.inside(
            &["--bind", "one:/etc/one:ro", "--bind", "two:/srv/deep/two"],
            "cat /etc/one /srv/deep/two; ls /srv/deep"
        ),
        "12two"
    );
}

/// The seed's own example: a mount point that exists nowhere on the host.
#[test]
fn a_mount_point_missing_below_a_read_only_folder_appears_and_the_host_is_left_alone() {
    let scene = Scene::new();
    scene.file("config/setting", "on");
    let count = || fs::read_dir("/etc").unwrap().count();
    let (etc, opt) = (count(), fs::read_dir("/usr").unwrap().count());
    let said = scene.inside(
        &["--bind", "./config:/etc/service"],
        "cat /etc/service/setting; ls -d /etc/passwd /etc/ssl /etc/os-release 2>/dev/null | wc -l",
    );
    assert!(said.starts_with("on"), "{said}");
    assert_eq!(
        scene.inside(
            &["--bind", "./config:/usr/share/some/where/deep"],
            "cat /usr/share/some/where/deep/setting; ls /usr/share/doc >/dev/null && ls /usr/bin/env"
        ),
        "on/usr/bin/env"
    );
    assert_eq!(scene.inside(&["--bind", "./config:/entirely/new"], "cat /entirely/new/setting"), "on");
    assert_eq!((count(), fs::read_dir("/usr").unwrap().count()), (etc, opt));
    assert!(!fs::exists("/etc/service").unwrap() && !fs::exists("/entirely").unwrap());
}

#[test]
fn a_bind_over_an_existing_file_or_folder_covers_it() {
    let scene = Scene::new();
    scene.file("hosts", "covered");
    scene.file("etc/only", "this");
    assert_eq!(scene.inside(&["--bind", "hosts:/etc/hosts:ro"], "cat /etc/hosts"), "covered");
    assert_eq!(scene.inside(&["--bind", "etc:/usr/share:ro"], "ls /usr/share"), "only");
}

#[test]
fn binds_are_carried_out_in_order_and_inside_each_other() {
    let scene = Scene::new();
    scene.file("outer/name", "outer");
    scene.folder("outer/sub");
    scene.file("inner/name", "inner");
    let said = scene.inside(
        &["--bind", "outer:/a", "--bind", "inner:/a/sub:ro"],
        "cat /a/name /a/sub/name; (: >/a/sub/x) 2>/dev/null || echo -ro; echo y >/a/y",
    );
    assert_eq!(said, "outerinner-ro");
    assert!(scene.work().join("outer/y").exists());
    // Named in the other order, the outer one still does not hide the inner one silently: either both show, or it is an error.
    let other = scene
        .kakuri(["--bind", "inner:/a/sub", "--bind", "outer:/a", "sh", "-c", "cat /a/name; cat /a/sub/name"])
        .output();
    assert!(other.code() != 0 || other.text().starts_with("outer"), "{other}");
}

/// A mount below the bound folder must not stay writable.
#[test]
fn read_only_reaches_the_mounts_below() {
    let scene = Scene::new();
    let script = format!(
        "mkdir -p tree/below && mount -t tmpfs none tree/below && touch tree/below/there &&
         exec '{}' --proc none --bind tree:/t:ro sh -c 'ls /t/below; (: >/t/below/new) 2>/dev/null && echo wrote; exit 0'",
        common::KAKURI
    );
    let output = scene.program("unshare").args(["-Urm", "sh", "-c", &script]).output();
    if output.err().starts_with("unshare:") {
        common::skip(format_args!("read_only_reaches_the_mounts_below: {}", output.err().trim()));
        return;
    }
    assert_eq!(output.ok().text(), "there");
}

#[test]
fn noexec_and_create_do_what_they_say() {
    let scene = Scene::new();
    scene.script("bin/tool", "#!/bin/sh\necho ran\n");
    assert_eq!(scene.inside(&["--bind", "bin:/b"], "/b/tool"), "ran");
    assert_eq!(scene.inside(&["--bind", "bin:/b:noexec"], "/b/tool 2>/dev/null || echo refused"), "refused");
    scene.inside(&["--bind", "made/by/create:/m:create"], "echo x >/m/y");
    assert_eq!(fs::read_to_string(scene.work().join("made/by/create/y")).unwrap(), "x\n");
}

#[test]
fn a_colon_in_a_name_is_written_with_a_backslash() {
    let scene = Scene::new();
    scene.file("odd:name/in", "x");
    assert_eq!(scene.inside(&["--bind", "odd\\:name:/a"], "cat /a/in"), "x");
}

#[test]
fn odd_names_can_be_bound() {
    let scene = Scene::new();
    for name in ["with space", "new\nline", "quote'\"", "日本", "-dash", "*", "back\\slash"] {
        scene.file(&format!("{name}/in"), name);
        let output = scene.kakuri(["--bind", &format!("./{name}:/a"), "cat", "/a/in"]).output().ok();
        assert_eq!(output.stdout, name.as_bytes());
    }
    let raw = OsStr::from_bytes(b"\xff\xfe raw");
    fs::create_dir(scene.work().join(raw)).unwrap();
    fs::write(scene.work().join(raw).join("in"), "raw").unwrap();
    let mut bind = raw.to_os_string();
    bind.push(":/a");
    assert_eq!(
        scene.kakuri([OsStr::new("--bind"), &bind, OsStr::new("cat"), OsStr::new("/a/in")]).output().ok().text(),
        "raw"
    );
}

#[test]
fn a_tilde_is_the_callers_home_outside_and_the_containers_inside() {
    let scene = Scene::new();
    fs::create_dir(scene.home().join("project")).unwrap();
    fs::write(scene.home().join("project/in"), "x").unwrap();
    assert_eq!(scene.inside(&["--bind", "~/project:/p"], "cat /p/in"), "x");
    assert_eq!(scene.inside(&["--bind", "~/project"], "cat ~/project/in"), "x");
    assert_eq!(scene.inside(&["--user", "--bind", "~/project"], "cat /home/user/project/in"), "x");
}

#[test]
fn a_profile_binds_what_exists_of_it() {
    let scene = Scene::new();
    fs::create_dir_all(scene.home().join(".config/container")).unwrap();
    fs::create_dir_all(scene.home().join("cache")).unwrap();
    fs::write(scene.home().join("cache/in"), "cached").unwrap();
    fs::write(scene.home().join(".config/container/config.toml"), "[bind_profiles]\nmine = [\"~/cache\"]\n").unwrap();
    assert_eq!(scene.inside(&["--bind-profile", "mine"], "cat ~/cache/in"), "cached");
    // A variable is the caller's; one that is not set is left out, as what does not exist is.
    let config = "[bind_profiles]\nmine = [\"$PLACE/cache:/srv/two\", \"${NOSUCH}/x\"]\n";
    fs::write(scene.home().join(".config/container/config.toml"), config).unwrap();
    let run = scene.kakuri(["--verbose", "--bind-profile", "mine", "cat", "/srv/two/in"]).env("PLACE", scene.home());
    let output = run.output().ok();
    assert!(output.text() == "cached" && output.err().contains("$NOSUCH is not set"), "{output}");
}

#[test]
fn arguments_that_are_files_are_there_read_only() {
    let scene = Scene::new();
    scene.file("data/in.txt", "text");
    let there = scene.work().join("data/in.txt");
    assert_eq!(scene.kakuri(["cat", "data/in.txt"]).output().ok().text(), "text");
    assert_eq!(scene.kakuri(["cat", there.to_str().unwrap()]).output().ok().text(), "text");
    assert_eq!(scene.kakuri(["ls", "data"]).output().ok().text(), "in.txt");
    let tried = scene.kakuri(["sh", "-c", "echo x >\"$1\"", "sh", "data/in.txt"]).output();
    assert_ne!(tried.code(), 0, "{tried}");
    assert_eq!(fs::read_to_string(&there).unwrap(), "text");
    // Output beside it fails loudly instead of vanishing.
    let tried = scene.kakuri(["sh", "-c", "echo x >data/out.txt; ls data", "sh", "data/in.txt"]).output();
    assert!(!tried.err().is_empty() && !tried.text().contains("out.txt"), "{tried}");
}

#[test]
fn automatic_binds_can_be_turned_off() {
    let scene = Scene::new();
    scene.file("in.txt", "text");
    let output = scene.kakuri(["--no-auto-bind", "cat", "in.txt"]).output();
    assert_eq!(output.code(), 1, "{output}");
}

#[test]
fn what_must_not_be_bound_by_itself_is_not() {
    let scene = Scene::new();
    for folder in [".ssh", ".config", "plain"] {
        fs::create_dir(scene.home().join(folder)).unwrap();
        fs::write(scene.home().join(folder).join("my-secret-key"), "my secret").unwrap();
    }
    std::os::unix::fs::symlink(scene.home().join(".ssh/my-secret-key"), scene.work().join("innocent")).unwrap();
    fs::write(scene.home().join(".netrc"), "my secret").unwrap();
    std::os::unix::fs::symlink(scene.home().join(".netrc"), scene.work().join("data.csv")).unwrap();
    let home = scene.home().display().to_string();
    for path in [
        "data.csv".into(),
        home.clone(),
        format!("{home}/.ssh"),
        format!("{home}/.ssh/my-secret-key"),
        "innocent".into(),
        "/".into(),
        "..".into(),
        "../home/.ssh/my-secret-key".into(),
    ] {
        let seen = scene
            .kakuri(["sh", "-c", "cat \"$1\" 2>/dev/null; ls -AR \"$1\" 2>/dev/null | head -500", "sh", &path])
            .output();
        assert!(!seen.text().contains("my-secret-key") && !seen.text().contains("my secret"), "{path}: {seen}");
    }
    // A dot-file under its own name, and a folder of home without a dot, may be.
    assert_eq!(scene.kakuri(["cat", &format!("{home}/.netrc")]).output().ok().text(), "my secret");
    assert_eq!(scene.kakuri(["cat", &format!("{home}/plain/my-secret-key")]).output().ok().text(), "my secret");
}

#[test]
fn a_hidden_path_is_empty() {
    let scene = Scene::new();
    assert_eq!(
        scene.inside(
            &["--hide", "/usr/share", "--hide", "/etc/passwd"],
            "ls -A /usr/share; cat /etc/passwd; (: >/usr/share/x) 2>/dev/null && echo wrote; exit 0"
        ),
        ""
    );
}

#[test]
fn a_tmpfs_is_of_the_size_asked_for() {
    let scene = Scene::new();
    let said = scene.inside(
        &["--tmpfs", "/scratch:size=1m"],
        "head -c 4000000 /dev/zero >/scratch/big 2>/dev/null; stat -c %s /scratch/big",
    );
    assert!(said.parse::<u64>().unwrap() <= 1 << 20, "{said}");
    assert_eq!(scene.inside(&["--tmpfs", "/a/b/c"], "touch /a/b/c/x && ls /a/b/c"), "x");
}

#[test]
fn read_only_makes_everything_so_but_what_was_bound_writable() {
    let scene = Scene::new();
    let script =
        "for d in /tmp /var/tmp /run \"$HOME\" / /etc; do (: >$d/x) 2>/dev/null && echo $d; done; echo y >/work/y";
    assert_eq!(scene.inside(&["--read-only", "--bind", ".:/work"], script), "");
    assert!(scene.work().join("y").exists());
}

#[test]
fn no_base_is_an_empty_root() {
    let scene = Scene::new();
    need!("busybox");
    let said =
        scene.kakuri(["--base", "none", "--bind", "/bin/busybox:/bin/busybox:ro", "/bin/busybox", "ls", "/"]).output();
    let names = said.ok().text();
    assert!(!names.contains("usr") && names.contains("bin"), "{names}");
}

#[test]
fn the_working_folder_is_where_the_caller_is_if_visible() {
    let scene = Scene::new();
    assert_eq!(scene.kakuri(["pwd"]).dir("/usr/share").output().ok().text(), "/usr/share");
    assert_eq!(scene.inside(&["-w", "/usr"], "pwd"), "/usr");
    assert_eq!(scene.inside(&[], "pwd"), scene.home().display().to_string());
}

#[test]
fn kakuris_own_folders_stay_covered_inside_a_bind() {
    let scene = Scene::new();
    let config = scene.home().join(".config/container");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "[defaults]\n").unwrap();
    fs::create_dir_all(scene.home().join(".config/wireguard")).unwrap();
    fs::write(scene.home().join(".config/wireguard/vpn.conf"), "PrivateKey").unwrap();
    fs::create_dir_all(scene.home().join(".config/other")).unwrap();
    let seen = scene.inside(
        &["--bind", "~/.config"],
        "cd ~/.config && ls -A . container wireguard; (: >container/x) 2>/dev/null && echo wrote; exit 0",
    );
    assert!(seen.contains("other"), "{seen}");
    assert!(!seen.contains("config.toml") && !seen.contains("vpn.conf") && !seen.contains("wrote"), "{seen}");
    // Named exactly, it is what the user wants.
    assert_eq!(scene.inside(&["--bind", "~/.config/container"], "ls ~/.config/container"), "config.toml");
}

#[test]
fn hundreds_of_binds_are_all_there() {
    let scene = Scene::new();
    let mut args = Vec::new();
    for i in 0..500 {
        scene.file(&format!("d{i}/n"), i.to_string());
        args.extend(["--bind".to_string(), format!("d{i}:/x/{i}:ro")]);
    }
    args.extend(["sh", "-c", "cat /x/*/n | wc -c; cat /x/499/n"].map(String::from));
    let bytes: usize = (0..500).map(|i| i.to_string().len()).sum();
    assert_eq!(scene.kakuri(&args).output().ok().text(), format!("{bytes}\n499"));
}
