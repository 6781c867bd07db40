//! A template's text as a tree.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Text(String),
    Put(Pipe),
    If(Pipe, Vec<Node>, Vec<Node>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Range(Pipe, Vec<Node>, Vec<Node>),
}

/// `a b | c`: each command's value is the last argument of the next.
pub type Pipe = Vec<Vec<Term>>;

#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// `.A.B`, of the current value; empty is the value itself.
    Field(Vec<String>),
    /// `$.A.B`, of the whole value.
    Root(Vec<String>),
    Literal(Value),
    Function(String),
    /// `(pipe).A`
    Group(Pipe, Vec<String>),
}

/// Deeper than anybody writes by hand: the tree is walked by recursion.
const DEEPEST: usize = 32;

pub fn parse(text: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser { rest: text, trim: false, depth: 0 };
    let (nodes, end) = parser.nodes()?;
    match end {
        Stop::Text => Ok(nodes),
        Stop::Else | Stop::End => Err("{{end}} or {{else}} without an {{if}}, {{with}} or {{range}} before it".into()),
    }
}

struct Parser<'a> {
    rest: &'a str,
    /// The action before ended with `-}}`.
    trim: bool,
    depth: usize,
}

#[derive(PartialEq)]
enum Stop {
    Text,
    Else,
    End,
}

impl Parser<'_> {
    fn nodes(&mut self) -> Result<(Vec<Node>, Stop), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("it is nested too deeply".into());
        }
        let mut nodes = Vec::new();
        loop {
            let Some((text, after)) = self.rest.split_once("{{") else {
                self.text(&mut nodes, self.rest, false);
                self.rest = "";
                self.depth -= 1;
                return Ok((nodes, Stop::Text));
            };
            let trims = after.strip_prefix("- ");
            self.text(&mut nodes, text, trims.is_some());
            let (action, after) = action(trims.unwrap_or(after))?;
            self.rest = after;
            let action = match action.strip_suffix(" -") {
                Some(action) => {
                    self.trim = true;
                    action
                }
                None => action,
            };
            let action = action.trim();
            let (word, argument) = action.split_once(char::is_whitespace).unwrap_or((action, ""));
            match word {
                "end" | "else" if argument.trim().is_empty() => {
                    self.depth -= 1;
                    return Ok((nodes, if word == "end" { Stop::End } else { Stop::Else }));
                }
                "if" | "with" | "range" => nodes.push(self.block(word, argument)?),
                _ if action.starts_with("/*") && action.ends_with("*/") => {}
                _ => nodes.push(Node::Put(pipe(action)?)),
            }
        }
    }

    fn block(&mut self, word: &str, argument: &str) -> Result<Node, String> {
        let pipe = pipe(argument)?;
        let (then, end) = self.nodes()?;
        let otherwise = match end {
            Stop::End => Vec::new(),
            Stop::Else => match self.nodes()? {
                (nodes, Stop::End) => nodes,
                _ => return Err(format!("{{{{{word}}}}} has no {{{{end}}}}")),
            },
            Stop::Text => return Err(format!("{{{{{word}}}}} has no {{{{end}}}}")),
        };
        Ok(match word {
            "if" => Node::If(pipe, then, otherwise),
            "with" => Node::With(pipe, then, otherwise),
            _ => Node::Range(pipe, then, otherwise),
        })
    }

    fn text(&mut self, nodes: &mut Vec<Node>, text: &str, trims_end: bool) {
        let text = if std::mem::take(&mut self.trim) { text.trim_start() } else { text };
        let text = if trims_end { text.trim_end() } else { text };
        if !text.is_empty() {
            nodes.push(Node::Text(unescape(text)));
        }
    }
}

/// What stands before the closing braces, which a string may hold as well.
fn action(text: &str) -> Result<(&str, &str), String> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if text[at..].starts_with("}}") => return Ok((&text[..at], &text[at + 2..])),
            None => {}
        }
    }
    Err("'{{' has no '}}' after it".into())
}

