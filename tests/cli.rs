//! The command line of every verb, as data through the library and as words through the program: what is understood,
//! what is refused and with which hint, and what help, completion and manual pages say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "cli/completion.rs"]
mod completion;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/login.rs"]
mod login;
#[path = "cli/refused.rs"]
mod refused;
#[path = "cli/shells.rs"]
mod shells;

use std::ffi::OsString;
use std::time::{Duration, SystemTime};

use kakuri::cli::{self, Command, Format, Halt, Run, Side, Start, Stop, Verbs};
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
    // Ours is in the foreground unless it is asked to go.
    assert!(!start("start -ai web").detach && start("start -ai web").options.is_empty());
}
