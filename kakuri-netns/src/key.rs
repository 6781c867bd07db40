//! WireGuard's keys: 32 bytes, written as 44 characters of base64 (wg(8)).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::{Zeroize, Zeroizing};

/// A private or preshared key. It stays where it is, because a move would leave a copy behind, and is wiped when dropped;
/// no form of printing shows it but the document it crosses in.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Box<[u8; 32]>);

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A peer's name, in effect: for everybody to see.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

impl Key {
    pub fn new(bytes: [u8; 32]) -> Key {
        Key(Box::new(bytes))
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Makes it none at once.
    pub fn wipe(&mut self) {
        self.0.zeroize();
    }
}

impl PublicKey {
    pub fn new(bytes: [u8; 32]) -> PublicKey {
        PublicKey(bytes)
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why this is no key, without a word of it.
fn decode(text: &str, to: &mut [u8; 32]) -> Result<(), String> {
    if text.len() != 44 {
        return Err(format!("a key has 44 characters, this has {}", text.len()));
    }
    // Without its padding the text would be 33 bytes, for which there has to be room.
    let mut room = Zeroizing::new([0; 33]);
    match STANDARD.decode_slice(text, &mut *room) {
        Ok(32) => {
            to.copy_from_slice(&room[..32]);
            Ok(())
        }
        _ => Err("a key is 32 bytes in base64".into()),
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Key, String> {
        let mut key = Key(Box::new([0; 32]));
        decode(text, &mut key.0).map(|()| key)
    }
}

impl FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<PublicKey, String> {
        let mut key = PublicKey([0; 32]);
        decode(text, &mut key.0).map(|()| key)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("(key)")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&Zeroizing::new(STANDARD.encode(*self.0)))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(Text)
    }
}

/// Takes a key from the text itself: a String would be a copy.
struct Text;

impl de::Visitor<'_> for Text {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Key, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, PublicKey};

    const TEXT: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

    #[test]
    fn as_wg_writes_them() {
        let public: PublicKey = TEXT.parse().expect("parses");
        assert_eq!(public.to_string(), TEXT);
        assert_eq!(public.bytes()[31], 32);
        for bad in [
            "",
            "AQ==",
            &TEXT[1..],
            &TEXT.replace('=', "A"),
            &"A".repeat(44),
            &"=".repeat(44),
            &TEXT.replace('A', "-"),
            &format!("{TEXT}="),
        ] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_stays_where_it_is() {
        let key: Key = TEXT.parse().expect("parses");
        let at = key.bytes().as_ptr();
        let (kept, mut later) = (vec![key], Vec::new());
        later.extend(kept);
        assert_eq!(later[0].bytes().as_ptr(), at);
        let mut copy = later[0].clone();
        assert_ne!(copy.bytes().as_ptr(), at);
        copy.wipe();
        assert_eq!((copy.bytes(), later[0].bytes()[31]), (&[0; 32], 32));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let key: Key = TEXT.parse().expect("parses");
        assert_eq!(format!("{key:?}"), "(key)");
        let fail = "Secret+Secret+Secret+Secret+Secret+Secret+S".parse::<Key>().expect_err("too short");
        assert!(!fail.contains("Secret"), "{fail}");
        let crossed: Key = serde_json::from_str(&serde_json::to_string(&key).expect("serialises")).expect("parses");
        assert!(crossed == key);
    }
}
