//! The path of what is being copied, as the user would type it.

use std::fmt;

use kakuri_wire::Bytes;

/// Of a path in a message.
const SHOWN: usize = 300;

/// A path that grows and shrinks with a walk.
#[derive(Clone, Debug)]
pub struct Trail {
    path: Vec<u8>,
    /// Where the part below the top begins.
    base: usize,
    marks: Vec<usize>,
}

impl Trail {
    /// `top` is as typed.
    pub fn new(top: impl Into<Vec<u8>>) -> Trail {
        let path = top.into();
        Trail { base: path.len(), path, marks: Vec::new() }
    }

    pub fn push(&mut self, name: &[u8]) {
        self.marks.push(self.path.len());
        if !self.path.is_empty() && self.path.last() != Some(&b'/') {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
    }

    pub fn pop(&mut self) {
        if let Some(mark) = self.marks.pop() {
            self.path.truncate(mark);
        }
    }

    /// With one more name.
    pub fn with(&self, name: &[u8]) -> Trail {
        let mut trail = self.clone();
        trail.push(name);
        trail
    }

    /// Below the top, without a slash before it.
    pub fn below(&self) -> &[u8] {
        let below = &self.path[self.base..];
        below.strip_prefix(b"/").unwrap_or(below)
    }

    pub fn depth(&self) -> usize {
        self.marks.len()
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.path.get(..SHOWN) {
            Some(begin) if self.path.len() > SHOWN => write!(f, "{}...", Bytes(begin.to_vec())),
            _ => write!(f, "{}", Bytes(self.path.clone())),
        }
    }
}
