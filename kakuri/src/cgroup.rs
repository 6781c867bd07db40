//! Control groups (cgroups(7), version 2): limits of all processes of a container together, and what they used. Made only
//! where a limit is asked for. No capability: everything is done in what the host has delegated to the caller.
//!
//! ```text
//!  kakuri-web-1f2a.scope      the service manager's, or a group of our own below one that is ours
//!   |- front                  the front, where the manager has put it into its scope
//!   '- container              the limits
//!       '- inside             PID 1 and all else: the root of the container's cgroup namespace
//! ```
//!
//! PID 1 is born in `inside`, so that no process of the container ever counted elsewhere. The limits lie one level above
//! what the container sees of the tree, whatever it mounts: it can make groups below, and loosen nothing.
//!
//! Nothing of it stays. The group goes with the container; a scope whose processes have all ended is collected by the
//! manager, also after a kill -9 of the front; a group of our own is locked as long as its front lives, and one that
//! nobody locks is swept by the next who makes one ([`sweep::sweep`]).

mod decide;
mod group;
mod manager;
mod place;
mod sweep;
mod usage;

pub use decide::{Decided, Held, Strength, decide, guarantees};
pub use group::Group;
pub use place::{Controllers, Offer, Place, find};
pub use sweep::sweep;
pub use usage::Usage;
