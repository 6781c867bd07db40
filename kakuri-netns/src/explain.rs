//! A plan in words, a line a step, in the order they are taken. Makes no system call.

use std::fmt::Write;

use crate::{Link, Plan, Route};

pub fn explain(plan: &Plan) -> String {
    let mut words = String::new();
    if let Some(name) = &plan.tun {
        let _ = writeln!(words, "{name}: a new TUN device");
    }
    for link in &plan.links {
        describe_link(&mut words, link);
    }
    for route in &plan.routes {
        describe_route(&mut words, route);
    }
    words
}

fn describe_link(words: &mut String, link: &Link) {
    let name = link.final_name();
    let mut line = |step: std::fmt::Arguments| {
        let _ = writeln!(words, "{}", std::fmt::format(step));
    };
    if let Some(new) = &link.rename {
        line(format_args!("{}: rename to {new}", link.name));
    }
    if let Some(mtu) = link.mtu {
        line(format_args!("{name}: mtu {mtu}"));
    }
    if link.no_own_address {
        line(format_args!("{name}: no IPv6 address of the kernel's making"));
    }
    for address in &link.addresses {
        line(format_args!("{name}: address {address}"));
    }
    if link.up {
        line(format_args!("{name}: up"));
    }
}

fn describe_route(words: &mut String, route: &Route) {
    let metric = match route {
        Route::Unicast { to, link, via, source, metric } => {
            let _ = write!(words, "route: {to} through {link}");
            if let Some(via) = via {
                let _ = write!(words, " by {via}");
            }
            if let Some(source) = source {
                let _ = write!(words, " from {source}");
            }
            metric
        }
        Route::Unreachable { to, metric } => {
            let _ = write!(words, "route: {to} is unreachable");
            metric
        }
        Route::Blackhole { to, metric } => {
            let _ = write!(words, "route: {to} is swallowed");
            metric
        }
    };
    let _ = match metric {
        Some(metric) => writeln!(words, ", metric {metric}"),
        None => writeln!(words),
    };
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn a_line_a_step() {
        let plan = serde_json::from_str(
            r#"{"version":1,"tun":"tun0","links":[{"name":"lo","up":true},{"name":"tun0","rename":"wg0","mtu":1420,
            "no_own_address":true,"addresses":["10.0.0.2/32"],"up":true}],
            "routes":[{"kind":"unicast","to":"0.0.0.0/0","link":"wg0","via":"10.0.0.1","source":"10.0.0.2"},
            {"kind":"unreachable","to":"::/0","metric":7},{"kind":"blackhole","to":"10.0.0.0/8"}]}"#,
        )
        .expect("the test's plan parses");
        assert_eq!(
            explain(&plan),
            "tun0: a new TUN device\n\
             lo: up\n\
             tun0: rename to wg0\n\
             wg0: mtu 1420\n\
             wg0: no IPv6 address of the kernel's making\n\
             wg0: address 10.0.0.2/32\n\
             wg0: up\n\
             route: 0.0.0.0/0 through wg0 by 10.0.0.1 from 10.0.0.2\n\
             route: ::/0 is unreachable, metric 7\n\
             route: 10.0.0.0/8 is swallowed\n"
        );
    }
}
