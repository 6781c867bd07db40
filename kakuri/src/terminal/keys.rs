//! The detach keys, found in what is typed.

/// Keys that are waited for, and how many of them have come.
pub struct Keys {
    wanted: Vec<u8>,
    met: usize,
}

impl Keys {
    /// No key at all is never met.
    pub fn new(wanted: Vec<u8>) -> Keys {
        Keys { wanted, met: 0 }
    }

    /// Hands on what is not part of the keys; true once they have all come. Keys begun and not finished are handed on
    /// with the next one typed.
    pub fn pass(&mut self, typed: &[u8], on: &mut Vec<u8>) -> bool {
        for &byte in typed {
            if self.wanted.get(self.met) == Some(&byte) {
                self.met += 1;
                if self.met == self.wanted.len() {
                    self.met = 0;
                    return true;
                }
                continue;
            }
            on.extend_from_slice(&self.wanted[..self.met]);
            self.met = usize::from(self.wanted.first() == Some(&byte) && self.met > 0);
            if self.met == 0 {
                on.push(byte);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    fn typed(wanted: &[u8], pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let (mut keys, mut on) = (Keys::new(wanted.to_vec()), Vec::new());
        let left = pieces.iter().any(|piece| keys.pass(piece, &mut on));
        (on, left)
    }

    #[test]
    fn met_in_one_piece_or_many() {
        assert_eq!(typed(b"\x1d\x1d", &[b"ab\x1d\x1dc"]), (b"ab".to_vec(), true));
        assert_eq!(typed(b"\x10\x11", &[b"\x10", b"\x11"]), (vec![], true));
        assert_eq!(typed(b"", &[b"abc"]), (b"abc".to_vec(), false));
    }

    #[test]
    fn what_only_began_as_keys_is_handed_on() {
        assert_eq!(typed(b"\x1d\x1d", &[b"\x1d", b"x"]), (b"\x1dx".to_vec(), false));
        assert_eq!(typed(b"ab", &[b"aab"]), (b"a".to_vec(), true));
        assert_eq!(typed(b"ab", &[b"ac"]), (b"ac".to_vec(), false));
    }
}
