//! What there is, for people.

use kakuri_image::Digest;
use kakuri_wire::fail::{Fail, Result};

use super::record::{self, Record};
use super::refs::{self, Ref};
use super::{Images, corrupt};

/// An image under one of its names.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: Digest,
    /// None: it has none any more.
    pub named: Option<Ref>,
    pub record: Record,
}

impl Listed {
    pub fn name(&self) -> Option<&str> {
        self.named.as_ref().map(|named| &named.name[..])
    }
}

impl Images {
    /// All of them by name, those without one last; and what cannot be read.
    pub fn all(&self) -> Result<(Vec<Listed>, Vec<Fail>)> {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        let Some(top) = self.open()? else { return Ok((found, wrong)) };
        for named in refs::all(&top)? {
            match named {
                Ok(named) => match record::read(&top, &named.image) {
                    Ok(Some(record)) => found.push(Listed { id: named.image.clone(), named: Some(named), record }),
                    Ok(None) => {
                        wrong.push(corrupt(&named.name, format!("{} is missing", record::path(&named.image))));
                    }
                    Err(why) => wrong.push(corrupt(&named.name, why)),
                },
                Err(why) => {
                    wrong.push(
                        Fail::new(kakuri_wire::Stage::Front, "cannot read the name of an image")
                            .why(why)
                            .hint("pull that image again"),
                    );
                }
            }
        }
        found.sort_by(|a, b| (a.name(), refs_platform(a)).cmp(&(b.name(), refs_platform(b))));
        for digits in record::all(&top)? {
            if found.iter().any(|listed| listed.id.hex() == digits) {
                continue;
            }
            let Some(id) = super::collect::digest_of(&digits) else { continue };
            if let Ok(Some(record)) = record::read(&top, &id) {
                found.push(Listed { id, named: None, record });
            }
        }
        Ok((found, wrong))
    }
}

fn refs_platform(listed: &Listed) -> String {
    listed.record.recipe.platform.to_string()
}
