//! What is asked of every error.

use crate::scan::Entry;

pub fn broken(_entry: &Entry) -> Vec<&'static str> {
    Vec::new()
}
