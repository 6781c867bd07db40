//! `--wayland`: the socket of the compositor. By wl_display_connect(3) its name is `$WAYLAND_DISPLAY`: absolute, or in the
//! runtime folder.

use kakuri_wire::Result;

use super::runtime::Runtime;
use super::socket::{Socket, cannot, in_runtime, variable};
use super::{Doors, Visitor};
use crate::bind::place::Placing;

const DOOR: &str = "wayland";
const VARIABLE: &str = "WAYLAND_DISPLAY";
const HINT: &str = "start kakuri in your Wayland session, where it is set";
/// Its name inside.
const NAME: &str = "wayland-0";

pub fn open(placing: &mut Placing, doors: &mut Doors, visitor: &Visitor, runtime: &mut Runtime) -> Result<()> {
    let Some(name) = variable(visitor.host, VARIABLE) else {
        return Err(cannot(DOOR).why(format!("{VARIABLE} is not set, so no display is known")).hint(HINT));
    };
    let path = match name.first() {
        Some(b'/') => name.to_vec(),
        _ => in_runtime(visitor.host, name).ok_or_else(|| {
            cannot(DOOR).why("XDG_RUNTIME_DIR is not set, where the display's socket lies").hint(HINT)
        })?,
    };
    let socket = Socket::look(DOOR, &path, VARIABLE, HINT)?;
    runtime.show(placing, doors, visitor, NAME, &socket)?;
    doors.set(VARIABLE, NAME);
    Ok(())
}
