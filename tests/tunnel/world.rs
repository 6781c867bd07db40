//! Network namespaces with a shell in each, joined by virtual cables.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::common::HANG;

/// A shell in a network and a mount namespace. What it starts with [`Net::start`] ends with it.
pub struct Net {
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    #[allow(dead_code)] // every test file uses its own part of this one
    pub pidfd: OwnedFd,
}

impl Net {
    /// In a user namespace of its own, as root there.
    pub fn new() -> Net {
        Net::by(Command::new("unshare").args(["-Urnm"]))
    }

    /// In the user namespace of another.
    pub fn beside(other: &Net) -> Net {
        let pid = other.pid().to_string();
        Net::by(Command::new("nsenter").args(["-t", &pid, "-U", "--preserve-credentials", "unshare", "-nm"]))
    }

    fn by(command: &mut Command) -> Net {
        let mut shell = command
            // dash knows no jobs in a substitution, and would leave them all behind.
            .args(["sh", "-c", "mount -t tmpfs none /run && ip link set lo up && exec bash"])
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a namespace");
        let (input, output) = (shell.stdin.take().expect("piped"), shell.stdout.take().expect("piped"));
        let pid = rustix::process::Pid::from_raw(shell.id() as i32).expect("a pid");
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a pidfd");
        let mut net = Net { shell, input, output: BufReader::new(output), pidfd };
        // Its answer says that it is inside by now.
        assert_eq!(net.run("echo here"), "here");
        net
    }

    pub fn pid(&self) -> u32 {
        self.shell.id()
    }

    /// What a line prints, on either stream, trimmed.
    pub fn run(&mut self, line: &str) -> String {
        writeln!(self.input, "{{ {line}\n}} 2>&1; echo; echo end-of-line").expect("the shell takes a line");
        let mut all = String::new();
        while !all.ends_with("\nend-of-line\n") {
            assert!(self.output.read_line(&mut all).expect("the shell answers") > 0, "the shell ended: {line}: {all}");
        }
        all.trim_end_matches("end-of-line\n").trim().to_string()
    }

    /// The same for a line that must not fail.
    pub fn ok(&mut self, line: &str) -> String {
        let said = self.run(&format!("{line}\necho \"=$?\""));
        let (said, status) = said.rsplit_once('=').unwrap_or((&said, "?"));
        assert_eq!(status, "0", "{line}: {said}");
        said.trim().to_string()
    }

    /// Runs a line in the background until the shell ends.
    pub fn start(&mut self, line: &str) {
        self.run(&format!("{line} </dev/null >/dev/null 2>&1 &"));
    }

    /// Runs a line again and again until it succeeds.
    pub fn wait_for(&mut self, line: &str) -> String {
        let end = Instant::now() + HANG;
        loop {
            let said = self.run(&format!("{line}\necho \"=$?\""));
            if let Some((said, "0")) = said.rsplit_once('=') {
                return said.trim().to_string();
            }
            assert!(Instant::now() < end, "{line}: {said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // What it started is killed by it: a parent-death signal does not outlive a program that gains rights by its exec.
        let _ = writeln!(self.input, "kill -KILL $(jobs -p) 2>/dev/null; kill -KILL $$");
        let _ = self.shell.wait();
    }
}

/// A cable between two namespaces of one user namespace: an interface of this name at both ends, with addresses.
pub fn cable(a: &mut Net, b: &mut Net, name: &str, addresses: [[&str; 2]; 2]) {
    a.ok(&format!("ip link add {name} type veth peer name {name} netns {}", b.pid()));
    for (net, own) in [a, b].into_iter().zip(addresses) {
        for address in own {
            let nodad = if address.contains(':') { "nodad" } else { "" };
            net.ok(&format!("ip addr add {address} dev {name} {nodad}"));
        }
        net.ok(&format!("ip link set {name} up"));
    }
}
