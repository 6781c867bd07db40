//! The command line of every verb, as data through the library and as words through the program: what is understood,
//! what is refused and with which hint, and what help, completion and manual pages say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::{Duration, SystemTime};

use common::{KAKURI, Scene, have, skip};
use kakuri::cli::pages::{DOCKER, TOP, Verb};
use kakuri::cli::{self, Command, Complete, Format, Halt, Run, Shell, Side, Start, Stop, Verbs};
use kakuri::spec::{Network, Spec, Terminal, User};
use kakuri_wire::{Bytes, Fail};

fn read(words: &[&str]) -> Result<Command, Stop> {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    cli::parse(&words)
}

/// `kakuri LINE`, parted at spaces.
fn typed(line: &str) -> Result<Command, Stop> {
    let words: Vec<&str> = std::iter::once("kakuri").chain(line.split_whitespace()).collect();
    read(&words)
}

#[track_caller]
fn verbs(line: &str) -> Verbs {
    match typed(line) {
        Ok(Command::Container(verbs)) => *verbs,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn run(line: &str) -> Run {
    match typed(line) {
        Ok(Command::Run(run)) => *run,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn start(line: &str) -> Start {
    match verbs(line) {
        Verbs::Start(start) => start,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn misuse(words: &[&str]) -> Fail {
    match read(words) {
        Err(Stop::Misuse(fail)) => fail,
        other => panic!("{words:?}: {other:?}"),
    }
}

fn command(words: &[&str]) -> Vec<Bytes> {
    words.iter().map(|w| Bytes(w.as_bytes().to_vec())).collect()
}

#[test]
fn options_stand_on_either_side_of_the_name_and_stop_at_the_command() {
    for (line, name, words, options) in [
        ("start devenv --bind /p:/workspace bash", "devenv", &["bash"][..], "--bind /p:/workspace"),
        ("start --bind /p:/workspace devenv bash", "devenv", &["bash"], "--bind /p:/workspace"),
        ("start --nest devenv -e A=b bash -e C=d", "devenv", &["bash", "-e", "C=d"], "--nest -e A=b"),
        ("start web -- --odd", "web", &["--odd"], ""),
        ("start web --nest -- --odd -- x", "web", &["--odd", "--", "x"], "--nest"),
        ("start -- web --odd", "web", &["--odd"], ""),
        ("start web", "web", &[], ""),
        ("start web list", "web", &["list"], ""),
        ("start -tv /a:/b web", "web", &[], "-t -v /a:/b"),
    ] {
        let start = start(line);
        assert_eq!((&start.name[..], start.command), (name, command(words)), "{line}");
        assert_eq!(start.options.shown(), options, "{line}");
        assert!(!start.detach, "{line}");
    }
    let start = start("start -d web sleep 9");
    assert!(start.detach && start.options.is_empty());
    assert_eq!(start.command, command(&["sleep", "9"]));
}

#[test]
fn what_a_start_is_given_lies_over_what_is_stored() {
    let start = start("start web --bind /a:/b -e A=1 --network host -w /b --timeout 2m -u 7:8 --hostname box");
    let mut spec = Spec { user: User::KeepId, workdir: Some(Bytes(b"/old".to_vec())), ..Spec::default() };
    spec.environment.set.push(Bytes(b"OLD=1".to_vec()));
    start.options.apply(&mut spec).unwrap();
    assert_eq!(spec.binds.len(), 1);
    assert_eq!(spec.environment.set, command(&["OLD=1", "A=1"]));
    assert_eq!(spec.network, Some(Network::Host));
    assert_eq!(spec.workdir, Some(Bytes(b"/b".to_vec())));
    assert_eq!(spec.timeout, Some(Duration::from_secs(120)));
    assert_eq!(spec.user, User::Named { uid: 7, gid: 8 });
    assert_eq!(spec.hostname.as_deref(), Some("box"));
    // What is not given is left alone.
    let before = spec.clone();
    self::start("start web").options.apply(&mut spec).unwrap();
    assert_eq!(spec, before);
    // A pair that fits together with what is stored only.
    spec.share.uts = true;
    assert!(self::start("start --hostname other web").options.apply(&mut spec).is_err());
}

#[test]
fn a_run_may_have_a_name_and_stay_in_the_background() {
    let plain = run("true");
    assert!(plain.name.is_none() && !plain.detach && !plain.remove && !plain.replace && !plain.interactive);
    for line in ["-d --name web -it --rm sleep 9", "run -dit --name=web --rm sleep 9"] {
        let run = run(line);
        assert_eq!(run.name.as_deref(), Some("web"), "{line}");
        assert!(run.detach && run.interactive && run.remove && !run.replace, "{line}");
        assert_eq!(run.spec.terminal, Terminal::Always, "{line}");
        assert_eq!(run.spec.command, command(&["sleep", "9"]), "{line}");
    }
    assert!(run("--replace --name web true").replace);
    assert_eq!(run("--detach-keys ctrl-p,ctrl-q true").detach_keys, Some(vec![16, 17]));
}

#[test]
fn a_create_keeps_its_options_and_its_command() {
    for (line, name, words) in [
        ("create web", Some("web"), &[][..]),
        ("create web nginx -g x", Some("web"), &["nginx", "-g", "x"]),
        ("create --nest web nginx", Some("web"), &["nginx"]),
        ("create web --nest nginx --nest", Some("web"), &["nginx", "--nest"]),
        ("create --name web --nest nginx -g", Some("web"), &["nginx", "-g"]),
        ("create --name web", Some("web"), &[]),
        ("container create -it --name web", Some("web"), &[]),
        ("create", None, &[]),
    ] {
        let Verbs::Create(create) = verbs(line) else { panic!("{line}") };
        assert_eq!((create.name.as_deref(), create.spec.command), (name, command(words)), "{line}");
        assert_eq!(create.spec.nest, line.contains("--nest"), "{line}");
    }
    let Verbs::Create(create) = verbs("create --replace --base none --bind /a:/b web") else { panic!() };
    assert!(create.replace && create.spec.binds.len() == 1);
}

#[test]
fn exec_has_a_name_and_a_command() {
    let Verbs::Exec(exec) = verbs("exec -it -e A=b web ls -la /home") else { panic!() };
    assert_eq!((&exec.name[..], exec.command), ("web", command(&["ls", "-la", "/home"])));
    assert_eq!((exec.terminal, exec.interactive, exec.detach), (Some(true), true, false));
    assert_eq!(exec.environment.set, command(&["A=b"]));
    assert_eq!(exec.user, None);
    let line = "exec web -Td -w /tmp -u 7 --env-file f --env-host --detach-keys a -- --odd";
    let Verbs::Exec(exec) = verbs(line) else { panic!() };
    assert_eq!(exec.command, command(&["--odd"]));
    assert_eq!((exec.terminal, exec.detach), (Some(false), true));
    assert_eq!(exec.workdir, Some(Bytes(b"/tmp".to_vec())));
    assert_eq!(exec.user, Some(User::Named { uid: 7, gid: 7 }));
    assert!(exec.environment.host && exec.environment.files == command(&["f"]));
    assert_eq!(exec.detach_keys, Some(b"a".to_vec()));
    let Verbs::Exec(exec) = verbs("container exec --user 0 web id") else { panic!() };
    assert_eq!((exec.user, exec.terminal), (Some(User::Named { uid: 0, gid: 0 }), None));
}

#[test]
fn shell_and_attach() {
    let Verbs::Shell(shell) = verbs("shell web -e A=b -w /x") else { panic!() };
    assert!(!shell.login && shell.command.is_none() && shell.environment.set == command(&["A=b"]));
    assert!(typed("shell --login web").unwrap().is_login() && !typed("shell web").unwrap().is_login());
    let Verbs::Attach(attach) = verbs("attach web --no-stdin --detach-keys=") else { panic!() };
    assert!(attach.no_input && attach.detach_keys == Some(Vec::new()) && attach.name == "web");
}

#[track_caller]
fn halt(line: &str) -> Halt {
    match verbs(line) {
        Verbs::Stop(halt) | Verbs::Restart(halt) => halt,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn stopping_knows_signals_and_patience() {
    let ten = Duration::from_secs(10);
    let named = halt("stop web -t 500ms db -s HUP web");
    assert_eq!(named.names, ["web", "db"]);
    assert_eq!((named.signal, named.time), (Some(libc::SIGHUP), Duration::from_millis(500)));
    let all = halt("restart --all");
    assert!(all.all && all.names.is_empty() && all.signal.is_none() && all.time == ten);
    for (typed, want) in
        [("3", Duration::from_secs(3)), ("0", Duration::ZERO), ("-1", Duration::MAX), ("2m", Duration::from_secs(120))]
    {
        assert_eq!(halt(&format!("stop --time {typed} web")).time, want, "{typed}");
        assert_eq!(halt(&format!("container stop -t {typed} web")).time, want, "{typed}");
    }
    for (typed, want) in [
        ("TERM", libc::SIGTERM),
        ("SIGTERM", libc::SIGTERM),
        ("sigint", libc::SIGINT),
        ("9", 9),
        ("64", 64),
        ("RTMIN", libc::SIGRTMIN()),
        ("SIGRTMIN+3", libc::SIGRTMIN() + 3),
        ("RTMAX-1", libc::SIGRTMAX() - 1),
        ("CLD", libc::SIGCHLD),
    ] {
        assert_eq!(halt(&format!("stop -s {typed} web")).signal, Some(want), "{typed}");
    }
    for bad in ["0", "65", "-9", "FOO", "SIG", "SIG9", "RTMIN+99", "RTMIN3", "TERM ", "", "15x"] {
        let fail = misuse(&["kakuri", "stop", "-s", bad, "web"]);
        assert!(fail.to_string().contains(&format!("'{bad}'")) && fail.hint.is_some(), "{bad}: {fail}");
    }
}

#[test]
fn keys_that_detach() {
    for (typed, want) in [
        ("ctrl-p,ctrl-q", &[16, 17][..]),
        ("ctrl-]", &[29]),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", &[0, 27, 28, 29, 30, 31]),
        ("a,B,ctrl-A", &[b'a', b'B', 1]),
        ("", &[]),
    ] {
        match read(&["kakuri", "attach", "--detach-keys", typed, "web"]) {
            Ok(Command::Container(verbs)) => match *verbs {
                Verbs::Attach(attach) => assert_eq!(attach.detach_keys.as_deref(), Some(want), "{typed}"),
                other => panic!("{other:?}"),
            },
            other => panic!("{typed}: {other:?}"),
        }
    }
    for bad in ["ctrl-", "ctrl-1", "ctrl-pp", "a,", "1", "ctrl-p ctrl-q", "ctrl-?"] {
        assert!(misuse(&["kakuri", "attach", "--detach-keys", bad, "web"]).hint.is_some(), "{bad}");
    }
}

#[test]
fn lists_and_looks() {
    let Verbs::List(list) = verbs("list -qa --filter status=running -f name=we --no-trunc") else { panic!() };
    assert!(list.quiet && list.all && list.no_trunc && !list.docker && list.format == Format::Table);
    let pair = |k: &str, v: &str| (k.to_string(), v.to_string());
    assert_eq!(list.filters, [pair("status", "running"), pair("name", "we")]);
    for line in ["container ls", "container ps", "container list"] {
        let Verbs::List(list) = verbs(line) else { panic!("{line}") };
        assert!(list.docker && !list.all, "{line}");
        let Verbs::List(list) = verbs(&format!("{line} -a --format json")) else { panic!("{line}") };
        assert!(list.all && list.format == Format::Json, "{line}");
    }
    let Verbs::Inspect(inspect) = verbs("inspect -f {{.State}} web db") else { panic!() };
    assert_eq!((inspect.format, inspect.names.len()), (Format::Template("{{.State}}".into()), 2));
    let Verbs::Logs(logs) = verbs("logs -ft -n 20 --since 2026-01-31T12:00:00Z --until 1769860801 web") else {
        panic!()
    };
    assert!(logs.follow && logs.timestamps && logs.tail == Some(20) && logs.name == "web");
    let at = |s| SystemTime::UNIX_EPOCH + Duration::from_secs(s);
    assert_eq!((logs.since, logs.until), (Some(at(1_769_860_800)), Some(at(1_769_860_801))));
    let Verbs::Logs(logs) = verbs("container logs --tail all --since 1h30m web") else { panic!() };
    let ago = SystemTime::now().duration_since(logs.since.unwrap()).unwrap();
    assert!(logs.tail.is_none() && (5400..5460).contains(&ago.as_secs()));
}

#[test]
fn removing_renaming_killing_waiting_copying() {
    let Verbs::Remove(remove) = verbs("container rm -fv web db") else { panic!() };
    assert!(remove.force && !remove.all && remove.names == ["web", "db"]);
    assert!(matches!(verbs("remove --all"), Verbs::Remove(r) if r.all && r.names.is_empty() && !r.force));
    assert!(matches!(verbs("container rename a b"), Verbs::Rename { from, to, .. } if from == "a" && to == "b"));
    assert!(matches!(verbs("container kill a b"), Verbs::Kill { names, signal: 9, .. } if names.len() == 2));
    assert!(matches!(verbs("container kill -s USR1 a"), Verbs::Kill { signal: libc::SIGUSR1, .. }));
    assert!(matches!(verbs("container wait a b"), Verbs::Wait { names, .. } if names == ["a", "b"]));
    assert!(
        matches!(verbs("container top --verbose a"), Verbs::Top { name, general } if name == "a" && general.verbose)
    );
    let inside = |name: &str, path: &[u8]| Side::Container { name: name.into(), path: Bytes(path.to_vec()) };
    let host = |path: &[u8]| Side::Host(Bytes(path.to_vec()));
    for (line, from, to) in [
        ("web:/root/x .", inside("web", b"/root/x"), host(b".")),
        ("./a:b web:x", host(b"./a:b"), inside("web", b"x")),
        ("- web:/srv", Side::Tar, inside("web", b"/srv")),
        ("web:/a:b -", inside("web", b"/a:b"), Side::Tar),
        ("dir/a:b web:/", host(b"dir/a:b"), inside("web", b"/")),
    ] {
        let Verbs::Copy(copy) = verbs(&format!("container cp -aL {line}")) else { panic!("{line}") };
        assert_eq!((copy.from, copy.to), (from, to), "{line}");
        assert!(copy.archive && copy.follow);
    }
}

/// docker's start is in the background unless it is asked to stay.
#[test]
fn dockers_start() {
    assert!(start("container start web").detach);
    assert!(!start("container start -a web").detach);
    assert!(!start("container start -ai web").detach);
}

#[test]
fn a_login_shell_takes_nothing_from_the_command_line() {
    let shell = |words: &[&str]| match read(words) {
        Ok(command) if command.is_login() => match command {
            Command::Container(verbs) => match *verbs {
                Verbs::Shell(shell) => shell,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        },
        other => panic!("{words:?}: {other:?}"),
    };
    let told = |shell: Shell| (shell.name, shell.command.map(|c| c.to_string()));
    let no = String::new;
    assert_eq!(told(shell(&["-kakuri"])), (no(), None));
    assert_eq!(told(shell(&["-kakuri-shell-web"])), ("web".into(), None));
    assert_eq!(told(shell(&["kakuri-shell-web"])), ("web".into(), None));
    assert_eq!(told(shell(&["/usr/local/bin/kakuri-shell-web", "-c", "ls -l"])), ("web".into(), Some("ls -l".into())));
    assert_eq!(told(shell(&["kakuri", "-c", "git-upload-pack 'x'"])), (no(), Some("git-upload-pack 'x'".into())));
    assert_eq!(told(shell(&["-kakuri", "-l", "-c", "id"])), (no(), Some("id".into())));
    assert_eq!(told(shell(&["kakuri", "shell", "--login", "web"])), ("web".into(), None));
    for words in [
        &["-kakuri", "run", "sh"][..],
        &["-kakuri", "--bind", "/:/x", "sh"],
        &["-kakuri", "--help"],
        &["-kakuri", "-c"],
        &["-kakuri", "-c", "a", "b"],
        &["kakuri-shell-web", "--config", "/tmp/x"],
        &["kakuri-shell-web", "shell", "other"],
        &["kakuri-shell-..", "-c", "id"],
        &["kakuri-shell-"],
        &["kakuri", "-c", "id", "--base", "none"],
        &["kakuri", "shell", "--login", "--config", "x", "web"],
        &["kakuri", "shell", "-e", "A=b", "--login", "web"],
        &["kakuri", "shell", "--login", "web", "id"],
    ] {
        assert!(misuse(words).hint.is_some(), "{words:?}");
    }
}

/// Exit code, the words of the error, the words of the hint: through the program, and nothing on standard output.
#[test]
fn misuse_is_refused_with_a_hint() {
    let scene = Scene::new();
    for (line, what, hint) in [
        ("start", "start needs the name", "kakuri list"),
        ("exec", "exec needs the name", "kakuri exec NAME"),
        ("exec web", "exec web needs a command", "kakuri shell web"),
        ("exec -it web", "needs a command", "kakuri shell web"),
        ("shell", "shell needs the name", "kakuri list"),
        ("shell web bash", "'bash'", "kakuri exec"),
        ("attach a b", "'b'", "kakuri attach"),
        ("stop", "stop needs the name", "NAME"),
        ("stop --all web", "'web'", "kakuri stop web"),
        ("stop -s SIGNONE web", "'SIGNONE'", "TERM"),
        ("stop --time soon web", "'soon'", "seconds"),
        ("remove", "remove needs the name", "NAME"),
        ("logs", "logs needs the name", "NAME"),
        ("logs -n many web", "'many'", "--tail all|-n 100"),
        ("logs --since yesterday web", "'yesterday'", "10m"),
        ("logs --since 10 --until 5 web", "--until is before --since", "exchange"),
        ("list web", "'web'", "--filter name=web"),
        ("list --format jsom", "'jsom'", "json"),
        ("list --filter running", "'running'", "status=running"),
        ("inspect", "inspect needs the name", "NAME"),
        ("create my/web", "'my/web'", "my-web"),
        ("create .web", "'.web'", "web"),
        ("create --name -x true", "'-x'", "call it x"),
        ("--name a/b true", "'a/b'", "a-b"),
        ("create a --name b", "'b'|two names", "create"),
        ("create --replace", "--replace", "NAME"),
        ("--replace true", "--replace", "--name"),
        ("create -d web", "'-d'|-d", "start -d|--help"),
        ("create --detach web", "--detach", "start -d"),
        ("create --pass-fd 5 web", "--pass-fd", "start"),
        ("create --explain web", "--explain", "kakuri --explain"),
        ("start --name x web", "--name", "kakuri start NAME"),
        ("start --rm web", "--rm", "kakuri remove"),
        ("start --replace web", "--replace", "create --replace"),
        ("start --base none web", "--base", "create --replace --base"),
        ("start --bnd a:/b web", "--bnd", "--bind"),
        ("start --hostname two_words web", "'two_words'", "letters"),
        ("exec --bind a:/b web ls", "--bind", "kakuri start"),
        ("exec --wrkdir / web ls", "--wrkdir", "--workdir"),
        ("exec -Q web ls", "-Q", "kakuri exec --help"),
        ("stop --tail 3 web", "stop takes no --tail", "logs"),
        ("container", "needs a verb", "--help"),
        ("container lss", "'lss'", "container ls"),
        ("container remov web", "'remov'", "remove"),
        ("container stats", "no `container stats` yet", "--help"),
        ("container diff web", "no `container diff` yet", "--help"),
        ("container port web", "no `container port` yet", "--help"),
        ("container rename web", "two names", "NEW-NAME"),
        ("container rename web a/b", "'a/b'", "a-b"),
        ("container top web aux", "'aux'", "NAME"),
        ("container start a b", "'b'", "kakuri start -d a b"),
        ("container cp a", "two paths", "NAME:PATH"),
        ("container cp a b", "neither 'a' nor 'b'", "NAME:PATH"),
        ("container cp a:/x b:/y", "both in containers", "container cp -"),
        ("container cp a: b", "'a:'", "NAME:PATH"),
        ("container cp :x b", "':x'", "NAME:PATH"),
        ("container kill", "kill needs the name", "NAME"),
        ("container wait", "wait needs the name", "NAME"),
        ("completion", "name of a shell", "bash|zsh"),
        ("completion tcsh", "'tcsh'", "bash"),
        ("completion man", "folder", "man1"),
        ("attach --detach-keys ctrl-1 web", "'ctrl-1'", "ctrl-p,ctrl-q"),
        ("vpn show", "no `vpn` yet", "kakuri -- vpn"),
        ("pull alpine", "no `pull` yet", "kakuri -- pull"),
        ("version now", "'now'", "kakuri version"),
        ("doctor --jsn", "--jsn", "--json"),
    ] {
        let output = scene.kakuri(line.split_whitespace()).output();
        let said = output.err();
        let lines: Vec<&str> = said.trim_end().lines().collect();
        assert_eq!(output.code(), 125, "{line}: {output}");
        assert!(output.stdout.is_empty(), "{line}: {output}");
        assert_eq!(lines.len(), 2, "{line}: {output}");
        assert!(what.split('|').any(|w| lines[0].contains(w)), "{line}: {output}");
        assert!(lines[1].starts_with("  hint: ") && hint.split('|').any(|h| lines[1].contains(h)), "{line}: {output}");
    }
    for words in [&["start", "web", ""][..], &["exec", "web", ""], &["create", "web", ""], &["stop", ""]] {
        scene.kakuri(words).output().refused(125, &["empty"]).hints(&["kakuri"]);
    }
    let long = "x".repeat(65);
    scene.kakuri(["create", &long]).output().refused(125, &["longer than 64"]).hints(&["call it xxx"]);
}

fn every_verb() -> impl Iterator<Item = &'static Verb> {
    TOP.into_iter().chain(DOCKER).collect::<Vec<_>>().into_iter()
}

#[test]
fn every_verb_has_help_with_usage_options_and_examples() {
    let scene = Scene::new();
    for verb in every_verb() {
        for help in ["--help", "-h"] {
            let words = verb.name.split(' ').chain([help]);
            let text = scene.kakuri(words).output().ok().text();
            assert!(text.contains(&format!("Usage: kakuri {}", verb.name)), "{}: {text}", verb.name);
            assert!(text.contains("Examples:\n  "), "{}: {text}", verb.name);
            assert!(text.contains(verb.about), "{}: {text}", verb.name);
            for opt in verb.options.iter().flat_map(|t| t.iter()).filter(|o| !o.heading.is_empty()) {
                let name = opt.long.first().map_or("-u".into(), |l| format!("--{l}"));
                let line = text.lines().find(|l| l.contains(&name) && l.contains(opt.help));
                assert!(line.is_some(), "{} has no line for {name}: {text}", verb.name);
            }
            assert!(text.lines().all(|l| l.len() < 180), "{}: {text}", verb.name);
        }
    }
    let text = scene.kakuri(["--help"]).output().ok().text();
    for verb in TOP {
        assert!(text.contains(&format!("\n  {:<12}{}", verb.name, verb.about)), "{}: {text}", verb.name);
    }
}

/// The scanner takes the first of a name: a second would never be met.
#[test]
fn no_verb_has_two_options_of_one_name() {
    for verb in every_verb() {
        let mut seen = BTreeSet::new();
        for opt in verb.options.iter().flat_map(|t| t.iter()) {
            for long in opt.long {
                assert!(seen.insert((*long).to_string()), "{}: --{long}", verb.name);
            }
            if let Some(short) = opt.short {
                assert!(seen.insert(char::from(short).to_string()), "{}: -{}", verb.name, char::from(short));
            }
        }
    }
}

/// What help shows can be typed.
#[test]
fn every_example_is_understood() {
    let scene = Scene::new();
    for (line, _) in every_verb().flat_map(|v| v.examples) {
        // The shell's part is the shell's.
        let Some(line) = line.strip_prefix("kakuri ") else { continue };
        let line = line.split(" >").next().unwrap();
        let script = format!("set -f; printf '%s\\0' {line}");
        let words = scene.program("bash").args(["-c", &script]).output().ok().stdout;
        let words = words.split(|b| *b == 0).map(|w| String::from_utf8(w.to_vec()).unwrap()).collect::<Vec<_>>();
        let words: Vec<&str> =
            std::iter::once("kakuri").chain(words[..words.len() - 1].iter().map(String::as_str)).collect();
        match read(&words) {
            Err(Stop::Misuse(fail)) => panic!("{line}: {fail}"),
            Err(Stop::Text(_)) => assert!(line.contains("--help"), "{line}"),
            Ok(_) => {}
        }
    }
}

#[test]
fn manual_pages_are_well_formed() {
    let scene = Scene::new();
    let folder = scene.folder("man");
    scene.kakuri(["completion", "man", "man"]).output().ok();
    let names: BTreeSet<String> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.contains("kakuri.1") && names.contains("kakuri-start.1") && names.contains("kakuri-container-cp.1"));
    for name in &names {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(text.starts_with(".TH "), "{name}");
        for section in [".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH OPTIONS\n", ".SH EXAMPLES\n"] {
            assert!(text.contains(section), "{name} has no {section}");
        }
    }
    scene.kakuri(["completion", "man", "no/such"]).output().refused(1, &["no/such"]).hints(&["mkdir"]);
    if !have("groff") {
        return skip("groff is not installed");
    }
    for name in &names {
        let output = scene.program("groff").args(["-man", "-ww", "-Tutf8"]).arg(folder.join(name)).output().ok();
        assert_eq!(output.err(), "", "{name}");
    }
}

/// What bash offers for these words, the last one being typed.
fn bash_offers(scene: &Scene, words: &[&str]) -> Vec<String> {
    let script = format!(
        "source <('{KAKURI}' completion bash) || exit 9
         COMP_WORDS=(kakuri \"$@\"); COMP_CWORD=$#
         _kakuri '{KAKURI}' \"${{!#}}\" ''
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let text = scene.program("bash").args(["-c", &script, "bash"]).args(words).output().ok().text();
    text.lines().filter(|l| !l.is_empty()).map(str::to_string).collect()
}

#[test]
fn bash_completes_verbs_options_and_words() {
    let scene = Scene::new();
    let all = bash_offers(&scene, &[""]);
    assert_eq!(all, TOP.map(|v| v.name), "verbs");
    for (words, want) in [
        (&["st"][..], &["start", "stop"][..]),
        (&["no-such-verb"], &[]),
        (&["--bind-p"], &["--bind-profile"]),
        (&["--base", ""], &["host", "none"]),
        (&["--base", "=", "n"], &["none"]),
        (&["--base=n"], &["--base=none"]),
        (&["--bind-profile", ""], &["dev", "minimal"]),
        (&["--bind", "a", ":", "/b", "--nes"], &["--nest"]),
        (&["-v", "a", "--nes"], &["--nest"]),
        (&["ls", "--nes"], &[]),
        (&["run", "--userns", ""], &["single", "keep-id"]),
        (&["start", "--detach"], &["--detach", "--detach-keys"]),
        (&["start", "web", "--detach"], &["--detach", "--detach-keys"]),
        (&["start", "web", "ls", "--detach"], &[]),
        (&["exec", "web", "--", "--det"], &[]),
        (&["stop", "-s", "US"], &["USR1", "USR2"]),
        (&["container", "re"], &["rename", "restart"]),
        (&["container", "kill", "--s"], &["--signal"]),
        (&["container", "nonsense", ""], &[]),
        (&["config", "in"], &["init"]),
        (&["completion", ""], &["bash", "zsh", "fish", "man"]),
        (&["create", ""], &[]),
    ] {
        assert_eq!(bash_offers(&scene, words), want, "{words:?}");
    }
    // A configuration that is broken is no reason to talk.
    let bad = scene.kakuri(["completion", "words", "--", "exec", ""]).env("KAKURI_CONFIG", "/no/such").output().ok();
    assert_eq!((bad.text(), bad.err()), (String::new(), String::new()));
}

/// What zsh is given, by stand-ins for the functions of its completion system.
fn zsh_offers(scene: &Scene, words: &[&str]) -> Vec<String> {
    let script = format!(
        "_describe() {{ print -rl -- \"${{(@P)3}}\"; }}
         compadd() {{ print -rl -- \"${{(@P)4}}\"; }}
         _files() {{ print -r -- FILES; }}
         '{KAKURI}' completion zsh >script && source ./script || exit 9
         words=('{KAKURI}' \"$@\"); CURRENT=$#words
         _kakuri"
    );
    let text = scene.program("zsh").args(["-f", "-c", &script, "zsh"]).args(words).output().ok().text();
    text.lines().map(str::to_string).collect()
}

#[test]
fn names_are_completed_those_most_likely_meant_first() {
    let scene = Scene::new();
    for name in ["alpha", "beta", "gamma"] {
        scene.kakuri(["create", name]).output().ok();
    }
    scene.kakuri(["start", "-d", "beta"]).output().ok();
    for (words, want) in [
        (&["exec", ""][..], &["beta", "alpha", "gamma"][..]),
        (&["stop", "alpha", ""], &["beta", "alpha", "gamma"]),
        (&["start", "--nest", ""], &["alpha", "gamma", "beta"]),
        (&["container", "rm", ""], &["alpha", "gamma", "beta"]),
        (&["inspect", ""], &["alpha", "beta", "gamma"]),
        (&["shell", "a"], &["alpha"]),
        (&["exec", "beta", "a"], &[]),
        (&["logs", "alpha", ""], &[]),
        (&["create", "a"], &[]),
        (&["container", "cp", "be"], &["beta:"]),
        (&["container", "cp", "beta", ":", "/x"], &[]),
    ] {
        assert_eq!(bash_offers(&scene, words), want, "{words:?}");
    }
    if have("zsh") {
        assert_eq!(zsh_offers(&scene, &["exec", ""]), ["beta:running", "alpha:stopped", "gamma:stopped"]);
        assert_eq!(zsh_offers(&scene, &["container", "cp", "be"]), ["beta:"]);
        assert_eq!(zsh_offers(&scene, &["exec", "beta", ""]), ["FILES"]);
        assert_eq!(zsh_offers(&scene, &["--network", "h"]), ["host"]);
    } else {
        skip("zsh is not installed");
    }
    scene.kakuri(["remove", "-f", "alpha", "beta", "gamma"]).output().ok();
    assert_eq!(bash_offers(&scene, &["exec", ""]), [""; 0]);
}

#[test]
fn scripts_are_read_by_their_shells() {
    let scene = Scene::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = scene.kakuri(["completion", shell]).output().ok().text();
        assert!(text.contains("completion words --"), "{text}");
        if !have(shell) {
            skip(format!("{shell} is not installed"));
            continue;
        }
        let file = scene.file(&format!("script.{shell}"), &text);
        let output = scene.program(shell).arg("-n").arg(&file).output().ok();
        assert_eq!(output.err(), "", "{shell}");
    }
    assert!(matches!(verbs("completion words -- a"), Verbs::Complete(Complete::Words(w)) if w == command(&["a"])));
}
