//! How this process gives up everything but its sockets: it has logins, and strangers answer it.

use kakuri_wire::confine::{self, Tcp};
use kakuri_wire::fail::{OrFail, Result};
use rustix::process::setsid;

use super::{STAGE, filter};

/// Before the job is read, which has secrets in it.
pub fn hide() -> Result<()> {
    confine::hide(STAGE)?;
    // Beyond the link (descriptor 3) nothing was meant for this process.
    kakuri_wire::sys::close_range(4, u32::MAX, false).fail(STAGE, || "cannot let the caller's files go".into())?;
    // What a terminal sends to those around it is the front's to answer.
    let _ = setsid();
    Ok(())
}

/// When every file has been read, and before there is a second thread: what is started later inherits it.
pub fn confine() -> Result<()> {
    confine::no_new_privileges(STAGE)?;
    // Where the kernel has no Landlock, the filter alone is the wall.
    confine::restrict(STAGE, Tcp::Bind, None)?;
    confine::filter(STAGE, filter::program())
}
