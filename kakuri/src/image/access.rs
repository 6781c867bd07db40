//! Where an image may be fetched from, and as whom: registries.conf, logins, certificates.

use kakuri_image::Reference;
use kakuri_image::talk::Endpoint;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use serde::{Deserialize, Serialize};

use crate::host::Host;

/// What the command line says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// `--tls-verify`; None: what registries.conf says.
    pub tls_verify: Option<bool>,
    /// `--authfile`, as typed.
    pub authfile: Option<Bytes>,
    /// `--cert-dir`, as typed.
    pub cert_dir: Option<Bytes>,
    /// `--creds USER[:PASSWORD]`. It is not kept.
    #[serde(skip)]
    pub creds: Option<kakuri_image::talk::Login>,
}

/// The endpoints of a reference, in the order they are to be tried.
pub fn endpoints(reference: &Reference, _access: &Access, _host: &Host) -> Result<Vec<Endpoint>> {
    Err(Fail::new(Stage::Front, format!("no endpoint for {}", reference.repository)))
}
