//! What is refused: file, line and column first, then the reason; and what to write instead.

use crate::common::{HANG, Scene, until};

/// A file, the error and its hint.
const REFUSED: &[(&str, &str, &str)] = &[
    // The form.
    ("hostname = \n", ":1:12: string values must be quoted, expected literal string", "correct the file"),
    ("a = 1\na = 2\n", ":2:1: duplicate key", "correct the file"),
    ("[env\n", ":1:5: unclosed table, expected `]`", "correct the file"),
    // Keys.
    ("\nmemroy = 1\n", ":2:1: unknown key 'memroy'", "did you mean memory?"),
    ("env_file = 'x'\n", ":1:1: unknown key 'env_file'", "did you mean env-file?"),
    ("xyzzy = 1\n", ":1:1: unknown key 'xyzzy'", "a key is a long option of kakuri run"),
    ("\"a\\nb\" = 1\n", ":1:1: unknown key 'a\\nb'", "a key is a long option of kakuri run"),
    ("[bind.x]\n", ":1:2: 'bind' takes a string, or a list of them, and this is a table", "bind = ["),
    ("chdir = '/x'\n", ":1:1: unknown key 'chdir'", "that is bubblewrap's: kakuri -w DIR"),
    ("cgroup-memory = 1\n", ":1:1: unknown key 'cgroup-memory'", "that is hakoniwa's: kakuri --memory SIZE"),
    ("tail = 3\n", ":1:1: a run takes no --tail", "kakuri logs"),
    ("args = 3\n", ":1:1: 'args' is for the command line alone", "leave it out"),
    ("help = true\n", ":1:1: 'help' is for the command line alone", "leave it out"),
    ("config-file = 'x'\n", ":1:1: 'config-file' is for the command line alone", "include = [\"base.toml\"]"),
    // Types.
    ("nest = 1\n", ":1:8: 'nest' takes true or false, and this is a number", "nest = true"),
    ("nest = 'true'\n", ":1:8: 'nest' takes true or false, and this is a string", "nest = true"),
    ("memory = ['1g']\n", ":1:10: 'memory' takes one string or number, and this is a list", "memory = \"SIZE\""),
    ("memory = true\n", ":1:10: 'memory' takes one string or number, and this is true or false", "memory ="),
    ("timeout = 1979-05-27\n", ":1:11: 'timeout' takes one string or number, and this is a date", "timeout ="),
    ("bind = ['/usr:/x',\n true]\n", ":2:2: 'bind' takes a string, or a list of them, and this is true", "bind = ["),
    ("env = [['A']]\n", ":1:8: 'env' takes a string, a list of them, or a table, and this is a list", "env = ["),
    ("[env]\nA = ['b']\n", ":2:5: 'A' takes a string, a list of them, or a table, and this is a list", "A = ["),
    ("include = 3\n", ":1:11: 'include' takes a path, or a list of them, and this is a number", "include = ["),
    ("pids-limit = 0xffffffffffffffff\n", ":1:14: 'pids-limit' takes a number of less digits", "pids-limit = 1"),
    // Commands.
    ("command = 3\n", ":1:11: 'command' takes a list of words, or a string for sh -c, and this is a number", "make"),
    ("command = ['a', 3]\n", ":1:17: 'command' takes a list of words, and this is a number", "make"),
    ("command = ['']\n", ":1:11: the command is empty", "make"),
    ("command = ''\n", ":1:11: the command is empty", "make"),
    // Values, in the option's own words.
    ("memory = 'lots'\n", ":1:10: bad value 'lots' for --memory: it is no size", "512m"),
    ("timeout = -1\n", ":1:11: bad value '-1' for --timeout: it is no duration", "30s"),
    ("tmpfs = ['/a', 'b']\n", ":1:16: cannot mount a tmpfs at 'b': the destination 'b' is relative", "/b"),
    ("env = ['=x']\n", ":1:8: --env '=x' names no variable", "KEY=VALUE"),
    ("env = [\"A=\\u0000\"]\n", ":1:8: 'env' contains a NUL byte, which no name or value has", "leave it out"),
    ("creds = ':secret'\n", ":1:9: bad value for --creds: it names no user", "--creds USER"),
    // Lines below a table.
    ("[env]\nA = 1\nmemory = '1g'\n", ":3:1: 'memory' stands below [env], and would be one of its lines", "above"),
    ("[env]\ncommand = 'x'\n", ":2:1: 'command' stands below [env], and would be one of its lines", "above [env]"),
    ("[env]\n'' = 'x'\n", ":2:1: '' names nothing", "NAME = \"VALUE\""),
    ("[env]\n'A=B' = 'x'\n", ":2:1: 'A=B' names nothing", "NAME = \"VALUE\""),
    // What goes wrong only together: where the one that is named stands.
    ("hostname = 'hh'\nshare = 'uts'\n", ":1:12: --hostname hh with --share uts would rename the host", "leave one"),
    ("rootfs = '/x'\nbase = 'none'\n", ":1:10: --base and --rootfs both say what the root is", "choose one"),
    ("pull = 'never'\n", ":1:8: --pull says something of an image, and none is named", "--image REF"),
    ("vpn-on-failure = 'block'\n", ":1:18: no VPN is named for --vpn-on-failure", "--vpn CONF"),
    ("publish = ['53', '8080:80/tcp']\nnetwork = 'none'\n", ":1:12: cannot publish 53: ", "--network nat -p 53"),
    ("publish = '8080:80/tcp'\n", ":1:11: cannot publish 8080:80: the container has no", "--network nat"),
    ("publish = '80'\n", ":1:11: cannot publish 80: the container has no network", "--network nat"),
    // What is found out later.
    ("nest = true\nbind = ['/nope:/x']\n", ":2:9: cannot bind '/nope': No such file or directory", ":create"),
    ("status-fd = 77\n", ":1:13: cannot write to descriptor 77 (--status-fd): it is not open", "3>status.json"),
    ("env-file = 'no.env'\n", ":1:12: cannot read the environment file '", "KEY=value"),
    ("bind-profile = 'none'\n", ":1:16: no bind profile is named 'none'", "dev, minimal"),
    ("workdir = '/nowhere'\n", ":1:11: cannot use '/nowhere' as the working folder", "-w"),
    ("command = ['no-such-command']\n", ":1:11: cannot run 'no-such-command': command not found", "PATH"),
];

