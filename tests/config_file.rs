//! Containers described in a file: what a key means, what comes over what, and what is refused with which words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "config_file/hostile.rs"]
mod hostile;
#[path = "config_file/over.rs"]
mod over;
#[path = "config_file/refused.rs"]
mod refused;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use common::{KAKURI, Scene};
use kakuri::cli::pages::RUN;
use kakuri::cli::{self, Command, Stop};
use kakuri::host::Host;

/// `kakuri WORDS`, as data; an error as its text.
fn read(words: &[String]) -> Result<cli::Run, String> {
    let words: Vec<OsString> = ["kakuri".into()].into_iter().chain(words.iter().map(OsString::from)).collect();
    match cli::parse(&words) {
        Ok(Command::Run(run)) => Ok(*run),
        Err(Stop::Misuse(fail)) => Err(fail.to_string()),
        other => panic!("{words:?}: {other:?}"),
    }
}

/// Every option there is, with values that fit some and not others: a key means what the option means, and is refused as it
/// is refused.
#[test]
fn a_key_is_its_option() {
    let scene = Scene::new();
    let file = scene.work().join("box.toml");
    let named = file.display().to_string();
    let host = Host { cwd: Some(scene.work().into_os_string().into_encoded_bytes()), ..Host::look() };
    // Files and folders that are named need not be there: nothing is looked at yet.
    let values = "/x 55 a=b x none range 1:2:3 /a:/b single NET_RAW x:/l 64m true nofile=5 type=tmpfs,target=/x fresh ipc 3:/x \
        db:10.0.0.5 9.9.9.9 seccomp=unconfined abstract links mount ctrl-p stop a.b always linux/amd64";
    let values: Vec<&str> = values.split_whitespace().collect();
    let (mut fitting, mut options, mut strange) = (0, 0, Vec::new());
    let all = RUN.options.iter().flat_map(|table| table.iter());
    for (long, takes) in all.flat_map(|o| o.long.iter().map(|l| (*l, format!("{:?}", o.takes) != "Nothing"))) {
        // Said of the call and not of a container; or a path of which the command line says later where it is.
        if ["help", "version", "args", "config-file", "command", "config", "vpn"].contains(&long) {
            continue;
        }
        options += 1;
        let before = fitting;
        for value in &values {
            let (mut key, mut words) = match takes {
                true => (format!("{long} = \"{value}\"\n"), vec![format!("--{long}={value}")]),
                false => (format!("{long} = true\n"), vec![format!("--{long}")]),
            };
            if let Some((other, value)) = companion(long) {
                key += &format!("{other} = \"{value}\"\n");
                words.push(format!("--{other}={value}"));
            }
            fs::write(&file, &key).unwrap();
            let typed = read(&words);
            let mut written = read(&["--config-file".into(), named.clone()]);
            if let Ok(run) = &mut written {
                run.described = None;
            }
            match (typed, written) {
                (Ok(mut typed), Ok(written)) => {
                    typed.spec = typed.spec.anchored(&host).unwrap();
                    assert_eq!(typed, written, "{key}");
                    fitting += 1;
                }
                (Err(typed), Err(written)) => {
                    let behind = written.strip_prefix(&format!("{named}:")).unwrap_or_else(|| panic!("{written}"));
                    let (_, behind) = behind.split_once(": ").unwrap();
                    assert_eq!(typed, behind, "{key}");
                }
                (typed, written) => panic!("{key}\n{typed:?}\n{written:?}"),
            }
        }
        if fitting == before {
            strange.push(long);
        }
    }
    assert!(strange.is_empty(), "no value of this test fits {strange:?}");
    assert!(options > 80, "{options}");
}

/// What an option says nothing without.
fn companion(long: &str) -> Option<(&'static str, &'static str)> {
    Some(match long {
        "replace" => ("name", "x"),
        "vpn-on-failure" | "vpn-ignore-hooks" => ("vpn", "x"),
        "publish" | "allow-host-port" => ("network", "nat"),
        "swap" | "memory-swap" => ("memory", "64m"),
        "pull" | "entrypoint" | "platform" | "creds" | "authfile" | "cert-dir" | "tls-verify" => ("image", "x"),
        _ => return None,
    })
}

#[test]
fn a_container_of_every_kind_of_value() {
    let scene = Scene::new();
    scene.file("src/one", "");
    scene.file(
        "box.toml",
        r#"
        bind = ["src:/src:ro"]
        tmpfs = "/scratch:size=8m"
        workdir = "/src"
        hostname = "box"
        timeout = 30
        pids-limit = 0x100
        user = true
        ulimit = { nofile = "100:200", fsize = 5_000_000 }
        add-host = { db = "10.0.0.5" }
        command = "pwd; ls; hostname; id -u; ulimit -n; grep -c '10.0.0.5.*db' /etc/hosts; echo $A $B $C; df -m /scratch | tail -1 | cut -c1-4"

        [env]
        A = "one two"
        B = 2
        C = 1.5
        "#,
    );
    let told = scene.say("--config-file box.toml").output().ok().text();
    assert_eq!(told, "/src\none\nbox\n1000\n100\n1\none two 2 1.5\nnone");
}

