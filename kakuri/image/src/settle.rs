//! The role that makes an unpacked layer lie upon those below it.

use kakuri_wire::channel::Channel;
use kakuri_wire::fail::Result;

/// For the front, until it hangs up.
pub fn serve(_link: &Channel) -> Result<()> {
    Ok(())
}
