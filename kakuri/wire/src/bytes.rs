//! Paths, arguments and environment are bytes: a JSON string where they are UTF-8, `{"hex": ...}` where not.

use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A byte string as the kernel knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    pub fn as_path(&self) -> &Path {
        Path::new(self.as_os_str())
    }

    /// For a system call; an embedded NUL is an error of the one who made the plan.
    pub fn to_cstring(&self) -> Option<CString> {
        CString::new(self.0.clone()).ok()
    }

    pub fn has_nul(&self) -> bool {
        self.0.contains(&0)
    }
}

impl<T: AsRef<OsStr> + ?Sized> From<&T> for Bytes {
    fn from(s: &T) -> Self {
        Bytes(s.as_ref().as_bytes().to_vec())
    }
}

impl From<OsString> for Bytes {
    fn from(s: OsString) -> Self {
        Bytes(s.into_vec())
    }
}

impl From<PathBuf> for Bytes {
    fn from(s: PathBuf) -> Self {
        Bytes(s.into_os_string().into_vec())
    }
}

impl From<String> for Bytes {
    fn from(s: String) -> Self {
        Bytes(s.into_bytes())
    }
}

/// Characters that show as nothing or change how others show: controls, and what turns the direction of text.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// For people: hidden characters and invalid UTF-8 are escaped, so a name cannot drive the terminal nor show as another.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some((at, hidden)) = rest.char_indices().find(|(_, c)| is_hidden(*c)) {
                write!(f, "{}{}", &rest[..at], hidden.escape_default())?;
                rest = &rest[at + hidden.len_utf8()..];
            }
            f.write_str(rest)?;
            for b in chunk.invalid() {
                write!(f, "\\x{b:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => s.serialize_str(text),
            Err(_) => {
                use serde::ser::SerializeMap;
                let hex: String = self.0.iter().map(|b| format!("{b:02x}")).collect();
                let mut map = s.serialize_map(Some(1))?;
                map.serialize_entry("hex", &hex)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string, or {\"hex\": \"...\"}")
            }
            fn visit_str<E: de::Error>(self, s: &str) -> Result<Bytes, E> {
                Ok(Bytes(s.as_bytes().to_vec()))
            }
            fn visit_string<E: de::Error>(self, s: String) -> Result<Bytes, E> {
                Ok(Bytes(s.into_bytes()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Bytes, A::Error> {
                let bad = || de::Error::custom("expected {\"hex\": \"...\"}");
                let (key, hex): (String, String) = map.next_entry()?.ok_or_else(bad)?;
                if key != "hex"
                    || hex.len() % 2 != 0
                    || !hex.bytes().all(|b| b.is_ascii_hexdigit())
                    || map.next_key::<String>()?.is_some()
                {
                    return Err(bad());
                }
                (0..hex.len())
                    .step_by(2)
                    .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).map_err(|_| bad()))
                    .collect::<Result<_, _>>()
                    .map(Bytes)
            }
        }
        d.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn text_is_a_string_and_the_rest_is_hex() {
        for raw in [&b"plain"[..], b"", b"quo\"te\n", b"\xff\xfe\x00a", "\u{65e5}\u{672c}".as_bytes()] {
            let bytes = Bytes(raw.to_vec());
            let json = serde_json::to_string(&bytes).expect("serialises");
            assert_eq!(serde_json::from_str::<Bytes>(&json).expect("parses"), bytes, "{json}");
        }
        assert_eq!(serde_json::to_string(&Bytes(b"\xffA".to_vec())).expect("serialises"), r#"{"hex":"ff41"}"#);
    }

    #[test]
    fn nonsense_is_refused() {
        for json in [r#"{"hex":"f"}"#, r#"{"hex":"zz"}"#, r#"{"hax":"00"}"#, "{}", "3", r#"{"hex":"00","a":"b"}"#] {
            assert!(serde_json::from_str::<Bytes>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn shown_names_cannot_drive_a_terminal() {
        assert_eq!(Bytes(b"a\x1b[31m\xff\n".to_vec()).to_string(), "a\\u{1b}[31m\\xff\\n");
        for (name, shown) in [
            ("a\u{202e}txt.exe", "a\\u{202e}txt.exe"),
            ("\u{200b}web", "\\u{200b}web"),
            ("a\u{2066}b\u{feff}\u{e0041}", "a\\u{2066}b\\u{feff}\\u{e0041}"),
            ("日本 ü\u{301}", "日本 ü\u{301}"),
        ] {
            assert_eq!(Bytes(name.as_bytes().to_vec()).to_string(), shown);
        }
    }
}
