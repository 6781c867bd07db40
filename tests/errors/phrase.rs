//! What an expression says: its texts, with the values put in as the expressions they are.

use proc_macro2::{Delimiter, Group, Literal, Spacing, TokenTree};

/// An expression's own text: `if` and `match` have several, and what has none is shown as the value it is.
pub fn say(tokens: &[TokenTree]) -> String {
    let found = texts(tokens);
    if !found.is_empty() {
        return found.join(" / ");
    }
    match compact(closure(tokens)).as_str() {
        "" | "String::new()" | "None" => String::new(),
        value => format!("{{{}}}", short(value)),
    }
}

/// Every text in it, in order.
pub fn texts(tokens: &[TokenTree]) -> Vec<String> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        match &tokens[i] {
            TokenTree::Literal(literal) => found.extend(text_of(literal)),
            TokenTree::Group(_) if is_matching(tokens, i) => {}
            TokenTree::Group(group) => match macro_before(tokens, i) {
                Some(_) => found.extend(filled(group)),
                None => found.extend(texts(&inside(group))),
            },
            // A pattern is no text: what follows it is.
            TokenTree::Ident(word) if *word == "match" => {
                let Some(arms) = tokens[i..].iter().position(|t| braces(t).is_some()) else { break };
                i += arms;
                for arm in arms_of(braces(&tokens[i]).unwrap()) {
                    found.extend(texts(&arm));
                }
            }
            TokenTree::Ident(word) if *word == "if" => {
                // The condition has none that is said.
                let Some(body) = tokens[i..].iter().position(|t| braces(t).is_some()) else { break };
                i += body - 1;
            }
            _ => {}
        }
        i += 1;
    }
    // What only parts others, such as a comma, says nothing.
    found.retain(|text| text.chars().any(char::is_alphanumeric) || text.contains('{'));
    found
}

/// Whether the group at `i` holds what a text is looked for in, or is parted by: that is said to nobody.
pub fn is_matching(tokens: &[TokenTree], i: usize) -> bool {
    const METHODS: [&str; 13] = [
        "contains",
        "ends_with",
        "find",
        "join",
        "replace",
        "rsplit_once",
        "split",
        "split_once",
        "starts_with",
        "strip_prefix",
        "strip_suffix",
        "trim_end_matches",
        "trim_start_matches",
    ];
    match i.checked_sub(2).map(|at| (&tokens[at], &tokens[i - 1])) {
        Some((dot, TokenTree::Ident(name))) => is(dot, '.') && METHODS.contains(&name.to_string().as_str()),
        _ => false,
    }
}

fn braces(token: &TokenTree) -> Option<&Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    }
}

/// What each arm of a match gives.
fn arms_of(group: &Group) -> Vec<Vec<TokenTree>> {
    let tokens = inside(group);
    let mut arms = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let Some(arrow) =
            (i..tokens.len().saturating_sub(1)).find(|&at| is(&tokens[at], '=') && is(&tokens[at + 1], '>'))
        else {
            break;
        };
        let from = arrow + 2;
        let to = match tokens.get(from).and_then(braces) {
            Some(_) => from + 1,
            None => (from..tokens.len()).find(|&at| is(&tokens[at], ',')).unwrap_or(tokens.len()),
        };
        arms.push(tokens[from..to].to_vec());
        i = to + 1;
        // A block needs no comma.
        if tokens.get(to).is_some_and(|t| !is(t, ',')) {
            i = to;
        }
    }
    arms
}

/// `NAME!` before the group at `i`.
pub fn macro_before(tokens: &[TokenTree], i: usize) -> Option<String> {
    match (i.checked_sub(2).map(|at| &tokens[at])?, &tokens[i - 1]) {
        (TokenTree::Ident(name), TokenTree::Punct(mark)) if mark.as_char() == '!' => Some(name.to_string()),
        _ => None,
    }
}

