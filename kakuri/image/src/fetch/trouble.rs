//! What went wrong between us and a server, in words that lead on, and whether it is worth another try. Pure.

use std::time::Duration;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, describe};
use rustls::CertificateError;
use ureq::{Error, Timeout};

use super::STAGE;
use super::redirect::Origin;
use crate::talk::Patience;

/// Of words that are not ours, in characters.
const LONGEST: usize = 300;

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Not at this endpoint.
    Never,
    /// Where the endpoint has answered before: it may be down for a moment. One that never has is left alone.
    Known,
    Later,
    After(Duration),
    /// At none.
    Stop,
}

#[derive(Clone, Debug)]
pub struct Trouble {
    pub why: String,
    pub hint: Option<String>,
    pub again: Again,
    /// The answer was none of TLS.
    pub plain: bool,
    /// Much has come before it.
    pub progressed: bool,
}

impl Trouble {
    pub fn new(why: impl Into<String>) -> Trouble {
        Trouble { why: why.into(), hint: None, again: Again::Never, plain: false, progressed: false }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Trouble {
        self.hint = Some(hint.into());
        self
    }

    pub fn again(mut self, again: Again) -> Trouble {
        self.again = again;
        self
    }

    pub fn stopped() -> Trouble {
        Trouble::new("it is not wanted any more").again(Again::Stop)
    }

    /// `what`: what could not be done. `host`: of the endpoint.
    pub fn fail(&self, what: &str, host: &str) -> Fail {
        let fail = Fail::new(STAGE, what).why(format!("{host}: {}", self.why));
        // Where there is none, the front knows what is kept of it.
        Fail { hint: self.hint.clone(), ..fail }
    }
}

/// Words of a server: short, and on one line.
pub fn quoted(words: &str) -> String {
    let one_line: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = one_line.chars().take(LONGEST).collect();
    if short.len() < one_line.len() {
        short.push_str("...");
    }
    Bytes::from(&*short).to_string()
}

/// Of a conversation with `at`, which is the endpoint itself or where it has sent us.
pub fn of(error: Error, at: &Origin, patience: &Patience) -> Trouble {
    let error = match error {
        Error::Other(other) => match other.downcast::<Fail>() {
            Ok(fail) => {
                let why = fail.reason().map_or(fail.what.clone(), |reason| format!("{}: {reason}", fail.what));
                return Trouble { hint: fail.hint, ..Trouble::new(why).again(Again::Known) };
            }
            Err(other) => Error::Other(other),
        },
        other => other,
    };
    if let Some(tls) = tls(&error) {
        return of_tls(tls, at);
    }
    let seconds = |milliseconds: u64| milliseconds.div_ceil(1000);
    match error {
        Error::Timeout(Timeout::Connect) => {
            Trouble::new(format!("there is no connection after {} s", seconds(patience.connect)))
                .hint("see whether this machine is on line, and whether a proxy is needed: HTTPS_PROXY")
                .again(Again::Known)
        }
        Error::Timeout(Timeout::Resolve) => Trouble::new("its name does not resolve in time").again(Again::Known),
        Error::Timeout(_) => Trouble::new(format!("it has stalled: nothing came for {} s", seconds(patience.silence)))
            .hint("try again; what has come is kept")
            .again(Again::Later),
        Error::HostNotFound => Trouble::new("its name has no address").again(Again::Known),
        Error::Io(e) => of_io(&e, at),
        Error::ConnectProxyFailed(why) => Trouble::new(format!("the proxy does not lead there: {}", quoted(&why)))
            .hint("correct HTTPS_PROXY, or name the registry in NO_PROXY")
            .again(Again::Known),
        Error::LargeResponseHeader(..) => Trouble::new("the head of its answer is larger than 64 KiB"),
        other => Trouble::new(format!("what it answers is no HTTP: {}", quoted(&other.to_string()))),
    }
}

fn of_io(e: &std::io::Error, at: &Origin) -> Trouble {
    let name = at.shown();
    match e.raw_os_error() {
        Some(libc::ECONNREFUSED) => Trouble::new("nothing listens there (connection refused)")
            .hint(format!("correct the host and the port, or start the registry: {name}"))
            .again(Again::Known),
        Some(errno @ (libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EADDRNOTAVAIL)) => {
            Trouble::new(format!("there is no way to it: {}", describe(errno)))
                .hint("see whether this machine is on line, and whether a proxy is needed: HTTPS_PROXY")
                .again(Again::Known)
        }
        Some(errno) => Trouble::new(format!("the connection broke: {}", describe(errno))).again(Again::Later),
        None if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Trouble::new("it hung up in the middle of its answer").again(Again::Later)
        }
        None => Trouble::new(format!("the connection broke: {}", quoted(&e.to_string()))).again(Again::Later),
    }
}

fn tls(error: &Error) -> Option<&rustls::Error> {
    match error {
        Error::Rustls(tls) => Some(tls),
        Error::Io(e) => e.get_ref()?.downcast_ref(),
        _ => None,
    }
}

fn of_tls(error: &rustls::Error, at: &Origin) -> Trouble {
    use rustls::{AlertDescription, Error as Tls, InvalidMessage};
    let name = at.shown();
    let insecure = "--tls-verify=false believes any certificate";
    match error {
        Tls::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => Trouble {
            plain: true,
            ..Trouble::new("it does not speak TLS")
                .hint("where the registry has only http, and the network in between is yours: --tls-verify=false")
        },
        // The second is another authority of the same name.
        Tls::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            Trouble::new("its certificate is signed by an authority nobody here knows").hint(format!(
                "install -Dm644 ca.crt ~/.config/containers/certs.d/{name}/ca.crt (the authority's own); {insecure}"
            ))
        }
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Trouble::new("its certificate is for another name")
            .hint(format!("use a name the certificate has: openssl s_client -connect {name}; {insecure}")),
        Tls::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            Trouble::new("its certificate has expired")
                .hint(format!("see whether this machine's clock is right: date; {insecure}"))
        }
        Tls::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            Trouble::new("its certificate is not valid yet")
                .hint(format!("see whether this machine's clock is right: date; {insecure}"))
        }
        Tls::InvalidCertificate(other) => {
            Trouble::new(format!("its certificate is not valid: {}", quoted(&other.to_string()))).hint(insecure)
        }
        Tls::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure) => {
            Trouble::new("it wants a certificate of ours")
                .hint(format!("put client.cert and client.key into ~/.config/containers/certs.d/{name}"))
        }
        other => Trouble::new(format!("TLS fails: {}", quoted(&other.to_string()))).again(Again::Known),
    }
}
