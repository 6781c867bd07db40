//! What list, inspect and container top say of containers: stopped, running, lost, unreadable; as tables, templates
//! and JSON.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Output, Scene};
use kakuri::output::table::Table;
use kakuri::output::template::Template;
use kakuri::output::time;
use kakuri::store::{Ended, Kind, Last, Store};
use kakuri_init::Status;
use kakuri_wire::Bytes;
use serde_json::{Value, json};

fn store(scene: &Scene) -> Store {
    Store { dir: scene.home().join(".local/kakuri/containers") }
}

fn folder(scene: &Scene, name: &str) -> PathBuf {
    store(scene).dir.join(name)
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64
}

fn words(words: &[&str]) -> Vec<Bytes> {
    words.iter().map(Bytes::from).collect()
}

/// How a container ran, as its supervisor would have left it.
fn ran(scene: &Scene, name: &str, ago: u64, command: &[&str], status: Option<Status>) {
    let entry = store(scene).find(name).unwrap();
    let started = now() - ago * 1000;
    let ended = status.map(|status| Ended {
        at: started + 1000,
        status: Some(status),
        stopped: false,
        timed_out: false,
        failure: None,
        refused: None,
    });
    entry.record_last(&Last { started, command: words(command), ended }).unwrap();
}

/// web exited, new was never started, lost has no recorded end, bad cannot be read.
fn four(scene: &Scene) {
    for name in ["web", "new", "lost", "bad"] {
        scene.kakuri(["create", name]).output().ok();
    }
    ran(
        scene,
        "web",
        7205,
        &["sh", "-c", "exit 3; # a command that is much longer than its column"],
        Some(Status::Code(3)),
    );
    ran(scene, "lost", 300, &["vi", "\u{1b}[31m\u{202e}"], None);
    fs::write(folder(scene, "bad").join("config.json"), "{\"version\":").unwrap();
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output}"))
}

#[test]
fn a_list_for_people() {
    let scene = Scene::new();
    assert_eq!(scene.kakuri(["list"]).output().ok().text(), "NAME   STATUS   PID   SINCE   COMMAND   NETWORK");
    assert_eq!(scene.kakuri(["list", "--format", "json"]).output().ok().text(), "[]");
    assert_eq!(scene.kakuri(["list", "-q"]).output().ok().text(), "");
    four(&scene);
    let output = scene.kakuri(["list"]).output().ok();
    let lines: Vec<String> = output.text().lines().map(String::from).collect();
    assert_eq!(lines.len(), 5, "{output}");
    assert!(lines.iter().all(|line| line.trim_end() == line), "blanks at an end: {output}");
    let cells = |n: usize| lines[n].split("   ").map(str::trim).filter(|c| !c.is_empty()).collect::<Vec<_>>();
    assert_eq!(cells(1), ["bad", "unreadable", "-", "-", "-", "-"]);
    assert_eq!(cells(2), ["lost", "dead", "-", "5 minutes ago", r"vi '\u{1b}[31m\u{202e}'", "none"]);
    assert_eq!(cells(3), ["new", "created", "-", cells(3)[3], "-", "none"]);
    assert_eq!(cells(4), ["web", "exited (3)", "-", "2 hours ago", "sh -c 'exit 3; # a command that is much…", "none"]);
    // Columns stand below each other.
    let at = lines[0].find("NETWORK").unwrap();
    assert!(lines[4].chars().collect::<Vec<_>>()[at..].starts_with(&['n', 'o', 'n', 'e']), "{output}");
    let err = output.err();
    assert_eq!(err.lines().count(), 1, "one line for the one that cannot be read: {err}");
    assert!(err.starts_with("kakuri: ") && err.contains("bad"), "{err}");

    let whole = scene.kakuri(["list", "--no-trunc"]).output().ok().text();
    assert!(whole.contains("sh -c 'exit 3; # a command that is much longer than its column'"), "{whole}");
    assert_eq!(scene.kakuri(["list", "-q"]).output().ok().text(), "bad\nlost\nnew\nweb");
}

