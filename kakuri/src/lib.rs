//! kakuri: run any command in a container that an ordinary user makes with the kernel alone.

pub mod plan;
