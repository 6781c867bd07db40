//! Exit codes: the command's own, 128+n by signal, and kakuri's four.

use kakuri_init::Status;

/// `--timeout` ended the command.
pub const TIMED_OUT: u8 = 124;
/// What a container whose supervisor was killed is said to have ended with: nobody is left to tell.
pub const KILLED: u8 = 137;
pub use kakuri_wire::fail::{CODE_FAILED, CODE_NOT_EXECUTABLE, CODE_NOT_FOUND};

/// What kakuri exits with when its command ended so.
pub fn code(status: Status, timed_out: bool) -> u8 {
    match status {
        _ if timed_out => TIMED_OUT,
        Status::Code(code) => code,
        Status::Signal { signal, .. } => 128_u8.saturating_add(signal as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_and_signal() {
        for n in 0..=255 {
            assert_eq!(code(Status::Code(n), false), n);
        }
        for signal in 1..=64 {
            assert_eq!(code(Status::Signal { signal, core: signal == 11 }, false), 128 + signal as u8);
        }
        assert_eq!(code(Status::Signal { signal: 15, core: false }, true), 124);
    }
}
