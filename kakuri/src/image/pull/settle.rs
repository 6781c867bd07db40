//! After unpacking: what of a layer depends on those below it, in a short run of its own that sees them all, read-only.

use std::os::fd::AsFd;
use std::path::PathBuf;

use kakuri_image::Recipe;
use kakuri_image::talk::{FromUnpack, Report, ToUnpack};
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::event::{PollFd, PollFlags, poll};

use super::drive::out_of_turn;
use super::hub::Surroundings;
use super::progress::Progress;
use super::{interrupted, is_end};
use crate::image::store::Work;
use crate::image::unpacker::{Role, Unpacker};
use crate::signals::Signals;

/// Settles every layer that was unpacked now and has to be, the lowest first: the next one lies upon it.
pub fn settle(
    around: Surroundings,
    work: &Work,
    recipe: &Recipe,
    reports: &mut [Option<Report>],
    progress: &mut Progress,
) -> Result<()> {
    let unsettled = |report: &Option<Report>| report.as_ref().is_some_and(|report| report.unsettled);
    if !reports.iter().any(unsettled) {
        return Ok(());
    }
    let trees: Vec<PathBuf> = recipe.layers.iter().enumerate().map(|(n, layer)| work.tree(n, layer)).collect();
    let Surroundings { ids, programs, host, name, .. } = around;
    let mut unpacker = Unpacker::begin(Role::Settle, &work.path(), &trees, ids, programs, host)?;
    let mut signals = Signals::block()?;
    let mut todo = (0..reports.len()).filter(|&n| unsettled(&reports[n])).collect::<Vec<usize>>().into_iter();
    // None: it is not ready yet.
    let mut current: Option<usize> = None;
    loop {
        progress.draw();
        {
            let mut watched: Vec<PollFd> = vec![PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
            watched.extend(unpacker.watched().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            match poll(&mut watched, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(Fail::new(Stage::Front, "cannot wait for the helpers").errno(e)),
            }
        }
        if let Some(came) = signals.take().filter(|came| is_end(came.signal)) {
            return Err(interrupted(came.signal, name));
        }
        for (word, _) in unpacker.hear()? {
            match (word, current) {
                (FromUnpack::Failed(fail), _) => return Err(fail),
                (FromUnpack::Progress { .. }, Some(_)) => continue,
                (FromUnpack::Ready, None) => {}
                (FromUnpack::Settled { n, report }, Some(settled)) if n as usize == settled => {
                    if let Some(whole) = &mut reports[settled] {
                        // What was copied up from below comes to what the archive had.
                        whole.entries += report.entries;
                        whole.bytes += report.bytes;
                        whole.left_out.extend(report.left_out);
                    }
                }
                (word, _) => return Err(out_of_turn(Stage::Unpack, &format!("{word:?}"))),
            }
            current = todo.next();
            let Some(n) = current else { return unpacker.finish() };
            // The top one first.
            let below = (0..n as u32).rev().collect();
            unpacker.ask(&ToUnpack::Settle { n: n as u32, below }, &[])?;
        }
    }
}
