//! Finds the errors of a file: where one is made, what it is given on the way, and every other text that people may see.

use std::fmt;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::phrase::{arguments, compact, filled, inside, is, is_matching, macro_before, say, text_of};
use crate::signature::{Signatures, parameters};

/// Macros that tell users nothing: traces for us, and no text at all.
const SILENT: [&str; 5] = ["asm", "debug", "debug_assert", "matches", "trace"];

/// A file, without its tests.
pub struct Source {
    pub name: String,
    pub tokens: Vec<TokenTree>,
}

#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// The module and the function.
    pub place: String,
    pub stage: String,
    pub what: String,
    pub why: String,
    pub hint: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let shown =
            |text: &str| if text.is_empty() { "-".to_string() } else { text.replace('\n', "\\n").replace('\t', "\\t") };
        let [stage, what, why, hint] = [&self.stage, &self.what, &self.why, &self.hint].map(|text| shown(text));
        write!(f, "{} | {stage} | {what} | {why} | {hint}", self.place)
    }
}

impl Source {
    pub fn read(name: String, text: &str) -> Source {
        let stream: TokenStream = text.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
        Source { name, tokens: without_tests(stream) }
    }

    /// `kakuri/src/bind/parse.rs` is `kakuri::bind::parse`.
    fn module(&self) -> String {
        self.name.trim_end_matches(".rs").replace("/src/", "::").replace('/', "::")
    }
}

/// Without attributes and comments, and without what `#[cfg(test)]` stands before.
fn without_tests(stream: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if is(&tokens[i], '#') {
            let at = i + 1 + usize::from(tokens.get(i + 1).is_some_and(|t| is(t, '!')));
            if let Some(TokenTree::Group(attribute)) = tokens.get(at) {
                i = at + 1;
                if ["cfg(test)", "test"].contains(&compact(&inside(attribute)).as_str()) {
                    while i < tokens.len()
                        && !is(&tokens[i], ';')
                        && !matches!(&tokens[i], TokenTree::Group(g) if g.delimiter() == Delimiter::Brace)
                    {
                        i += 1;
                    }
                    i += 1;
                }
                continue;
            }
        }
        kept.push(match &tokens[i] {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_tests(group.stream()).into_iter().collect());
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other.clone(),
        });
        i += 1;
    }
    kept
}

pub fn errors(source: &Source, signatures: &Signatures) -> Vec<Entry> {
    let mut scan = Scan { file: &source.name, place: source.module(), signatures, found: Vec::new() };
    scan.walk(&source.tokens);
    scan.found
}

struct Scan<'a> {
    file: &'a str,
    place: String,
    signatures: &'a Signatures,
    found: Vec<Entry>,
}

