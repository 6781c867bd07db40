//! What a start makes on the host before anything of the container is made: the folders the user asked for, and what is
//! missing in those the container keeps.

use kakuri_wire::{Fail, Result, Stage};

use super::Plan;

impl Plan {
    /// Makes it. For a container with a name its lock must be held, so that nobody writes there meanwhile.
    pub fn prepare(&self) -> Result<()> {
        for folder in &self.create {
            std::fs::create_dir_all(folder.as_path()).map_err(|e| {
                Fail::new(Stage::Front, format!("cannot make the folder '{folder}'"))
                    .errno(e)
                    .hint("`create` makes it where you may: name another place, or have it made for you")
            })?;
        }
        if let Some(lacking) = &self.lacking {
            lacking.make()?;
        }
        match &self.keep {
            Some(keep) => keep.make(),
            None => Ok(()),
        }
    }
}
