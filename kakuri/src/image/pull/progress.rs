//! What a pull shows while it works, on standard error: on a terminal a line for each layer that is worked on, redrawn
//! in its place; elsewhere a line when a layer is done. Nothing of it is a server's own words.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use kakuri_image::Layer;
use rustix::termios::tcgetwinsize;

use crate::output::{shorten, size};

/// Between two drawings.
pub const PACE: Duration = Duration::from_millis(100);
/// Elsewhere than on a terminal: between two lines of a layer that takes long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of a digest.
const DIGITS: usize = 12;

/// How far a layer is.
#[derive(Debug)]
struct Line {
    name: String,
    /// Of the blob, bytes.
    size: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    /// `come`: bytes of the blob, `first` of them before it was begun; `written`: what was unpacked.
    Working {
        began: Instant,
        first: u64,
        come: u64,
        written: u64,
        told: Instant,
    },
    Finished,
}

pub struct Progress {
    how: How,
    lines: Vec<Line>,
    /// How many of them stand on the terminal, to be drawn over.
    drawn: usize,
    last: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Quiet,
    Plain,
    Terminal,
}

impl Progress {
    pub fn new(quiet: bool) -> Progress {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let how = match (quiet, std::io::stderr().is_terminal() && !dumb) {
            (true, _) => How::Quiet,
            (false, true) => How::Terminal,
            (false, false) => How::Plain,
        };
        Progress { how, lines: Vec::new(), drawn: 0, last: None }
    }

    /// A line for people, above all others.
    pub fn say(&mut self, text: &str) {
        if self.how != How::Quiet {
            self.clear();
            write(&format!("{text}\n"));
            self.last = None;
        }
    }

    pub fn begin(&mut self, layers: &[Layer], stored: &[bool]) {
        let line = |(layer, &stored): (&Layer, &bool)| Line {
            name: layer.digest.hex().chars().take(DIGITS).collect(),
            size: layer.size,
            state: if stored { State::Finished } else { State::Waiting },
        };
        self.lines = layers.iter().zip(stored).map(line).collect();
        let here = stored.iter().filter(|stored| **stored).count();
        if here > 0 {
            let are = if here == 1 { "is" } else { "are" };
            self.say(&format!("{here} of {} layers {are} here", layers.len()));
        }
    }

    /// A layer is begun, so many bytes of it being here already.
    pub fn start(&mut self, n: usize, first: u64) {
        let now = Instant::now();
        if let Some(line) = self.lines.get_mut(n) {
            line.state = State::Working { began: now, first, come: first, written: 0, told: now };
        }
        if first > 0 && first < self.lines.get(n).map_or(0, |line| line.size) {
            let name = self.lines[n].name.clone();
            self.say(&format!("{name}  goes on after {}", size(first)));
        }
    }

    pub fn come(&mut self, n: usize, bytes: u64) {
        if let Some(Line { state: State::Working { come, .. }, size, .. }) = self.lines.get_mut(n) {
            *come = bytes.min(*size);
        }
    }

    pub fn written(&mut self, n: usize, bytes: u64) {
        if let Some(Line { state: State::Working { written, .. }, .. }) = self.lines.get_mut(n) {
            *written = bytes;
        }
    }

    pub fn finish(&mut self, n: usize) {
        let Some(line) = self.lines.get_mut(n) else { return };
        let text = format!("{}  done  {}", line.name, size(line.size));
        line.state = State::Finished;
        self.say(&text);
    }

    /// One line that changes, on a terminal alone.
    pub fn tell(&mut self, text: &str) {
        if self.how == How::Terminal {
            let columns = tcgetwinsize(std::io::stderr()).map_or(80, |size| usize::from(size.ws_col).max(20));
            write(&format!("{}{}\x1b[K\n\x1b[J", up(self.drawn), shorten(text, columns - 1)));
            self.drawn = 1;
        }
    }

    /// Draws, if it is time to.
    pub fn draw(&mut self) {
        let now = Instant::now();
        match self.how {
            How::Quiet => {}
            How::Plain => {
                let mut text = String::new();
                for line in &mut self.lines {
                    if let State::Working { told, .. } = &mut line.state
                        && now.duration_since(*told) >= PATIENCE
                    {
                        *told = now;
                        text += &format!("{}\n", shown(line, now));
                    }
                }
                write(&text);
            }
            How::Terminal if self.last.is_some_and(|last| now.duration_since(last) < PACE) => {}
            How::Terminal => {
                self.last = Some(now);
                let columns = tcgetwinsize(std::io::stderr()).map_or(80, |size| usize::from(size.ws_col).max(20));
                let working = self.lines.iter().filter(|line| matches!(line.state, State::Working { .. }));
                let lines: Vec<String> = working.map(|line| shorten(&shown(line, now), columns - 1)).collect();
                if lines.is_empty() && self.drawn == 0 {
                    return;
                }
                let mut text = up(self.drawn);
                for line in &lines {
                    text += &format!("{line}\x1b[K\n");
                }
                text += "\x1b[J";
                self.drawn = lines.len();
                write(&text);
            }
        }
    }

    /// Takes the lines away that stand on the terminal.
    pub fn clear(&mut self) {
        if self.drawn > 0 {
            write(&format!("{}\x1b[J", up(self.drawn)));
            self.drawn = 0;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// To the first column, so many lines further up.
fn up(lines: usize) -> String {
    if lines == 0 { "\r".into() } else { format!("\r\x1b[{lines}A") }
}

/// At once, so that the lines of two processes do not mix. Nobody minds where it cannot be written.
fn write(text: &str) {
    if !text.is_empty() {
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

fn shown(line: &Line, now: Instant) -> String {
    let State::Working { began, first, come, written, .. } = line.state else { return line.name.clone() };
    if come == first && written > 0 {
        // Its blob was here.
        return format!("{}  unpacking  {}", line.name, size(written));
    }
    let mut text = format!("{}  {:>6} of {}", line.name, size(come), size(line.size));
    let seconds = now.duration_since(began).as_secs_f64();
    if come >= line.size {
        text += "  unpacking";
    } else if seconds >= 0.5 && come > first {
        let speed = (come - first) as f64 / seconds;
        text += &format!("  {}/s  {} left", size(speed as u64), left((line.size - come) as f64 / speed));
    }
    text
}

/// `5s`, `2m03s`, `1h05m`.
fn left(seconds: f64) -> String {
    match seconds.ceil() as u64 {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        s => format!("{}h{:02}m", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let now = Instant::now();
        let began = now.checked_sub(Duration::from_secs(10)).expect("a clock");
        let working = |first, come, written| Line {
            name: "0123456789ab".into(),
            size: 50_000_000,
            state: State::Working { began, first, come, written, told: now },
        };
        for (line, text) in [
            (working(0, 0, 0), "0123456789ab      0B of 50MB"),
            (working(0, 10_000_000, 0), "0123456789ab    10MB of 50MB  1MB/s  40s left"),
            (working(10_000_000, 20_000_000, 5), "0123456789ab    20MB of 50MB  1MB/s  30s left"),
            (working(0, 50_000_000, 5), "0123456789ab    50MB of 50MB  unpacking"),
            (working(0, 0, 5_000_000), "0123456789ab  unpacking  5MB"),
        ] {
            assert_eq!(shown(&line, now), text);
        }
        assert_eq!((left(0.2), left(123.0), left(3900.0)), ("1s".into(), "2m03s".into(), "1h05m".into()));
    }
}
