//! DNS messages (RFC 1035), as far as they are ours to read and write: one question, and addresses for it. Pure.
//!
//! Questions come from the container and are hostile: whatever the bytes are, reading them ends.

use std::net::IpAddr;

const HEADER: usize = 12;
const IN: u16 = 1;
pub const A: u16 = 1;
pub const AAAA: u16 = 28;
/// Seconds an answer may be kept: a container of the name may be another one soon.
const TTL: u32 = 1;

pub const SERVER_FAILURE: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// With dots between its labels, and none at the end.
    pub name: String,
    /// [`A`], [`AAAA`] or another.
    pub kind: u16,
    /// Where the question ends in its message.
    end: usize,
}

/// The one question of a message. None: it is none, or none we understand.
pub fn read(message: &[u8]) -> Option<Question> {
    let header = message.get(..HEADER)?;
    // A standard query, with exactly one question.
    if header[2] & 0xf8 != 0 || header[4..6] != [0, 1] {
        return None;
    }
    let (mut at, mut labels) = (HEADER, Vec::new());
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        // A pointer back has nowhere to lead in a question.
        let label = message.get(at..at + length).filter(|_| length < 64)?;
        labels.push(String::from_utf8_lossy(label).into_owned());
        at += length;
        if at > HEADER + 255 {
            return None;
        }
    }
    let kind = u16::from_be_bytes(*message.get(at..)?.first_chunk()?);
    let class = u16::from_be_bytes(*message.get(at + 2..)?.first_chunk()?);
    (class == IN).then(|| Question { name: labels.join("."), kind, end: at + 4 })
}

/// The answer to a question. None of the addresses is of the kind asked for: the name exists, and has none.
pub fn answer(message: &[u8], question: &Question, addresses: &[IpAddr]) -> Vec<u8> {
    let records: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|ip| match (ip, question.kind) {
            (IpAddr::V4(ip), A) => Some(ip.octets().to_vec()),
            (IpAddr::V6(ip), AAAA) => Some(ip.octets().to_vec()),
            _ => None,
        })
        .collect();
    let mut reply = begin(message, question, 0, true);
    reply[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    for record in records {
        // The name is the question's, which stands right behind the header.
        reply.extend([0xc0, HEADER as u8]);
        reply.extend([question.kind.to_be_bytes(), IN.to_be_bytes()].concat());
        reply.extend(TTL.to_be_bytes());
        reply.extend((record.len() as u16).to_be_bytes());
        reply.extend(record);
    }
    reply
}

/// That there is no answer.
pub fn refuse(message: &[u8], question: &Question, code: u8) -> Vec<u8> {
    begin(message, question, code, false)
}

/// Header and question of a reply, without any record.
fn begin(message: &[u8], question: &Question, code: u8, authoritative: bool) -> Vec<u8> {
    let mut reply = message.get(..question.end).unwrap_or_default().to_vec();
    if reply.len() < HEADER {
        reply.resize(HEADER, 0);
    }
    // It is an answer; whether recursion was wanted is repeated, and it is available.
    reply[2] = 0x80 | (reply[2] & 0x01) | if authoritative { 0x04 } else { 0 };
    reply[3] = 0x80 | code;
    reply[4..HEADER].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a resolver sends it, with an EDNS record behind the question.
    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut message = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.push(0);
        message.extend([kind.to_be_bytes(), IN.to_be_bytes()].concat());
        message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        message
    }

    #[test]
    fn a_question_and_its_answer() {
        let message = query("web", A);
        let question = read(&message).expect("a question");
        assert_eq!((question.name.as_str(), question.kind), ("web", A));
        let addresses = ["10.213.0.2".parse().expect("one"), "fd6b::2".parse().expect("one")];
        let reply = answer(&message, &question, &addresses);
        assert_eq!(reply[..8], [0xab, 0xcd, 0x85, 0x80, 0, 1, 0, 1]);
        assert_eq!(reply[8..12], [0; 4], "no further records");
        assert_eq!(reply[reply.len() - 6..], [0, 4, 10, 213, 0, 2]);
        let six = query("web", AAAA);
        let reply = answer(&six, &read(&six).expect("a question"), &addresses[..1]);
        assert_eq!((reply[3] & 0xf, reply[7]), (0, 0), "the name exists, and has no such address");
        assert_eq!(refuse(&message, &question, SERVER_FAILURE)[3] & 0xf, SERVER_FAILURE);
    }

    #[test]
    fn what_is_no_question() {
        let good = query("a.example", A);
        for cut in 0..good.len() - 11 {
            assert_eq!(read(&good[..cut]), None, "cut at {cut}");
        }
        let with = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            read(&bad)
        };
        assert_eq!(with(2, 0x81), None, "an answer");
        assert_eq!(with(5, 2), None, "two questions");
        assert_eq!(with(12, 0xc0), None, "a pointer");
        assert_eq!(with(12, 64), None, "a long label");
        let long = query(&["abcdefghi"; 40].join("."), A);
        assert_eq!(read(&long), None);
    }
}
