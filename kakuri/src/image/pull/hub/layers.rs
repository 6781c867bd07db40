//! The layers of a pull: where each one's bytes come from, and what becomes of one that is refused.

use std::io::{Seek, SeekFrom};
use std::os::fd::AsFd;

use kakuri_image::Layer;
use kakuri_image::talk::{ToFetch, ToUnpack};
use kakuri_wire::fail::{Fail, OrFail, Result, Stage};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use super::super::drive::out_of_turn;
use super::{Hub, Origin};
use crate::image::store::{Need, full};

/// Of a pipe between the fetcher and the unpacker: what an ordinary user may have (fs.pipe-max-size).
const PIPE: usize = 1 << 20;

impl Hub<'_> {
    pub(super) fn layer(&self, n: usize) -> Option<Layer> {
        self.recipe.as_ref()?.layers.get(n).cloned()
    }

    pub(super) fn begin_layer(&mut self, n: usize) -> Result<()> {
        let Some(layer) = self.layer(n) else { return Err(out_of_turn(Stage::Front, "a layer")) };
        self.work.make_wrapper(n)?;
        let need = self.work.need(n, &layer, !self.anew.contains(&n));
        let number = n as u32;
        let word = |have, keep| ToUnpack::Layer { n: number, layer: layer.clone(), have, keep };
        let have = match need {
            Need::Blob(file) => {
                self.unpacker.ask(&word(0, false), &[file.as_fd()])?;
                self.drive.begin(n, false);
                self.progress.start(n, layer.size);
                return Ok(());
            }
            Need::Rest(have) => have,
        };
        self.check_room(&layer, have)?;
        match &self.origin {
            // All of it is there, and was not verified yet.
            _ if have == layer.size => {
                let nothing = openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                    .fail(Stage::Front, || "cannot open /dev/null".into())?;
                self.unpacker.ask(&word(have, true), &[nothing.as_fd()])?;
                self.drive.begin(n, false);
            }
            Origin::Registry(fetcher) => {
                let what = || "cannot make a pipe for a layer".to_string();
                let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).fail(Stage::Front, what)?;
                // A smaller one only costs more turns.
                let _ = fcntl_setpipe_size(&writer, PIPE);
                self.unpacker.ask(&word(have, true), &[reader.as_fd()])?;
                let (digest, size) = (layer.digest.clone(), layer.size);
                fetcher.ask(&ToFetch::Blob { n: number, digest, size, from: have }, &[writer.as_fd()])?;
                self.drive.begin(n, true);
            }
            Origin::Layout(layout) => {
                let mut file = layout.blob(&layer.digest, layer.size)?;
                file.seek(SeekFrom::Start(have)).fail(Stage::Front, || "cannot read a layer".into())?;
                self.unpacker.ask(&word(have, true), &[file.as_fd()])?;
                self.drive.begin(n, false);
            }
            Origin::Store => {
                return Err(Fail::new(Stage::Front, format!("cannot unpack the image {}", self.around.name))
                    .why(format!("its layer {} is not stored any more", layer.digest))
                    .hint(format!("kakuri pull {} fetches it again", self.around.name)));
            }
        }
        self.progress.start(n, have);
        Ok(())
    }

    /// What would end in the middle is not begun.
    fn check_room(&self, layer: &Layer, have: u64) -> Result<()> {
        let wanted = layer.size.saturating_sub(have);
        match self.work.room() {
            Some(room) if room < wanted => {
                let size = crate::output::size;
                Err(full(
                    Fail::new(Stage::Front, format!("cannot store a layer of {}", self.around.name)).why(format!(
                        "{} more are needed for it, and where images are kept ({}) are {} free",
                        size(wanted),
                        self.work.folder_shown(),
                        size(room)
                    )),
                    Errno::NOSPC,
                ))
            }
            _ => Ok(()),
        }
    }

    /// A layer was refused. What was only kept here, and may have rotted, is fetched once more.
    pub(super) fn refused(&mut self, n: usize, fail: Fail, keep: u64) -> Result<()> {
        let Some(layer) = self.layer(n) else { return Err(fail) };
        let errno = fail.errno.map(Errno::from_raw_os_error);
        // Where the machine was at its end, what was kept is as good as before.
        let rotten = keep == 0 && !matches!(errno, Some(Errno::NOSPC | Errno::DQUOT | Errno::MFILE | Errno::NFILE));
        if rotten {
            self.work.drop_blob(n, &layer.digest);
        }
        let kept_here = self.work.was_here(n);
        if rotten && kept_here && !self.anew.contains(&n) && !matches!(self.origin, Origin::Store) {
            self.progress.say(&format!("what was kept of {} is no good: it is fetched again", layer.digest));
            self.anew.push(n);
            if let Origin::Registry(fetcher) = &self.origin {
                fetcher.ask(&ToFetch::Cancel { n: n as u32 }, &[])?;
            }
            self.drive.again(n);
            return Ok(());
        }
        let name = self.around.name;
        let verb = if self.around.wanted.loaded.is_some() { "load" } else { "pull" };
        let mut fail = Fail { what: format!("cannot {verb} {name}: {}", fail.what), ..fail };
        if rotten && matches!(self.origin, Origin::Store) {
            fail = fail.hint(format!("kakuri pull {name} fetches it again"));
        }
        match errno {
            Some(e) => Err(full(fail, e)),
            None => Err(fail),
        }
    }
}
