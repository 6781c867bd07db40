//! Containers with a name: the session of a user at two terminals, starts, ends, and leaving a terminal to come back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "named/attach.rs"]
mod attach;
mod common;
#[path = "named/end.rs"]
mod end;
#[path = "named/foreign.rs"]
mod foreign;
#[path = "named/log.rs"]
mod log;
#[path = "named/reach.rs"]
mod reach;
#[path = "named/session.rs"]
mod session;
#[path = "named/start.rs"]
mod start;
#[path = "named/stop.rs"]
mod stop;
