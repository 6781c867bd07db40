//! What rtnetlink(7) tells us. Pure: each function reads the body of one message.

use std::net::IpAddr;

use super::{Malformed, attributes, u32_at};
use crate::Cidr;

const IFLA_IFNAME: u16 = 3;
const IFF_LOWER_UP: u32 = 1 << 16;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// A link, as RTM_NEWLINK describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    pub index: u32,
    pub name: String,
    /// Something is at its other end, and up.
    pub carrier: bool,
}

/// An address, as RTM_NEWADDR describes it, and the link that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressInfo {
    pub index: u32,
    pub address: Cidr,
}

pub fn link(body: &[u8]) -> Result<LinkInfo, Malformed> {
    let (index, flags) = (u32_at(body, 4).ok_or(Malformed)?, u32_at(body, 8).ok_or(Malformed)?);
    let mut link = LinkInfo { index, name: String::new(), carrier: flags & IFF_LOWER_UP != 0 };
    for attribute in attributes(body.get(16..).ok_or(Malformed)?) {
        if let (IFLA_IFNAME, name) = attribute? {
            link.name = String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(name)).into_owned();
        }
    }
    if index == 0 || link.name.is_empty() { Err(Malformed) } else { Ok(link) }
}

pub fn address(body: &[u8]) -> Result<AddressInfo, Malformed> {
    let (prefix, index) = (*body.get(1).ok_or(Malformed)?, u32_at(body, 4).ok_or(Malformed)?);
    let (mut local, mut peer) = (None, None);
    for attribute in attributes(body.get(8..).ok_or(Malformed)?) {
        match attribute? {
            (IFA_LOCAL, value) => local = Some(ip(value)?),
            (IFA_ADDRESS, value) => peer = Some(ip(value)?),
            _ => {}
        }
    }
    // On a point-to-point link IFA_ADDRESS is the other end's; ours is IFA_LOCAL wherever that is given.
    let address = local.or(peer).and_then(|ip| Cidr::new(ip, prefix)).ok_or(Malformed)?;
    Ok(AddressInfo { index, address })
}

pub(super) fn ip(value: &[u8]) -> Result<IpAddr, Malformed> {
    <[u8; 4]>::try_from(value)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from))
        .map_err(|_| Malformed)
}
