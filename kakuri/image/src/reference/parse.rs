//! Reading a name: the grammar of distribution's `reference` package, and words for what does not fit it.

use kakuri_wire::Bytes;
use kakuri_wire::bytes::is_hidden;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::{DEFAULT_HOST, DEFAULT_TAG, OFFICIAL, Reference, Source};
use crate::Digest;

/// Of a repository's name, in bytes.
const LONGEST_NAME: usize = 255;
/// Of a tag.
const LONGEST_TAG: usize = 128;
/// Longer than any name there is: a digest of 135, a tag, a name and a host of 253.
const LONGEST: usize = 1024;
/// The index that docker.io's names may be written with as well.
const OTHER_DEFAULT_HOST: &str = "index.docker.io";

/// Forms of other programs: what they begin with.
const TRANSPORTS: [&str; 7] =
    ["docker-archive:", "docker-daemon:", "oci-archive:", "containers-storage:", "dir:", "ostree:", "sif:"];

fn wrong(typed: &[u8], why: impl Into<String>, hint: impl Into<String>) -> Fail {
    let shown: String = Bytes(typed.to_vec()).to_string().chars().take(LONGEST).collect();
    Fail::new(Stage::Front, format!("'{shown}' is no name of an image")).why(why).hint(hint)
}

pub fn source(typed: &[u8]) -> Result<Source> {
    if let Some(rest) = typed.strip_prefix(b"oci:") {
        return layout(typed, rest);
    }
    let text = match std::str::from_utf8(typed) {
        Ok(text) if text.chars().any(|c| is_hidden(c) || c.is_whitespace()) => None,
        Ok(text) => Some(text),
        Err(_) => None,
    };
    let Some(text) = text else {
        let plain: String = String::from_utf8_lossy(typed).chars().filter(char::is_ascii_graphic).collect();
        let hint = if reference(plain.as_bytes(), &plain).is_ok() { plain } else { "alpine:3.20".into() };
        return Err(wrong(
            typed,
            "it has characters that are in no name: spaces, controls or bytes that are no text",
            hint,
        ));
    };
    if text.is_empty() {
        return Err(wrong(typed, "it is empty", "alpine, alpine:3.20 or registry.example.com/team/app:1.0"));
    }
    if text.len() > LONGEST {
        return Err(wrong(typed, format!("it has {} bytes; there are {LONGEST} at most", text.len()), "alpine:3.20"));
    }
    if let Some(transport) = TRANSPORTS.iter().find(|t| text.starts_with(**t)) {
        return Err(wrong(
            typed,
            format!("'{transport}' is a form kakuri does not read"),
            format!("skopeo copy {text} oci:DIR:latest, then oci:DIR:latest"),
        ));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.trim_matches('/');
        let hint = if rest.is_empty() { "alpine" } else { rest };
        return Err(wrong(typed, format!("'{scheme}://' does not belong to it"), hint));
    }
    if text.starts_with(['/', '.', '~']) {
        let hint = format!("oci:{text} is an OCI layout in that folder; --rootfs {text} is a root filesystem");
        return Err(wrong(typed, "it begins as a path does", hint));
    }
    reference(typed, text).map(Source::Registry)
}

