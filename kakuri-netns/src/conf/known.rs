//! The settings wg(8) and wg-quick(8) know, and those of others that are met in such files.

/// A section of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Interface,
    Peer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    PrivateKey,
    ListenPort,
    FwMark,
    Address,
    Dns,
    Mtu,
    Table,
    /// A command.
    Hook,
    SaveConfig,
    /// For WireGuard's Android program alone.
    Applications,
    PublicKey,
    PresharedKey,
    AllowedIps,
    Endpoint,
    Keepalive,
}

pub(super) struct Known {
    pub name: &'static str,
    pub section: Section,
    pub setting: Setting,
}

const fn known(name: &'static str, section: Section, setting: Setting) -> Known {
    Known { name, section, setting }
}

pub(super) const KNOWN: &[Known] = &[
    known("PrivateKey", Section::Interface, Setting::PrivateKey),
    known("Address", Section::Interface, Setting::Address),
    known("DNS", Section::Interface, Setting::Dns),
    known("MTU", Section::Interface, Setting::Mtu),
    known("ListenPort", Section::Interface, Setting::ListenPort),
    known("FwMark", Section::Interface, Setting::FwMark),
    known("Table", Section::Interface, Setting::Table),
    known("PreUp", Section::Interface, Setting::Hook),
    known("PostUp", Section::Interface, Setting::Hook),
    known("PreDown", Section::Interface, Setting::Hook),
    known("PostDown", Section::Interface, Setting::Hook),
    known("SaveConfig", Section::Interface, Setting::SaveConfig),
    known("IncludedApplications", Section::Interface, Setting::Applications),
    known("ExcludedApplications", Section::Interface, Setting::Applications),
    known("PublicKey", Section::Peer, Setting::PublicKey),
    known("PresharedKey", Section::Peer, Setting::PresharedKey),
    known("AllowedIPs", Section::Peer, Setting::AllowedIps),
    known("Endpoint", Section::Peer, Setting::Endpoint),
    known("PersistentKeepalive", Section::Peer, Setting::Keepalive),
];

impl Section {
    pub fn name(self) -> &'static str {
        match self {
            Section::Interface => "[Interface]",
            Section::Peer => "[Peer]",
        }
    }

    pub fn find(typed: &str) -> Option<Section> {
        let is = |name: &str| typed.eq_ignore_ascii_case(name);
        if is("Interface") {
            return Some(Section::Interface);
        }
        is("Peer").then_some(Section::Peer)
    }
}

/// Upper and lower case are one, as wg has it.
pub(super) fn find(typed: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(typed))
}

/// What stands nearest to an unknown setting, if anything does.
pub(super) fn nearest(typed: &str) -> Option<&'static Known> {
    // A word as long as this is none of them, and the distance takes the product of both lengths.
    if typed.len() > 32 {
        return None;
    }
    let near = KNOWN.iter().map(|known| (distance(typed, known.name), known)).min_by_key(|(far, _)| *far)?;
    (near.0 <= (typed.len() / 3).clamp(1, 4)).then_some(near.1)
}

/// What has to be put in, taken out or changed to make one word of the other, whatever its case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_ascii_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.to_ascii_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Settings of AmneziaWG, which speaks another protocol on the wire.
pub(super) fn is_amnezia(typed: &str) -> bool {
    let lower = typed.to_ascii_lowercase();
    let numbered = |letter: char, most: char| {
        let mut letters = lower.chars();
        letters.next() == Some(letter)
            && letters.next().is_some_and(|n| ('1'..=most).contains(&n))
            && letters.next().is_none()
    };
    matches!(&lower[..], "jc" | "jmin" | "jmax" | "itime" | "advancedsecurity")
        || numbered('s', '4')
        || numbered('h', '4')
        || numbered('i', '5')
        || numbered('j', '3')
}

/// Words of other programs' files, and what they are.
pub(super) fn foreign_section(typed: &str) -> Option<&'static str> {
    let is = |names: &[&str]| names.iter().any(|name| typed.eq_ignore_ascii_case(name));
    if is(&["NetDev", "WireGuard", "WireGuardPeer", "Match", "Network", "Route"]) {
        return Some("this is a file of systemd-networkd; WireGuard's own has [Interface] and [Peer]");
    }
    if is(&["connection", "wireguard-peer", "ipv4", "ipv6"]) || typed.starts_with("wireguard-peer.") {
        return Some("this is a file of NetworkManager; WireGuard's own has [Interface] and [Peer]");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_setting() {
        let near = |typed: &str| nearest(typed).map(|known| known.name);
        assert_eq!(near("Adress"), Some("Address"));
        assert_eq!(near("AllowedIP"), Some("AllowedIPs"));
        assert_eq!(near("allowed_ips"), Some("AllowedIPs"));
        assert_eq!(near("PersistentKeepAlive1"), Some("PersistentKeepalive"));
        assert_eq!(near("EndPoints"), Some("Endpoint"));
        assert_eq!(near("Preshared_Key"), Some("PresharedKey"));
        assert_eq!(near("Colour"), None);
        assert_eq!(near("X"), None);
        assert_eq!(near(&"A".repeat(1000)), None);
    }

    #[test]
    fn amnezia_is_told_from_others() {
        for key in ["Jc", "jmin", "JMAX", "S1", "s4", "H1", "H4", "I1", "I5", "J3", "ITime"] {
            assert!(is_amnezia(key), "{key}");
            assert!(find(key).is_none(), "{key}");
        }
        for key in ["", "J", "S", "S0", "S5", "H12", "MTU", "I6"] {
            assert!(!is_amnezia(key), "{key}");
        }
    }
}