impl Scan<'_> {
    fn walk(&mut self, tokens: &[TokenTree]) {
        let mut i = 0;
        while i < tokens.len() {
            i = self.step(tokens, i);
        }
    }

    /// Reads what begins at `i`; where the next thing begins.
    fn step(&mut self, tokens: &[TokenTree], i: usize) -> usize {
        match &tokens[i] {
            TokenTree::Ident(word) if *word == "fn" => return self.function(tokens, i),
            TokenTree::Ident(word) if *word == "Fail" => {
                if let Some(next) = self.made(tokens, i) {
                    return next;
                }
            }
            // .fail(stage, || what), .why(..), .hint(..)
            mark if is(mark, '.') => {
                if let (Some(TokenTree::Ident(name)), Some(group)) = (tokens.get(i + 1), parentheses(tokens, i + 2)) {
                    let name = name.to_string();
                    let parts = arguments(&inside(group));
                    let given = match (name.as_str(), parts.as_slice()) {
                        ("fail", [stage, what]) => {
                            Some(Entry { stage: stage_of(stage), what: say(what), why: "errno".into(), ..self.entry() })
                        }
                        ("why", [why]) => Some(Entry { what: "...".into(), why: say(why), ..self.entry() }),
                        ("hint", [hint]) => Some(Entry { what: "...".into(), hint: say(hint), ..self.entry() }),
                        _ => None,
                    };
                    if let Some(given) = given {
                        return self.chain(tokens, i + 3, given);
                    }
                }
            }
            TokenTree::Literal(literal) => {
                if let Some(text) = text_of(literal).filter(|text| is_prose(text)) {
                    self.found.push(Entry { what: text, ..self.entry() });
                }
            }
            TokenTree::Group(group) => {
                let name = match i.checked_sub(1).map(|at| &tokens[at]) {
                    Some(TokenTree::Ident(name)) if group.delimiter() == Delimiter::Parenthesis => {
                        Some(name.to_string())
                    }
                    _ => None,
                };
                if is_matching(tokens, i) || macro_before(tokens, i).is_some_and(|name| SILENT.contains(&name.as_str()))
                {
                    return i + 1;
                }
                if macro_before(tokens, i).is_some() {
                    if let Some(text) = filled(group).filter(|text| is_prose(text)) {
                        self.found.push(Entry { what: text, ..self.entry() });
                        return i + 1;
                    }
                    self.walk(&inside(group));
                } else if let Some(told) = name.and_then(|name| self.told(&name, group)) {
                    return self.chain(tokens, i + 1, told);
                } else {
                    self.walk(&inside(group));
                }
            }
            _ => {}
        }
        i + 1
    }

    fn entry(&self) -> Entry {
        Entry { place: self.place.clone(), ..Entry::default() }
    }

    fn function(&mut self, tokens: &[TokenTree], i: usize) -> usize {
        let body = (i..tokens.len()).find(|&at| {
            is(&tokens[at], ';') || matches!(&tokens[at], TokenTree::Group(g) if g.delimiter() == Delimiter::Brace)
        });
        let (Some(body), Some(TokenTree::Ident(name))) = (body, tokens.get(i + 1)) else { return i + 1 };
        if let TokenTree::Group(group) = &tokens[body] {
            let outer = self.place.clone();
            let from = self.found.len();
            self.place = format!("{outer}::{name}");
            self.walk(&inside(group));
            self.put_in(from, &lets(&inside(group)));
            self.place = outer;
        }
        body + 1
    }

    /// What a function has said in a `let` stands in its errors as the text it is.
    fn put_in(&mut self, from: usize, lets: &[(String, String)]) {
        let mut used = Vec::new();
        for entry in &mut self.found[from..] {
            for field in [&mut entry.what, &mut entry.why, &mut entry.hint] {
                for (name, text) in lets {
                    let calls = [format!("{{{name}}}"), format!("{{{name}()}}")];
                    if let Some(rest) = calls.iter().find_map(|call| field.strip_prefix(call.as_str())) {
                        *field = format!("{text}{rest}");
                        used.push(text.clone());
                    }
                }
            }
        }
        let mut at = 0;
        self.found.retain(|entry| {
            at += 1;
            at <= from || !entry.stage.is_empty() || !used.contains(&entry.what) || entry.what.contains(" / ")
        });
    }

    /// `Fail::new(stage, what)`, and `Fail { what: .., .. }`.
    fn made(&mut self, tokens: &[TokenTree], i: usize) -> Option<usize> {
        let is_new = is(tokens.get(i + 1)?, ':') && tokens.get(i + 3).is_some_and(|t| t.to_string() == "new");
        if is_new && let Some(group) = parentheses(tokens, i + 4) {
            let parts = arguments(&inside(group));
            let [stage, what] = parts.as_slice() else { return None };
            return Some(self.chain(tokens, i + 5, Entry { stage: stage_of(stage), what: say(what), ..self.entry() }));
        }
        let TokenTree::Group(group) = tokens.get(i + 1)? else { return None };
        let before = i.checked_sub(1).map(|at| tokens[at].to_string());
        if group.delimiter() != Delimiter::Brace || matches!(before.as_deref(), Some("struct" | "impl" | "for" | ">")) {
            return None;
        }
        let mut entry = Entry { what: "...".into(), ..self.entry() };
        for field in arguments(&inside(group)) {
            let name = field.first().map(ToString::to_string).unwrap_or_default();
            let value = field.get(2..).unwrap_or_default();
            match name.as_str() {
                "stage" if !value.is_empty() => entry.stage = stage_of(value),
                "what" => entry.what = if value.is_empty() { "{what}".into() } else { say(value) },
                "why" => entry.why = if value.is_empty() { "{why}".into() } else { say(value) },
                "hint" => entry.hint = if value.is_empty() { "{hint}".into() } else { say(value) },
                _ => {}
            }
        }
        let silent = entry.what == "..." && entry.why.is_empty() && entry.hint.is_empty();
        match silent {
            true => Some(i + 2),
            false => Some(self.chain(tokens, i + 2, entry)),
        }
    }

    /// `NAME(.., text, ..)`: a function that is told what to say.
    fn told(&self, name: &str, group: &Group) -> Option<Entry> {
        let parts = arguments(&inside(group));
        let direct = |part: &[TokenTree]| match part {
            [TokenTree::Literal(literal), rest @ ..] if rest.first().is_none_or(|t| is(t, '.')) => text_of(literal),
            [TokenTree::Punct(mark), TokenTree::Ident(name), _, TokenTree::Group(group)]
                if mark.as_char() == '&' && *name == "format" =>
            {
                filled(group)
            }
            [TokenTree::Ident(name), _, TokenTree::Group(group), ..] if *name == "format" => filled(group),
            _ => None,
        };
        if !parts.iter().any(|part| direct(part).is_some_and(|text| is_prose(&text))) {
            return None;
        }
        let known = parameters(self.signatures, self.file, name, parts.len());
        let mut entry = self.entry();
        let mut more = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let text = say(part);
            match known.map(|names| names[at].as_str()) {
                Some("what" | "action") => entry.what = text,
                Some("why" | "reason") => entry.why = text,
                Some("hint" | "mend") => entry.hint = text,
                _ => more.push(text),
            }
        }
        if entry.what.is_empty() && entry.why.is_empty() && entry.hint.is_empty() {
            entry.what =
                more.into_iter().filter(|text| is_prose(text) || !text.starts_with('{')).collect::<Vec<_>>().join("; ");
        } else {
            entry.stage = format!("{name}({})", more.join(", "));
            if entry.what.is_empty() {
                entry.what = "...".into();
            }
        }
        Some(entry)
    }

    /// What is called on it: `.why(..)`, `.hint(..)`, and what a closure adds.
    fn chain(&mut self, tokens: &[TokenTree], from: usize, mut entry: Entry) -> usize {
        let mut i = from;
        let mut others = Vec::new();
        while i < tokens.len() {
            if is(&tokens[i], '?') {
                i += 1;
                continue;
            }
            if !is(&tokens[i], '.') {
                break;
            }
            let (Some(TokenTree::Ident(name)), Some(group)) = (tokens.get(i + 1), parentheses(tokens, i + 2)) else {
                break;
            };
            match name.to_string().as_str() {
                "why" => entry.why = say(&inside(group)),
                "hint" => entry.hint = say(&inside(group)),
                "errno" if entry.why.is_empty() => entry.why = "errno".into(),
                _ => {
                    let mut inner = Scan {
                        file: self.file,
                        place: self.place.clone(),
                        signatures: self.signatures,
                        found: Vec::new(),
                    };
                    inner.walk(&inside(group));
                    for found in inner.found {
                        match found.what == "..." && found.stage.is_empty() {
                            true => {
                                add(&mut entry.why, &found.why);
                                add(&mut entry.hint, &found.hint);
                            }
                            false => others.push(found),
                        }
                    }
                }
            }
            i += 3;
        }
        self.found.push(entry);
        self.found.extend(others);
        i
    }
}