#[test]
fn dockers_list() {
    let scene = Scene::new();
    four(&scene);
    let head = "CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS   NAMES";
    assert_eq!(scene.kakuri(["container", "ls"]).output().ok().text(), head, "none runs");
    let all = scene.kakuri(["container", "ls", "-a"]).output().ok().text();
    let web = all.lines().find(|l| l.starts_with("web ")).unwrap_or_else(|| panic!("{all}"));
    assert!(
        web.contains("   host    \"sh -c 'exit 3; # a …\"   ") && web.contains("   Exited (3) 2 hours ago   "),
        "{all}"
    );
    assert!(web.ends_with("   web"), "{all}");
    assert_eq!(scene.kakuri(["container", "ps", "-aq"]).output().ok().text(), "bad\nlost\nnew\nweb");

    let format = |template: &str| scene.kakuri(["container", "ls", "-a", "--format", template]).output().ok().text();
    assert_eq!(
        format("{{.Names}}:{{.State}}:{{.exit_code}}"),
        "bad:unreadable:\nlost:dead:\nnew:created:\nweb:exited:3"
    );
    assert_eq!(
        format(r"table {{.Names}}\t{{.Status}}\t{{.RunningFor}}").lines().next(),
        Some("NAMES   STATUS                   CREATED")
    );
    let lines = format("json");
    let names: Vec<String> =
        lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["Names"].as_str().unwrap().into()).collect();
    assert_eq!(names, ["bad", "lost", "new", "web"]);
    // Before anything is looked at, whether there is a container or not.
    for scene in [&scene, &Scene::new()] {
        scene
            .kakuri(["list", "--format", "{{range .Mounts}}{{end}}{{if .Names}}{{upper .Nmae}}{{end}}"])
            .output()
            .refused(125, &["{{upper .Nmae}}", "no field '.Nmae'", "Names", "Status"])
            .hints(&["{{.Names}}"]);
    }
    scene.kakuri(["list", "--format", "{{.Names"]).output().refused(125, &["'{{' has no '}}'"]);
}

#[test]
fn filters() {
    let scene = Scene::new();
    four(&scene);
    let list = |filters: &[&str]| {
        let options = filters.iter().flat_map(|f| ["--filter", *f]);
        let output = scene.kakuri(["list", "-q"].into_iter().chain(options)).output().ok();
        (output.text().replace('\n', " "), output.err())
    };
    assert_eq!(list(&["name=e"]), ("new web".into(), String::new()), "what is not wanted is not complained of");
    assert_eq!(list(&["status=exited"]).0, "web");
    assert_eq!(list(&["status=exited", "status=dead"]).0, "lost web");
    assert_eq!(list(&["status=exited", "name=lost"]).0, "");
    assert_eq!(list(&["status=unreadable"]).0, "bad");
    assert_eq!(list(&["status=running"]).0, "");
    assert_eq!(list(&["network=none"]).0, "lost new web");
    assert_eq!(list(&["network=host"]).0, "");
    // Docker shows what is asked for by its status, without -a too.
    assert_eq!(scene.kakuri(["container", "ls", "-q", "--filter", "status=created"]).output().ok().text(), "new");
    scene
        .kakuri(["list", "--filter", "colour=x"])
        .output()
        .refused(125, &["colour=x", "name, status, network, image and label"]);
    scene
        .kakuri(["list", "--filter", "status=up"])
        .output()
        .refused(125, &["status=up", "created running exited dead"]);
}

