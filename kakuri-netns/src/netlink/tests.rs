use super::request::{self, RTM_NEWADDR, RTM_NEWLINK};
use super::*;
use crate::netlink::reply::{self, AddressInfo, LinkInfo};
use crate::{Cidr, Route};

/// xorshift64*: the same garbage on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.roll() as u8).collect()
    }
}

/// Reads bytes in every way this program can; must end and must not panic.
fn read_all(bytes: &[u8]) -> usize {
    let mut seen = 0;
    for message in messages(bytes) {
        seen += 1;
        let Ok(message) = message else { continue };
        if let Ok(Answer::Data(_, body)) = message.answer() {
            let _ = (reply::link(body), reply::address(body), links::linked(body), links::route(body));
            let _ = (wireguard::family_number(body), wireguard::device(body, &mut wireguard::Device::default()));
        }
    }
    seen + attributes(bytes).count()
}

fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = ((16 + body.len()) as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn only(bytes: &[u8]) -> Message<'_> {
    let all: Vec<_> = messages(bytes).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].expect("well formed")
}

fn cidr(s: &str) -> Cidr {
    s.parse().expect("parses")
}

#[test]
fn garbage_is_read_to_its_end() {
    let mut dice = Dice(1);
    for _ in 0..100_000 {
        let bytes = dice.bytes(96);
        assert!(read_all(&bytes) <= bytes.len() + 2);
    }
}

#[test]
fn messages_with_flipped_bytes_and_cut_ends_are_read_to_their_end() {
    let mut dice = Dice(2);
    let route = Route::Unicast {
        to: cidr("10.0.0.0/8"),
        link: "x".into(),
        via: Some([10, 0, 0, 1].into()),
        source: None,
        metric: Some(1),
    };
    let mut refusal = (-22_i32).to_ne_bytes().to_vec();
    refusal.extend(&message(24, 5, 1, &[0; 8])[..16]);
    refusal.extend(Request::new(0, 0, &[]).attribute(NLMSGERR_ATTR_MSG, b"no\0").bytes.split_off(16));
    let seeds = [
        request::link_no_own_address(7).finish(1),
        request::address_add(7, &cidr("fd00::2/64")).finish(1),
        request::route_add(&route, 7).finish(1),
        message(NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, 1, &refusal),
        [request::link_mtu(3, 4).finish(1), message(NLMSG_DONE, 0, 1, &[0; 4])].concat(),
    ];
    for _ in 0..50_000 {
        let mut bytes = seeds[dice.below(seeds.len())].clone();
        for _ in 0..dice.below(4) {
            let at = dice.below(bytes.len());
            bytes[at] = dice.roll() as u8;
        }
        bytes.truncate(dice.below(bytes.len() + 1));
        assert!(read_all(&bytes) <= bytes.len() + 2);
    }
}

#[test]
fn whatever_is_written_is_read_back() {
    let mut dice = Dice(3);
    for _ in 0..5_000 {
        let written: Vec<(u16, Vec<u8>)> =
            (0..dice.below(6)).map(|_| ((dice.roll() as u16) & TYPE_MASK, dice.bytes(40))).collect();
        let (kind, sequence) = (dice.roll() as u16, dice.roll() as u32);
        let request = written.iter().fold(Request::new(kind, 0, &[]), |r, (kind, value)| r.attribute(*kind, value));
        let bytes = request.finish(sequence);
        assert_eq!(bytes.len() % 4, 0);
        let read = only(&bytes);
        assert_eq!((read.kind, read.sequence, read.flags), (kind, sequence, NLM_F_REQUEST | NLM_F_ACK));
        let read: Vec<_> = attributes(read.body).map(|a| a.map(|(k, v)| (k, v.to_vec())).expect("reads")).collect();
        assert_eq!(read, written);
    }
}

#[test]
fn addresses_are_read_back_as_they_were_added() {
    let mut dice = Dice(4);
    for _ in 0..5_000 {
        let ip = if dice.below(2) == 0 {
            std::net::Ipv4Addr::from_bits(dice.roll() as u32).into()
        } else {
            std::net::Ipv6Addr::from_bits(u128::from(dice.roll()) << 64 | u128::from(dice.roll())).into()
        };
        let Some(address) = Cidr::new(ip, dice.below(129) as u8) else { continue };
        let index = dice.roll() as u32;
        let bytes = request::address_add(index, &address).finish(1);
        let message = only(&bytes);
        assert_eq!(message.kind, RTM_NEWADDR);
        assert_eq!(reply::address(message.body), Ok(AddressInfo { index, address }));
    }
}

#[test]
fn links_are_read_back() {
    let body = [&[0, 0, 0, 0], &5_u32.to_ne_bytes()[..], &0x1_0001_u32.to_ne_bytes(), &[0; 4]].concat();
    let bytes = Request::new(RTM_NEWLINK, 0, &body).attribute(3, b"wg0\0").attribute(99, &[1, 2, 3]).finish(1);
    let expected = LinkInfo { index: 5, name: "wg0".into(), carrier: true };
    assert_eq!(reply::link(only(&bytes).body), Ok(expected));
    assert_eq!(reply::link(&[]), Err(Malformed));
    assert_eq!(reply::link(&body), Err(Malformed), "a link without a name");
}