#[test]
fn by_its_place() {
    let scene = Scene::new();
    let mut wrong = Vec::new();
    for (text, what, hint) in REFUSED {
        scene.file("box.toml", text);
        let mut words = vec!["--config-file", "box.toml"];
        if !text.starts_with("command") {
            words.push("true");
        }
        let code = if text.contains("no-such-command") { 127 } else { 125 };
        let output = scene.kakuri(words).output();
        let (first, second) = output.err().split_once('\n').map(|(a, b)| (a.to_string(), b.to_string())).unwrap();
        if output.code() != code || !first.starts_with(&format!("kakuri: box.toml{what}")) || !second.contains(hint) {
            wrong.push(format!("{text}? {}\n{}", output.code(), output.err()));
        }
        assert!(output.stdout.is_empty() && second.starts_with("  hint: "), "{output}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The same where something is made.
    for (text, what, hint) in [
        ("detach = true\n", ":1:1: kakuri create takes no --detach", "kakuri start -d"),
        ("name = 'a/b'\n", ":1:8: ", "a-b"),
        ("memroy = 1\n", ":1:1: unknown key 'memroy'", "did you mean memory?"),
        ("xyzzy = 1\n", ":1:1: unknown key 'xyzzy'", "kakuri create"),
    ] {
        scene.file("box.toml", text);
        let output = scene.say("create --config-file box.toml web").output();
        assert!(output.err().starts_with(&format!("kakuri: box.toml{what}")), "{text}\n{output}");
        output.refused(125, &[]).hints(&[hint]);
    }
    assert_eq!(scene.say("list -q").output().ok().text(), "", "nothing was made");
}

/// What stands on the command line is its own.
#[test]
fn the_file_is_not_blamed_for_the_command_line() {
    let scene = Scene::new();
    scene.file("box.toml", "bind = ['/nope:/x']\nhostname = 'h'\n");
    for (line, what) in [
        ("--hostname no_name", "kakuri: bad value 'no_name' for --hostname"),
        ("--bnd x", "kakuri: unknown option '--bnd'"),
        ("--tmpfs x", "kakuri: cannot mount a tmpfs at 'x'"),
    ] {
        let output = scene.say(&format!("--config-file box.toml {line} true")).output();
        assert!(output.err().starts_with(what), "{output}");
    }
    scene.file("box.toml", "hostname = 'h'\n");
    let output = scene.say("--config-file box.toml --bind /nope:/x true").output();
    assert!(output.err().starts_with("kakuri: cannot bind '/nope'"), "{output}");
    scene.file("word.toml", "env = ['A=nowhere']\n");
    let output = scene.say("--config-file word.toml nowhere").output();
    assert!(output.err().starts_with("kakuri: cannot run 'nowhere'"), "{output}");
    let output = scene.say("--config-file box.toml --command=a b").output();
    assert!(output.err().starts_with("kakuri: --command 'a' and 'b' are two commands"), "{output}");
}

#[test]
fn includes_are_named_where_they_stand() {
    let scene = Scene::new();
    for (name, text) in [
        ("self.toml", "include = 'self.toml'\n"),
        ("a.toml", "include = 'sub/b.toml'\n"),
        ("sub/b.toml", "\ninclude = ['../c.toml']\n"),
        ("c.toml", "include = '/../x/../c.toml'\ninclude2 = 1\n"),
        ("missing.toml", "include = ['sub/ok.toml', 'sub/none.toml']\n"),
        ("folder.toml", "include = ['sub']\n"),
        ("empty.toml", "include = ''\n"),
        ("sub/ok.toml", ""),
        ("wrong.toml", "include = 'sub/wrong.toml'\n"),
        ("sub/wrong.toml", "hostname = 'h'\nnest = 3\n"),
        ("round.toml", "include = 'sub/round.toml'\n"),
        ("sub/round.toml", "include = '../round.toml'\n"),
        ("later.toml", "include = 'sub/later.toml'\n"),
        ("sub/later.toml", "bind = ['nope:/x']\n"),
    ] {
        scene.file(name, text);
    }
    std::fs::remove_file(scene.work().join("c.toml")).unwrap();
    for (file, want) in [
        ("self.toml", "self.toml:1:11: 'self.toml' includes itself: self.toml, self.toml"),
        ("a.toml", "sub/b.toml:2:12: cannot read 'sub/../c.toml': No such file or directory"),
        ("missing.toml", "missing.toml:1:27: cannot read 'sub/none.toml': No such file or directory"),
        ("folder.toml", "folder.toml:1:12: cannot read 'sub': it is a folder"),
        ("empty.toml", "empty.toml:1:11: --config-file names no file"),
        ("wrong.toml", "sub/wrong.toml:2:8: 'nest' takes true or false, and this is a number"),
        (
            "round.toml",
            "sub/round.toml:1:11: 'sub/../round.toml' includes itself: round.toml, sub/round.toml, sub/../round.toml",
        ),
        ("later.toml", "sub/later.toml:1:9: cannot bind '"),
    ] {
        let output = scene.kakuri(["--config-file", file, "true"]).output();
        assert!(output.err().starts_with(&format!("kakuri: {want}")), "{file}\n{output}");
        output.refused(125, &[]).hints(&[]);
    }
}

#[test]
fn neither_too_deep_nor_too_many() {
    let scene = Scene::new();
    for n in 0..20 {
        scene.file(&format!("deep{n}.toml"), format!("include = 'deep{}.toml'\n", n + 1));
    }
    scene.file("deep20.toml", "");
    let output = scene.say("--config-file deep0.toml true").output().refused(125, &["16 files deep"]);
    assert!(output.err().starts_with("kakuri: deep15.toml:1:11: "), "{output}");
    scene.say("--config-file deep5.toml true").output().ok();
    let all: Vec<String> = (0..70).map(|n| format!("'f{n}.toml'")).collect();
    for n in 0..70 {
        scene.file(&format!("f{n}.toml"), "");
    }
    scene.file("wide.toml", format!("include = [{}]\n", all.join(", ")));
    scene.say("--config-file wide.toml true").output().refused(125, &["wide.toml:1:", "more than 64 files"]).hints(&[]);
}

/// A configuration of kakuri's own is another file.
#[test]
fn a_description_is_no_configuration() {
    let scene = Scene::new();
    scene.file("box.toml", "hostname = 'box'\n");
    scene
        .say("--config box.toml true")
        .output()
        .refused(125, &["box.toml:1:1: ", "hostname"])
        .hints(&["--config-file"]);
    scene.say("start --config-file box.toml web").output().refused(125, &["--config-file"]).hints(&["kakuri create"]);
    scene.say("--config-file").output().refused(125, &["'--config-file' needs a value"]).hints(&["FILE"]);
    scene.say("try --config-file box.toml true").output().refused(125, &["--config-file"]).hints(&["kakuri run"]);
}

/// What a file says of passwords is told by no error, and is in no command line.
#[test]
fn secrets_are_not_told() {
    let scene = Scene::new();
    scene.file("box.toml", "image = 'localhost:1/x'\ncreds = 'me:hushhush'\nenv = ['TOKEN=hushhush']\n");
    let output = scene.say("--config-file box.toml --verbose true").output();
    assert!(output.code() == 125 && !output.err().contains("hushhush"), "{output}");
    scene.file("box.toml", "name = 'box'\nenv = ['TOKEN=hushhush']\ncommand = 'echo $TOKEN; sleep 1000'\n");
    scene.say("run -d --config-file box.toml").output().ok();
    for number in [scene.supervisor("box"), scene.init("box")] {
        let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap();
        let line = String::from_utf8_lossy(&line);
        assert!(line.contains("box") && !line.contains("hushhush"), "{line}");
    }
    assert!(until(HANG, || scene.say("logs box").output().text().contains("hushhush")), "it is the command's");
    scene.say("remove -f box").output().ok();
}
