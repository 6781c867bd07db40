//! Zstandard (RFC 8878) as layers have it: several frames one after the other, and frames to be skipped among them.

use std::io::{self, Read};
use std::sync::{Condvar, Mutex, PoisonError};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What all layers that are unpacked at once may hold of what they have unpacked, bytes, which costs twice as much
/// memory. One alone may hold more.
const WINDOWS: u64 = 16 << 20;
/// A larger window is refused, as zstd(1) does without `--long`.
const LARGEST: u64 = 128 << 20;

/// The windows in use.
#[derive(Default)]
pub struct Windows {
    sum: Mutex<u64>,
    less: Condvar,
}

impl Windows {
    /// Waits until there is room. Who has one waits for no other, so that somebody always goes on.
    fn take(&self, size: u64) {
        let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        while *sum > 0 && *sum + size > WINDOWS {
            sum = self.less.wait(sum).unwrap_or_else(PoisonError::into_inner);
        }
        *sum += size;
    }

    fn give_back(&self, size: u64) {
        *self.sum.lock().unwrap_or_else(PoisonError::into_inner) -= size;
        self.less.notify_all();
    }
}

/// Reads all frames to the end.
pub struct Frames<'a, R> {
    from: R,
    decoder: Option<FrameDecoder>,
    windows: &'a Windows,
    held: u64,
}

impl<'a, R: Read> Frames<'a, R> {
    pub fn new(from: R, windows: &'a Windows) -> Frames<'a, R> {
        Frames { from, decoder: None, windows, held: 0 }
    }

    /// Begins the next frame that has contents; false at the end.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            let mut head = [0; 18];
            if !self.magic(&mut head)? {
                return Ok(false);
            }
            if head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18] {
                let mut length = [0; 4];
                self.from.read_exact(&mut length)?;
                let length = u64::from(u32::from_le_bytes(length));
                if io::copy(&mut (&mut self.from).take(length), &mut io::sink())? != length {
                    return Err(damaged("a frame to be skipped is cut off"));
                }
                continue;
            }
            let header = self.header(&mut head)?;
            let window = window(&head[..header]);
            if window > LARGEST {
                return Err(damaged("it wants more memory than a layer may"));
            }
            self.end();
            self.windows.take(window);
            self.held = window;
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(LARGEST);
            decoder.init(&head[..header]).map_err(|e| damaged(&e.to_string()))?;
            self.decoder = Some(decoder);
            return Ok(true);
        }
    }

    /// Four bytes; false where there is none.
    fn magic(&mut self, head: &mut [u8; 18]) -> io::Result<bool> {
        let mut got = 0;
        while got < 4 {
            match self.from.read(&mut head[got..4]) {
                Ok(0) if got == 0 => return Ok(false),
                Ok(0) => return Err(damaged("it ends within a frame")),
                Ok(n) => got += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// The rest of a frame's header (3.1.1.1); its length.
    fn header(&mut self, head: &mut [u8; 18]) -> io::Result<usize> {
        self.from.read_exact(&mut head[4..5])?;
        let rest = fields(head[4]).iter().sum::<usize>();
        self.from.read_exact(&mut head[5..5 + rest])?;
        Ok(5 + rest)
    }

    fn end(&mut self) {
        self.decoder = None;
        if self.held > 0 {
            self.windows.give_back(self.held);
            self.held = 0;
        }
    }
}

/// The lengths of what follows the descriptor: of the window's, the dictionary's and the size's field.
fn fields(descriptor: u8) -> [usize; 3] {
    let single = descriptor & 0x20 != 0;
    let size = match descriptor >> 6 {
        0 => usize::from(single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    [usize::from(!single), [0, 1, 2, 4][usize::from(descriptor & 3)], size]
}

/// How much of what came before a frame may refer to.
fn window(header: &[u8]) -> u64 {
    let [window, dictionary, size] = fields(header[4]);
    if window == 1 {
        let (exponent, mantissa) = (u64::from(header[5] >> 3), u64::from(header[5] & 7));
        let base = 1_u64 << (10 + exponent);
        return base + (base / 8) * mantissa;
    }
    let field = &header[5 + dictionary..5 + dictionary + size];
    let number = field.iter().rev().fold(0_u64, |n, &b| (n << 8) | u64::from(b));
    if size == 2 { number + 256 } else { number }
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl<R: Read> Read for Frames<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                while decoder.can_collect() == 0 && !decoder.is_finished() {
                    decoder
                        .decode_blocks(&mut self.from, BlockDecodingStrategy::UptoBlocks(1))
                        .map_err(|e| damaged(&e.to_string()))?;
                }
                match decoder.read(buffer)? {
                    0 if decoder.is_finished() && !buffer.is_empty() => self.end(),
                    n => return Ok(n),
                }
            }
            if !self.begin()? {
                return Ok(0);
            }
        }
    }
}

impl<R> Drop for Frames<'_, R> {
    fn drop(&mut self) {
        if self.held > 0 {
            self.windows.give_back(self.held);
        }
    }
}