/// The very bytes `ip link set dev 7 addrgenmode none` sends on a little-endian machine, but for iproute2's
/// choice of flags.
#[test]
#[cfg(target_endian = "little")]
fn nested_attributes_as_the_kernel_wants_them() {
    let bytes = request::link_no_own_address(7).finish(9);
    let attributes = &bytes[32..];
    assert_eq!(&bytes[..8], [48, 0, 0, 0, 16, 0, 5, 0]);
    assert_eq!(&bytes[20..24], [7, 0, 0, 0]);
    assert_eq!(attributes, [16, 0, 26, 128, 12, 0, 10, 128, 5, 0, 8, 0, 1, 0, 0, 0]);
}

#[test]
fn acknowledgements() {
    let header = &message(24, 5, 1, &[0; 40])[..16];
    let body = |code: i32, rest: &[u8]| [&code.to_ne_bytes()[..], header, rest].concat();
    let words = Request::new(0, 0, &[]).attribute(2, &[0; 4]).attribute(NLMSGERR_ATTR_MSG, b"Nexthop is odd\0");
    let words = &words.bytes[16..];
    let answer = |flags: u16, body: &[u8]| {
        let bytes = message(NLMSG_ERROR, flags, 1, body);
        only(&bytes).answer().map(|a| match a {
            Answer::Done => (0, None),
            Answer::Refused(r) => (r.errno, r.text),
            other => unreachable!("{other:?}"),
        })
    };
    let said = Some("Nexthop is odd".to_string());
    assert_eq!(answer(0, &body(0, &[])), Ok((0, None)));
    assert_eq!(answer(0, &body(-17, &[0; 40])), Ok((17, None)));
    assert_eq!(answer(NLM_F_ACK_TLVS | NLM_F_CAPPED, &body(-22, words)), Ok((22, said.clone())));
    assert_eq!(answer(NLM_F_ACK_TLVS, &body(-22, &[&[0; 40], words].concat())), Ok((22, said)));
    assert_eq!(answer(NLM_F_ACK_TLVS, &body(-22, words)), Ok((22, None)), "words where the request belongs");
    assert_eq!(answer(NLM_F_ACK_TLVS | NLM_F_CAPPED, &body(-22, &words[..15])), Ok((22, None)), "cut words");
    assert_eq!(answer(0, &body(i32::MIN, &[])), Ok((i32::MAX, None)));
    assert_eq!(answer(0, &[0; 19]), Err(Malformed));
}

#[test]
fn the_end_of_a_list() {
    let end = |body: &[u8]| {
        let bytes = message(NLMSG_DONE, 0, 1, body);
        format!("{:?}", only(&bytes).answer().expect("well formed"))
    };
    assert_eq!(end(&[]), "Done");
    assert_eq!(end(&0_i32.to_ne_bytes()), "Done");
    assert!(end(&(-4_i32).to_ne_bytes()).contains("errno: 4"));
    assert_eq!(only(&request::addresses().finish(1)).flags, NLM_F_REQUEST | NLM_F_DUMP);
}

#[test]
fn routes_say_what_the_kernel_wants_to_hear() {
    let parts = |route: &Route| {
        let bytes = request::route_add(route, 7).finish(1);
        let body = only(&bytes).body.to_vec();
        let kinds: Vec<u16> = attributes(&body[12..]).map(|a| a.expect("reads").0).collect();
        (body[..8].to_vec(), kinds)
    };
    let unicast = |to: &str, via: Option<&str>| Route::Unicast {
        to: cidr(to),
        link: "x".into(),
        via: via.map(|v| v.parse().expect("parses")),
        source: None,
        metric: None,
    };
    // family, prefix, source prefix, tos, table, protocol, scope, type
    assert_eq!(parts(&unicast("0.0.0.0/0", Some("10.0.0.1"))), (vec![2, 0, 0, 0, 254, 4, 0, 1], vec![4, 5]));
    assert_eq!(parts(&unicast("10.0.0.0/8", None)), (vec![2, 8, 0, 0, 254, 4, 253, 1], vec![1, 4]));
    assert_eq!(parts(&unicast("::/0", None)), (vec![10, 0, 0, 0, 254, 4, 0, 1], vec![4]));
    let unreachable = Route::Unreachable { to: cidr("::/0"), metric: Some(3) };
    assert_eq!(parts(&unreachable), (vec![10, 0, 0, 0, 254, 4, 0, 7], vec![6]));
    let blackhole = Route::Blackhole { to: cidr("10.0.0.0/8"), metric: None };
    assert_eq!(parts(&blackhole), (vec![2, 8, 0, 0, 254, 4, 0, 6], vec![1]));
}
