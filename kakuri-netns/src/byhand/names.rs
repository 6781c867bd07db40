//! How the command finds names: by the configuration's servers alone, whatever the host's own files and services say.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use kakuri_wire::fail::OrFail;
use kakuri_wire::{Fail, Result, Stage};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

const STAGE: Stage = Stage::Netns;
const RESOLVER: &str = "/etc/resolv.conf";
const SWITCH: &str = "/etc/nsswitch.conf";
/// Where processes of the host would look names up for whoever asks.
const SERVICES: [&str; 4] = [
    "/run/systemd/resolve/io.systemd.Resolve",
    "/run/nscd/socket",
    "/var/run/nscd/socket",
    "/run/dbus/system_bus_socket",
];

pub struct Resolver {
    pub servers: Vec<IpAddr>,
    pub search: Vec<String>,
}

impl Resolver {
    /// As resolv.conf(5) has it. Without a server it names none, and the C library asks this very namespace, in vain.
    fn text(&self) -> String {
        let mut text = String::from("# By kakuri-netns, from DNS= of the WireGuard configuration.\n");
        for server in &self.servers {
            let _ = writeln!(text, "nameserver {server}");
        }
        if !self.search.is_empty() {
            let _ = writeln!(text, "search {}", self.search.join(" "));
        }
        text
    }

    /// Covers the host's files in this mount namespace, which is the command's alone.
    pub fn cover(&self) -> Result<()> {
        if self.servers.is_empty() {
            super::vpn::warn("the configuration has no DNS=: names will not be found");
        }
        // A file system to hold the covers, at a place that is there on every system; it goes when they are bound.
        let what = || "cannot make files for the command alone".to_string();
        mount("tmpfs", "/proc", "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(c"mode=755"))
            .fail(STAGE, what)?;
        let done = self.bind_all();
        unmount("/proc", UnmountFlags::DETACH).fail(STAGE, what)?;
        done
    }

    fn bind_all(&self) -> Result<()> {
        bind("resolv.conf", &self.text(), RESOLVER)
            .map_err(|fail| fail.hint(format!("this needs {RESOLVER} to be there: sudo touch {RESOLVER}")))?;
        if let Ok(host) = std::fs::read_to_string(SWITCH) {
            bind("nsswitch.conf", &switch(&host), SWITCH)?;
        }
        SERVICES.iter().filter(|path| Path::new(path).exists()).try_for_each(|path| bind("nobody", "", path))
    }
}

/// Puts a file with this text over another.
fn bind(name: &str, text: &str, over: &str) -> Result<()> {
    let file = format!("/proc/{name}");
    std::fs::write(&file, text).fail(STAGE, || format!("cannot write what covers {over}"))?;
    mount_bind(&file, over).map_err(|errno| Fail::new(STAGE, format!("cannot cover {over}")).errno(errno))
}

/// nsswitch.conf(5) with hosts looked for in /etc/hosts and by DNS, and nowhere else.
fn switch(host: &str) -> String {
    let others = host.lines().filter(|line| !line.trim_start().starts_with("hosts:"));
    others.chain(["hosts: files dns"]).fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_configuration_s_servers() {
        let resolver =
            Resolver { servers: vec!["10.9.0.1".parse().expect("one")], search: vec!["a.b".into(), "c".into()] };
        assert!(resolver.text().ends_with("nameserver 10.9.0.1\nsearch a.b c\n"));
        assert_eq!(
            switch("passwd: files\nhosts: files resolve [!UNAVAIL=return] dns\n  hosts: x\nnetworks: files"),
            "passwd: files\nnetworks: files\nhosts: files dns\n"
        );
    }
}
