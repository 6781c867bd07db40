//! A template's tree over a value.

use serde_json::Value;

use super::parse::{Node, Pipe, Term};
use crate::output::json;

pub const FUNCTIONS: [&str; 18] = [
    "json", "upper", "lower", "title", "len", "join", "split", "index", "println", "print", "eq", "ne", "lt", "gt",
    "not", "and", "or", "truncate",
];

/// With `header` every field is its own name and every function gives back what it got: the head of a table.
pub fn run(nodes: &[Node], value: &Value, header: bool) -> Result<String, String> {
    let mut out = String::new();
    Run { root: value, header }.nodes(nodes, value, &mut out)?;
    Ok(out)
}

/// Whether the value has the fields that are asked of it; `inner`: the dot is another value, of which nothing is known.
pub fn check(nodes: &[Node], value: &Value, inner: bool) -> Result<(), String> {
    let pipe = |pipe: &Pipe| pipe.iter().flatten().try_for_each(|term| check_term(term, value, inner));
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Put(put) => pipe(put)?,
            Node::If(condition, then, otherwise) => {
                pipe(condition)?;
                check(then, value, inner)?;
                check(otherwise, value, inner)?;
            }
            Node::With(over, then, otherwise) | Node::Range(over, then, otherwise) => {
                pipe(over)?;
                check(then, value, true)?;
                check(otherwise, value, inner)?;
            }
        }
    }
    Ok(())
}

fn check_term(term: &Term, value: &Value, inner: bool) -> Result<(), String> {
    match term {
        Term::Field(names) if !inner => field(value, &names[..names.len().min(1)]).map(drop),
        Term::Root(names) => field(value, &names[..names.len().min(1)]).map(drop),
        Term::Group(pipe, _) => pipe.iter().flatten().try_for_each(|term| check_term(term, value, inner)),
        Term::Field(_) | Term::Literal(_) | Term::Function(_) => Ok(()),
    }
}

struct Run<'a> {
    root: &'a Value,
    header: bool,
}

impl Run<'_> {
    fn nodes(&self, nodes: &[Node], dot: &Value, out: &mut String) -> Result<(), String> {
        for node in nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Put(pipe) => out.push_str(&text(&self.pipe(pipe, dot)?)),
                Node::If(pipe, then, otherwise) => {
                    let holds = truth(&self.pipe(pipe, dot)?);
                    self.nodes(if holds { then } else { otherwise }, dot, out)?;
                }
                Node::With(pipe, then, otherwise) => match self.pipe(pipe, dot)? {
                    value if truth(&value) => self.nodes(then, &value, out)?,
                    _ => self.nodes(otherwise, dot, out)?,
                },
                Node::Range(pipe, then, otherwise) => {
                    let items: Vec<Value> = match self.pipe(pipe, dot)? {
                        Value::Array(items) => items,
                        Value::Object(map) => map.into_iter().map(|(_, v)| v).collect(),
                        Value::Null => Vec::new(),
                        value if self.header => vec![value],
                        value => return Err(format!("range goes over a list, not over '{}'", text(&value))),
                    };
                    for item in &items {
                        self.nodes(then, item, out)?;
                    }
                    if items.is_empty() {
                        self.nodes(otherwise, dot, out)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn pipe(&self, pipe: &Pipe, dot: &Value) -> Result<Value, String> {
        let mut last: Option<Value> = None;
        for command in pipe {
            let mut terms = command.iter();
            let Some(first) = terms.next() else { continue };
            let mut arguments = Vec::new();
            for term in terms {
                arguments.push(self.term(term, dot)?);
            }
            arguments.extend(last.take());
            last = Some(match first {
                Term::Function(name) if self.header && !matches!(&name[..], "print" | "println") => {
                    arguments.into_iter().next().unwrap_or_default()
                }
                Term::Function(name) => call(name, &arguments)?,
                value if arguments.is_empty() => self.term(value, dot)?,
                _ => return Err("a value takes no argument: a function stands first".into()),
            });
        }
        Ok(last.unwrap_or_default())
    }

    fn term(&self, term: &Term, dot: &Value) -> Result<Value, String> {
        match term {
            Term::Field(names) => self.field(dot, names),
            Term::Root(names) => self.field(self.root, names),
            Term::Literal(value) => Ok(value.clone()),
            Term::Function(name) => call(name, &[]),
            Term::Group(pipe, names) => self.field(&self.pipe(pipe, dot)?, names),
        }
    }

    fn field(&self, value: &Value, names: &[String]) -> Result<Value, String> {
        match (field(value, names), names.last()) {
            // The head of a column of a field that has no name of its own.
            (Err(_), Some(name)) if self.header => Ok(name.to_uppercase().into()),
            (found, _) => found.cloned(),
        }
    }
}

fn field<'a>(value: &'a Value, names: &[String]) -> Result<&'a Value, String> {
    let mut value = value;
    for (depth, name) in names.iter().enumerate() {
        value = match value {
            Value::Object(map) => map.get(name).ok_or_else(|| {
                let known: Vec<&str> = map.keys().map(String::as_str).collect();
                format!("there is no field '.{}'; there are {}", names[..=depth].join("."), known.join(" "))
            })?,
            Value::Null => return Ok(&Value::Null),
            _ => return Err(format!("'.{}' has no fields", names[..depth].join("."))),
        };
    }
    Ok(value)
}

fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let takes = |how: &str| Err(format!("{name} takes {how}"));
    Ok(match (name, arguments) {
        ("json", [value]) => json::compact(value).into(),
        ("upper", [value]) => text(value).to_uppercase().into(),
        ("lower", [value]) => text(value).to_lowercase().into(),
        ("title", [value]) => {
            let text = text(value);
            let mut chars = text.chars();
            chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default().into()
        }
        ("len", [value]) => match value {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            Value::Null => 0,
            value => text(value).len(),
        }
        .into(),
        ("join", [Value::Array(items), Value::String(between)]) => {
            items.iter().map(text).collect::<Vec<_>>().join(between).into()
        }
        ("join", [value, Value::String(_)]) => text(value).into(),
        ("split", [value, Value::String(between)]) => {
            text(value).split(&between[..]).map(Value::from).collect::<Vec<_>>().into()
        }
        ("truncate", [value, Value::Number(most)]) => {
            let most = most.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            text(value).chars().take(most).collect::<String>().into()
        }
        ("index", [value, keys @ ..]) => {
            let mut value = value;
            for key in keys {
                let found = match (value, key) {
                    (Value::Array(items), Value::Number(n)) => {
                        n.as_u64().and_then(|n| items.get(usize::try_from(n).ok()?))
                    }
                    // As in Go: what a map does not hold is nothing, what a list does not hold is an error.
                    (Value::Object(map), Value::String(key)) => Some(map.get(key).unwrap_or(&Value::Null)),
                    (Value::Null, _) => Some(&Value::Null),
                    _ => None,
                };
                value = found.ok_or_else(|| format!("there is nothing at index {key}"))?;
            }
            value.clone()
        }
        ("print", all) => all.iter().map(text).collect::<Vec<_>>().join(" ").into(),
        ("println", all) => (all.iter().map(text).collect::<Vec<_>>().join(" ") + "\n").into(),
        ("eq", [first, others @ ..]) if !others.is_empty() => others.contains(first).into(),
        ("ne", [a, b]) => (a != b).into(),
        ("lt" | "gt", [Value::Number(a), Value::Number(b)]) => {
            let (a, b) = (a.as_f64(), b.as_f64());
            (if name == "lt" { a < b } else { a > b }).into()
        }
        ("not", [value]) => (!truth(value)).into(),
        ("and", [.., last]) => arguments.iter().find(|v| !truth(v)).unwrap_or(last).clone(),
        ("or", [.., last]) => arguments.iter().find(|v| truth(v)).unwrap_or(last).clone(),
        ("join" | "split", _) => return takes("a value and a string, such as join .X \",\""),
        ("truncate", _) => return takes("a value and a number"),
        ("index", _) => return takes("a value and its keys"),
        ("eq" | "ne", _) => return takes("two values"),
        ("lt" | "gt", _) => return takes("two numbers"),
        _ => return takes("a value"),
    })
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// As Go prints it; nothing is nothing, though.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{}", text(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        other => other.to_string(),
    }
}
