//! A peer that does not answer, in words. Pure.

use kakuri_wire::{Bytes, Fail, Stage, fail};

use super::watch::{Heard, Reason, TROUBLE_AFTER};

/// `peer` is HOST:PORT as the user wrote it.
pub fn no_handshake(peer: &str, reason: Reason) -> Fail {
    let seconds = TROUBLE_AFTER.as_secs();
    let fail = Fail::new(Stage::Netns, format!("no handshake with the peer {} after {seconds} s", Bytes::from(peer)));
    match reason {
        Reason::NotSent(libc::ENETUNREACH | libc::EHOSTUNREACH) => fail
            .why("the host has no route to it")
            .hint("see whether the host is on line, and whether it has IPv6 if the peer's address is one: ip route"),
        Reason::NotSent(libc::EPERM | libc::EACCES) => fail
            .why("a firewall of the host forbids sending to it")
            .hint("allow UDP to this address and port in the host's firewall"),
        Reason::NotSent(libc::ECONNREFUSED) => fail
            .why("the machine is there, but nothing listens on this UDP port")
            .hint("correct the port in Endpoint, or start WireGuard there"),
        Reason::NotSent(errno) => fail.why(format!("the host does not send to it: {}", fail::describe(errno))),
        Reason::Heard(Heard::Nothing) => fail
            .why("nothing comes back: a wrong address, a firewall on the way, or a peer that does not know our key")
            .hint("compare Endpoint and PublicKey with the peer's, and see that the peer has our public key"),
        Reason::Heard(Heard::Cookie) => {
            fail.why("it is under load and puts us off").hint("wait; the tunnel goes on trying")
        }
        Reason::Heard(Heard::Stranger) => fail
            .why("what answers there is not sealed with our keys: another WireGuard, or another PublicKey")
            .hint("compare PublicKey with the peer's own: wg show"),
        Reason::Heard(Heard::Answer) => fail
            .why("it answers, but its PresharedKey is not ours")
            .hint("write the same PresharedKey on both sides, or none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_words_of_its_own() {
        let reasons = [
            Reason::NotSent(libc::ENETUNREACH),
            Reason::NotSent(libc::EPERM),
            Reason::NotSent(libc::ECONNREFUSED),
            Reason::NotSent(libc::EINVAL),
            Reason::Heard(Heard::Nothing),
            Reason::Heard(Heard::Cookie),
            Reason::Heard(Heard::Stranger),
            Reason::Heard(Heard::Answer),
        ];
        let told: std::collections::BTreeSet<String> =
            reasons.iter().map(|reason| no_handshake("vpn.example:51820", *reason).to_string()).collect();
        assert_eq!(told.len(), reasons.len());
        assert!(told.iter().all(|t| t.starts_with("no handshake with the peer vpn.example:51820 after 15 s: ")));
    }
}