/// `DIR[:TAG]`. The first colon parts them, as in skopeo and umoci.
fn layout(typed: &[u8], rest: &[u8]) -> Result<Source> {
    let colon = rest.iter().position(|&b| b == b':');
    let (path, tag) = match colon {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    if path.is_empty() {
        return Err(wrong(typed, "no folder follows 'oci:'", "oci:./layout, or oci:./layout:latest"));
    }
    let shown = Bytes(path.to_vec());
    if path.contains(&0) {
        return Err(wrong(typed, "a path has no NUL", "oci:./layout"));
    }
    let tag = tag.map(|tag| std::str::from_utf8(tag).ok().filter(|tag| is_ref_name(tag)).map(str::to_string));
    match tag {
        None => Ok(Source::Layout { path: Bytes(path.to_vec()), tag: None }),
        Some(Some(tag)) => Ok(Source::Layout { path: Bytes(path.to_vec()), tag: Some(tag) }),
        Some(None) => Err(wrong(
            typed,
            "what follows the colon is no tag",
            format!("oci:{shown}, or oci:{shown}:latest; for a folder with a colon in its name make a link to it"),
        )),
    }
}

/// An `org.opencontainers.image.ref.name` (OCI image specification, annotations.md).
fn is_ref_name(name: &str) -> bool {
    let part = |part: &str| {
        let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        ends(bytes.first())
            && ends(bytes.last())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-._:@+".contains(b))
    };
    name.len() <= LONGEST && name.split('/').all(part)
}

fn reference(typed: &[u8], text: &str) -> Result<Reference> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(read_digest(typed, rest, digest)?)),
        None => (text, None),
    };
    // A colon behind the last slash is a tag's; one before it is a port's.
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[slash..].split_once(':') {
        Some((_, tag)) => (&rest[..rest.len() - tag.len() - 1], Some(read_tag(typed, rest, tag)?)),
        None => (rest, None),
    };
    let (host, port, repository) = match name.split_once('/') {
        Some((first, rest)) if is_host(first) => {
            let (host, port) = read_host(typed, first, rest)?;
            (host, port, rest)
        }
        _ => (DEFAULT_HOST.to_string(), None, name),
    };
    check_repository(typed, text, repository)?;
    if repository.len() == 64 && name == repository && repository.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong(typed, "it is a digest without the name it belongs to", format!("NAME@sha256:{repository}")));
    }
    let official = host == DEFAULT_HOST && !repository.contains('/');
    let repository = if official { format!("{OFFICIAL}{repository}") } else { repository.to_string() };
    if repository.len() > LONGEST_NAME {
        let why = format!("its repository has {} bytes; there are {LONGEST_NAME} at most", repository.len());
        return Err(wrong(typed, why, "alpine:3.20"));
    }
    let tag = tag.or_else(|| digest.is_none().then(|| DEFAULT_TAG.to_string()));
    Ok(Reference { host, port, repository, tag, digest })
}

fn read_digest(typed: &[u8], rest: &str, digest: &str) -> Result<Digest> {
    digest.parse().map_err(|why: String| {
        let lower = digest.to_ascii_lowercase();
        let hint = match lower.parse::<Digest>() {
            Ok(right) => format!("{rest}@{right}"),
            Err(_) => format!("{}@sha256: and 64 hexadecimal digits", if rest.is_empty() { "NAME" } else { rest }),
        };
        wrong(typed, format!("its digest is none: {why}"), hint)
    })
}

fn read_tag(typed: &[u8], rest: &str, tag: &str) -> Result<String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = tag.as_bytes();
    let fits = bytes.first().is_some_and(|b| word(*b)) && bytes.iter().all(|b| word(*b) || b".-".contains(b));
    if fits && tag.len() <= LONGEST_TAG {
        return Ok(tag.into());
    }
    let name = &rest[..rest.len() - tag.len() - 1];
    let name = if name.is_empty() { "NAME" } else { name };
    let why = match tag {
        "" => "no tag follows the colon".to_string(),
        _ if tag.len() > LONGEST_TAG => {
            format!("its tag has {} characters; there are {LONGEST_TAG} at most", tag.len())
        }
        _ => "a tag has letters, digits, '_', '.' and '-', and begins with none of the last two".to_string(),
    };
    Err(wrong(typed, why, format!("{name}, or {name}:1.0")))
}

/// How much of a name is neither tag nor digest.
pub fn name_length(text: &str) -> usize {
    let rest = text.split('@').next().unwrap_or_default();
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    rest[slash..].find(':').map_or(rest.len(), |at| slash + at)
}

/// Whether a name says nothing of its registry: `alpine`, `team/app:1`.
pub fn is_short(typed: &[u8]) -> bool {
    let text = String::from_utf8_lossy(typed);
    match text[..name_length(&text)].split_once('/') {
        Some((first, _)) => !is_host(first),
        None => !text.starts_with("oci:"),
    }
}

fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first.eq_ignore_ascii_case("localhost")
}

/// `example.com`, `localhost:5000`, `[::1]:5000`.
fn read_host(typed: &[u8], first: &str, rest: &str) -> Result<(String, Option<u16>)> {
    host_and_port(first).map_err(|why| wrong(typed, why, format!("registry.example.com/{rest}")))
}

/// The host in lower case, and the port where one is given.
pub fn host_and_port(text: &str) -> std::result::Result<(String, Option<u16>), String> {
    let end = text.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match text[end..].find(':') {
        Some(at) => (&text[..end + at], Some(&text[end + at + 1..])),
        None => (text, None),
    };
    let port = match port {
        None => None,
        Some(digits) => {
            let number = digits.parse::<u16>().ok().filter(|n| *n > 0 && digits.bytes().all(|b| b.is_ascii_digit()));
            Some(number.ok_or_else(|| format!("'{digits}' is no port of a registry"))?)
        }
    };
    let label = |label: &str| {
        let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    let fits = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.len() <= 253 && host.split('.').all(label),
    };
    if !fits {
        return Err(format!("'{host}' is no host of a registry"));
    }
    let host = host.to_ascii_lowercase();
    Ok((if host == OTHER_DEFAULT_HOST { DEFAULT_HOST.into() } else { host }, port))
}

fn check_repository(typed: &[u8], text: &str, repository: &str) -> Result<()> {
    let fits = |part: &str| !part.is_empty() && is_component(part);
    if repository.split('/').all(fits) {
        return Ok(());
    }
    let why = if repository.is_empty() || repository.split('/').any(str::is_empty) {
        "a part of it between two slashes is empty"
    } else if repository.bytes().any(|b| b.is_ascii_uppercase()) {
        "the name of a repository is in lower case"
    } else {
        "its parts have lower-case letters and digits, and between them '.', '_', '__' or dashes"
    };
    Err(wrong(typed, why, mended(text)))
}

/// `a`, `a-b`, `a--b`, `a.b`, `a_b`, `a__b`.
fn is_component(part: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut separator = String::new();
    let mut letters = false;
    for b in part.bytes() {
        if alnum(b) {
            let between = separator.is_empty() || (letters && is_separator(&separator));
            if !between {
                return false;
            }
            separator.clear();
            letters = true;
        } else if b"._-".contains(&b) {
            separator.push(char::from(b));
        } else {
            return false;
        }
    }
    letters && separator.is_empty()
}

fn is_separator(text: &str) -> bool {
    matches!(text, "." | "_" | "__") || text.bytes().all(|b| b == b'-')
}

/// A name as near as can be to one that is none.
fn mended(text: &str) -> String {
    let (name, digest) = text.split_once('@').map_or((text, ""), |(name, digest)| (name, digest));
    let (path, tag) = match name[name.rfind('/').map_or(0, |at| at + 1)..].split_once(':') {
        Some((_, tag)) => (&name[..name.len() - tag.len() - 1], format!(":{tag}")),
        None => (name, String::new()),
    };
    let digest = if digest.is_empty() { String::new() } else { format!("@{digest}") };
    let lower = path.to_ascii_lowercase();
    let (host, rest) = match lower.split_once('/') {
        Some((first, rest)) if is_host(first) => (format!("{first}/"), rest),
        _ => (String::new(), &lower[..]),
    };
    let parts: Vec<String> = rest.split('/').map(tidy).filter(|part| !part.is_empty()).collect();
    match parts.is_empty() {
        true => format!("{host}alpine"),
        false => format!("{host}{}{tag}{digest}", parts.join("/")),
    }
}

/// What does not fit becomes a dash; none stands at an end.
fn tidy(part: &str) -> String {
    if is_component(part) {
        return part.into();
    }
    let fitting = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let text: String = part.chars().map(fitting).collect();
    text.split('-').filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("-")
}
