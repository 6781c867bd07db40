//! What a server asks for: the header WWW-Authenticate (RFC 9110, section 11.6.1). Pure.

/// One challenge. Names are in lower case, values as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// `basic`, `bearer`.
    pub scheme: String,
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// All challenges of one header, in their order. What cannot be read ends it: those before it count.
pub fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = header.trim_start_matches(separates);
    while !rest.is_empty() {
        let (word, after) = split_token(rest);
        if word.is_empty() {
            break;
        }
        let spaced = after.trim_start_matches([' ', '\t']);
        rest = match (spaced.strip_prefix('='), found.last_mut()) {
            // `name = value` belongs to the challenge before it, a word alone begins one.
            (Some(value), Some(challenge)) => {
                let Some((value, after)) = split_value(value.trim_start_matches([' ', '\t'])) else { break };
                challenge.parameters.push((word.to_ascii_lowercase(), value));
                after
            }
            (Some(_), None) => break,
            (None, _) => {
                found.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
                skip_token68(spaced)
            }
        };
        rest = rest.trim_start_matches(separates);
    }
    found
}

fn separates(c: char) -> bool {
    matches!(c, ',' | ' ' | '\t')
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn split_token(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_token(c)).unwrap_or(text.len()))
}

/// A value in quotes or without. None: the quotes do not end.
fn split_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(separates).unwrap_or(text.len());
        return Some((text[..end].into(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

/// Data of a scheme that has no parameters: `Negotiate a87421==`.
fn skip_token68(text: &str) -> &str {
    let end = text.find(separates).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let data = word.trim_end_matches('=');
    let is_data = word.len() > data.len() && !data.is_empty() && data.chars().all(|c| is_token(c) || c == '/');
    if is_data { after } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &str) -> String {
        let one = |c: &Challenge| {
            let values: Vec<String> = c.parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("{}({})", c.scheme, values.join(";"))
        };
        parse(header).iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_and_several() {
        for (header, expected) in [
            (r#"Basic realm="kakuri test""#, "basic(realm=kakuri test)"),
            (
                r#"Bearer realm="https://auth.example/token",service="a,b",scope="repository:x/y:pull,push""#,
                "bearer(realm=https://auth.example/token;service=a,b;scope=repository:x/y:pull,push)",
            ),
            (
                r#"BASIC realm = "a\"b\\" , Bearer realm=plain, Negotiate"#,
                r#"basic(realm=a"b\) bearer(realm=plain) negotiate()"#,
            ),
            ("Negotiate YII/x==, Basic realm=a", "negotiate() basic(realm=a)"),
            (r#"Bearer Realm="r",,, error="invalid_token""#, "bearer(realm=r;error=invalid_token)"),
            ("", ""),
            (", ,", ""),
            (r#"Basic realm="never ends"#, "basic()"),
            ("=x", ""),
            ("realm=x", ""),
            ("Basic \u{e9}", "basic()"),
            (r#"Basic realm="\"#, "basic()"),
        ] {
            assert_eq!(shown(header), expected, "{header}");
        }
    }

    #[test]
    fn no_bytes_make_it_fail() {
        let alphabet: Vec<char> = "aB=\",\\ \t/é".chars().collect();
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let text: String = (0..12)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    alphabet[(state >> 33) as usize % alphabet.len()]
                })
                .collect();
            assert!(parse(&text).len() <= 12);
        }
    }
}
