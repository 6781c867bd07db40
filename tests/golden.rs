//! Transcripts: what --explain, --emit, help, the configuration and bad input print, to the byte.
//!
//! Each file of tests/golden holds commands (`$ kakuri ...`, read by a shell) and what they print; a code other
//! than 0 follows as `? CODE`. `KAKURI_GOLDEN=write cargo test --test golden` writes them anew: read the
//! difference before it is committed. What differs between hosts (which programs' folders there are, ids, limits)
//! is left out or named in capitals. Nothing is started, so this runs wherever the front does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A home and a project to be in. Below /tmp whatever TMPDIR says, because the container has its own there.
struct Fixture {
    root: PathBuf,
}

impl Fixture {
    fn new(name: &str) -> Fixture {
        let root = PathBuf::from(format!("/tmp/kakuri-golden-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for folder in [
            "home/.config/wireguard",
            "home/.cache",
            "home/.ssh",
            "home/tools/bin",
            "project/config",
            "project/dir/inner",
        ] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (file, text) in [
            ("home/.ssh/id", "secret\n"),
            ("project/script.py", "print(1)\n"),
            ("project/data.csv", "1\n"),
            ("project/a:b", ""),
            ("project/dir/inner/file", ""),
            ("project/env", "# comment\nFROM_FILE=1\n\nHOME=/elsewhere\n"),
            ("project/bad.env", "GOOD=1\nno key\n"),
            ("project/good.toml", "[bind_profiles]\nweb = [\"~/tools:/srv:ro\", \"~/missing\"]\n"),
            ("project/typo.toml", "[defaults]\nallow_netwrk = true\n"),
            ("project/type.toml", "[defaults]\nallow_network = \"yes\"\n"),
            ("project/broken.toml", "[defaults\n"),
        ] {
            fs::write(root.join(file), text).unwrap();
        }
        std::os::unix::fs::symlink("script.py", root.join("project/link.py")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("project/out")).unwrap();
        Fixture { root }
    }

    fn run(&self, command: &str) -> String {
        let programs = Path::new(env!("CARGO_BIN_EXE_kakuri")).parent().unwrap();
        let output = Command::new("/bin/sh")
            .args(["-c", command])
            .current_dir(self.root.join("project"))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
            .env("HOME", self.root.join("home"))
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("LANG", "C.UTF-8")
            .env("SECRET", "hidden")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        text += &String::from_utf8(output.stderr).unwrap();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        match output.status.code() {
            Some(0) => {}
            Some(code) => writeln!(text, "? {code}").unwrap(),
            None => panic!("{command}: killed"),
        }
        self.steady(&text)
    }

    /// Without what differs from host to host.
    fn steady(&self, text: &str) -> String {
        let text = text.replace(self.root.to_str().unwrap(), "/FIXTURE");
        let mut out = String::new();
        let mut skip = 0;
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (kind, at) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            // The host's folders of programs, links or not, and what its kernel may lack.
            let programs = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/gnu"];
            let host = matches!(kind, "bind" | "link") && programs.contains(&at);
            // What is covered where it is there.
            let covered = kind == "hide" && at == "/etc/wireguard";
            if host || covered || at.starts_with("/proc/key") || at == "/run/current-system" {
                continue;
            }
            if kind == "\"seen\":" {
                skip = 3;
                out += &line[..line.len() - line.trim_start().len()];
                out += "\"seen\": SEEN,\n";
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let line = match (kind, at) {
                ("limit", "processes") => "limit processes LIMIT".into(),
                // It names the caller.
                ("file", "/etc/passwd") => "file /etc/passwd SIZE".into(),
                ("union", "/etc") => line.replace("one overlay", "HOW").replace("a bind for each entry", "HOW"),
                _ => line.to_string(),
            };
            // Columns are as wide as the longest path, which the fixture's is part of.
            let columns = line.len() - line.trim_start().len();
            out += &line[..columns];
            out += &squeezed(line.trim());
            out.push('\n');
        }
        out
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn squeezed(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        if !(c == ' ' && out.ends_with("  ")) {
            out.push(c);
        }
    }
    out
}

fn transcript(name: &str) {
    if rustix::process::getuid().is_root() {
        eprintln!("skipped: as root kakuri says more, and these are an ordinary user's transcripts");
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("txt");
    let expected = fs::read_to_string(&path).unwrap();
    let fixture = Fixture::new(name);
    let mut actual = String::new();
    for command in expected.lines().filter_map(|l| l.strip_prefix("$ ")) {
        let output = fixture.run(command);
        assert_eq!(output, fixture.run(command), "{command}: twice the same, and not the same");
        writeln!(actual, "$ {command}\n{output}").unwrap();
    }
    if std::env::var_os("KAKURI_GOLDEN").is_some_and(|v| v == "write") {
        fs::write(&path, &actual).unwrap();
        return;
    }
    for (number, (want, got)) in expected.lines().zip(actual.lines()).enumerate() {
        assert_eq!(want, got, "{}:{}", path.display(), number + 1);
    }
    assert_eq!(expected, actual, "{}", path.display());
}

#[test]
fn explain() {
    transcript("explain");
}

#[test]
fn emit() {
    transcript("emit");
}

#[test]
fn bad_input() {
    transcript("bad-input");
}

#[test]
fn help_and_configuration() {
    transcript("help");
}
