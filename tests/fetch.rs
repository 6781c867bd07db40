//! kakuri-image's fetching role alone, by a front the test plays: against Debian's registry in its four modes, against
//! servers that lie, and against its own promise to open nothing.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "fetch/certificates.rs"]
mod certificates;
#[path = "fetch/confined.rs"]
mod confined;
#[path = "fetch/front.rs"]
mod front;
#[path = "fetch/fronts.rs"]
mod fronts;
#[path = "fetch/honest.rs"]
mod honest;
#[path = "fetch/lies.rs"]
mod lies;
#[path = "fetch/lying.rs"]
mod lying;
#[path = "fetch/tls.rs"]
mod tls;
