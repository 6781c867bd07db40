//! What could connect the command with the caller or the world: network, terminal, descriptors, variables.

use kakuri_netns::Uplink;

use super::{Judgement, listed};
use crate::network::Kind;
use crate::plan::{Plan, Terminal};

pub fn network(plan: &Plan) -> Judgement {
    let label = &plan.wiring.label;
    if let Some(Uplink::Nat(nat)) = &plan.wiring.uplink
        && !nat.host_ports.is_empty()
    {
        let ports: Vec<String> = nat.host_ports.iter().map(u16::to_string).collect();
        return Judgement::weaker(format!("it reaches {} of the host's loopback (--allow-host-port)", listed(&ports)))
            .mend("leave --allow-host-port out");
    }
    match plan.wiring.kind {
        Kind::None => Judgement::enforced("a network namespace with its own loopback and nothing else"),
        Kind::Own => Judgement::enforced(format!("a network namespace of its own, and the way out is {label}")),
        Kind::Joined => Judgement::weaker(format!("it shares a network with others ({label})"))
            .mend("give it one of its own: --network none, or nat"),
        Kind::Host => Judgement::absent("the network is the host's, with all that listens on 127.0.0.1")
            .mend("leave --allow-network and --network host out; --network nat reaches the world without"),
    }
}

pub fn vpn(plan: &Plan) -> Judgement {
    match plan.asked.vpn {
        true => {
            Judgement::enforced("the tunnel's device is all there is beside loopback, and goes when the tunnel ends")
        }
        false => Judgement::not_asked("--vpn CONF"),
    }
}

pub fn terminal(plan: &Plan) -> Judgement {
    let filtered = plan.setup.filter.is_some();
    match plan.terminal {
        Terminal::Auto | Terminal::Always => {
            Judgement::enforced("a terminal among 0, 1 and 2 is replaced by the container's own")
        }
        Terminal::Never if filtered => {
            Judgement::weaker("a terminal among 0, 1 and 2 is passed as it is (-T); words cannot be put into it")
                .mend("leave -T out")
        }
        Terminal::Never => Judgement::absent(
            "a terminal among 0, 1 and 2 is passed as it is (-T), and what refuses to type into it is off",
        )
        .mend("leave -T out"),
    }
}

pub fn sockets(plan: &Plan) -> Judgement {
    let doors: Vec<String> = plan.doors.sockets.iter().map(|door| door.to_string()).collect();
    match doors.is_empty() {
        true => {
            Judgement::enforced("/run, /tmp and your runtime folder are its own; a folder you bind shows what is in it")
        }
        false => Judgement::weaker(format!("it speaks with what you opened: {}", listed(&doors)))
            .mend(format!("leave {} out", listed(&doors))),
    }
}

pub fn descriptors(plan: &Plan) -> Judgement {
    let named: Vec<String> = plan.process.pass.iter().map(i32::to_string).collect();
    Judgement::enforced(match named.is_empty() {
        true => "all others are closed".into(),
        false => format!("you named {}; all others are closed", listed(&named)),
    })
}

pub fn environment(plan: &Plan) -> Judgement {
    match plan.asked.environment {
        false => Judgement::enforced("it is made anew; you add to it with -e"),
        true => Judgement::absent("all of yours were passed (--env-host)")
            .mend("leave --env-host out, and name what it needs: -e KEY"),
    }
}
