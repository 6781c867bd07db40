//! `--filter KEY=VALUE`: all keys must hold; of the same key, one.

use kakuri_wire::fail::{Fail, Result, Stage};

use super::seen::{Seen, Status};
use crate::config::Config;
use crate::output::plain;

#[derive(Default)]
pub struct Filter {
    names: Vec<String>,
    statuses: Vec<Status>,
    networks: Vec<String>,
    images: Vec<String>,
    labels: Vec<(String, Option<String>)>,
}

impl Filter {
    pub fn of(filters: &[(String, String)]) -> Result<Filter> {
        let mut all = Filter::default();
        for (key, value) in filters {
            match &key[..] {
                "name" => all.names.push(value.clone()),
                "network" => all.networks.push(value.clone()),
                // The second is docker's word.
                "image" | "ancestor" => all.images.push(value.clone()),
                "label" => all.labels.push(match value.split_once('=') {
                    Some((key, value)) => (key.into(), Some(value.into())),
                    None => (value.clone(), None),
                }),
                "status" => all.statuses.push(status(value)?),
                _ => {
                    let shown = plain(format!("{key}={value}").as_bytes());
                    return Err(Fail::new(Stage::Front, format!("bad value '{shown}' for --filter"))
                        .why("there is no such key; there are name, status, network, image and label")
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

    pub fn image(&self, seen: Option<&Seen>) -> bool {
        self.images.is_empty() || seen.is_some_and(|seen| self.images.iter().any(|wanted| seen.is_of(wanted)))
    }

    /// Of the image: all of them.
    pub fn labels(&self, seen: Option<&Seen>, config: &Config) -> bool {
        if self.labels.is_empty() {
            return true;
        }
        let labels = seen.and_then(|seen| seen.stored(config)).map(|stored| stored.recipe.run.labels);
        let has = |(key, value): &(String, Option<String>)| {
            let found = labels.as_ref().and_then(|labels| labels.get(key));
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        };
        self.labels.iter().all(has)
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
