//! The command lines of the two programs. Makes no system call.

use std::os::fd::RawFd;

use super::{ADDRESS, ADDRESS6, GATEWAY, GATEWAY6, Nat, RESOLVER, RESOLVER6};

/// What the link is called in the container, behind either program.
pub const LINK: &str = "eth0";

/// pasta for the namespaces of process `pid`. It says its own number on standard output when all stands: that is its
/// `--pid` file, which it writes last. `root`: that is who starts it.
pub fn pasta(nat: &Nat, pid: i32, root: bool) -> Vec<String> {
    let mut words = vec!["--foreground", "--quiet", "--pid", "/proc/self/fd/1"];
    if root {
        // Else it becomes nobody, which it may not without any capability, and who could not join the container.
        words.extend(["--runas", "0:0"]);
    }
    words.extend(["--config-net", "--ns-ifname", LINK]);
    // Or the gateway would be the host, with all that listens on its loopback.
    words.push("--no-map-gw");
    // All four are said: left out, each is `auto` and opens whatever listens.
    for option in ["--tcp-ports", "--udp-ports", "--tcp-ns", "--udp-ns"] {
        words.extend([option, "none"]);
    }
    let mut words: Vec<String> = words.into_iter().map(String::from).collect();
    let mut say = |option: &str, value: &dyn std::fmt::Display| words.extend([option.to_string(), value.to_string()]);
    say("--address", &ADDRESS);
    say("--netmask", &24);
    say("--gateway", &GATEWAY);
    say("--dns-forward", &RESOLVER);
    if nat.ipv6 {
        say("--address", &ADDRESS6);
        say("--gateway", &GATEWAY6);
        say("--dns-forward", &RESOLVER6);
    }
    // An old one drops a resolver on a loopback address of the host, and then asks 127.0.0.1, right or wrong.
    if let Some(upstream) = nat.upstream.as_ref().filter(|_| nat.old) {
        say("--dns", upstream);
    }
    if !nat.ipv6 {
        words.push("--ipv4-only".into());
    }
    words.push(pid.to_string());
    words
}

/// Whether this is a pasta from before 2024, by what its `--version` says: `pasta 0.0~git20240220.1e6f92b-1`,
/// `pasta 2024_09_06.6b38f07`. One that does not know its own version is Debian 12's, of March 2023.
pub fn is_old(version: &str) -> bool {
    let digits: String = version.chars().filter(|c| *c != '_').collect();
    let dates = digits.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == 8 && run.starts_with("20"));
    dates.filter_map(|run| run.parse::<u32>().ok()).next().is_none_or(|date| date < 20_240_101)
}

/// slirp4netns for the namespaces of process `pid`: by number, because given by path its own sandbox fails. It says on
/// `ready` that all stands, and ends when `exit` hangs up. `walls`: it shuts itself in.
pub fn slirp4netns(nat: &Nat, pid: i32, ready: RawFd, exit: RawFd, walls: bool) -> Vec<String> {
    // Its own network, 10.0.2.0/24, has our addresses; said, so that another default does not change them.
    let mut words = vec!["--configure", "--mtu=65520", "--cidr=10.0.2.0/24", "--disable-host-loopback"];
    if nat.ipv6 {
        words.push("--enable-ipv6");
    }
    if walls {
        words.extend(["--enable-sandbox", "--enable-seccomp"]);
    }
    let mut words: Vec<String> = words.into_iter().map(String::from).collect();
    words.extend([format!("--ready-fd={ready}"), format!("--exit-fd={exit}"), pid.to_string(), LINK.into()]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    use crate::nat::Program;

    fn nat(program: Program, ipv6: bool) -> Nat {
        Nat { program, path: "/x".into(), old: false, ipv6, upstream: None, ports: Vec::new(), host_ports: vec![5432] }
    }

    #[test]
    fn a_pasta_is_told_by_its_date() {
        for (said, old) in [
            ("pasta unknown version\nCopyright Red Hat", true),
            ("pasta 0.0~git20230309.7c7625d-1", true),
            ("pasta 0.0~git20240220.1e6f92b-1", false),
            ("pasta 2024_09_06.6b38f07", false),
            ("pasta 0^20231204.gb86afe3-1.fc39.x86_64", true),
            ("pasta 0^20250512.g8ec1341-1.fc42.x86_64-pasta", false),
            ("", true),
        ] {
            assert_eq!(is_old(said), old, "{said}");
        }
    }

    #[test]
    fn nothing_is_left_to_a_default() {
        let words = pasta(&nat(Program::Pasta, true), 42, false).join(" ");
        assert_eq!(
            words,
            "--foreground --quiet --pid /proc/self/fd/1 --config-net --ns-ifname eth0 --no-map-gw --tcp-ports none \
             --udp-ports none --tcp-ns none --udp-ns none --address 10.0.2.100 --netmask 24 --gateway 10.0.2.2 \
             --dns-forward 10.0.2.3 --address fd6b:616b:7572::100 --gateway fd6b:616b:7572::2 --dns-forward \
             fd6b:616b:7572::3 42"
        );
        let v4 = pasta(&nat(Program::Pasta, false), 42, false).join(" ");
        assert!(!v4.contains("fd6b") && v4.ends_with("--ipv4-only 42"), "{v4}");
        let of_root = pasta(&nat(Program::Pasta, true), 42, true).join(" ");
        // Where the host's resolver cannot be asked as it is: only an old one does not find out by itself.
        let upstream = Some(Ipv4Addr::new(192, 0, 2, 53));
        for (old, said) in [(true, true), (false, false)] {
            let nat = Nat { old, upstream, ..nat(Program::Pasta, false) };
            assert_eq!(pasta(&nat, 42, false).join(" ").contains("--dns 192.0.2.53"), said);
        }
        assert!(of_root.contains(" --runas 0:0 ") && !words.contains("--runas"), "{of_root}");
        // Which ports of the host's are open is no business of either's.
        for words in [words, slirp4netns(&nat(Program::Slirp4netns, true), 42, 5, 6, true).join(" ")] {
            assert!(!words.contains("5432"), "{words}");
        }
    }

    #[test]
    fn slirp4netns_by_number_and_without_the_hosts_loopback() {
        assert_eq!(
            slirp4netns(&nat(Program::Slirp4netns, true), 42, 5, 6, true).join(" "),
            "--configure --mtu=65520 --cidr=10.0.2.0/24 --disable-host-loopback --enable-ipv6 --enable-sandbox \
             --enable-seccomp --ready-fd=5 --exit-fd=6 42 eth0"
        );
    }
}
