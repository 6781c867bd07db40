//! Which message is permitted now. Everything else tears the container down: no helper is trusted.

use kakuri_init::FromInit;
use kakuri_mount::FromMount;
use kakuri_netns::FromNetns;
use kakuri_wire::Kernelfs;
use kakuri_wire::fail::{Fail, Result, Stage};

/// How far a start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// PID 1 makes what only it can; kakuri-mount builds.
    Making,
    /// kakuri-mount attaches and pivots.
    Finishing,
    /// The root stands, the network not yet.
    Connecting,
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
    /// What is refused its commands is listed.
    pub watched: bool,
}

impl Phase {
    /// The phase after this message of PID 1's, or why it may not be said now.
    pub fn after_init(self, message: &FromInit, asked: Asked) -> Result<Phase> {
        match (self, message) {
            (Phase::Making, FromInit::Ready(made)) if made == asked.filesystems => Ok(Phase::Finishing),
            (Phase::Launching, FromInit::Started { terminal, .. }) if !asked.hold && *terminal == asked.terminal => {
                Ok(Phase::Running)
            }
            (Phase::Launching, FromInit::Watched { session: 0 }) if asked.watched && !asked.hold => {
                Ok(Phase::Launching)
            }
            (Phase::Running, FromInit::Watched { .. }) if asked.watched && asked.hold => Ok(Phase::Running),
            (Phase::Launching, FromInit::Holding) if asked.hold => Ok(Phase::Running),
            (Phase::Running, FromInit::Exited { .. }) if !asked.hold => Ok(Phase::Ended),
            (Phase::Running, FromInit::Session { .. }) if asked.hold => Ok(Phase::Running),
            _ => Err(out_of_turn(Stage::Init, &format!("{message:?}"))),
        }
    }

    /// The same for kakuri-mount's one word. `wired`: the network stands already.
    pub fn after_mount(self, message: &FromMount, wired: bool) -> Result<Phase> {
        match (self, message) {
            (Phase::Finishing, FromMount::Built) if wired => Ok(Phase::Launching),
            (Phase::Finishing, FromMount::Built) => Ok(Phase::Connecting),
            _ => Err(out_of_turn(Stage::Mount, &format!("{message:?}"))),
        }
    }
}

/// How far the network has come, beside the rest of a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Net {
    /// Nothing is waited for.
    #[default]
    Up,
    /// PID 1 has not made the namespace yet.
    Waiting,
    /// The configurator is at work.
    Configuring,
    /// What minds the way out is getting ready.
    Connecting,
}

impl Net {
    /// What follows this word of kakuri-netns. `tunnel`: one waits for the device that the configurator makes.
    pub fn after(self, by_configurator: bool, message: &FromNetns, tunnel: bool) -> Result<Net> {
        match (self, by_configurator, message) {
            (Net::Configuring, true, FromNetns::Up { tun }) if *tun == tunnel => {
                Ok(if tunnel { Net::Connecting } else { Net::Up })
            }
            (Net::Connecting, false, FromNetns::Running) => Ok(Net::Up),
            (_, false, FromNetns::Trouble(_)) => Ok(self),
            _ => Err(out_of_turn(Stage::Netns, &format!("{message:?}"))),
        }
    }
}

fn out_of_turn(stage: Stage, message: &str) -> Fail {
    let word: String = message.chars().take(40).collect();
    Fail::new(stage, format!("{stage} spoke out of turn"))
        .why(word)
        .hint("are all five programs of one build? kakuri version tells")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kakuri_init::{Status, Usage};

    const ENDED: FromInit =
        FromInit::Exited { status: Status::Code(0), usage: Usage { user_us: 0, system_us: 0, peak_kib: 0 } };
    const MADE: [Kernelfs; 1] = [Kernelfs::Proc];
    const ASKED: Asked = Asked { filesystems: &MADE, terminal: false, hold: false, watched: false };

    #[test]
    fn the_order_of_a_start() {
        let phase = Phase::Making.after_init(&FromInit::Ready(MADE.to_vec()), ASKED).expect("ready first");
        let phase = phase.after_mount(&FromMount::Built, true).expect("then built");
        let phase = phase.after_init(&FromInit::Started { pid: 2, terminal: false }, ASKED).expect("then started");
        assert_eq!(phase.after_init(&ENDED, ASKED).expect("then exited"), Phase::Ended);
    }

    #[test]
    fn everything_else_is_refused() {
        let words = [
            FromInit::Ready(MADE.to_vec()),
            FromInit::Ready(vec![]),
            FromInit::Started { pid: 2, terminal: false },
            ENDED,
            // Nobody asked for one, and the front would take whatever came for it.
            FromInit::Started { pid: 2, terminal: true },
            FromInit::Watched { session: 0 },
        ];
        let permitted = [(Phase::Making, 0), (Phase::Launching, 2), (Phase::Running, 3)];
        for phase in
            [Phase::Making, Phase::Finishing, Phase::Connecting, Phase::Launching, Phase::Running, Phase::Ended]
        {
            for (i, word) in words.iter().enumerate() {
                assert_eq!(
                    phase.after_init(word, ASKED).is_ok(),
                    permitted.contains(&(phase, i)),
                    "{phase:?} {word:?}"
                );
            }
            for wired in [false, true] {
                assert_eq!(phase.after_mount(&FromMount::Built, wired).is_ok(), phase == Phase::Finishing);
            }
        }
    }

    #[test]
    fn who_is_to_be_listened_to_is_said_where_it_was_asked_for() {
        let asked = |hold| Asked { watched: true, hold, ..ASKED };
        let permitted =
            |phase: Phase, session, hold| phase.after_init(&FromInit::Watched { session }, asked(hold)).is_ok();
        assert!(permitted(Phase::Launching, 0, false) && permitted(Phase::Running, 7, true));
        for (phase, session, hold) in [
            (Phase::Making, 0, false),
            (Phase::Launching, 1, false),
            (Phase::Running, 0, false),
            (Phase::Launching, 7, true),
            (Phase::Ended, 7, true),
        ] {
            assert!(!permitted(phase, session, hold), "{phase:?} {session}");
        }
    }

    #[test]
    fn the_network_comes_beside_the_rest() {
        let (up, tun, running) = (FromNetns::Up { tun: false }, FromNetns::Up { tun: true }, FromNetns::Running);
        let next = |net: Net, configurator, word: &FromNetns, tunnel| net.after(configurator, word, tunnel).ok();
        assert_eq!(next(Net::Configuring, true, &tun, true), Some(Net::Connecting));
        assert_eq!(next(Net::Connecting, false, &running, true), Some(Net::Up));
        assert_eq!(next(Net::Configuring, true, &up, false), Some(Net::Up));
        // A device nobody asked for, one that is missing, who speaks for another, and what comes too early or late.
        for (net, configurator, word, tunnel) in [
            (Net::Configuring, true, &tun, false),
            (Net::Configuring, true, &up, true),
            (Net::Configuring, false, &tun, true),
            (Net::Connecting, true, &running, true),
            (Net::Waiting, true, &tun, true),
            (Net::Waiting, false, &running, true),
            (Net::Up, false, &running, true),
            (Net::Up, true, &tun, true),
        ] {
            assert_eq!(next(net, configurator, word, tunnel), None, "{net:?} {word:?}");
        }
        assert_eq!(Phase::Finishing.after_mount(&FromMount::Built, false).expect("not wired"), Phase::Connecting);
    }
}
