//! What we ask of nf_tables (nft(8)): one table with its chains and rules, all in one batch. Pure: bytes out.
//!
//! A table belongs to the socket that made it (NFT_TABLE_F_OWNER, Linux 5.12): the kernel removes it when that closes,
//! whatever its holder died of, and nobody else can change it. Numbers are in network byte order here.

use super::{NLM_F_CREATE, NLM_F_EXCL, Request};

const NLM_F_APPEND: u16 = 0x800;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NFTABLES: u16 = 10;
const NEW_TABLE: u16 = NFTABLES << 8;
const NEW_CHAIN: u16 = NFTABLES << 8 | 3;
const NEW_RULE: u16 = NFTABLES << 8 | 6;
/// Rules for both versions of IP.
const FAMILY_INET: u8 = 1;

const NFTA_TABLE_NAME: u16 = 1;
const NFTA_TABLE_FLAGS: u16 = 2;
const NFT_TABLE_F_OWNER: u32 = 2;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;

/// Where packets meet a chain (linux/netfilter.h), and when: `nat` or `filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    pub kind: &'static str,
    pub number: u32,
    pub priority: i32,
}

pub const PREROUTING: Hook = Hook { kind: "nat", number: 0, priority: -100 };
pub const FORWARD: Hook = Hook { kind: "filter", number: 2, priority: 0 };
pub const POSTROUTING: Hook = Hook { kind: "nat", number: 4, priority: 100 };

/// A step of a rule. What loads puts a value into the first register; what compares goes on where it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Meta(Meta),
    /// Bytes of the packet's header.
    Header {
        base: Base,
        offset: u32,
        length: u32,
    },
    /// What the destination is to this host: [`LOCAL`], or another type of route.
    DestinationType,
    Connection(Connection),
    And(u32),
    Is(Vec<u8>),
    IsNot(Vec<u8>),
    AtLeast(Vec<u8>),
    AtMost(Vec<u8>),
    /// A value for the first register, or the second.
    Put {
        second: bool,
        value: Vec<u8>,
    },
    /// To the address in the first register, and the port in the second where one was put there.
    Redirect {
        v4: bool,
        port: bool,
    },
    /// From the address of the link it leaves by.
    Masquerade,
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meta {
    InName = 6,
    OutName = 7,
    /// [`IPV4`] or [`IPV6`], one byte.
    Version = 15,
    /// IPPROTO_TCP, ..., one byte.
    Transport = 16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Network = 1,
    Transport = 2,
}

/// Bits of a connection, in the host's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    State = 0,
    Status = 2,
}

pub const IPV4: u8 = 2;
pub const IPV6: u8 = 10;
/// RTN_LOCAL.
pub const LOCAL: u32 = 2;
/// States `established` and `related`.
pub const KNOWN: u32 = 2 | 4;
/// IPS_DST_NAT: a redirect has applied.
pub const REDIRECTED: u32 = 1 << 5;

/// A table of rules, by chains.
pub struct Table<'a> {
    pub name: &'a str,
    pub chains: Vec<(&'a str, Hook, Vec<Vec<Step>>)>,
}

impl Table<'_> {
    /// To be sent as one.
    pub fn batch(&self) -> Vec<Request> {
        let family = [FAMILY_INET, 0, 0, 0];
        let border = |kind| Request::unanswered(kind, 0, &[0, 0, 0, NFTABLES as u8]);
        let table = Request::new(NEW_TABLE, NLM_F_CREATE | NLM_F_EXCL, &family);
        let table = number(text(table, NFTA_TABLE_NAME, self.name), NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
        let mut requests = vec![border(BATCH_BEGIN), table];
        for (name, hook, rules) in &self.chains {
            let chain = Request::unanswered(NEW_CHAIN, NLM_F_CREATE, &family);
            let chain = text(text(chain, NFTA_CHAIN_TABLE, self.name), NFTA_CHAIN_NAME, name);
            let chain = chain.nested(NFTA_CHAIN_HOOK, |nested| {
                let nested = number(nested, NFTA_HOOK_HOOKNUM, hook.number);
                number(nested, NFTA_HOOK_PRIORITY, hook.priority.cast_unsigned())
            });
            requests.push(text(chain, NFTA_CHAIN_TYPE, hook.kind));
            for rule in rules {
                let request = Request::unanswered(NEW_RULE, NLM_F_CREATE | NLM_F_APPEND, &family);
                let request = text(text(request, NFTA_RULE_TABLE, self.name), NFTA_RULE_CHAIN, name);
                requests.push(request.nested(NFTA_RULE_EXPRESSIONS, |all| rule.iter().fold(all, expression)));
            }
        }
        requests.push(border(BATCH_END));
        requests
    }
}

