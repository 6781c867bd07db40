//! Splitting and putting together, against each other and against whatever a stranger may send.

use super::checksum::{Sum, pseudo};
use super::coalesce::Coalescer;
use super::flow::Flow;
use super::inner::{self, TCP, UDP};
use super::split::split;
use super::vnet::{GSO_ECN, GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP, Header, LENGTH, NEEDS_CHECKSUM};

/// Numbers that look random and are the same in every run (a linear congruential generator).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

/// What a packet is made of.
#[derive(Clone)]
struct Maker {
    v6: bool,
    protocol: u8,
    port: u16,
    id: u16,
    sequence: u32,
    flags: u8,
    options: usize,
    /// Whether routers may cut it: then its number counts.
    numbered: bool,
}

impl Maker {
    fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let mut own = [self.port.to_be_bytes(), 80_u16.to_be_bytes()].concat();
        if self.protocol == TCP {
            own.extend(self.sequence.to_be_bytes());
            own.extend([0, 0, 0, 9, (((20 + self.options) / 4) << 4) as u8, self.flags, 1, 2, 0, 0, 0, 0]);
            own.extend(vec![1; self.options]);
        } else {
            own.extend(((8 + payload.len()) as u16).to_be_bytes());
            own.extend([0, 0]);
        }
        own.extend(payload);
        let mut packet = if self.v6 {
            let mut header = vec![0x60, 0, 0, 0, 0, 0, self.protocol, 64];
            header[4..6].copy_from_slice(&(own.len() as u16).to_be_bytes());
            header.extend([0xfd; 32]);
            header
        } else {
            let mut header = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, self.protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
            header[2..4].copy_from_slice(&((20 + own.len()) as u16).to_be_bytes());
            header[4..6].copy_from_slice(&self.id.to_be_bytes());
            header[6] = if self.numbered { 0 } else { 0x40 };
            let sum = Sum::default().bytes(&header).finish();
            header[10..12].copy_from_slice(&sum);
            header
        };
        let addresses = if self.v6 { packet[8..40].to_vec() } else { packet[12..20].to_vec() };
        let sum = pseudo(&addresses, self.protocol, own.len()).bytes(&own).finish();
        let at = if self.protocol == TCP { 16 } else { 6 };
        own[at..at + 2].copy_from_slice(&if sum == [0, 0] && self.protocol == UDP { [0xff; 2] } else { sum });
        packet.extend(own);
        packet
    }
}

fn all_right(packet: &[u8]) -> bool {
    let v6 = packet[0] >> 4 == 6;
    let (protocol, at) = if v6 { (packet[6], 40) } else { (packet[9], 20) };
    let addresses = if v6 { &packet[8..40] } else { &packet[12..20] };
    inner::outline(packet).is_some_and(|outline| outline.length == packet.len())
        && (v6 || Sum::default().bytes(&packet[..20]).is_right())
        && pseudo(addresses, protocol, packet.len() - at).bytes(&packet[at..]).is_right()
}

/// What is written for these packets, as frames.
fn put_together(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut coalescer = Coalescer::new(true, true);
    packets.iter().for_each(|packet| coalescer.add(packet.clone()));
    let mut frames = Vec::new();
    coalescer.flush(|pieces| frames.push(pieces.iter().flat_map(|piece| piece.to_vec()).collect()));
    frames
}

fn taken_apart(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for frame in frames {
        let mut frame = frame.clone();
        let (header, packet) = Header::read(&mut frame).expect("a frame");
        split(&header, packet, |head, rest| packets.push([head, rest].concat())).expect("well-formed");
    }
    packets
}

