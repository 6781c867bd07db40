//! Bind profiles: named lists of binds in the configuration.

use kakuri_wire::{Bytes, Fail, Result, Stage};

use super::{parse, source};
use crate::config::{Config, variables};
use crate::host::Host;
use crate::spec::Bind;

/// The binds of the named profiles. What does not exist on this host is left out and noted, because the
/// same profile serves several machines.
pub fn binds(names: &[String], config: &Config, host: &Host, notes: &mut Vec<String>) -> Result<Vec<Bind>> {
    let mut binds: Vec<Bind> = Vec::new();
    for name in names {
        let Some(entries) = config.bind_profiles.get(name) else {
            let known: Vec<&str> = config.bind_profiles.keys().map(String::as_str).collect();
            return Err(Fail::new(Stage::Front, format!("no bind profile is named '{}'", name.escape_debug()))
                .hint(format!("there are {}; kakuri config path says where to add one", known.join(", "))));
        };
        for entry in entries {
            let mut bind = parse::bind(entry.as_bytes())
                .map_err(|f| Fail { what: format!("in the bind profile '{name}': {}", f.what), ..f })?;
            // After its fields are told apart: a value may hold a colon.
            if let Err(unset) = expand(&mut bind, host) {
                notes.push(format!("the profile '{name}' names '{entry}', and ${unset} is not set"));
                continue;
            }
            let (_, look) = source::wanted(host, bind.source.as_bytes(), "bind")?;
            if matches!(look, source::Look::Missing) && !bind.create {
                notes.push(format!("the profile '{name}' names '{}', which does not exist here", bind.source));
            } else if !binds.contains(&bind) {
                binds.push(bind);
            }
        }
    }
    Ok(binds)
}

/// The caller's variables in both of its paths; the error is one that is not set.
fn expand(bind: &mut Bind, host: &Host) -> Result<(), String> {
    bind.source = Bytes(variables::expand(bind.source.as_bytes(), host)?);
    if let Some(destination) = &mut bind.destination {
        *destination = Bytes(variables::expand(destination.as_bytes(), host)?);
    }
    Ok(())
}