#[test]
fn json_for_scripts() {
    let scene = Scene::new();
    four(&scene);
    let all = json(&scene.kakuri(["list", "--format", "json"]).output().ok());
    let web = &all[3];
    assert_eq!(web["name"], "web");
    assert_eq!(web["state"], "exited");
    assert_eq!(web["status"], "Exited (3) 2 hours ago");
    assert_eq!(web["exit_code"], 3);
    assert_eq!(web["pid"], Value::Null);
    assert_eq!(web["command"][0], "sh");
    assert_eq!(web["network"], "none");
    let since = time::parse(web["since"].as_str().unwrap(), std::time::SystemTime::now()).unwrap();
    assert!(time::ago(since, std::time::SystemTime::now()).starts_with("2 hours"));
    // The same keys for each, and nothing that drives a terminal.
    let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert!(all.as_array().unwrap().iter().all(|row| keys(row) == keys(web)));
    let text = scene.kakuri(["list", "--format", "jsonl"]).output().ok().text();
    assert_eq!(text.lines().count(), 4);
    assert!(text.contains(r"\u001b[31m\u202e") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
}

#[test]
fn inspected() {
    let scene = Scene::new();
    four(&scene);
    let value = json(&scene.kakuri(["inspect", "web", "lo"]).output().ok());
    let [web, lost] = value.as_array().unwrap().as_slice() else { panic!("{value}") };
    assert_eq!(web["name"], "web");
    assert_eq!(web["path"], folder(&scene, "web").to_str().unwrap());
    assert_eq!(web["kind"], json!(Kind::Persistent));
    assert_eq!(web["live"], Value::Null);
    let state = &web["state"];
    assert_eq!(
        (&state["status"], &state["running"], &state["exit_code"]),
        (&json!("exited"), &json!(false), &json!(3))
    );
    assert!(state["finished_at"].as_str() > state["started_at"].as_str(), "{state}");
    assert_eq!(lost["state"]["status"], "dead");
    assert_eq!(lost["state"]["finished_at"], Value::Null);
    assert!(web["spec"]["base"] == "host" && web["State"]["ExitCode"] == 3, "{web}");

    let template = "{{.State.Running}} {{.State.Pid}} {{.Name}} {{.State.ExitCode}} {{.State.Status}}";
    let output = scene.kakuri(["inspect", "--format", template, "web", "new"]).output().ok();
    assert_eq!(output.text(), "false 0 web 3 exited\nfalse 0 new 0 created");
    scene
        .kakuri(["inspect", "--format", "{{.State.Pod}}", "web"])
        .output()
        .refused(125, &["no field '.State.Pod'", "Pid"]);

    // One that is not there does not hide the others, and one that cannot be read says why.
    let output = scene.kakuri(["inspect", "nobody", "web", "bad"]).output();
    assert_eq!(output.code(), 1, "{output}");
    assert_eq!(json(&output).as_array().unwrap().len(), 1);
    assert!(output.err().contains("nobody") && output.err().contains("bad"), "{output}");
    scene.kakuri(["inspect", "nobody"]).output().refused(1, &["nobody"]);

    let entry = store(&scene).find("web").unwrap();
    let mut last = entry.last().unwrap();
    last.ended.as_mut().unwrap().status = Some(Status::Signal { signal: 9, core: false });
    last.ended.as_mut().unwrap().stopped = true;
    entry.record_last(&last).unwrap();
    let value = json(&scene.kakuri(["inspect", "web"]).output().ok());
    let state = &value[0]["state"];
    assert_eq!((&state["exit_code"], &state["signal"], &state["stopped"]), (&json!(137), &json!(9), &json!(true)));
}

/// A test that fails leaves no container behind.
struct End<'a>(&'a Scene);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let _ = self.0.kakuri(["remove", "-f", "web"]).try_output();
    }
}

