//! `--ssh-agent`: the agent signs for the container. Keys stay with it; whoever has this socket can use them as long as the
//! container runs, and list, add and remove them.

use kakuri_wire::Result;

use super::runtime::Runtime;
use super::socket::{Socket, cannot, variable};
use super::{Doors, Visitor};
use crate::bind::place::Placing;

const DOOR: &str = "ssh-agent";
const VARIABLE: &str = "SSH_AUTH_SOCK";
const HINT: &str = "start one: eval \"$(ssh-agent)\" && ssh-add";

pub fn open(placing: &mut Placing, doors: &mut Doors, visitor: &Visitor, runtime: &mut Runtime) -> Result<()> {
    let Some(path) = variable(visitor.host, VARIABLE) else {
        return Err(cannot(DOOR).why(format!("{VARIABLE} is not set, so no agent is known")).hint(HINT));
    };
    let socket = Socket::look(DOOR, path, VARIABLE, HINT)?;
    let at = runtime.show(placing, doors, visitor, DOOR, &socket)?;
    doors.set(VARIABLE, at);
    Ok(())
}
