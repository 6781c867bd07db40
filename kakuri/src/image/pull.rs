//! A pull: the hub between the fetcher, the unpacker and the store.

use kakuri_image::{Platform, Source};
use kakuri_wire::fail::{Fail, Result, Stage};
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::store::{Images, Stored};
use crate::helper::Programs;
use crate::host::Host;
use crate::idmap::Ids;

/// `--pull`: when an image is fetched although it is here, or not fetched although it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    Always,
    #[default]
    Missing,
    Never,
}

pub struct Wanted<'a> {
    pub source: &'a Source,
    pub platform: &'a Platform,
    pub access: &'a Access,
    pub policy: Policy,
    /// No progress is shown.
    pub quiet: bool,
}

/// Makes it be here, unpacked for these ids.
pub fn pull(_wanted: &Wanted, _images: &Images, _ids: &Ids, _programs: &Programs, _host: &Host) -> Result<Stored> {
    Err(Fail::new(Stage::Front, "no pull"))
}
