//! Folders whose changes go to a layer: `--bind SRC[:DST]:cow`.

use std::fmt;
use std::os::unix::ffi::OsStrExt;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};

use super::place::Placing;
use super::source::{self, Look};
use crate::layer::split::{self, How, Piece};
use crate::layout::{Origin, Source, What};
use crate::pathname;

/// Puts a folder at its destination, in pieces where something is mounted in it.
pub fn put(placing: &mut Placing, destination: &[u8], from: Source, label: &dyn fmt::Display) -> Result<()> {
    let fail = || Fail::new(Stage::Front, label.to_string());
    if let Some(place) = placing.layers.place().map(|place| place.as_os_str().as_bytes())
        && (pathname::below(place, &from.from).is_some() || pathname::below(&from.from, place).is_some())
    {
        return Err(fail()
            .why("kakuri keeps there what is changed in it")
            .hint("name the folders in it, one by one, without ~/.local/kakuri"));
    }
    let points: Vec<_> = placing.mounted.all_below(&from.from).cloned().collect();
    let pieces = match points.is_empty() {
        true => vec![Piece { rest: Vec::new(), how: How::Whole }],
        false => split::pieces(&from.from, &points, split::folders)
            .map_err(|f| Fail { what: format!("{label}: {}", f.what), ..f })?,
    };
    let mut top = Vec::new();
    for Piece { rest, how } in pieces {
        if rest.is_empty() {
            let what = What::Cow { source: from.clone(), layer: None, split: how == How::Files };
            top = placing.put(destination, what, label)?;
        }
        let (path, at) = (pathname::join(&from.from, &rest), pathname::join(&top, &rest));
        let mut source = from.clone();
        if !rest.is_empty() {
            let Ok(Look::Is(real)) = source::look(&path) else {
                return Err(fail().why("it changes while it is looked at").hint("try again"));
            };
            source = Source { noexec: from.noexec, ..real.source(None) };
        }
        let what = match how {
            How::ReadOnly => {
                placing.notes.push(format!("{} is shown read-only: no overlay is made of it", Bytes(path)));
                What::Bind(Source { read_only: true, ..source })
            }
            how => {
                let split = how == How::Files;
                let layer = placing.layers.layer(&path, &at, split);
                What::Cow { source, layer, split }
            }
        };
        let origin = if rest.is_empty() { Origin::User } else { Origin::Base };
        placing.layout.put(at, origin, what);
    }
    if let Some(first) = points.first() {
        placing.notes.push(format!(
            "something is mounted in {} ({}): the folders around it can be neither renamed nor removed inside",
            Bytes(from.from),
            Bytes(first.at.clone())
        ));
    }
    Ok(())
}
