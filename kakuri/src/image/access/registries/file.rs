//! The TOML of one registries.conf. What is wrong in it is an error with its file and line.

use std::collections::BTreeMap;

use kakuri_image::reference::host_and_port;
use kakuri_wire::fail::{Fail, Result};
use serde::Deserialize;
use toml::Spanned;

use super::super::place;

/// What one file says.
#[derive(Debug, Default)]
pub struct File {
    pub search: Option<Vec<String>>,
    pub aliases: BTreeMap<String, String>,
    pub tables: Vec<Table>,
}

/// A `[[registry]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub prefix: String,
    /// None only where the prefix is `*.example.com`: names stay as they are.
    pub location: Option<String>,
    pub insecure: bool,
    pub blocked: bool,
    pub mirror_by_digest_only: bool,
    pub mirrors: Vec<Mirror>,
    /// Where it was read, for people.
    pub file: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    pub location: String,
    pub insecure: bool,
    pub pull: Pull,
}

/// For which names a mirror is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pull {
    #[default]
    #[serde(alias = "")]
    All,
    DigestOnly,
    TagOnly,
}

/// Keys that only other programs heed are passed over here, and nowhere below: a `blokced` must not be taken for
/// nothing.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Form {
    unqualified_search_registries: Option<Vec<Spanned<String>>>,
    registry: Vec<Spanned<TableForm>>,
    aliases: BTreeMap<String, Spanned<String>>,
    /// Of version 1.
    registries: Option<Spanned<toml::Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TableForm {
    prefix: Option<Spanned<String>>,
    location: Option<Spanned<String>>,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<MirrorForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct MirrorForm {
    location: Spanned<String>,
    #[serde(default)]
    insecure: bool,
    pull_from_mirror: Option<Spanned<Pull>>,
}

pub fn parse(path: &[u8], text: &[u8]) -> Result<File> {
    let wrong = |offset: usize, why: &str| {
        place::wrong(path, text, offset, why).hint("correct it there; containers-registries.conf(5) is its manual page")
    };
    let words = std::str::from_utf8(text).map_err(|e| wrong(e.valid_up_to(), "this is not UTF-8"))?;
    let form: Form = toml::from_str(words).map_err(|e| wrong(e.span().map_or(0, |s| s.start), e.message()))?;
    if let Some(old) = form.registries {
        let why = "this is the old form of the file (version 1), with [registries.search] and the like";
        return Err(wrong(old.span().start, why).hint("write unqualified-search-registries = [...] and [[registry]]"));
    }
    let mut file = File::default();
    if let Some(search) = form.unqualified_search_registries {
        let one = |entry: Spanned<String>| match host_and_port(entry.get_ref()) {
            Ok(_) => Ok(entry.into_inner()),
            Err(why) => Err(wrong(entry.span().start, &why)),
        };
        file.search = Some(search.into_iter().map(one).collect::<Result<_>>()?);
    }
    for (name, meant) in form.aliases {
        if !meant.get_ref().is_empty() {
            location(&meant, &wrong)?;
        }
        file.aliases.insert(name, meant.into_inner());
    }
    for entry in form.registry {
        file.tables.push(table(entry, path, &wrong)?);
    }
    Ok(file)
}

fn table(form: Spanned<TableForm>, path: &[u8], wrong: &dyn Fn(usize, &str) -> Fail) -> Result<Table> {
    let at = form.span().start;
    let form = form.into_inner();
    let place = form.location.as_ref().filter(|l| !l.get_ref().is_empty()).map(|l| location(l, wrong)).transpose()?;
    let prefix = match &form.prefix {
        Some(prefix) if !prefix.get_ref().is_empty() => prefix_of(prefix, wrong)?,
        _ => place.clone().ok_or_else(|| wrong(at, "this [[registry]] has neither a prefix nor a location"))?,
    };
    if place.is_none() && !prefix.starts_with("*.") {
        return Err(wrong(at, &format!("this [[registry]] for '{prefix}' has no location")));
    }
    let mut mirrors = Vec::with_capacity(form.mirror.len());
    for mirror in form.mirror {
        if let Some(pull) = mirror.pull_from_mirror.as_ref().filter(|_| form.mirror_by_digest_only) {
            let why = "pull-from-mirror says of one mirror what mirror-by-digest-only says of all of them";
            return Err(wrong(pull.span().start, why).hint("leave one of the two out"));
        }
        mirrors.push(Mirror {
            location: location(&mirror.location, wrong)?,
            insecure: mirror.insecure,
            pull: mirror.pull_from_mirror.map(Spanned::into_inner).unwrap_or_default(),
        });
    }
    Ok(Table {
        prefix,
        location: place,
        insecure: form.insecure,
        blocked: form.blocked,
        mirror_by_digest_only: form.mirror_by_digest_only,
        mirrors,
        file: place::shown(path),
    })
}

/// `host[:port][/path]`.
fn location(written: &Spanned<String>, wrong: &dyn Fn(usize, &str) -> Fail) -> Result<String> {
    let text = written.get_ref().trim_end_matches('/');
    let fail = |why: &str| Err(wrong(written.span().start, &format!("'{text}': {why}")));
    if text.contains("://") {
        return fail("a location has no scheme: host[:port][/path]");
    }
    let (registry, path) = text.split_once('/').unwrap_or((text, ""));
    if let Err(why) = host_and_port(registry) {
        return fail(&why);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
    if !path.bytes().all(plain) || path.split('/').any(|part| part == "..") {
        return fail("a location is host[:port][/path], with neither tag nor digest");
    }
    Ok(text.into())
}

/// The same with a tag or a digest, or `*.host`.
fn prefix_of(written: &Spanned<String>, wrong: &dyn Fn(usize, &str) -> Fail) -> Result<String> {
    let text = written.get_ref().trim_end_matches('/');
    let fail = |why: &str| Err(wrong(written.span().start, &format!("'{text}': {why}")));
    if text.contains("://") {
        return fail("a prefix has no scheme: host[:port][/path]");
    }
    let registry = text.split('/').next().unwrap_or_default();
    let host = text.strip_prefix("*.").unwrap_or(registry);
    match host_and_port(host) {
        Ok((_, Some(_))) if text.starts_with('*') => fail("behind '*.' stands a host alone"),
        Ok(_) => Ok(text.into()),
        Err(why) => fail(&why),
    }
}
