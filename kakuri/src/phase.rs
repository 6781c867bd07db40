//! Which message is permitted now. Everything else tears the container down: no helper is trusted.

use kakuri_init::FromInit;
use kakuri_mount::FromMount;
use kakuri_wire::Kernelfs;
use kakuri_wire::fail::{Fail, Result, Stage};

/// How far a start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// PID 1 makes what only it can; kakuri-mount builds.
    Making,
    /// kakuri-mount attaches and pivots.
    Finishing,
    /// PID 1 starts the command.
    Launching,
    Running,
    Ended,
}

/// What PID 1 was asked for, and so may send.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    pub filesystems: &'a [Kernelfs],
    pub terminal: bool,
    /// No command of its own: sessions.
    pub hold: bool,
}

impl Phase {
    /// The phase after this message of PID 1's, or why it may not be said now.
    pub fn after_init(self, message: &FromInit, asked: Asked) -> Result<Phase> {
        match (self, message) {
            (Phase::Making, FromInit::Ready(made)) if made == asked.filesystems => Ok(Phase::Finishing),
            (Phase::Launching, FromInit::Started { terminal, .. }) if !asked.hold && *terminal == asked.terminal => {
                Ok(Phase::Running)
            }
            (Phase::Launching, FromInit::Holding) if asked.hold => Ok(Phase::Running),
            (Phase::Running, FromInit::Exited(_)) if !asked.hold => Ok(Phase::Ended),
            (Phase::Running, FromInit::Session { .. }) if asked.hold => Ok(Phase::Running),
            _ => Err(out_of_turn(Stage::Init, &format!("{message:?}"))),
        }
    }

    /// The same for kakuri-mount's one word.
    pub fn after_mount(self, message: &FromMount) -> Result<Phase> {
        match (self, message) {
            (Phase::Finishing, FromMount::Built) => Ok(Phase::Launching),
            _ => Err(out_of_turn(Stage::Mount, &format!("{message:?}"))),
        }
    }
}

fn out_of_turn(stage: Stage, message: &str) -> Fail {
    let word: String = message.chars().take(40).collect();
    Fail::new(stage, format!("{stage} spoke out of turn"))
        .why(word)
        .hint("are all four programs of one build? kakuri version tells")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kakuri_init::Status;

    const MADE: [Kernelfs; 1] = [Kernelfs::Proc];
    const ASKED: Asked = Asked { filesystems: &MADE, terminal: false, hold: false };

    #[test]
    fn the_order_of_a_start() {
        let phase = Phase::Making.after_init(&FromInit::Ready(MADE.to_vec()), ASKED).expect("ready first");
        let phase = phase.after_mount(&FromMount::Built).expect("then built");
        let phase = phase.after_init(&FromInit::Started { pid: 2, terminal: false }, ASKED).expect("then started");
        assert_eq!(phase.after_init(&FromInit::Exited(Status::Code(0)), ASKED).expect("then exited"), Phase::Ended);
    }

    #[test]
    fn everything_else_is_refused() {
        let words = [
            FromInit::Ready(MADE.to_vec()),
            FromInit::Ready(vec![]),
            FromInit::Started { pid: 2, terminal: false },
            FromInit::Exited(Status::Code(0)),
            // Nobody asked for one, and the front would take whatever came for it.
            FromInit::Started { pid: 2, terminal: true },
        ];
        let permitted = [(Phase::Making, 0), (Phase::Launching, 2), (Phase::Running, 3)];
        for phase in [Phase::Making, Phase::Finishing, Phase::Launching, Phase::Running, Phase::Ended] {
            for (i, word) in words.iter().enumerate() {
                assert_eq!(
                    phase.after_init(word, ASKED).is_ok(),
                    permitted.contains(&(phase, i)),
                    "{phase:?} {word:?}"
                );
            }
            assert_eq!(phase.after_mount(&FromMount::Built).is_ok(), phase == Phase::Finishing);
        }
    }
}