fn expression(list: Request, step: &Step) -> Request {
    list.nested(NFTA_LIST_ELEM, |element| {
        text(element, NFTA_EXPR_NAME, step.name()).nested(NFTA_EXPR_DATA, |data| step.fill(data))
    })
}

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Step::Meta(_) => "meta",
            Step::Header { .. } => "payload",
            Step::DestinationType => "fib",
            Step::Connection(_) => "ct",
            Step::And(_) => "bitwise",
            Step::Is(_) | Step::IsNot(_) | Step::AtLeast(_) | Step::AtMost(_) => "cmp",
            Step::Put { .. } | Step::Drop => "immediate",
            Step::Redirect { .. } => "nat",
            Step::Masquerade => "masq",
        }
    }

    /// The attributes of each are numbered by linux/netfilter/nf_tables.h, register first in most.
    fn fill(&self, data: Request) -> Request {
        let compare = |operation: u32, with: &[u8]| {
            number(number(data.clone(), 1, 1), 2, operation).nested(3, |value| value.attribute(NFTA_DATA_VALUE, with))
        };
        match self {
            Step::Meta(key) => number(number(data, 1, 1), 2, *key as u32),
            Step::Header { base, offset, length } => {
                number(number(number(number(data, 1, 1), 2, *base as u32), 3, *offset), 4, *length)
            }
            // The type of the destination: result 3, flag 2.
            Step::DestinationType => number(number(number(data, 1, 1), 2, 3), 3, 2),
            Step::Connection(key) => number(number(data, 1, 1), 2, *key as u32),
            Step::And(mask) => {
                let data = number(number(number(data, 1, 1), 2, 1), 3, 4);
                let data = data.nested(4, |value| value.attribute(NFTA_DATA_VALUE, &mask.to_ne_bytes()));
                data.nested(5, |value| value.attribute(NFTA_DATA_VALUE, &[0; 4]))
            }
            Step::Is(with) => compare(0, with),
            Step::IsNot(with) => compare(1, with),
            Step::AtMost(with) => compare(3, with),
            Step::AtLeast(with) => compare(5, with),
            Step::Put { second, value } => {
                let data = number(data, 1, if *second { 2 } else { 1 });
                data.nested(2, |nested| nested.attribute(NFTA_DATA_VALUE, value))
            }
            Step::Redirect { v4, port } => {
                // Destination NAT is type 1.
                let data = number(number(data, 1, 1), 2, u32::from(if *v4 { IPV4 } else { IPV6 }));
                let data = number(data, 3, 1);
                if *port { number(data, 5, 2) } else { data }
            }
            Step::Masquerade => data,
            // Verdicts go to register 0; 0 is NF_DROP.
            Step::Drop => number(data, 1, 0)
                .nested(2, |nested| nested.nested(NFTA_DATA_VERDICT, |verdict| number(verdict, NFTA_VERDICT_CODE, 0))),
        }
    }
}

fn number(request: Request, kind: u16, value: u32) -> Request {
    request.attribute(kind, &value.to_be_bytes())
}

fn text(request: Request, kind: u16, text: &str) -> Request {
    super::request::text(request, kind, text)
}
