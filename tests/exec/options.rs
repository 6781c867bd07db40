//! -e, --env-file, -w, -u, -i, -t, -T, -d.

use crate::common::{HANG, Pty, Scene, until};

fn running(scene: &Scene) {
    scene.say("create -e MADE=made -e BOTH=made web").output().ok();
    scene.say("start -d web").output().ok();
}

#[test]
fn the_environment_is_the_containers_and_what_is_given() {
    let scene = Scene::new();
    running(&scene);
    let file = scene.file("env", "# comment\nFILE=from file\nBOTH=file\n");
    let script = "echo $MADE, $BOTH, $FILE, $GIVEN, $OURS, $HOME, $container";
    let run = |args: &[&str]| {
        let words = ["exec"].iter().chain(args).chain(&["web", "sh", "-c", script]).copied().collect::<Vec<_>>();
        scene.kakuri(words).env("OURS", "ours").output().ok().text()
    };
    let home = scene.home();
    let home = home.display();
    assert_eq!(run(&[]), format!("made, made, , , , {home}, kakuri"));
    assert_eq!(run(&["-e", "GIVEN=a b", "-e", "BOTH=x"]), format!("made, x, , a b, , {home}, kakuri"));
    assert_eq!(run(&["-e", "OURS"]), format!("made, made, , , ours, {home}, kakuri"));
    let file = file.to_str().unwrap();
    assert_eq!(run(&["--env-file", file, "-e", "BOTH=last"]), format!("made, last, from file, , , {home}, kakuri"));
    assert_eq!(run(&["-e", "HOME=/srv"]), "made, made, , , , /srv, kakuri".to_string());
    scene.kakuri(["exec", "--env-file", "/nosuch", "web", "true"]).output().refused(125, &["/nosuch"]);
    // PATH decides where a command is found.
    scene.kakuri(["exec", "-e", "PATH=/nosuch", "web", "ls"]).output().refused(127, &["'ls'"]);
}

#[test]
fn the_folder_and_the_user() {
    let scene = Scene::new();
    running(&scene);
    assert_eq!(scene.say("exec -w /usr/lib web pwd").output().ok().text(), "/usr/lib");
    assert_eq!(scene.say("exec -w ~ web pwd").output().ok().text(), scene.home().to_str().unwrap());
    scene.say("exec -w /etc/passwd web pwd").output().refused(125, &["/etc/passwd"]);
    assert_eq!(scene.say("exec -u 0 web id -u").output().ok().text(), "0");
    scene.say("exec -u 1234 web id -u").output().refused(125, &["1234"]);
}

#[test]
fn terminals() {
    let scene = Scene::new();
    running(&scene);
    let tests = "for n in 0 1 2; do test -t $n && echo t || echo -; done | tr -d '\\n'; test -t 0 && tty";
    // With a terminal the default is one, -T refuses it, and what is piped passes.
    let mut terminal = Pty::start(scene.shell("exec web", "test -t 0 && test -t 1 && test -t 2 && tty"));
    terminal.expect("/dev/pts/");
    assert_eq!(terminal.wait().code(), Some(0));
    let mut terminal = Pty::start(scene.shell("exec -it web", "test -t 0 && tty"));
    terminal.expect("/dev/pts/");
    assert_eq!(terminal.wait().code(), Some(0));
    let _ = tests;
    // Without one there is none; -t makes one, -T is the same.
    let tty = |line: &str| scene.shell(line, "tty <&1; true").output().ok().text();
    assert_eq!(tty("exec web"), "not a tty");
    assert_eq!(tty("exec -T web"), "not a tty");
    assert!(tty("exec -t web").starts_with("/dev/pts/"));
    assert_eq!(scene.say("exec -i web cat").input("given").output().ok().text(), "given");
}

#[test]
fn in_the_background_its_output_is_in_the_log() {
    let scene = Scene::new();
    running(&scene);
    let out = scene.shell("exec -d web", "echo to the log; echo and this >&2; exit 3").output().ok();
    assert_eq!((out.text(), out.err()), (String::new(), String::new()));
    let logs = || scene.say("logs web").output().ok();
    assert!(until(HANG, || logs().err().contains("code 3")));
    let logs = logs();
    assert!(logs.text().contains("to the log") && !logs.text().contains("and this"), "{logs}");
    assert!(logs.err().contains("and this"), "{logs}");
    // What its children write after its end is there as well; and one that writes for ever keeps nobody waiting.
    scene.shell("exec -d web", "(sleep 0.3; echo later) & exit 0").output().ok();
    assert!(until(HANG, || scene.say("logs web").output().text().contains("later")));
    scene.shell("exec -d web", "yes >/dev/stdout & sleep 0.2; exit 0").output().ok();
    std::thread::sleep(std::time::Duration::from_millis(500));
    scene.say("exec web true").output().ok();
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn a_stopped_one_lives_for_as_long_as_somebody_is_in_it() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    let seen = scene.folder("seen");
    let bind = format!("{}:/seen", seen.display());
    scene.kakuri(["create", "--replace", "--bind", &bind, "web"]).output().ok();
    let wait = "echo >/seen/$0; until test -e /seen/end-$0; do sleep 0.02; done";
    let one = scene.kakuri(["exec", "web", "sh", "-c", wait, "one"]).spawn();
    assert!(until(HANG, || seen.join("one").exists()));
    let two = scene.kakuri(["exec", "web", "sh", "-c", wait, "two"]).spawn();
    assert!(until(HANG, || seen.join("two").exists()));
    let init = scene.init("web");
    std::fs::write(seen.join("end-one"), "").unwrap();
    assert_eq!(crate::common::Output::of(one).code(), 0);
    assert_eq!((scene.state("web"), scene.init("web")), ("running".into(), init));
    std::fs::write(seen.join("end-two"), "").unwrap();
    assert_eq!(crate::common::Output::of(two).code(), 0);
    scene.soon("web", "exited");
    // A failed one leaves nothing running either.
    scene.say("exec web nosuch").output().refused(127, &["nosuch"]);
    assert_eq!(scene.state("web"), "exited");
    scene.say("exec -d web sleep 1000").output().ok();
    assert_eq!(scene.state("web"), "running");
    scene.say("stop -t0 web").output().ok();
}

#[test]
fn an_environment_of_any_size() {
    let scene = Scene::new();
    running(&scene);
    // Around what is enclosed in a message, what a message may be at most, and beyond both.
    for length in [10, 8_000, 15_500, 16_300, 17_000, 65_000, 70_000, 130_000_usize] {
        let setting = format!("LONG={}", "v".repeat(length));
        let count = ["exec", "-e", &setting, "web", "sh", "-c", "printf %s \"$LONG\" | wc -c"];
        assert_eq!(scene.kakuri(count).output().ok().text(), length.to_string());
    }
}
