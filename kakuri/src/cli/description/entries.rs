//! The keys of one file as options.

use kakuri_wire::{Bytes, Fail, Result};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::file::File;
use crate::cli::ask::Given;
use crate::cli::options::foreign;
use crate::cli::options::{self, Id, Opt, Takes};
use crate::cli::pages::Verb;
use crate::cli::{forms, help, scan};

/// What one value says, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub offset: usize,
    pub said: Said,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Option(Given),
    /// `nest = false`: taken back, where a file before it says so.
    Not(Id),
    Command(Vec<Bytes>),
}

impl Entry {
    pub fn option(&self) -> Option<&Given> {
        match &self.said {
            Said::Option(given) => Some(given),
            _ => None,
        }
    }
}

/// A file that comes before this one.
pub struct Include {
    pub offset: usize,
    pub typed: String,
}

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// In the order they stand.
pub fn read(verb: &'static Verb, file: &File) -> Result<(Vec<Include>, Vec<Entry>)> {
    let table = DeTable::parse(&file.text).map_err(|e| {
        let why = e.message().trim().replace('\n', ", ");
        file.wrong(e.span().map_or(0, |span| span.start), why).hint("correct the file: https://toml.io has the form")
    })?;
    let mut keys: Vec<(&Key, &Value)> = table.get_ref().iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let mut reader = Reader { verb, file, includes: Vec::new(), entries: Vec::new() };
    keys.into_iter().try_for_each(|(key, value)| reader.key(key, value))?;
    Ok((reader.includes, reader.entries))
}

struct Reader<'a> {
    verb: &'static Verb,
    file: &'a File,
    includes: Vec<Include>,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn key(&mut self, key: &Key, value: &Value) -> Result<()> {
        match key.get_ref().as_ref() {
            "include" => {
                for item in items(value) {
                    let typed =
                        self.string("include", item, "a path, or a list of them", r#"include = ["base.toml"]"#)?;
                    self.includes.push(Include { offset: item.span().start, typed: typed.into() });
                }
                Ok(())
            }
            "command" => self.command(value),
            name => match options::long(self.verb.options, name.as_bytes()).filter(|opt| is_of_a_container(opt.id)) {
                Some(opt) => self.option(name, opt, value),
                None => Err(self.unknown(name, key.span().start)),
            },
        }
    }

    fn unknown(&self, name: &str, offset: usize) -> Fail {
        let shown = name.escape_debug().to_string();
        if let Some(opt) = options::long(self.verb.options, name.as_bytes()) {
            let fail = self.file.wrong(offset, format!("'{shown}' is for the command line alone"));
            return fail.hint(match opt.id {
                Id::ConfigFile => r#"include = ["base.toml"]"#,
                _ => "leave it out",
            });
        }
        let unknown = self.file.wrong(offset, format!("unknown key '{shown}'"));
        if let Some((whose, instead)) = foreign::named(name) {
            return unknown.hint(format!("that is {whose}'s: {instead}"));
        }
        if let Some(fail) = scan::misplaced(self.verb, &shown) {
            return self.file.refuse(offset, fail);
        }
        let near = help::suggestion(self.verb, name);
        unknown.hint(match near.as_deref().map(|near| near.trim_start_matches('-')) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("a key is a long option of kakuri {}, without its dashes", self.verb.name),
        })
    }

    fn command(&mut self, value: &Value) -> Result<()> {
        let said = match value.get_ref() {
            DeValue::Array(words) => {
                let hint = r#"command = ["make", "-j", "4"]"#;
                let word = |word| self.string("command", word, "a list of words", hint).map(Bytes::from);
                let words: Vec<Bytes> = words.iter().map(word).collect::<Result<_>>()?;
                if words.first().is_some_and(|first| first.as_bytes().is_empty()) {
                    return Err(self.file.wrong(value.span().start, "the command is empty").hint(hint));
                }
                Said::Command(words)
            }
            _ => {
                let hint = r#"command = ["make", "-j", "4"], or command = "make && make install" for sh -c"#;
                let script = self.string("command", value, "a list of words, or a string for sh -c", hint)?;
                if script.is_empty() {
                    return Err(self.file.wrong(value.span().start, "the command is empty").hint(hint));
                }
                Said::Command(forms::script("command", script.as_bytes())?)
            }
        };
        self.entries.push(Entry { offset: value.span().start, said });
        Ok(())
    }

    fn option(&mut self, name: &str, opt: &'static Opt, value: &Value) -> Result<()> {
        let add = |entries: &mut Vec<Entry>, at: &Value, value: String, bare: bool| {
            let given = Given { id: opt.id, name: format!("--{name}").into(), value: value.into(), bare };
            entries.push(Entry { offset: at.span().start, said: Said::Option(given) });
        };
        match (opt.takes, value.get_ref()) {
            (Takes::Nothing, DeValue::Boolean(true)) => add(&mut self.entries, value, String::new(), false),
            (Takes::Number(_), DeValue::Boolean(true)) => add(&mut self.entries, value, String::new(), true),
            (Takes::Nothing | Takes::Number(_), DeValue::Boolean(false)) => {
                self.entries.push(Entry { offset: value.span().start, said: Said::Not(opt.id) });
            }
            (Takes::Nothing, _) => return Err(self.wrong(name, value, "true or false", format!("{name} = true"))),
            (Takes::Switch(_), DeValue::Boolean(on)) => add(&mut self.entries, value, on.to_string(), false),
            (_, DeValue::Table(table)) if is_of_pairs(opt.id) => {
                let mut pairs: Vec<(&Key, &Value)> = table.iter().collect();
                pairs.sort_by_key(|(key, _)| key.span().start);
                for (key, value) in pairs {
                    self.no_key_of_ours(name, key)?;
                    let text = format!("{}={}", key.get_ref(), self.scalar(key.get_ref(), opt, value)?);
                    add(&mut self.entries, value, text, false);
                }
            }
            _ => {
                let items = if is_repeated(opt.id) { items(value) } else { vec![value] };
                for item in items {
                    let text = self.scalar(name, opt, item)?;
                    add(&mut self.entries, item, text, false);
                }
            }
        }
        Ok(())
    }

    /// All that follows `[env]` belongs to it: a key of the container's that does is meant to stand above.
    fn no_key_of_ours(&self, table: &str, key: &Key) -> Result<()> {
        let name = key.get_ref().as_ref();
        if name.is_empty() || name.contains(['=', '\0']) {
            let why = format!("'{}' names nothing", name.escape_debug());
            return Err(self.file.wrong(key.span().start, why).hint(format!("[{table}] has lines NAME = \"VALUE\"")));
        }
        match name {
            "include" | "command" => {}
            name if options::long(self.verb.options, name.as_bytes()).is_some() => {}
            _ => return Ok(()),
        }
        Err(self
            .file
            .wrong(key.span().start, format!("'{name}' stands below [{table}], and would be one of its lines"))
            .hint(format!("put it above [{table}]; where it is meant so: {table} = [\"{name}=VALUE\"]")))
    }

    /// As it would be typed.
    fn scalar(&self, name: &str, opt: &Opt, value: &Value) -> Result<String> {
        match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().trim_start_matches('+').into()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Ok(number.to_string()),
                Err(_) => Err(self.wrong(name, value, "a number of less digits", format!("{name} = 1"))),
            },
            DeValue::Float(number) => Ok(number.as_str().trim_start_matches('+').into()),
            _ => {
                let form = match opt.takes {
                    Takes::Value(form) | Takes::Number(form) | Takes::Switch(form) => form,
                    Takes::Nothing => "",
                };
                let (takes, example) = match (is_of_pairs(opt.id), is_repeated(opt.id)) {
                    (true, _) => ("a string, a list of them, or a table", format!("{name} = [\"{form}\"]")),
                    (false, true) => ("a string, or a list of them", format!("{name} = [\"{form}\"]")),
                    (false, false) => ("one string or number", format!("{name} = \"{form}\"")),
                };
                self.string(name, value, takes, &example).map(Into::into)
            }
        }
    }

    fn string<'v>(&self, name: &str, value: &'v Value, takes: &str, example: &str) -> Result<&'v str> {
        match value.get_ref() {
            DeValue::String(text) if text.contains('\0') => {
                let why = format!("'{name}' contains a NUL byte, which no name or value has");
                Err(self.file.wrong(value.span().start, why).hint("leave it out"))
            }
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong(name, value, takes, example)),
        }
    }

    fn wrong(&self, name: &str, value: &Value, takes: &str, example: impl Into<String>) -> Fail {
        let is = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let why = format!("'{}' takes {takes}, and this is {is}", name.escape_debug());
        self.file.wrong(value.span().start, why).hint(example)
    }
}

