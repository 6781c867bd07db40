//! Processes of one process namespace, as the host's /proc tells of them (proc(5)).
//!
//! Only our own are looked into: whose namespaces may not be read is somebody else's. Each is read below one
//! descriptor of its folder, so that a number that is used again mixes no two processes; one that has ended meanwhile
//! is passed over.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;

use kakuri_wire::Bytes;
use rustix::fs::{CWD, Dir, Mode, OFlags, openat, readlinkat};

use crate::output::{plain, words};

/// Clock ticks of a second in /proc, whatever the kernel's own clock: USER_HZ, 100 on every machine we run on.
const TICKS: u64 = 100;
/// Bytes of a command line that are looked at.
const MOST: u64 = 16 * 1024;

#[derive(Clone, Debug)]
pub struct Process {
    pub host_pid: i32,
    pub pid: i32,
    /// Inside; 0 where it is out of sight from there.
    pub parent: i32,
    /// Its user, by the number it has in its own user namespace.
    pub user: Option<u32>,
    pub state: char,
    /// Processor time so far, in seconds.
    pub cpu: u64,
    /// The same in microseconds, as fine as the clock ticks.
    pub cpu_usec: u64,
    /// Bytes of memory it has, with what it shares.
    pub resident: u64,
    pub threads: u64,
    arguments: Vec<u8>,
    /// What the kernel calls it.
    name: Vec<u8>,
}

impl Process {
    /// As plain text: a process calls itself what it likes.
    pub fn command(&self) -> String {
        let arguments = self.arguments.strip_suffix(b"\0").unwrap_or(&self.arguments);
        if arguments.is_empty() {
            return format!("[{}]", plain(&self.name));
        }
        words(&arguments.split(|b| *b == 0).map(|word| Bytes(word.to_vec())).collect::<Vec<_>>())
    }
}

/// What is known before it is known whose it is.
struct Seen {
    parent: i32,
    namespace: String,
}

/// Of the namespace with this inode and of those made inside it, by their number in it.
pub fn all_in(namespace: u64) -> Vec<Process> {
    let wanted = format!("pid:[{namespace}]");
    let look = |pid: i32| {
        let folder = open(pid)?;
        let parent = field(&text(&folder, "status")?, "PPid")?.parse().ok()?;
        Some((pid, Seen { parent, namespace: namespace_of(&folder)? }))
    };
    let seen: BTreeMap<i32, Seen> = numbers().into_iter().filter_map(look).collect();
    let belongs = |mut pid: i32| {
        // What a process makes inside is below it, or below PID 1 once its parent has gone. Numbers that were used
        // again could make a circle, hence the limit.
        for _ in 0..seen.len() {
            match seen.get(&pid) {
                Some(one) if one.namespace == wanted => return true,
                Some(one) => pid = one.parent,
                None => return false,
            }
        }
        false
    };
    let inside = seen.iter().filter(|(pid, _)| belongs(**pid));
    let mut found: Vec<Process> = inside.filter_map(|(pid, one)| read(*pid, &one.namespace)).collect();
    let numbers: BTreeMap<i32, i32> = found.iter().map(|one| (one.host_pid, one.pid)).collect();
    for one in &mut found {
        one.parent = numbers.get(&one.parent).copied().unwrap_or(0);
    }
    found.sort_by_key(|one| one.pid);
    found
}

fn numbers() -> Vec<i32> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(proc) = openat(CWD, "/proc", flags, Mode::empty()) else { return Vec::new() };
    let entries = Dir::read_from(&proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str().ok()?.parse().ok()).collect()
}

fn open(pid: i32) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, format!("/proc/{pid}"), flags, Mode::empty()).ok()
}

/// `pid:[4026531836]`
fn namespace_of(folder: &OwnedFd) -> Option<String> {
    readlinkat(folder, "ns/pid", Vec::new()).ok()?.into_string().ok()
}

