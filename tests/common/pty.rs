//! A terminal a test types at.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::run::{Run, wait_within};
use super::{GONE, HANG};

/// A pseudoterminal with a program on it as its session leader.
pub struct Pty {
    master: File,
    slave: File,
    pub child: Child,
    seen: Vec<u8>,
    /// Where the last expectation ended.
    from: usize,
}

/// Which of descriptors 0, 1, 2 are the terminal; the others stay as the run has them.
pub type On = [bool; 3];

impl Pty {
    pub fn start(run: Run) -> Pty {
        Pty::start_on(run, [true; 3])
    }

    pub fn start_on(mut run: Run, on: On) -> Pty {
        let (master, slave) = open(24, 80);
        let give = || Stdio::from(slave.try_clone().unwrap());
        if on[0] {
            run.command.stdin(give());
        }
        if on[1] {
            run.command.stdout(give());
        }
        if on[2] {
            run.command.stderr(give());
        }
        let terminal = slave.as_raw_fd();
        // SAFETY: both calls are async-signal-safe; the slave is open in the child until exec.
        unsafe {
            run.command.pre_exec(move || {
                if libc::setsid() < 0 || libc::ioctl(terminal, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            })
        };
        let child = run.spawn();
        Pty { master, slave, child, seen: Vec::new(), from: 0 }
    }

    pub fn send(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the terminal shows `text` after what was expected last.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        let end = Instant::now() + HANG;
        let mut looked = self.from;
        loop {
            if let Some(at) = find(&self.seen[looked..], text.as_bytes()) {
                self.from = looked + at + text.len();
                return;
            }
            // Only the tail can still grow into a match.
            looked = self.from.max((self.seen.len() + 1).saturating_sub(text.len()));
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.read(left) {
                panic!("never showed {text:?}; it showed:\n{}", String::from_utf8_lossy(&self.seen));
            }
        }
    }

    /// Reads what is there; false at the end of the program's side or of the time.
    fn read(&mut self, limit: Duration) -> bool {
        let mut poll = libc::pollfd { fd: self.master.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd.
        if unsafe { libc::poll(&mut poll, 1, limit.as_millis() as i32) } != 1 {
            return false;
        }
        let mut bytes = [0; 4096];
        match self.master.read(&mut bytes) {
            Ok(n) if n > 0 => {
                self.seen.extend_from_slice(&bytes[..n]);
                true
            }
            _ => false,
        }
    }

    /// The number of the program on it, for signals.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Everything shown so far.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: TIOCSWINSZ reads one winsize.
        assert_eq!(unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &size) }, 0);
    }

    /// The terminal's modes: what must be as before once the program has ended.
    pub fn modes(&self) -> (u32, u32, u32, u32, Vec<u8>) {
        // SAFETY: an all-zero termios is a valid place for tcgetattr to write to.
        let mut t: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: the slave is an open terminal and t is writable.
        assert_eq!(unsafe { libc::tcgetattr(self.slave.as_raw_fd(), &mut t) }, 0);
        (t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_cc.to_vec())
    }

    /// Whether typed characters reach the program at once and unechoed.
    pub fn is_raw(&self) -> bool {
        self.modes().3 & (libc::ICANON | libc::ECHO) == 0
    }

    /// Takes the terminal away, as closing its window does. The program is left to the caller.
    pub fn hang_up(mut self) -> Child {
        let nothing = || File::open("/dev/null").unwrap();
        self.master = nothing();
        self.slave = nothing();
        let mut none = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
        none.wait().unwrap();
        std::mem::replace(&mut self.child, none)
    }

    /// Waits for the program's end, reading meanwhile so that it can finish writing.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + HANG;
        while Instant::now() < end {
            while self.read(Duration::from_millis(1)) {}
            if let Some(status) = wait_within(&mut self.child, Duration::from_millis(20)) {
                while self.read(Duration::from_millis(1)) {}
                return status;
            }
        }
        panic!("hangs; the terminal showed:\n{}", self.shown());
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = wait_within(&mut self.child, GONE);
    }
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

fn open(rows: u16, columns: u16) -> (File, File) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut master, mut slave) = (-1, -1);
    // SAFETY: two places for descriptors, no name, default modes, one winsize to read.
    let r = unsafe { libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), std::ptr::null(), &size) };
    assert_eq!(r, 0, "openpty: {}", std::io::Error::last_os_error());
    for fd in [master, slave] {
        // SAFETY: sets a flag on a descriptor we have just opened.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: openpty has just given us both.
    unsafe { (File::from(OwnedFd::from_raw_fd(master)), File::from(OwnedFd::from_raw_fd(slave))) }
}
