// Three ways to wait no longer than one likes: a limit kakuri keeps, a wait that gives up, and poll(2) on the child.

use std::os::fd::AsFd;
use std::time::Duration;

use kakuri::{Container, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

fn main() -> Result<()> {
    let container = Container::new();
    let status = container.command("sleep").arg("1000").timeout(Duration::from_millis(50)).status()?;
    println!("the limit: {status}");

    let mut child = container.command("sleep").arg("1000").spawn()?;
    println!("the wait: {:?}", child.wait_timeout(Duration::from_millis(50))?.map(|status| status.success()));

    // As an asynchronous program would wait for it among other things.
    let tick = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let ready = |limit: Option<&Timespec>| poll(&mut [PollFd::new(&child.as_fd(), PollFlags::IN)], limit).unwrap_or(0);
    println!("the descriptor: {} ready", ready(Some(&tick)));
    child.kill()?;
    println!("killed: {}", child.wait()?);
    Ok(())
}
