//! registries.conf (containers-registries.conf(5), version 2): which server answers for a name, and through which
//! mirrors.

mod file;
pub mod matching;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use kakuri_image::Reference;
use kakuri_image::reference::host_and_port;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::place;
use crate::host::Host;
use crate::pathname;
pub use file::{Mirror, Pull, Table};

/// All the files say, the later over the earlier.
#[derive(Debug, Default)]
pub struct Registries {
    /// Where names without a registry are looked for, and the file that says so.
    pub search: Option<(Vec<String>, String)>,
    /// Short names and what they mean; without tags.
    pub aliases: BTreeMap<String, String>,
    tables: Vec<Table>,
}

/// A server, and what the image is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub host: String,
    pub port: Option<u16>,
    pub repository: String,
    /// Neither TLS nor a certificate is insisted on.
    pub insecure: bool,
}

impl Server {
    /// `host[:port]`.
    pub fn registry(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

impl Registries {
    /// Reads what there is. The caller's own registries.conf stands in the place of the system's, with its own folder
    /// of additions; without one, the system's file, then its additions, then the caller's
    /// (containers-registries.conf.d(5)). CONTAINERS_REGISTRIES_CONF names a file that stands in the place of all.
    pub fn load(host: &Host) -> Result<Registries> {
        let mut registries = Registries::default();
        if let Some(named) = host.var("CONTAINERS_REGISTRIES_CONF").filter(|path| !path.is_empty()) {
            let path = host.expand(named)?;
            if !registries.add(&path)? {
                return Err(Fail::new(Stage::Front, format!("cannot read '{}'", place::shown(named)))
                    .errno(libc::ENOENT)
                    .hint("CONTAINERS_REGISTRIES_CONF names it: correct or unset that"));
            }
            return Ok(registries);
        }
        let own = place::config(host, b"containers/registries.conf");
        let system = b"/etc/containers/registries.conf";
        let mut folders = Vec::with_capacity(2);
        if !registries.add(&own)? {
            registries.add(system)?;
            folders.push([system, &b".d"[..]].concat());
        }
        folders.push([&own, &b".d"[..]].concat());
        for folder in folders {
            for file in place::list(&folder, b".conf")? {
                registries.add(&file)?;
            }
        }
        // What podman was told when it asked.
        registries.add(&place::cache(host, b"containers/short-name-aliases.conf"))?;
        Ok(registries)
    }

    /// Lays a file over what is there; false where there is none.
    fn add(&mut self, path: &[u8]) -> Result<bool> {
        let Some(text) = place::read(path)? else { return Ok(false) };
        self.lay(path, &text)?;
        Ok(true)
    }

    fn lay(&mut self, path: &[u8], text: &[u8]) -> Result<()> {
        let file = file::parse(path, text)?;
        if let Some(search) = file.search {
            self.search = Some((search, place::shown(path)));
        }
        for (name, meant) in file.aliases {
            // An empty one erases what an earlier file said.
            match meant.is_empty() {
                true => self.aliases.remove(&name),
                false => self.aliases.insert(name, meant),
            };
        }
        for table in file.tables {
            self.tables.retain(|earlier| earlier.prefix != table.prefix);
            self.tables.push(table);
        }
        Ok(())
    }

    /// The table of a name, the one that says most of it, and how much of the name it matched.
    fn of(&self, name: &str) -> Option<(&Table, usize)> {
        let matched = self.tables.iter().filter_map(|t| matching::length(name, &t.prefix).map(|length| (t, length)));
        // Where two stand for as much of it: a host before a wildcard, and the narrower wildcard before the wider.
        matched.max_by_key(|(t, length)| (*length, !t.prefix.starts_with('*'), t.prefix.len()))
    }

    /// The servers of an image, in the order they are to be tried: the mirrors, then the registry itself.
    ///
    /// # Errors
    /// The name is blocked, or a location leads nowhere.
    pub fn servers(&self, reference: &Reference) -> Result<Vec<Server>> {
        let name = reference.to_string();
        let own = Server {
            host: reference.host.clone(),
            port: reference.port,
            repository: reference.repository.clone(),
            insecure: false,
        };
        let Some((table, matched)) = self.of(&name) else { return Ok(vec![own]) };
        self.refuse_blocked(table, &name)?;
        // What follows the prefix, without tag and digest.
        let rest = reference.name().get(matched..).unwrap_or_default().to_string();
        let by_digest = reference.digest.is_some();
        let mirrors = table.mirrors.iter().filter(|mirror| match mirror.pull {
            Pull::All => by_digest || !table.mirror_by_digest_only,
            Pull::DigestOnly => by_digest,
            Pull::TagOnly => !by_digest,
        });
        let mut servers = Vec::with_capacity(table.mirrors.len() + 1);
        for mirror in mirrors {
            servers.push(table.server(&mirror.location, &rest, mirror.insecure)?);
        }
        servers.push(match &table.location {
            Some(location) => table.server(location, &rest, table.insecure)?,
            None => Server { insecure: table.insecure, ..own },
        });
        Ok(servers)
    }

    /// Of a registry by its name alone, `host[:port]`: as it is meant by a login.
    pub fn server(&self, registry: &str, path: &str) -> Result<Server> {
        let name = if path.is_empty() { registry.to_string() } else { format!("{registry}/{path}") };
        let insecure = match self.of(&name) {
            Some((table, _)) => self.refuse_blocked(table, &name).map(|()| table.insecure)?,
            None => false,
        };
        let (host, port) = host_and_port(registry).map_err(|why| Fail::new(Stage::Front, why))?;
        Ok(Server { host, port, repository: path.into(), insecure })
    }

    fn refuse_blocked(&self, table: &Table, name: &str) -> Result<()> {
        match table.blocked {
            false => Ok(()),
            true => Err(Fail::new(Stage::Front, format!("'{name}' may not be fetched"))
                .why(format!("{} blocks '{}'", table.file, table.prefix))
                .hint("take its `blocked = true` out there, or name another registry")),
        }
    }
}

impl Table {
    /// A location with what follows the prefix.
    fn server(&self, location: &str, rest: &str, insecure: bool) -> Result<Server> {
        let whole = format!("{location}{rest}");
        let nowhere = |why: String| {
            Fail::new(Stage::Front, format!("'{location}' leads nowhere"))
                .why(why)
                .hint(format!("it is a location in {}, for '{}'", self.file, self.prefix))
        };
        let (registry, repository) = whole.split_once('/').unwrap_or((&whole, ""));
        if repository.is_empty() || pathname::components(repository.as_bytes()).any(|part| part == b"..") {
            return Err(nowhere("no repository is left of the name".into()));
        }
        let (host, port) = host_and_port(registry).map_err(nowhere)?;
        Ok(Server { host, port, repository: repository.into(), insecure })
    }
}