#[test]
fn paths_are_meant_from_the_file() {
    let scene = Scene::new();
    fs::write(scene.home().join("mine"), "of the home\n").unwrap();
    scene.file("deep/a:b/src/one", "one\n");
    scene.file("deep/a:b/vars", "FROM=vars\n");
    scene.file("deep/a:b/profile.json", r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#);
    scene.file(
        "deep/a:b/box.toml",
        "bind = ['src:/src', '../beside:/beside:create', '~/mine:/mine:ro']\nenv-file = 'vars'\n\
         security-opt = 'seccomp=profile.json'\ncommand = ['sh', '-c', 'cat /src/one /mine; ls -d /beside; echo $FROM']\n",
    );
    let want = "one\nof the home\n/beside\nvars";
    for (dir, named) in [(".", "deep/a:b/box.toml"), ("deep", "a:b/box.toml"), ("deep/a:b", "./box.toml"), ("/", "")] {
        let whole = scene.work().join("deep/a:b/box.toml").display().to_string();
        let named = if named.is_empty() { &whole } else { named };
        let run = scene.kakuri(["--config-file", named]).dir(scene.work().join(dir));
        assert_eq!(run.output().ok().text(), want, "{dir} {named}");
    }
    assert!(scene.work().join("deep/beside").is_dir());
    // What is typed is meant from where it is typed.
    let run = scene.kakuri(["--config-file", "deep/a:b/box.toml", "--bind", "deep:/d", "ls", "/d"]);
    assert_eq!(run.output().ok().text(), "a:b\nbeside");
}

#[test]
fn a_root_is_beside_the_file_too() {
    need!("busybox");
    let scene = Scene::new();
    fs::create_dir_all(scene.work().join("box/root/bin")).unwrap();
    fs::copy("/bin/busybox", scene.work().join("box/root/bin/busybox")).unwrap();
    std::os::unix::fs::symlink("busybox", scene.work().join("box/root/bin/sh")).unwrap();
    scene.file("box/box.toml", "path = 'root:ro'\ncommand = 'echo /bin/*'\n");
    let told = scene.say("--config-file box/box.toml").dir(scene.work()).output().ok().text();
    assert_eq!(told, "/bin/busybox /bin/sh");
}

#[test]
fn one_that_stays_is_made_by_it() {
    let scene = Scene::new();
    scene.file("src/one", "one\n");
    scene.file("box.toml", "name = 'box'\nbind = ['src:/src']\ncommand = ['cat', '/src/one']\nenv = ['A=b']\n");
    assert_eq!(scene.say("create --config-file box.toml").output().ok().text(), "box");
    // The file is not looked at again.
    fs::remove_file(scene.work().join("box.toml")).unwrap();
    assert_eq!(scene.say("start box").dir("/").output().ok().text(), "one");
    assert_eq!(scene.shell("exec box", "echo $A").dir("/").output().ok().text(), "b");
    scene.file("box.toml", "name = 'box'\nreplace = true\n");
    assert_eq!(scene.say("create --config-file box.toml").output().ok().text(), "box");
    assert_eq!(scene.say("create --config-file box.toml other true").output().ok().text(), "other");
    assert_eq!(scene.say("create --config-file box.toml --name third").output().ok().text(), "third");
}

#[test]
fn what_would_be_done_names_the_files() {
    let scene = Scene::new();
    scene.file("base.toml", "hostname = 'base'\n");
    scene.file("box.toml", "include = 'base.toml'\n");
    let told = scene.say("--config-file box.toml --explain true").output().ok().text();
    assert!(told.lines().any(|line| line == "note         described by base.toml, box.toml"), "{told}");
    assert!(told.contains("\nhostname     base\n"), "{told}");
}

/// The page shows the very files that lie beside it, and they work.
#[test]
fn the_example_of_the_page() {
    need!("make");
    let scene = Scene::new();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("kakuri/docs");
    let page = include_str!("../kakuri/docs/config-file.md");
    for (name, text) in [
        ("box.toml", include_str!("../kakuri/docs/box.toml")),
        ("limits.toml", include_str!("../kakuri/docs/limits.toml")),
    ] {
        assert!(
            page.contains(&format!("```toml\n{text}```")),
            "{} is not the one of the page",
            docs.join(name).display()
        );
        scene.file(name, text);
    }
    scene.file("Makefile", "all:\n\t@hostname; echo $(GREETING) $(CI); ulimit -n; pwd >place\n");
    fs::create_dir_all(scene.home().join(".cache")).unwrap();
    let told = scene.say("--config-file box.toml").output().ok().text();
    assert_eq!(told, "builder\nhello 1\n256");
    assert_eq!(fs::read_to_string(scene.work().join("place")).unwrap(), "/src\n");
}

#[test]
fn from_a_program() {
    let scene = Scene::new();
    let file = scene.file("box.toml", "hostname = 'box'\nenv = ['A=file', 'B=file']\n");
    let mut container = kakuri::Container::new();
    container.program(KAKURI).env("A", "call").config_file(&file);
    let output = container.command("sh").args(["-c", "hostname; echo $A $B"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "box\ncall file\n");
    // An error of the file's is that call's, whichever option it names.
    let wrong = scene.file("wrong.toml", "hostname = 'no name'\n");
    let mut container = kakuri::Container::new();
    container.program(KAKURI).hostname("fine").config_file(&wrong);
    let error = container.command("true").output().unwrap_err();
    let told = error.to_string();
    assert!(told.contains("Container::config_file") && told.contains("wrong.toml:1:12: bad value 'no name'"), "{told}");
}
