//! Rows about ways out of a container: NAT and VPN. A plain container needs none of it.

use std::fs;
use std::process::{Command, Stdio};

use kakuri_netns::nat::is_old;
use kakuri_wire::Bytes;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::{Row, script};
use crate::host::Host;
use crate::network::nat;

pub(super) fn rows() -> [Row; 4] {
    let host = Host::look();
    [
        tun(),
        program(&host, "pasta", "passt", "--network nat, by slirp4netns"),
        program(&host, "slirp4netns", "slirp4netns", "--network nat, by pasta"),
        wireguard(),
    ]
}

/// Every way out but the host's own network is a TUN or TAP device.
fn tun() -> Row {
    const NAME: &str = "tun";
    const WITHOUT: &str = "--network none and host; neither nat nor --vpn";
    match openat(CWD, "/dev/net/tun", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        Ok(_) => Row::works(NAME, "/dev/net/tun opens, for nat and --vpn"),
        Err(Errno::ACCESS | Errno::PERM) => Row::lesser(NAME, "this user may not open /dev/net/tun")
            .mend("sudo chmod 0666 /dev/net/tun (as udev leaves it; in a container: give it the device)")
            .fix(["sudo chmod 0666 /dev/net/tun".to_string()])
            .without(WITHOUT),
        Err(Errno::NOENT) => Row::lesser(NAME, "there is no /dev/net/tun")
            .mend("sudo modprobe tun (in a container: give it the device, docker run --device /dev/net/tun)")
            .fix(["sudo modprobe tun".to_string()])
            .without(WITHOUT),
        Err(e) => Row::lesser(NAME, format!("/dev/net/tun: {e}"))
            .mend("sudo modprobe tun")
            .fix(["sudo modprobe tun".to_string()])
            .without(WITHOUT),
    }
}

fn program(host: &Host, name: &'static str, package: &str, without: &str) -> Row {
    let install = format!("sudo apt install {package}, sudo dnf install {package}, or sudo pacman -S {package}");
    let lacking = |row: Row| row.mend(&install).fix(script::install([package; 5])).without(without);
    match nat::find(name, host) {
        nat::Found::Here(path) => {
            let said = Command::new(&path).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
            let path = Bytes::from(&path);
            match said {
                Ok(said) if said.status.success() => {
                    let text = String::from_utf8_lossy(&said.stdout).into_owned();
                    let line = text.lines().next().unwrap_or_default().trim().to_string();
                    let line: String = line.chars().filter(|c| !c.is_control()).take(60).collect();
                    // The other stands in for it.
                    let old = name == "pasta" && is_old(&text);
                    let note = if old { "; of before 2024, slirp4netns is better where there is one" } else { "" };
                    Row::works(name, format!("{path}, {line}{note}"))
                }
                Ok(said) => lacking(Row::lesser(name, format!("{path} does not run: {}", said.status))),
                Err(e) => lacking(Row::lesser(name, format!("{path} does not start: {e}"))),
            }
        }
        nat::Found::Unfit(path, why) => {
            let path = Bytes::from(&path);
            lacking(Row::lesser(name, format!("'{path}' {why}")))
        }
        nat::Found::Nowhere => lacking(Row::lesser(name, "it is not installed")),
    }
}

/// The kernel's own is used by root alone; everybody has ours.
fn wireguard() -> Row {
    const NAME: &str = "wireguard module";
    const WITHOUT: &str = "--vpn, by kakuri's own tunnel";
    if fs::metadata("/sys/module/wireguard").is_ok() {
        return Row::works(NAME, "the kernel has it, for --vpn as root");
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let listed = ["modules.dep", "modules.builtin"].into_iter().any(|file| {
        fs::read_to_string(format!("/lib/modules/{release}/{file}")).is_ok_and(|text| text.contains("/wireguard.ko"))
    });
    let row = match listed {
        true => Row::lesser(NAME, "it is not loaded")
            .mend("sudo modprobe wireguard")
            .fix(["sudo modprobe wireguard".to_string()]),
        false => Row::lesser(NAME, "this kernel has none")
            .mend("a kernel built with CONFIG_WIREGUARD, if root's VPNs are to be its own"),
    };
    row.without(WITHOUT)
}
