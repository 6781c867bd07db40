//! The role that makes an unpacked layer lie upon those below it: what its archive leaves open is decided by what they have.
//!
//! Overlayfs lists a whiteout that hides nothing, a folder of the top layer is what it is like whatever lies below, and no
//! hard link reaches from one layer into another. So whiteouts of nothing go, folders the archive only implies are like
//! those they lie upon, and a file of another layer that gets a new name is copied up with all its names.

mod below;
mod copy;
mod folder;
mod link;
mod prune;
mod view;

use kakuri_wire::Bytes;
use kakuri_wire::channel::Channel;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::io::Errno;

use crate::Owners;
use crate::talk::{FromUnpack, Report, ToUnpack};
use crate::unpack::place::Place;
use crate::unpack::{begin, hear, out_of_turn, say};
use below::Below;
use view::View;

/// For the front, until it hangs up.
pub fn serve(link: &Channel) -> Result<()> {
    let Some((_, owners)) = begin(link)? else { return Ok(()) };
    while let Some((message, _)) = hear(link)? {
        let word = match message {
            ToUnpack::Settle { n, below } => match settle(n, &below, owners) {
                Ok(report) => FromUnpack::Settled { n, report },
                Err(fail) => FromUnpack::Failed(fail),
            },
            _ => FromUnpack::Failed(out_of_turn()),
        };
        say(link, &word, &[])?;
    }
    Ok(())
}

/// Settles one layer. One that left nothing open is settled.
fn settle(n: u32, below: &[u32], owners: Owners) -> Result<Report> {
    let place = Place::find(n)?;
    let mut report = Report::default();
    let Some(mut open) = place.left_open()? else { return Ok(report) };
    let mut below = Below::open(below)?;
    let root = place.root()?;
    let failed = |e: Errno| disk(&Bytes(b"/".to_vec()), e);
    let mut view = View::new(&root, &mut below).map_err(failed)?;
    view.implied = open.implied.drain(..).map(|path| path.0).collect();
    view.opaque = open.opaque.drain(..).map(|path| path.0).collect();
    // Folders move where a link below leads, and everything that is named in them with them.
    folder::follow(&mut view, &mut open).map_err(failed)?;
    link::resolve(&mut view, &open, owners, &mut report)?;
    let whiteouts: Vec<Vec<u8>> = open.whiteouts.drain(..).map(|path| path.0).collect();
    prune::prune(&mut view, &whiteouts).map_err(failed)?;
    // Last, because all of it may change what folders are like.
    folder::inherit(&mut view, owners).map_err(failed)?;
    place.is_settled();
    Ok(report)
}

/// What stands against it, at a path of the layer.
const MAKERS: &str = "the image was put together wrongly: ask its makers";

fn disk(shown: &Bytes, e: Errno) -> Fail {
    let fail = Fail::new(Stage::Unpack, format!("cannot lay '{shown}' upon the layers below"));
    match e {
        Errno::LOOP => fail.errno(e).why("the links there lead in a circle").hint(MAKERS),
        Errno::NOTDIR => fail.errno(e).why("a file stands where a folder should be").hint(MAKERS),
        _ => crate::unpack::disk(fail, e),
    }
}

/// Whether there is nothing, where something was looked for.
fn is_nothing(e: Errno) -> bool {
    matches!(e, Errno::NOENT | Errno::NOTDIR)
}
