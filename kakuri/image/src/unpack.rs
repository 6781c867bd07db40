//! The role with the folder: it verifies documents and layers, and unpacks. It has no network, and sees one folder.

use kakuri_wire::channel::Channel;
use kakuri_wire::fail::Result;

/// For the front, until it hangs up.
pub fn serve(_link: &Channel) -> Result<()> {
    Ok(())
}