/// `\t` and `\n` as a shell passes them on.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some(next @ ('t' | 'n' | 'r' | '\\' | '"'))) => {
                out.push(match next {
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    other => other,
                });
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

fn pipe(text: &str) -> Result<Pipe, String> {
    let mut rest = text.trim();
    let pipe = commands(&mut rest, 0)?;
    if rest.is_empty() { Ok(pipe) } else { Err(format!("'{rest}' makes no sense there")) }
}

/// Commands up to the end of the text or a closing parenthesis, which is left.
fn commands(rest: &mut &str, depth: usize) -> Result<Pipe, String> {
    if depth > DEEPEST {
        return Err("it is nested too deeply".into());
    }
    let mut pipe = vec![Vec::new()];
    loop {
        *rest = rest.trim_start();
        let Some(c) = rest.chars().next() else { break };
        match c {
            ')' => break,
            '|' => {
                *rest = &rest[1..];
                pipe.push(Vec::new());
            }
            _ => {
                let term = term(rest, depth)?;
                if let Some(command) = pipe.last_mut() {
                    command.push(term);
                }
            }
        }
    }
    if pipe.iter().any(Vec::is_empty) { Err("a value is missing".into()) } else { Ok(pipe) }
}

fn term(rest: &mut &str, depth: usize) -> Result<Term, String> {
    let text = *rest;
    match text.as_bytes()[0] {
        b'"' => {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
            let Some(Ok(string)) = values.next() else { return Err(format!("{text} is no string")) };
            *rest = &text[values.byte_offset()..];
            Ok(Term::Literal(string.into()))
        }
        b'`' => {
            let Some((string, after)) = text[1..].split_once('`') else { return Err(format!("{text} is no string")) };
            *rest = after;
            Ok(Term::Literal(string.into()))
        }
        b'(' => {
            let mut inner = &text[1..];
            let pipe = commands(&mut inner, depth + 1)?;
            let Some(after) = inner.strip_prefix(')') else { return Err("'(' has no ')' after it".into()) };
            *rest = after;
            let fields = if after.starts_with('.') { fields(rest)? } else { Vec::new() };
            Ok(Term::Group(pipe, fields))
        }
        b'.' => fields(rest).map(Term::Field),
        b'$' => {
            *rest = &text[1..];
            match rest.chars().next() {
                Some('.') => fields(rest).map(Term::Root),
                Some(c) if c.is_alphanumeric() || c == '_' => Err("variables are not known here".into()),
                _ => Ok(Term::Root(Vec::new())),
            }
        }
        _ => {
            let end = text.find(|c: char| c.is_whitespace() || "|()\"`".contains(c)).unwrap_or(text.len());
            let word = &text[..end];
            *rest = &text[end..];
            if let Ok(number) = word.parse::<i64>() {
                return Ok(Term::Literal(number.into()));
            }
            match word {
                "true" => Ok(Term::Literal(true.into())),
                "false" => Ok(Term::Literal(false.into())),
                "nil" => Ok(Term::Literal(Value::Null)),
                _ if super::eval::FUNCTIONS.contains(&word) => Ok(Term::Function(word.into())),
                _ => Err(format!(
                    "there is no function '{word}'; there are {}, and a field begins with a dot",
                    super::eval::FUNCTIONS.join(" ")
                )),
            }
        }
    }
}

/// `.A.B`, or a dot alone.
fn fields(rest: &mut &str) -> Result<Vec<String>, String> {
    let text = *rest;
    let end = text.find(|c: char| c.is_whitespace() || "|()\"`".contains(c)).unwrap_or(text.len());
    *rest = &text[end..];
    if end == 1 {
        return Ok(Vec::new());
    }
    let names: Vec<String> = text[1..end].split('.').map(String::from).collect();
    match names.iter().any(String::is_empty) {
        true => Err(format!("'{}' is no field", &text[..end])),
        false => Ok(names),
    }
}
