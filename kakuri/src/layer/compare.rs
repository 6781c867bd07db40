//! Two things of one name: what became of the one that is now the other.

use std::fs::File;
use std::io::Read;

use rustix::io::Errno;

use super::Kind;
use super::upper::{Form, Node, Tree};

const CHUNK: usize = 128 << 10;

/// A thing of a tree.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub tree: &'a Tree,
    pub rest: &'a [u8],
    pub node: &'a Node,
}

/// What became of `old`, which is `new` now; None where they are the same.
pub fn compare(old: Side, new: Side) -> Result<Option<Kind>, Errno> {
    if old.node.form != new.node.form {
        return Ok(Some(Kind::Type));
    }
    match new.node.form {
        Form::File => {
            if old.node.size != new.node.size || !same_content(old, new)? {
                return Ok(Some(Kind::Modified));
            }
            if other_rights(old, new)? {
                return Ok(Some(Kind::Mode));
            }
            // It was opened for writing, and nothing was written: that copies it too.
            Ok((old.node.modified != new.node.modified).then_some(Kind::Touched))
        }
        Form::Link => Ok((old.tree.target(old.rest)? != new.tree.target(new.rest)?).then_some(Kind::Link)),
        Form::Folder => Ok(other_rights(old, new)?.then_some(Kind::Mode)),
        Form::Fifo | Form::Socket => Ok((old.node.permissions() != new.node.permissions()).then_some(Kind::Mode)),
        Form::Device | Form::Whiteout => Ok(None),
    }
}

/// Another mode, other attributes or another access list.
fn other_rights(old: Side, new: Side) -> Result<bool, Errno> {
    Ok(old.node.permissions() != new.node.permissions()
        || old.tree.attributes(old.rest)? != new.tree.attributes(new.rest)?)
}

fn same_content(old: Side, new: Side) -> Result<bool, Errno> {
    if new.node.size == 0 {
        return Ok(true);
    }
    let old = match old.tree.read(old.rest) {
        // What nobody may read nobody can say to be the same.
        Err(Errno::ACCESS) => return Ok(false),
        opened => opened?,
    };
    same_bytes(&old, &new.tree.read(new.rest)?)
}

pub fn same_bytes(mut one: &File, mut other: &File) -> Result<bool, Errno> {
    let (mut a, mut b) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let n = fill(&mut one, &mut a)?;
        if n != fill(&mut other, &mut b)? || a[..n] != b[..n] {
            return Ok(false);
        }
        if n < CHUNK {
            return Ok(true);
        }
    }
}

/// Reads until it is full or there is no more.
fn fill(from: &mut &File, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut at = 0;
    while at < buffer.len() {
        match from.read(&mut buffer[at..]) {
            Ok(0) => break,
            Ok(n) => at += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Errno::from_io_error(&e).unwrap_or(Errno::IO)),
        }
    }
    Ok(at)
}