/// Its `parent` is as the host numbers it, still.
fn read(host_pid: i32, namespace: &str) -> Option<Process> {
    let folder = open(host_pid)?;
    // Its number may be another's by now.
    if namespace_of(&folder)? != namespace {
        return None;
    }
    let status = text(&folder, "status")?;
    let stat = text(&folder, "stat")?;
    // The name stands in parentheses and may hold some itself: the fields begin behind the last one.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|t| t.parse::<u64>().ok()).unwrap_or(0);
    let outside: Option<u32> = field(&status, "Uid").and_then(|u| u.split_whitespace().nth(1)?.parse().ok());
    let map = text(&folder, "uid_map").unwrap_or_default();
    Some(Process {
        host_pid,
        // The first number is the host's, the next the container's, more are of namespaces inside it.
        pid: field(&status, "NSpid")?.split_whitespace().nth(1)?.parse().ok()?,
        parent: field(&status, "PPid")?.parse().ok()?,
        user: outside.and_then(|uid| inner(&map, uid)),
        state: fields.first().and_then(|s| s.chars().next()).unwrap_or('?'),
        cpu: (ticks(11) + ticks(12)) / TICKS,
        cpu_usec: (ticks(11) + ticks(12)) * (1_000_000 / TICKS),
        resident: kilobytes(field(&status, "VmRSS")) * 1024,
        threads: field(&status, "Threads").and_then(|n| n.parse().ok()).unwrap_or(1),
        arguments: bytes(&folder, "cmdline").unwrap_or_default(),
        name: bytes(&folder, "comm").map(|c| c.trim_ascii_end().to_vec()).unwrap_or_default(),
    })
}

/// `1234 kB`; a kernel's own thread has none.
fn kilobytes(value: Option<&str>) -> u64 {
    value.and_then(|value| value.strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}

/// An id outside as the map of its namespace has it inside: lines of `INSIDE OUTSIDE COUNT`, the second as the reader
/// of the file has it (user_namespaces(7)).
fn inner(map: &str, outside: u32) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let (inside, from, count) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
        outside.checked_sub(from).filter(|n| *n < count).and_then(|n| inside.checked_add(n))
    })
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn text(folder: &OwnedFd, name: &str) -> Option<String> {
    bytes(folder, name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn bytes(folder: &OwnedFd, name: &str) -> Option<Vec<u8>> {
    let file = openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(MOST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_inside() {
        let map = "         0       1001          1\n      1000     100000      65536\n";
        assert_eq!(inner(map, 1001), Some(0));
        assert_eq!(inner(map, 100_005), Some(1005));
        assert_eq!(inner(map, 165_536), None);
        assert_eq!(inner("", 0), None);
    }

    #[test]
    fn a_process_cannot_write_into_the_table() {
        let mut process = Process {
            host_pid: 1,
            pid: 1,
            parent: 0,
            user: None,
            state: 'S',
            cpu: 0,
            cpu_usec: 0,
            resident: 0,
            threads: 1,
            arguments: b"a\nroot  1\x1b[2J\0b c\0".to_vec(),
            name: b"x\ry".to_vec(),
        };
        assert_eq!(process.command(), "'a\\nroot  1\\u{1b}[2J' 'b c'");
        process.arguments.clear();
        assert_eq!(process.command(), "[x\\ry]");
    }

    #[test]
    fn our_own_namespace_has_us_in_it() {
        let own = std::fs::read_link("/proc/self/ns/pid").expect("readable");
        let inode = own.to_str().and_then(|l| l.split(['[', ']']).nth(1)?.parse().ok()).expect("an inode");
        // NSpid has one number only where this is the first namespace: then there is nothing inside.
        let nested = std::fs::read_to_string("/proc/self/status").expect("readable");
        let nested = field(&nested, "NSpid").is_some_and(|n| n.split_whitespace().count() > 1);
        assert_eq!(all_in(inode).iter().any(|p| p.host_pid == std::process::id() as i32), nested);
        assert!(all_in(1).is_empty());
    }
}
