//! What a NAT program says on standard error: kept to be told when it fails. Makes no system call.

use kakuri_wire::{Fail, Stage};

use super::Program;

/// Its last words are enough.
const KEPT: usize = 4096;

#[derive(Debug, Default)]
pub struct Words {
    said: Vec<u8>,
}

impl Words {
    pub fn add(&mut self, bytes: &[u8]) {
        self.said.extend_from_slice(bytes);
        let over = self.said.len().saturating_sub(KEPT);
        self.said.drain(..over);
    }

    /// The last lines that say something, oldest first.
    fn last(&self) -> String {
        let text = String::from_utf8_lossy(&self.said);
        // pasta's complaint about a host without syslog, and what slirp4netns says of its options, explain nothing.
        let noise = |line: &&str| {
            !line.is_empty()
                && !line.starts_with("Failed to send ")
                && !line.starts_with("WARNING: Support for ")
                && !line.contains("tapfd=")
        };
        let lines: Vec<&str> = text.lines().map(bare).filter(noise).collect();
        lines[lines.len().saturating_sub(3)..].join("; ")
    }

    /// Whether it could not shut itself in.
    pub fn of_walls(&self) -> bool {
        let text = String::from_utf8_lossy(&self.said);
        ["sandbox", "seccomp", "mount", "pivot_root"].iter().any(|word| bare_lines(&text).any(|l| l.contains(word)))
    }

    /// A failure of the program, with its own words and what mends it where that is known. `how`: how it ended.
    pub fn fail(&self, program: Program, what: &str, how: &str) -> Fail {
        let said = self.last();
        let why = if said.is_empty() { how.to_string() } else { format!("{said} ({how})") };
        let fail = Fail::new(Stage::Netns, format!("{} {what}", program.name())).why(why);
        match hint(program, &said) {
            Some(hint) => fail.hint(hint),
            None => fail,
        }
    }
}

fn bare_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(bare).filter(|line| !line.starts_with("WARNING: Support for "))
}

/// Without pasta's time stamp.
fn bare(line: &str) -> &str {
    match line.split_once(": ") {
        Some((stamp, rest)) if stamp.bytes().all(|b| b.is_ascii_digit() || b == b'.') => rest.trim(),
        _ => line.trim(),
    }
}

fn hint(program: Program, said: &str) -> Option<String> {
    let has = |word: &str| said.contains(word);
    if has("/dev/net/tun") {
        return Some(match has("Permission denied") {
            true => "let everybody open it, as systemd does: sudo chmod 0666 /dev/net/tun".into(),
            false => "sudo modprobe tun".into(),
        });
    }
    if has("routable interface") || has("interface not usable") {
        return Some("no default route outside (ip route): connect the host, or --network slirp4netns, or none".into());
    }
    let refused = has("Permission denied") || has("Operation not permitted");
    if program == Program::Pasta && refused {
        return Some(
            "AppArmor or SELinux may forbid it: `journalctl -k -g passt` tells; or --network slirp4netns".into(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_among_the_noise() {
        let mut words = Words::default();
        words.add(b"Failed to send 46 bytes to syslog\n1795325209.0527: No external routable interface for IPv4\n");
        words.add(b"Failed to send 36 bytes to syslog\n1795325209.0528: External interface not usable\n");
        let fail = words.fail(Program::Pasta, "could not start", "it exited with code 1");
        assert_eq!(
            fail.reason().as_deref(),
            Some("No external routable interface for IPv4; External interface not usable (it exited with code 1)")
        );
        assert!(fail.hint.expect("one").contains("no default route"));
        let fail = Words::default().fail(Program::Slirp4netns, "has ended", "it was killed by signal 9");
        assert_eq!(fail.to_string(), "slirp4netns has ended: it was killed by signal 9");
    }

    #[test]
    fn no_more_than_the_last_words_are_kept() {
        let mut words = Words::default();
        for n in 0..10_000 {
            words.add(format!("line {n}\n").as_bytes());
        }
        assert!(words.said.len() <= KEPT && words.last() == "line 9997; line 9998; line 9999", "{}", words.last());
    }

    #[test]
    fn walls_that_do_not_stand_are_known_by_their_words() {
        let mut words = Words::default();
        words.add(b"WARNING: Support for seccomp is experimental\nsent tapfd=5 for eth0\n");
        assert!(!words.of_walls());
        words.add(b"cannot bind mount /run to /tmp/run\ncreate_sandbox failed\n");
        assert!(words.of_walls());
    }
}
