//! `$NAME` and `${NAME}` in the paths of the configuration: the caller's variables, as a shell would put them in.

use crate::host::Host;

/// The text with its variables' values, or the name of one the caller has not. A `$` before anything else stands for
/// itself.
pub fn expand(text: &[u8], host: &Host) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&b| b == b'$') {
        out.extend_from_slice(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, next) = match after.strip_prefix(b"{") {
            Some(braced) => match braced.iter().position(|&b| b == b'}') {
                Some(end) => (&braced[..end], &braced[end + 1..]),
                None => (&[][..], after),
            },
            None => after.split_at(length(after)),
        };
        if name.is_empty() || length(name) != name.len() {
            out.push(b'$');
            rest = after;
            continue;
        }
        let name = String::from_utf8_lossy(name);
        out.extend_from_slice(host.var(&name).ok_or_else(|| name.clone().into_owned())?);
        rest = next;
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// Bytes of the variable's name a text begins with.
fn length(text: &[u8]) -> usize {
    match text.first() {
        Some(b) if b.is_ascii_alphabetic() || *b == b'_' => {
            text.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_').unwrap_or(text.len())
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, String> {
        let mut host = Host::default();
        host.env.insert(b"WORK".to_vec(), b"/w".to_vec());
        expand(text.as_bytes(), &host).map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn as_a_shell_would() {
        assert_eq!(of("$WORK/a:${WORK}b:$"), Ok("/w/a:/wb:$".into()));
        assert_eq!(of("~/x"), Ok("~/x".into()));
        assert_eq!(of("$5 ${} ${WORK"), Ok("$5 ${} ${WORK".into()));
        assert_eq!(of("$NOSUCH/x"), Err("NOSUCH".into()));
    }
}
