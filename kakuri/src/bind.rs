//! What of the host the container sees beyond its base: explicit binds and profiles, arguments that are
//! files, and the covers over kakuri's own folders.

pub mod automatic;
mod cow;
pub mod explicit;
pub mod exposed;
pub mod hint;
pub mod interpreter;
pub mod own;
pub mod parse;
pub mod place;
pub mod profile;
pub mod source;
