//! What the verbs about images and registries are asked for.

use kakuri_image::Platform;
use kakuri_wire::Bytes;

use super::{Format, General};
use crate::image::access::Access;
use crate::image::save;
use crate::spec::IdMode;

/// `kakuri pull`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pull {
    /// As typed.
    pub images: Vec<Bytes>,
    /// None: this machine's.
    pub platform: Option<Platform>,
    pub access: Access,
    /// Of the containers it is unpacked for.
    pub ids: IdMode,
    pub quiet: bool,
    pub general: General,
}

/// `kakuri images`, `kakuri image ...`.
#[derive(Clone, Debug, PartialEq)]
pub enum Images {
    List { quiet: bool, no_trunc: bool, format: Format, general: General },
    Remove { images: Vec<Bytes>, force: bool, general: General },
    Inspect { images: Vec<Bytes>, format: Format, general: General },
    Save { images: Vec<Bytes>, format: save::Format, output: Option<Bytes>, quiet: bool, general: General },
    Load(Load),
}

/// `kakuri image load`.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// As typed; None: standard input.
    pub file: Option<Bytes>,
    /// None: this machine's.
    pub platform: Option<Platform>,
    /// Of the containers they are unpacked for.
    pub ids: IdMode,
    pub quiet: bool,
    pub general: General,
}

/// `kakuri registry ...`.
#[derive(Clone, Debug, PartialEq)]
pub enum Registry {
    Login(Login),
    Logout(Logout),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// As typed.
    pub registry: Bytes,
    /// None: it is asked for.
    pub user: Option<String>,
    /// `--password-stdin`; else it is asked for.
    pub stdin: bool,
    pub access: Access,
    pub general: General,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Logout {
    /// As typed; None: all of them.
    pub registry: Option<Bytes>,
    pub access: Access,
    pub general: General,
}
