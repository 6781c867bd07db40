//! `--filter KEY=VALUE`: all keys must hold; of the same key, one.

use kakuri_wire::fail::{Fail, Result, Stage};

use super::seen::Status;
use crate::output::plain;

#[derive(Default)]
pub struct Filter {
    names: Vec<String>,
    statuses: Vec<Status>,
    networks: Vec<String>,
}

impl Filter {
    pub fn of(filters: &[(String, String)]) -> Result<Filter> {
        let mut all = Filter::default();
        for (key, value) in filters {
            match &key[..] {
                "name" => all.names.push(value.clone()),
                "network" => all.networks.push(value.clone()),
                "status" => all.statuses.push(status(value)?),
                _ => {
                    let shown = plain(format!("{key}={value}").as_bytes());
                    return Err(Fail::new(Stage::Front, format!("bad value '{shown}' for --filter"))
                        .why("there is no such key; there are name, status and network")
                        .hint("--filter name=web or --filter status=running"));
                }
            }
        }
        Ok(all)
    }

    /// As docker does: any part of the name.
    pub fn name(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|part| name.contains(&part[..]))
    }

    pub fn by_status(&self) -> bool {
        !self.statuses.is_empty()
    }

    pub fn status(&self, status: Status) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    pub fn network(&self, network: Option<&str>) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|wanted| Some(&wanted[..]) == network)
    }
}

fn status(value: &str) -> Result<Status> {
    Status::ALL.into_iter().find(|status| status.word() == value).ok_or_else(|| {
        let known: Vec<&str> = Status::ALL.iter().map(|status| status.word()).collect();
        Fail::new(Stage::Front, format!("bad value 'status={}' for --filter", plain(value.as_bytes())))
            .why(format!("it is none of {}", known.join(" ")))
            .hint("--filter status=running")
    })
}
