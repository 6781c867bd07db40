//! A connection to a message bus, or to the service manager itself: D-Bus Specification, "Authentication Protocol". The
//! other side is told who we are by the kernel; EXTERNAL says no more than that it be asked.

use std::fmt::{Display, Formatter};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use kakuri_wire::{Bytes, sys};

use super::message::{self, Call, Message};
use crate::cgroup::place::Socket;

const BUS: &str = "org.freedesktop.DBus";
/// Without it a bus passes on no word of a unit's end.
const MATCH: &str = "type='signal',sender='org.freedesktop.systemd1',\
                     interface='org.freedesktop.systemd1.Manager',member='JobRemoved'";
/// Of a line of the handshake.
const LONGEST_LINE: usize = 512;

/// Why there is no answer.
#[derive(Debug)]
pub enum Broken {
    Io(std::io::Error),
    Late,
    Nonsense,
    /// The other side's own words.
    Refused(String),
}

impl From<std::io::Error> for Broken {
    fn from(e: std::io::Error) -> Broken {
        match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Broken::Late,
            _ => Broken::Io(e),
        }
    }
}

impl Display for Broken {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        match self {
            Broken::Io(e) => match e.raw_os_error() {
                Some(errno) => f.write_str(&kakuri_wire::fail::describe(errno)),
                None => f.write_str("it closed the connection"),
            },
            Broken::Late => f.write_str("it does not answer"),
            Broken::Nonsense => f.write_str("it does not speak D-Bus"),
            // It comes from another process, and goes to a terminal.
            Broken::Refused(text) => write!(f, "{}", Bytes::from(text.chars().take(200).collect::<String>())),
        }
    }
}

pub struct Bus {
    stream: UnixStream,
    serial: u32,
    end: Instant,
    /// What was received and not read yet.
    received: Vec<u8>,
}

impl Bus {
    pub fn connect(socket: &Socket, end: Instant) -> Result<Bus, Broken> {
        let stream = UnixStream::connect(&socket.path)?;
        let mut bus = Bus { stream, serial: 0, end, received: Vec::new() };
        bus.authenticate()?;
        if socket.bus {
            let call = |member| Call { destination: BUS, object: "/org/freedesktop/DBus", interface: BUS, member };
            let hello = bus.call(&call("Hello"), "", &[])?;
            bus.await_return(hello)?;
            let mut wanted = message::Writer::default();
            wanted.string(MATCH);
            let matched = bus.call(&call("AddMatch"), "s", &wanted.bytes)?;
            bus.await_return(matched)?;
        }
        Ok(bus)
    }

    fn authenticate(&mut self) -> Result<(), Broken> {
        let uid = rustix::process::geteuid().as_raw().to_string();
        let hex: String = uid.bytes().map(|digit| format!("{digit:02x}")).collect();
        self.send(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let line = loop {
            if let Some(at) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.received.drain(..at + 2).collect();
                break line;
            }
            if self.received.len() > LONGEST_LINE {
                return Err(Broken::Nonsense);
            }
            self.receive()?;
        };
        match line.starts_with(b"OK ") {
            true => self.send(b"BEGIN\r\n"),
            false if line.starts_with(b"REJECTED") => Err(Broken::Refused("it does not know this user".into())),
            false => Err(Broken::Nonsense),
        }
    }

    /// Sends a call; its number.
    pub fn call(&mut self, call: &Call, signature: &str, body: &[u8]) -> Result<u32, Broken> {
        self.serial += 1;
        self.send(&call.write(self.serial, signature, body))?;
        Ok(self.serial)
    }

    fn await_return(&mut self, serial: u32) -> Result<(), Broken> {
        loop {
            match self.next()? {
                Message::Return { to, .. } if to == serial => return Ok(()),
                Message::Error { to, name, text } if to == serial => {
                    return Err(Broken::Refused(if text.is_empty() { name } else { text }));
                }
                _ => {}
            }
        }
    }

    /// The next message, whatever it is.
    pub fn next(&mut self) -> Result<Message, Broken> {
        loop {
            match message::length(&self.received) {
                Err(()) => return Err(Broken::Nonsense),
                Ok(Some(length)) if self.received.len() >= length => {
                    let whole: Vec<u8> = self.received.drain(..length).collect();
                    return message::read(&whole).ok_or(Broken::Nonsense);
                }
                Ok(_) => self.receive()?,
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Broken::Late);
        }
        self.stream.set_write_timeout(Some(left))?;
        // One that has gone is an error of this call, and no signal.
        Ok(sys::ignoring(libc::SIGPIPE, || self.stream.write_all(bytes))?)
    }

    fn receive(&mut self) -> Result<(), Broken> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Broken::Late);
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(Broken::Io(ErrorKind::UnexpectedEof.into())),
            Ok(count) => {
                self.received.extend(&buffer[..count]);
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}
