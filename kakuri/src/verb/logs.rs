//! `kakuri logs`: what a container's detached commands wrote, and what ran in it.

use std::time::{Duration, Instant, SystemTime};

use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::sys;
use rustix::io::Errno;
use rustix::stdio::stdout;

use super::{FAILED, Surroundings};
use crate::cli;
use crate::logs::{self, Frame, Item, Kind, Lines, Reader, Show, Watch};
use crate::store::{Entry, State};

/// Between two looks whether the container still runs.
const LOOK: Duration = Duration::from_millis(200);

pub fn run(wanted: &cli::Logs) -> Result<u8> {
    let failed = |fail: Fail| fail.code(FAILED);
    let here = Surroundings::look(&wanted.general).map_err(failed)?;
    let entry = here.store.find(&wanted.name).map_err(failed)?;
    // Before anything is read: what is written from then on wakes a follower.
    let watch = wanted.follow.then(|| Watch::of(&entry.folder));
    let begin = |reader: &mut Reader| match wanted.tail {
        Some(lines) => logs::tail(reader, lines, |frame| within(wanted, frame)),
        None => Ok(Lines::default()),
    };
    let show = Show::new(wanted.timestamps);
    Printing { entry: &entry, show, until: wanted.until, events: true, watch }
        .run(begin, |frame| within(wanted, frame))
        .map_err(failed)
}

/// What is written from now on until the container ends, without the events: for who attaches to a command that has no
/// terminal. `ready` is called when now is.
pub fn follow_from_now(entry: &Entry, ready: impl FnOnce()) -> Result<()> {
    let watch = Some(Watch::of(&entry.folder));
    Printing { entry, show: Show::new(false), until: None, events: false, watch }
        .run(|reader| logs::tail(reader, 0, |_| true).inspect(|_| ready()), |_| true)
        .map(drop)
}

fn within(wanted: &cli::Logs, frame: &Frame) -> bool {
    let when = frame.when();
    wanted.since.is_none_or(|since| when >= since) && wanted.until.is_none_or(|until| when <= until)
}

struct Printing<'a> {
    entry: &'a Entry,
    show: Show,
    until: Option<SystemTime>,
    events: bool,
    /// None: what there is, and no more.
    watch: Option<Watch>,
}

enum Halt {
    /// Nobody reads standard output any more.
    Closed,
    Failed(Fail),
}

impl From<Fail> for Halt {
    fn from(fail: Fail) -> Halt {
        Halt::Failed(fail)
    }
}

impl From<Errno> for Halt {
    fn from(errno: Errno) -> Halt {
        match errno {
            Errno::PIPE => Halt::Closed,
            errno => Halt::Failed(
                Fail::new(Stage::Front, "cannot write to standard output")
                    .errno(errno)
                    .hint("make room where it goes, or send it elsewhere"),
            ),
        }
    }
}

impl Printing<'_> {
    fn run(mut self, begin: impl FnOnce(&mut Reader) -> Result<Lines>, wanted: impl Fn(&Frame) -> bool) -> Result<u8> {
        let mut reader = Reader::open(&self.entry.folder)?;
        let mut lines = begin(&mut reader)?;
        match sys::ignoring(libc::SIGPIPE, || self.all(&mut reader, &mut lines, wanted)) {
            Ok(()) | Err(Halt::Closed) => Ok(0),
            Err(Halt::Failed(fail)) => Err(fail),
        }
    }

    fn all(
        &mut self,
        reader: &mut Reader,
        lines: &mut Lines,
        wanted: impl Fn(&Frame) -> bool,
    ) -> std::result::Result<(), Halt> {
        let mut looked: Option<Instant> = None;
        let mut running = true;
        loop {
            while let Some(item) = reader.read()? {
                self.item(item, lines, &wanted)?;
            }
            self.show.flush()?;
            let Some(watch) = &mut self.watch else { return Ok(()) };
            if !running || self.until.is_some_and(|until| SystemTime::now() > until) {
                return Ok(());
            }
            if looked.is_none_or(|then| then.elapsed() >= LOOK) {
                looked = Some(Instant::now());
                running = self.entry.state() == State::Running;
                if !running {
                    // Its last words may have come since the log was read.
                    continue;
                }
            }
            if watch.wait(LOOK, stdout()) {
                return Err(Halt::Closed);
            }
        }
    }

    fn item(
        &mut self,
        item: Item,
        lines: &mut Lines,
        wanted: impl Fn(&Frame) -> bool,
    ) -> std::result::Result<(), Halt> {
        match item {
            Item::Frame(frame) if wanted(&frame) => match frame.kind {
                Kind::Output(stream) => {
                    let rest = lines.rest(frame.session, stream, frame.bytes);
                    self.show.output(&frame, rest)?;
                }
                Kind::Event if self.events && lines.passed() => {
                    if let Some(event) = frame.event() {
                        self.show.event(&frame, &event)?;
                    }
                }
                Kind::Event => {}
            },
            Item::Frame(_) => {}
            Item::Gone { bytes } => {
                self.show.line(&format!("kakuri: {bytes} bytes were rotated away before they could be read"))?;
            }
            Item::Damaged { bytes } => {
                self.show.line(&format!("kakuri: {bytes} bytes of the log are damaged and left out"))?;
            }
        }
        Ok(())
    }
}
