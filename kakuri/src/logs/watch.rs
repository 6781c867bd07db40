//! Waiting for a log to grow.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Timespec;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// Wakes when something is written to a container's log. It is only a wake-up: who wakes looks at the log itself.
pub struct Watch {
    log: PathBuf,
    inotify: Option<File>,
    set: bool,
}

/// Between two looks where the kernel does not tell (the user's inotify instances are used up, or there is no log yet).
const BLIND: Duration = Duration::from_millis(50);

impl Watch {
    /// To be made before the log is first read: what is written after that wakes.
    pub fn of(folder: &Path) -> Watch {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok().map(File::from);
        let mut watch = Watch { log: folder.join("log"), inotify, set: false };
        watch.set();
        watch
    }

    /// Waits until something was written or `patience` has passed. Whether the reader of `output` has gone.
    pub fn wait(&mut self, patience: Duration, output: BorrowedFd) -> bool {
        if !self.set {
            self.set();
        }
        let patience = if self.set { patience } else { patience.min(BLIND) };
        let timeout = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: i64::from(patience.subsec_nanos()) };
        let gone = {
            // No event is asked for: a hang-up is always told.
            let mut fds = vec![PollFd::from_borrowed_fd(output, PollFlags::empty())];
            if let Some(inotify) = &self.inotify {
                fds.push(PollFd::from_borrowed_fd(inotify.as_fd(), PollFlags::IN));
            }
            let _ = poll(&mut fds, Some(&timeout));
            fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
        };
        // A queue that has run over wakes as well.
        let mut events = [0; 4096];
        while let Some(Ok(1..)) = self.inotify.as_mut().map(|fd| fd.read(&mut events)) {}
        gone
    }

    fn set(&mut self) {
        let flags = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW;
        self.set = self.inotify.as_ref().is_some_and(|fd| inotify::add_watch(fd, &self.log, flags).is_ok());
    }
}
