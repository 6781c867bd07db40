//! The role with the network: it speaks with registries, and can open nothing once it has heard one.

use kakuri_wire::channel::Channel;
use kakuri_wire::fail::Result;

/// For the front, until it hangs up.
pub fn serve(_link: &Channel) -> Result<()> {
    Ok(())
}
