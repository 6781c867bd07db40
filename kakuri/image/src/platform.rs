//! For which machine an image is: `linux/amd64`, `linux/arm/v7`, as containerd writes it (its package platforms).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    pub os: String,
    /// As Go names it: `amd64`, `arm64`.
    pub architecture: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// Of this machine.
    pub fn host() -> Platform {
        Platform::of("linux", std::env::consts::ARCH, None)
    }

    /// With the other names that are in use for the same machine, and no variant where it is the usual one.
    pub fn of(os: &str, architecture: &str, variant: Option<&str>) -> Platform {
        let (architecture, implied) = match architecture {
            "x86_64" | "x86-64" => ("amd64", None),
            "aarch64" => ("arm64", None),
            "armhf" => ("arm", Some("v7")),
            "armel" => ("arm", Some("v6")),
            "x86" | "i386" | "i486" | "i586" | "i686" => ("386", None),
            "powerpc64le" | "powerpc64" => ("ppc64le", None),
            other => (other, None),
        };
        let variant = variant.filter(|v| !v.is_empty()).or(implied);
        let usual = match architecture {
            "amd64" => "v1",
            "arm64" => "v8",
            "arm" => "v7",
            _ => "",
        };
        let number = |v: &str| if v.starts_with(|c: char| c.is_ascii_digit()) { format!("v{v}") } else { v.into() };
        let variant = variant.map(number).filter(|v| v != usual);
        Platform { os: os.into(), architecture: architecture.into(), variant }
    }

    /// How well what is offered suits: None not at all, else the larger the better. An older variant of the same
    /// machine does, because its programs run on a newer one.
    pub fn suits(&self, offered: &Platform) -> Option<u32> {
        let normal = |p: &Platform| Platform::of(&p.os, &p.architecture, p.variant.as_deref());
        let (wanted, offered) = (normal(self), normal(offered));
        if (&wanted.os, &wanted.architecture) != (&offered.os, &offered.architecture) {
            return None;
        }
        match (wanted.level(), offered.level()) {
            (Some(most), Some(level)) => (level <= most).then_some(level),
            _ => (wanted.variant == offered.variant).then_some(0),
        }
    }

    /// The number of a variant that has one.
    fn level(&self) -> Option<u32> {
        let usual = match self.architecture.as_str() {
            "amd64" => 1,
            "arm64" => 8,
            "arm" => 7,
            _ => return None,
        };
        match &self.variant {
            None => Some(usual),
            Some(variant) => variant.strip_prefix('v')?.parse().ok(),
        }
    }
}

impl FromStr for Platform {
    type Err = String;

    /// `OS/ARCHITECTURE[/VARIANT]`, or the architecture alone.
    fn from_str(text: &str) -> Result<Platform, String> {
        let is_name = |part: &&str| {
            !part.is_empty()
                && part.len() <= 32
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        if !parts.iter().all(|part| is_name(part)) {
            return Err("a platform is OS/ARCHITECTURE[/VARIANT], as in linux/amd64 or linux/arm/v7".into());
        }
        match parts[..] {
            ["linux"] => Ok(Platform::host()),
            [architecture] => Ok(Platform::of("linux", architecture, None)),
            [os, architecture] => Ok(Platform::of(os, architecture, None)),
            [os, architecture, variant] => Ok(Platform::of(os, architecture, Some(variant))),
            _ => Err("a platform is OS/ARCHITECTURE[/VARIANT], and this has more parts".into()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().expect("a platform")
    }

    #[test]
    fn other_names_of_the_same() {
        for (typed, shown) in [
            ("linux/amd64", "linux/amd64"),
            ("x86_64", "linux/amd64"),
            ("linux/x86_64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/8", "linux/arm64"),
            ("arm", "linux/arm"),
            ("linux/arm/v7", "linux/arm"),
            ("linux/armel", "linux/arm/v6"),
            ("Linux/S390X", "linux/s390x"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(platform(typed).to_string(), shown, "{typed}");
            assert_eq!(platform(shown), platform(typed), "{typed}");
        }
        assert_eq!(platform("linux"), Platform::host());
        for wrong in ["", "/", "linux/", "linux//v7", "a/b/c/d", "linux/amd 64", "linux/\u{1b}", "linux/../x"] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_suits() {
        for (wanted, offered, suits) in [
            ("linux/amd64", "linux/amd64", Some(1)),
            ("linux/amd64", "linux/amd64/v2", None),
            ("linux/amd64/v3", "linux/amd64/v2", Some(2)),
            ("linux/arm", "linux/arm/v7", Some(7)),
            ("linux/arm", "linux/arm/v6", Some(6)),
            ("linux/arm/v6", "linux/arm/v7", None),
            ("linux/arm64", "linux/arm64/v8", Some(8)),
            ("linux/arm64", "linux/arm/v7", None),
            ("linux/amd64", "windows/amd64", None),
            ("linux/riscv64", "linux/riscv64", Some(0)),
            ("linux/amd64", "unknown/unknown", None),
        ] {
            assert_eq!(platform(wanted).suits(&platform(offered)), suits, "{wanted} {offered}");
        }
        // As others write it, unnormalised.
        let offered = Platform { os: "linux".into(), architecture: "arm64".into(), variant: Some("v8".into()) };
        assert_eq!(platform("linux/arm64").suits(&offered), Some(8));
    }
}
