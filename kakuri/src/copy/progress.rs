//! How far a copy is: counted always, shown on a terminal when it takes long.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Nobody watches what is over sooner.
const LONG: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);

pub struct Progress {
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: u64,
    next: Instant,
    terminal: bool,
    drawn: bool,
}

impl Progress {
    pub fn begin() -> Progress {
        let terminal = std::io::stderr().is_terminal();
        Progress { bytes: 0, entries: 0, next: Instant::now() + LONG, terminal, drawn: false }
    }

    pub fn entry(&mut self) {
        self.entries += 1;
        self.draw();
    }

    pub fn wrote(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.draw();
    }

    fn draw(&mut self) {
        if self.terminal && Instant::now() >= self.next {
            self.next = Instant::now() + PAUSE;
            self.drawn = true;
            let _ = write!(std::io::stderr(), "\r\x1b[K{self}");
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    /// A line about something that was not copied.
    pub fn note(&mut self, path: impl Display, why: &str) {
        self.clear();
        let _ = writeln!(std::io::stderr(), "kakuri: not copied: '{path}': {why}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `3 files and folders, 1.2 MB`.
impl Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let what = if self.entries == 1 { "file or folder" } else { "files and folders" };
        write!(f, "{} {what}, ", self.entries)?;
        let mut size = self.bytes as f64;
        let mut units = ["bytes", "kB", "MB", "GB", "TB"].into_iter();
        let mut unit = units.next().unwrap_or_default();
        for larger in units {
            if size < 1000.0 {
                break;
            }
            size /= 1000.0;
            unit = larger;
        }
        if unit == "bytes" { write!(f, "{size} {unit}") } else { write!(f, "{size:.1} {unit}") }
    }
}