fn add(to: &mut String, more: &str) {
    match (to.as_str(), more) {
        (_, "") => {}
        ("", more) => *to = more.to_string(),
        (_, more) => *to = format!("{to} / {more}"),
    }
}

/// `let NAME = TEXT`, also as a closure.
fn lets(tokens: &[TokenTree]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => found.extend(lets(&inside(group))),
            TokenTree::Ident(word) if *word == "let" && tokens.get(i + 2).is_some_and(|t| is(t, '=')) => {
                let end = (i..tokens.len()).find(|&at| is(&tokens[at], ';')).unwrap_or(tokens.len());
                let text = say(&tokens[i + 3..end]);
                if is_prose(&text) && !text.starts_with('{') {
                    found.push((tokens[i + 1].to_string(), text));
                }
            }
            _ => {}
        }
    }
    found
}

fn parentheses(tokens: &[TokenTree], at: usize) -> Option<&Group> {
    match tokens.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => Some(group),
        _ => None,
    }
}

fn stage_of(tokens: &[TokenTree]) -> String {
    tokens.last().map(|word| word.to_string().to_lowercase()).unwrap_or_default()
}

/// Words for people, not a name, a path or a form.
fn is_prose(text: &str) -> bool {
    let words = text
        .split_whitespace()
        .filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 2 && !word.contains(['/', '=']))
        .count();
    words >= 2 && text.contains(' ')
}
