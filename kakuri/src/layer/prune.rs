//! Taking changes out of a layer, so that the container sees the original at that path again.

use rustix::fs::{AtFlags, FileType, Mode, mknodat, unlinkat};
use rustix::io::Errno;

use super::journal::{Act, Op};
use super::list::{Opened, Pair};
use super::upper::Form;
use super::{carry, child, plan};
use crate::pathname;

/// Forgets what the layer has at a path. Nobody uses the layer meanwhile.
pub fn forget(pair: &Pair, path: &[u8]) -> Result<(), Errno> {
    let mut opened = Opened::of(&pair.upper);
    let mut way = Vec::new();
    let folder = plan::parent(path);
    let mut closed = Ok(());
    for name in std::iter::once(&b""[..]).chain(pathname::components(folder)) {
        way = child(&way, name);
        // Above something that is gone as a whole there is nothing to open.
        closed = opened.open(&way).and_then(|()| unroll(pair, &way));
        if closed.is_err() {
            break;
        }
    }
    let done = match closed {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(e) => Err(e),
        Ok(()) => match pair.upper.node(path) {
            Ok(Some(_)) if !path.is_empty() => carry::remove_tree(&pair.upper, path),
            Ok(_) => Ok(()),
            Err(e) => Err(e),
        },
    };
    opened.restore();
    done
}

/// A folder that hides all of the original's says instead what of it is not there: one name can then be taken out.
fn unroll(pair: &Pair, path: &[u8]) -> Result<(), Errno> {
    if !pair.upper.is_opaque(path) || !pair.lower.node(path)?.is_some_and(|node| node.is(Form::Folder)) {
        return Ok(());
    }
    let folder = pair.upper.folder(path)?;
    for name in pair.lower.names(path)? {
        let inner = child(path, &name);
        match pair.upper.node(&inner)? {
            None => mknodat(&folder, &*name, FileType::CharacterDevice, Mode::empty(), 0)?,
            Some(node) if node.is(Form::Folder) => pair.upper.make_opaque(&inner)?,
            Some(_) => {}
        }
    }
    pair.upper.make_transparent(path)
}

/// A change of the folder itself: its mode goes back to what it was.
pub fn forget_top(pair: &Pair) -> Result<(), Errno> {
    carry::set_mode(&pair.upper.folder(b"")?, pair.record.mode)
}

/// Takes out what a commit has carried over: the original has it now.
pub fn forget_committed(pair: &Pair, ops: &[Op]) -> Result<(), Errno> {
    for op in ops.iter().rev().filter(|op| op.layer == pair.number) {
        let path = op.path.as_bytes();
        let Some(node) = pair.upper.node(path)? else { continue };
        match (&op.act, node.form) {
            (Act::Open, _) => {}
            // There may be more in it that was not chosen, and it may be needed for that.
            (_, Form::Folder) => match unlink_folder(pair, path) {
                Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST | Errno::INVAL | Errno::BUSY) => {}
                Err(e) => return Err(e),
            },
            _ => forget(pair, path)?,
        }
    }
    Ok(())
}

fn unlink_folder(pair: &Pair, path: &[u8]) -> Result<(), Errno> {
    // A new mode of it is the original's by now; what it hides it has to go on hiding.
    if path.is_empty() || pair.upper.is_opaque(path) {
        return Ok(());
    }
    unlinkat(pair.upper.folder(plan::parent(path))?, pathname::name(path), AtFlags::REMOVEDIR)
}
