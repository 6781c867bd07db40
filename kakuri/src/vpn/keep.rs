//! The copy a container with a name has of its configuration: what it was made with, whatever becomes of the file.
//!
//! It lies in the container's folder, mode 0600, byte for byte. The record says that there is one; a container whose
//! copy is gone does not start, because it would start without its VPN.

use std::path::Path;

use kakuri_netns::conf::Conf;
use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::file::{self, Text};
use super::{find, judge, name, refuse_hooks};
use crate::host::Host;
use crate::spec::{Spec, Vpn};

/// What the copy is called.
pub const COPY: &str = "vpn.conf";

/// A configuration that was judged and is to be a container's own.
pub struct Copy {
    pub text: Text,
    /// What the record says of it.
    pub vpn: Vpn,
}

/// The copy in a container's folder, which nobody but kakuri put there.
pub fn read(folder: &Path, vpn: &Vpn) -> Result<Text> {
    file::open(&folder.join(COPY), OFlags::NOFOLLOW).map_err(|unfit| {
        let what = format!("cannot read the container's copy of the VPN configuration '{}'", name(&vpn.config));
        let again = "it never starts without its VPN: kakuri vpn set NAME CONF stores one again";
        match unfit {
            file::Unfit::Errno(e @ Errno::NOENT) => Fail::new(Stage::Front, what).errno(e),
            unfit => unfit.fail(what),
        }
        .hint(again)
    })
}

/// The same, judged.
pub fn conf(folder: &Path, vpn: &Vpn) -> Result<Conf> {
    judge(&read(folder, vpn)?, &Bytes::from(&folder.join(COPY)).to_string())
}

/// Reads what is to be stored, and refuses it as a start would.
pub fn take(vpn: &Vpn, host: &Host) -> Result<Copy> {
    let found = find::find(&vpn.config, host)?;
    let text = file::read(&found.path, &found.shown)?;
    let conf = judge(&text, &found.shown)?;
    refuse_hooks(&conf, vpn, &found.shown)?;
    Ok(Copy { text, vpn: Vpn { config: Bytes(found.path), stored: true, ..vpn.clone() } })
}

/// What is to be stored with a container of this spec, and the spec that its record has then.
pub fn with(spec: Spec, host: &Host) -> Result<(Spec, Option<Copy>)> {
    let Some(vpn) = spec.vpn.as_ref().filter(|vpn| !vpn.stored) else { return Ok((spec, None)) };
    let copy = take(vpn, host)?;
    Ok((Spec { vpn: Some(copy.vpn.clone()), ..spec }, Some(copy)))
}

impl Copy {
    /// For the store: its name there, and what it holds.
    pub fn file(&self) -> (&'static str, &[u8]) {
        (COPY, &self.text.bytes)
    }
}

/// What a run may not change of a container that has a VPN: its whole network.
pub fn stays(name: &str, recorded: &Spec, wanted: &Spec) -> Result<()> {
    if recorded.vpn.is_none() || wanted.network.is_none() || wanted.vpn.is_some() {
        return Ok(());
    }
    Err(Fail::new(Stage::Front, format!("the container '{name}' has a VPN, and no other network"))
        .why("a VPN is lost by no option of a start")
        .hint(format!("kakuri vpn remove {name} takes it away for good")))
}