/// The items of a list; anything else is a list of one.
fn items<'v, 'i>(value: &'v Spanned<DeValue<'i>>) -> Vec<&'v Spanned<DeValue<'i>>> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![value],
    }
}

/// What says something of this one call, and not of a container.
fn is_of_a_container(id: Id) -> bool {
    !matches!(id, Id::Args | Id::ConfigFile | Id::Help | Id::Script | Id::Version)
}

/// Whether it may be said of several, and each is heeded.
pub fn is_repeated(id: Id) -> bool {
    matches!(
        id,
        Id::AddHost
            | Id::AllowHostPort
            | Id::Bind
            | Id::BindProfile
            | Id::CapAdd
            | Id::CapDrop
            | Id::Dbus
            | Id::Device
            | Id::Dir
            | Id::Dns
            | Id::DnsSearch
            | Id::Env
            | Id::EnvFile
            | Id::File
            | Id::Gidmap
            | Id::Hide
            | Id::LandlockRestrict
            | Id::LandlockRo
            | Id::LandlockRw
            | Id::LandlockRx
            | Id::LandlockTcpBind
            | Id::LandlockTcpConnect
            | Id::Mount
            | Id::PassFd
            | Id::Publish
            | Id::Require
            | Id::RoBind
            | Id::SecurityOpt
            | Id::Share
            | Id::Symlink
            | Id::Tmpfs
            | Id::Uidmap
            | Id::Ulimit
            | Id::Userns
    )
}

/// `NAME=VALUE`, which may be a table's lines.
fn is_of_pairs(id: Id) -> bool {
    matches!(id, Id::AddHost | Id::Env | Id::Ulimit)
}