#[test]
fn a_running_one() {
    let scene = Scene::alone();
    let _end = End(&scene);
    scene.kakuri(["create", "-u", "1234", "web"]).output().ok();
    // Inside it calls itself something that would drive a terminal.
    let script = "exec -a \"$(printf 'evil\\033[2J\\nroot  1')\" sleep 1000";
    scene.kakuri(["start", "-d", "web", "bash", "-c", script]).output().ok();
    scene.kakuri(["exec", "-d", "web", "sleep", "2000"]).output().ok();
    assert!(
        common::until(common::HANG, || {
            let top = scene.kakuri(["container", "top", "web"]).output().ok().text();
            // PID 1 has come to rest then.
            let rests = top.lines().any(|l| l.split_whitespace().skip(1).take(4).eq(["1", "0", "0", "S"]));
            top.contains("evil") && top.contains("sleep 2000") && rests
        }),
        "not both, or PID 1 does not rest"
    );
    let output = scene.kakuri(["container", "top", "web"]).output().ok();
    let rows: Vec<Vec<String>> =
        output.text().lines().map(|l| l.split_whitespace().map(String::from).collect()).collect();
    assert_eq!(rows[0], ["HOST-PID", "PID", "PPID", "USER", "STATE", "TIME", "COMMAND"]);
    assert_eq!(rows.len(), 4, "PID 1, the first process and the other, and nobody else's: {output}");
    assert_eq!(rows[1][1..5], ["1", "0", "0", "S"], "{output}");
    assert!(output.text().contains(r"'evil\u{1b}[2J\nroot  1' 1000"), "{output}");
    let other = rows.iter().find(|row| row[6..] == ["sleep", "2000"]).unwrap_or_else(|| panic!("{output}"));
    assert_eq!((&other[2][..], &other[3][..]), ("1", "1234"), "{output}");
    // Both numbers are of the one process.
    let host = fs::read_to_string(format!("/proc/{}/status", other[0])).unwrap();
    let numbers = host.lines().find_map(|l| l.strip_prefix("NSpid:")).unwrap().split_whitespace().last().unwrap();
    assert_eq!(numbers, other[1]);

    let value = json(&scene.kakuri(["inspect", "web"]).output().ok());
    let (state, live) = (&value[0]["state"], &value[0]["live"]);
    assert_eq!(state["running"], true);
    assert_eq!(state["pid"].to_string(), rows[1][0]);
    assert_eq!(live["processes"].as_array().unwrap().len(), 3, "{live}");
    let link = fs::read_link(format!("/proc/{}/ns/pid", rows[1][0])).unwrap();
    assert_eq!(link.to_str().unwrap(), format!("pid:[{}]", live["namespaces"]["pid"]));
    let sessions = live["sessions"].as_array().unwrap();
    assert_eq!(sessions.iter().filter(|s| s["first"] == true).count(), 1, "{live}");
    assert_eq!(sessions.len(), 2, "{live}");

    let template = "{{.State.Running}} {{.State.Pid}}";
    let text = scene.kakuri(["inspect", "--format", template, "web"]).output().ok().text();
    assert_eq!(text, format!("true {}", rows[1][0]));
    let list = scene.kakuri(["container", "ls", "--format", "{{.Names}} {{.Status}}"]).output().ok().text();
    assert!(list.starts_with("web Up "), "{list}");
    let row = json(&scene.kakuri(["list", "--format", "json"]).output().ok());
    assert_eq!((&row[0]["state"], &row[0]["pid"]), (&json!("running"), &state["pid"]));

    // A supervisor that has stopped is waited for a moment only, and its container is a running one still.
    let supervisor = live["supervisor"].to_string();
    scene.program("kill").args(["-STOP", &supervisor]).output().ok();
    let start = std::time::Instant::now();
    let list = scene.kakuri(["list"]).output().ok().text();
    let took = start.elapsed();
    scene.program("kill").args(["-CONT", &supervisor]).output().ok();
    assert!(took < std::time::Duration::from_secs(30), "{took:?}");
    assert!(list.lines().any(|l| l.starts_with("web ") && l.contains("   running   -   ")), "{list}");

    scene.kakuri(["stop", "-t", "0", "web"]).output().ok();
    scene.kakuri(["container", "top", "web"]).output().refused(1, &["web", "not running"]).hints(&["kakuri start web"]);
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let scene = Scene::new();
    four(&scene);
    for verb in ["list", "inspect web", "container ls -a"] {
        let script =
            format!("(sleep 0.1; {} {verb} 2>/dev/null; echo $? >code) | true; sleep 0.1; cat code", common::KAKURI);
        let text = || scene.program("bash").args(["-c", &format!("{script}; rm code")]).output().text();
        assert_eq!(text(), "0", "{verb}");
    }
}

#[test]
fn bold_on_a_terminal_only() {
    let scene = Scene::new();
    need!("script");
    let terminal = |before: &str| {
        let command = format!("{before} {} list", common::KAKURI);
        scene.program("script").args(["-qec", &command, "/dev/null"]).output().ok().text()
    };
    assert!(terminal("").starts_with("\x1b[1mNAME"), "{:?}", terminal(""));
    assert!(terminal("NO_COLOR=1").starts_with("NAME"));
    assert!(terminal("TERM=dumb").starts_with("NAME"));
}

#[test]
fn the_library_alone() {
    let mut table = Table::new(["A", "B"]);
    table.row(["1", "2"]);
    assert_eq!(table.text(false), "A   B\n1   2\n");
    let value = json!({"Names": "x", "List": [1, 2]});
    let one = |t: &str| Template::parse(t).and_then(|t| t.one(&value)).unwrap();
    assert_eq!(one(r#"{{.Names}}{{"\t"}}{{range .List}}{{.}};{{end}}"#), "x\t1;2;");
}