#[test]
fn a_stream_is_one_piece_and_comes_apart_as_it_was() {
    for v6 in [false, true] {
        for protocol in [TCP, UDP] {
            let mut maker = Maker {
                v6,
                protocol,
                port: 7,
                id: 65530,
                sequence: u32::MAX - 2000,
                flags: 0x10,
                options: 12,
                numbered: false,
            };
            let packets: Vec<_> = (0..20_usize)
                .map(|i| {
                    let payload = vec![i as u8; if i == 19 { 100 } else { 1000 }];
                    maker.flags = if i == 19 { 0x18 } else { 0x10 };
                    let packet = maker.packet(&payload);
                    (maker.sequence, maker.id) = (maker.sequence.wrapping_add(1000), maker.id.wrapping_add(1));
                    packet
                })
                .collect();
            assert!(packets.iter().all(|packet| all_right(packet)));
            let frames = put_together(&packets);
            assert_eq!(frames.len(), 1, "v6 {v6} protocol {protocol}");
            assert_eq!(taken_apart(&frames), packets);
        }
    }
}

#[test]
fn what_does_not_follow_stays_alone() {
    let maker =
        Maker { v6: false, protocol: TCP, port: 7, id: 5, sequence: 0, flags: 0x10, options: 0, numbered: false };
    let first = maker.packet(&[1; 100]);
    let next = Maker { id: 6, sequence: 100, ..maker.clone() };
    assert_eq!(put_together(&[first.clone(), next.packet(&[2; 100])]).len(), 1);
    let mut others = vec![
        Maker { sequence: 101, ..next.clone() }.packet(&[2; 100]),
        Maker { sequence: 99, ..next.clone() }.packet(&[2; 100]),
        Maker { port: 8, ..next.clone() }.packet(&[2; 100]),
        Maker { options: 4, ..next.clone() }.packet(&[2; 100]),
        Maker { flags: 0x11, ..next.clone() }.packet(&[2; 100]),
        Maker { flags: 0x12, ..next.clone() }.packet(&[2; 100]),
        Maker { protocol: UDP, ..next.clone() }.packet(&[2; 100]),
        next.packet(&[2; 101]),
        next.packet(&[]),
    ];
    let mut damaged = next.packet(&[2; 100]);
    damaged[139] ^= 1;
    others.push(damaged);
    let mut fragment = next.packet(&[2; 100]);
    fragment[6] |= 0x20;
    others.push(fragment);
    for other in others {
        assert_eq!(
            put_together(&[first.clone(), other.clone()]),
            put_together(std::slice::from_ref(&first)).into_iter().chain(put_together(&[other])).collect::<Vec<_>>()
        );
    }
    // A damaged first one takes nobody in, and is passed on as it is.
    let mut damaged = first.clone();
    damaged[30] ^= 1;
    let frames = put_together(&[damaged.clone(), next.packet(&[2; 100])]);
    assert_eq!((frames.len(), &frames[0][LENGTH..]), (2, &damaged[..]));
    // What a push or a shorter one has ended, nothing follows.
    let pushed = Maker { flags: 0x18, ..maker.clone() }.packet(&[1; 100]);
    assert_eq!(put_together(&[pushed, next.packet(&[2; 100])]).len(), 2);
    let last = Maker { id: 7, sequence: 150, ..maker }.packet(&[3; 50]);
    assert_eq!(put_together(&[first, next.packet(&[2; 50]), last]).len(), 2);
}

/// Several flows mixed, of any lengths, with gaps and damage: nothing is lost, changed, or out of order within its flow.
#[test]
fn any_mixture_comes_apart_as_it_was() {
    let mut random = Random(1);
    for round in 0..250 {
        let mut makers: Vec<Maker> = (0..1 + random.below(6))
            .map(|port| Maker {
                v6: random.below(2) == 0,
                protocol: if random.below(3) == 0 { UDP } else { TCP },
                port: port as u16,
                id: random.below(65536) as u16,
                sequence: random.below(1 << 31) as u32,
                flags: 0x10,
                options: 4 * random.below(11),
                numbered: true,
            })
            .collect();
        let size = 1 + random.below(1400);
        let mut packets = Vec::new();
        for _ in 0..random.below(300) {
            let count = makers.len();
            let maker = &mut makers[random.below(count)];
            let length = if random.below(8) == 0 { random.below(size + 1) } else { size };
            let payload = random.bytes(length);
            maker.flags = if random.below(20) == 0 { 0x18 } else { 0x10 };
            let mut packet = maker.packet(&payload);
            maker.sequence = maker.sequence.wrapping_add(length as u32);
            maker.id = maker.id.wrapping_add(1);
            match random.below(40) {
                0 => {
                    let at = random.below(packet.len());
                    packet[at] ^= 1 << random.below(8);
                }
                1 => maker.sequence = maker.sequence.wrapping_add(1),
                _ => {}
            }
            // What the tunnel would not have let through does not come this far.
            if inner::outline(&packet).is_some_and(|outline| outline.length == packet.len()) {
                packets.push(packet);
            }
        }
        let frames = put_together(&packets);
        let apart = taken_apart(&frames);
        let by_flow = |all: &[Vec<u8>]| {
            let mut flows: std::collections::BTreeMap<usize, Vec<Vec<u8>>> = Default::default();
            for packet in all {
                let hash = Flow::of(packet, true).map_or(usize::MAX, |flow| flow.hash);
                flows.entry(hash).or_default().push(packet.clone());
            }
            flows
        };
        assert!(by_flow(&apart) == by_flow(&packets), "round {round}");
        assert!(frames.iter().all(|frame| frame.len() <= LENGTH + 65535));
    }
}

