//! Secrets in odd places, and random damage.

use super::*;

/// Wherever a secret stands, and however it is broken, no message has a piece of it.
#[test]
fn no_message_shows_a_key() {
    let pieces = |text: &str| -> Vec<String> {
        text.as_bytes().windows(9).filter_map(|w| std::str::from_utf8(w).ok()).map(String::from).collect()
    };
    let secret: Vec<String> = pieces(PRIVATE).into_iter().chain(pieces(PRESHARED)).collect();
    let harmless = |text: &str| {
        let Examined { conf, errors, warnings } = examine("c", text.as_bytes());
        let all = format!("{errors:?}{warnings:?}{}{conf:?}", errors.iter().map(Fail::to_string).collect::<String>());
        let found = secret.iter().find(|piece| all.contains(*piece));
        assert_eq!(found, None, "{text}\n{all}");
    };
    harmless(&full());
    for key in [
        "Address",
        "DNS",
        "MTU",
        "ListenPort",
        "Table",
        "FwMark",
        "SaveConfig",
        "AllowedIPs",
        "Endpoint",
        "PersistentKeepalive",
        "PublicKey",
        "PrivateKey",
        "PresharedKey",
        "PostUp",
        "Unknown",
        "",
    ] {
        for section in ["[Interface]\n", "[Peer]\n", "", "[Odd]\n"] {
            for secret in [PRIVATE, PRESHARED, &PRIVATE[1..], &PRIVATE[..43], &format!("{PRIVATE}{PRESHARED}")] {
                harmless(&format!("{section}{key} = {secret}\n"));
                harmless(&format!("{section}{key} {secret}\n"));
                harmless(&format!("{section}{key} = x/{secret}, {secret}:1\n"));
                harmless(&format!("[{secret}]\n{section}{secret}\n"));
            }
        }
    }
    // A key that was broken into two lines.
    for at in 1..PRIVATE.len() {
        let (one, two) = PRIVATE.split_at(at);
        harmless(&full().replace(PRIVATE, &format!("{one}\n{two}")));
        harmless(&full().replace(PRIVATE, &format!("{one}\n  {two}\n")));
    }
}

/// xorshift: the same damage in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Whatever is read is sound, and whatever is not says where.
#[test]
fn random_damage_is_survived() {
    let sound = |bytes: &[u8]| -> bool {
        let examined = examine("c", bytes);
        assert_eq!(examined.conf.is_none(), !examined.errors.is_empty());
        for fail in &examined.errors {
            assert!(fail.hint.is_some() && fail.to_string().chars().all(|c| c == '\n' || !c.is_control()), "{fail}");
        }
        let Some(conf) = examined.conf else { return false };
        check(&conf.plan()).unwrap_or_else(|fail| panic!("{fail}\n{}", String::from_utf8_lossy(bytes)));
        let tunnel = conf.tunnel();
        assert!(tunnel.mtu >= 576 && !tunnel.peers.is_empty());
        assert!(tunnel.peers.iter().flat_map(|p| &p.allowed).all(|network| network.network() == *network));
        true
    };
    let seeds = [CLIENT, SERVER, TABLE, PEERS, &full()].map(String::from);
    let lines: Vec<&str> = seeds.iter().flat_map(|seed| seed.lines()).collect();
    let odd: &[&[u8]] =
        &[b"=", b"#", b"[", b"]", b",", b"/", b":", b"%", b"\n", b"\r", b"\0", b"\xff", b"0", b"9", b"::", b" "];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut whole, mut broken) = (0, 0);
    for _ in 0..8_000 {
        let mut text = seeds[random.below(seeds.len())].clone().into_bytes();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len());
            match random.below(5) {
                0 => text[at] = odd[random.below(odd.len())][0],
                1 => drop(text.drain(at..(at + random.below(20)).min(text.len()))),
                2 => drop(text.splice(at..at, odd[random.below(odd.len())].iter().copied())),
                3 => {
                    let line = format!("\n{}\n", lines[random.below(lines.len())]);
                    drop(text.splice(at..at, line.into_bytes()));
                }
                _ => {
                    let line = format!("\n{}\n", lines[random.below(lines.len())]);
                    text.extend_from_slice(line.as_bytes());
                }
            }
            if text.is_empty() {
                break;
            }
        }
        match sound(&text) {
            true => whole += 1,
            false => broken += 1,
        }
    }
    // Both must have been met, or this would say nothing.
    assert!(whole > 100 && broken > 100, "{whole} {broken}");
}