/// The text of a formatting macro, its values put in.
pub fn filled(group: &Group) -> Option<String> {
    let parts = arguments(&inside(group));
    let at =
        parts.iter().position(|part| matches!(part.as_slice(), [TokenTree::Literal(l)] if text_of(l).is_some()))?;
    let [TokenTree::Literal(literal)] = parts[at].as_slice() else { return None };
    let form = text_of(literal)?;
    let (mut named, mut ordered) = (Vec::new(), Vec::new());
    for part in &parts[at + 1..] {
        match part.as_slice() {
            [TokenTree::Ident(name), TokenTree::Punct(eq), value @ ..]
                if eq.as_char() == '=' && eq.spacing() == Spacing::Alone =>
            {
                named.push((name.to_string(), say(value)));
            }
            value => ordered.push(say(value)),
        }
    }
    let mut out = String::new();
    let mut next = 0;
    let mut rest = form.as_str();
    while let Some(open) = rest.find(['{', '}']) {
        out += &rest[..open];
        if rest[open..].starts_with("{{") || rest[open..].starts_with("}}") {
            out += &rest[open..open + 2];
            rest = &rest[open + 2..];
            continue;
        }
        let Some(close) = rest[open..].find('}') else { break };
        let (name, how) = rest[open + 1..open + close].split_once(':').unwrap_or((&rest[open + 1..open + close], ""));
        let value = match (name, name.parse::<usize>()) {
            ("", _) => {
                next += 1;
                ordered.get(next - 1).cloned()
            }
            (_, Ok(number)) => ordered.get(number).cloned(),
            _ => named.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        };
        let value = value.unwrap_or_else(|| format!("{{{name}}}"));
        match how.contains('?') {
            true => out = format!("{out}{}:?}}", value.trim_end_matches('}')),
            false => out += &value,
        }
        rest = &rest[open + close + 1..];
    }
    Some(out + rest)
}

/// A call's arguments.
pub fn arguments(tokens: &[TokenTree]) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    let mut bars = 0;
    for token in tokens {
        match token {
            // The comma in a closure's head parts nothing.
            TokenTree::Punct(p)
                if p.as_char() == '|'
                    && (bars == 1
                        || parts
                            .last()
                            .is_some_and(|l: &Vec<TokenTree>| l.iter().all(|t| t.to_string() == "move"))) =>
            {
                bars = (bars + 1) % 2;
            }
            TokenTree::Punct(p) if p.as_char() == ',' && bars == 0 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(token.clone());
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A string's value; None for a byte string, a character or a number.
pub fn text_of(literal: &Literal) -> Option<String> {
    let source = literal.to_string();
    if let Some(raw) = source.strip_prefix('r') {
        let raw = raw.trim_matches('#');
        return Some(raw.strip_prefix('"')?.strip_suffix('"')?.to_string());
    }
    let inner = source.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::new();
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, (c == '\\').then(|| chars.next()).flatten()) {
            ('\\', Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some(c @ ('\\' | '"' | '\''))) => out.push(c),
            ('\\', Some(c)) => out.extend(['\\', c]),
            (c, _) => out.push(c),
        }
    }
    Some(out)
}

pub fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

pub fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == mark)
}

/// Without a closure's head.
fn closure(tokens: &[TokenTree]) -> &[TokenTree] {
    let tokens = match tokens.first() {
        Some(word) if word.to_string() == "move" => &tokens[1..],
        _ => tokens,
    };
    match tokens.first() {
        Some(bar) if is(bar, '|') => {
            let end = tokens[1..].iter().position(|t| is(t, '|')).map_or(tokens.len(), |at| at + 2);
            &tokens[end..]
        }
        _ => tokens,
    }
}

/// Source without the blanks.
pub fn compact(tokens: &[TokenTree]) -> String {
    let mut out = String::new();
    for token in tokens {
        let part = match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                format!("{open}{}{close}", compact(&inside(group)))
            }
            other => other.to_string(),
        };
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if out.ends_with(word) && part.starts_with(word) {
            out.push(' ');
        }
        out += &part;
    }
    out
}

/// A value as one reads it: without what only turns it into text.
fn short(value: &str) -> String {
    let mut value = value.trim_start_matches(['&', '*']);
    for tail in [".into()", ".to_string()", ".display()", ".clone()", ".as_str()", ".trim()", "?"] {
        value = value.strip_suffix(tail).unwrap_or(value);
    }
    for head in ["Bytes::from", "Bytes"] {
        if let Some(inner) =
            value.strip_prefix(head).and_then(|v| v.strip_prefix('(')).and_then(|v| v.strip_suffix(')'))
        {
            value = inner;
        }
    }
    let value = value.trim_start_matches('&').trim_end_matches(".to_vec()");
    match value.char_indices().nth(50) {
        Some((at, _)) => format!("{}..", &value[..at]),
        None => value.to_string(),
    }
}