#[test]
fn a_checksum_the_kernel_left_is_finished() {
    for (protocol, offset) in [(TCP, 16), (UDP, 6)] {
        let maker = Maker { v6: true, protocol, port: 7, id: 0, sequence: 3, flags: 0x18, options: 0, numbered: false };
        let right = maker.packet(b"odd");
        let mut packet = right.clone();
        let partial = pseudo(&packet[8..40], protocol, packet.len() - 40).partial();
        packet[40 + offset..42 + offset].copy_from_slice(&partial);
        let header = Header {
            flags: NEEDS_CHECKSUM,
            gso: GSO_NONE,
            checksum_start: 40,
            checksum_offset: offset as u16,
            ..Header::default()
        };
        let mut seen = Vec::new();
        split(&header, &mut packet, |head, rest| seen.push([head, rest].concat())).expect("well-formed");
        assert_eq!(seen, [right]);
    }
}

#[test]
fn only_the_last_segment_ends_and_only_the_first_has_slowed_down() {
    let maker = Maker {
        v6: false,
        protocol: TCP,
        port: 7,
        id: 0,
        sequence: 0,
        flags: 0x10 | 0x80 | 0x08 | 0x01,
        options: 0,
        numbered: false,
    };
    let mut packet = maker.packet(&[0; 250]);
    let header = Header {
        flags: 1,
        gso: GSO_TCP4 | GSO_ECN,
        headers: 40,
        segment: 100,
        checksum_start: 20,
        checksum_offset: 16,
    };
    let mut flags = Vec::new();
    split(&header, &mut packet, |head, rest| {
        assert!(all_right(&[head, rest].concat()));
        flags.push(head[33]);
    })
    .expect("well-formed");
    assert_eq!(flags, [0x90, 0x10, 0x19]);
}

/// Headers and packets of any bytes end in an error or in packets, never in a panic.
#[test]
fn nothing_hostile_panics() {
    let mut random = Random(2);
    let kinds = [GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP, GSO_TCP4 | GSO_ECN, 3, 255];
    for _ in 0..20_000 {
        let length = random.below(200);
        let mut packet = random.bytes(length);
        if let Some(first) = packet.first_mut() {
            *first = [0x45, 0x46, 0x4f, 0x60, *first][random.below(5)];
        }
        let small =
            |random: &mut Random| if random.below(8) == 0 { random.below(65536) } else { random.below(80) } as u16;
        let header = Header {
            flags: random.below(4) as u8,
            gso: kinds[random.below(kinds.len())],
            headers: small(&mut random),
            segment: small(&mut random),
            checksum_start: small(&mut random),
            checksum_offset: small(&mut random),
        };
        let _ = split(&header, &mut packet, |_, _| {});
        let _ = inner::outline_of_any_length(&packet);
        let _ = inner::outline(&packet);
        let before = packet.clone();
        let frames = put_together(&[packet.clone(), packet]);
        assert!(frames.iter().all(|frame| frame.len() >= before.len()));
    }
}
