//! Where an answer sends us on, and whether we go. Pure.

use ureq::http::Uri;

/// Who is spoken with (RFC 6454): what is meant for one is told no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    pub fn of(uri: &Uri) -> Origin {
        let secure = uri.scheme_str() != Some("http");
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        Origin { secure, host, port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }) }
    }

    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// `host`, `host:port`: without what goes without saying.
    pub fn shown(&self) -> String {
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

/// The address a header `Location` means. An error says why it is not followed.
pub fn target(from: &Uri, location: &str) -> Result<Uri, String> {
    let location = location.trim().split('#').next().unwrap_or_default();
    let (scheme, authority) =
        (from.scheme_str().unwrap_or("https"), from.authority().map(|a| a.as_str()).unwrap_or_default());
    let path = from.path();
    let whole = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.starts_with('?') {
        format!("{scheme}://{authority}{path}{location}")
    } else if has_scheme(location) {
        location.into()
    } else {
        format!("{scheme}://{authority}{}{location}", &path[..path.rfind('/').map_or(0, |at| at + 1)])
    };
    let uri = web_address(&whole)?;
    if Origin::of(from).is_secure() && !Origin::of(&uri).is_secure() {
        return Err("it redirects from https to http".into());
    }
    Ok(uri)
}

fn has_scheme(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
    end.is_some_and(|at| at > 0 && text[at..].starts_with(':'))
}

/// An address somebody else has named: of http or https, with a host and without a login in it.
pub fn web_address(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "it names an address that is none".to_string())?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err("it names an address that is neither https nor http".into()),
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => Err("it names an address with a login in it".into()),
        Some(authority) if !authority.host().is_empty() => Ok(uri),
        _ => Err("it names an address without a host".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_and_judged() {
        let from: Uri = "https://r.example:5000/v2/a/blobs/x?y=z".parse().expect("an address");
        for (location, expected) in [
            ("https://cdn.example/b?sig=1#part", Ok("https://cdn.example/b?sig=1")),
            ("/b", Ok("https://r.example:5000/b")),
            ("//cdn.example/b", Ok("https://cdn.example/b")),
            ("c", Ok("https://r.example:5000/v2/a/blobs/c")),
            ("?q", Ok("https://r.example:5000/v2/a/blobs/x?q")),
            ("http://r.example:5000/b", Err("http")),
            ("HTTP://r.example/b", Err("http")),
            ("file:///etc/passwd", Err("address")),
            ("ftp://x/y", Err("neither")),
            ("https://me:secret@cdn.example/", Err("login")),
            ("https://", Err("address")),
            ("javascript:alert(1)", Err("address")),
            ("https://a b/", Err("address")),
        ] {
            match (target(&from, location), expected) {
                (Ok(uri), Ok(expected)) => assert_eq!(uri.to_string(), expected),
                (Err(why), Err(part)) => assert!(why.contains(part), "{location}: {why}"),
                other => panic!("{location}: {other:?}"),
            }
        }
        let plain: Uri = "http://r.example/a".parse().expect("an address");
        assert!(target(&plain, "https://r.example/a").is_ok() && target(&plain, "http://x/").is_ok());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let of = |text: &str| Origin::of(&text.parse().expect("an address"));
        assert_eq!(of("https://A.example/x"), of("https://a.example:443/y"));
        for other in ["http://a.example:443/", "https://b.example/", "https://a.example:444/"] {
            assert_ne!(of("https://a.example/"), of(other));
        }
        assert_eq!((of("https://a:443/").shown(), of("http://[::1]:5000/").shown()), ("a".into(), "[::1]:5000".into()));
    }
}
