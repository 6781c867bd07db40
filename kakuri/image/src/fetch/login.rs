//! Whether a login is right.

use kakuri_wire::fail::Result;
use ureq::http::StatusCode;

use super::endpoint::Endpoint;
use super::trouble::Trouble;
use super::{body, exchange};

/// The one address every registry has (distribution specification, "Determining Support").
pub fn prove(endpoint: &Endpoint) -> Result<(), Trouble> {
    let response = exchange::get(endpoint, "", &[])?;
    match response.status() {
        StatusCode::OK => {
            body::drain(response);
            Ok(())
        }
        _ => Err(body::refusal(endpoint, response, "no registry answers there")),
    }
}
