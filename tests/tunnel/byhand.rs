//! `kakuri-netns --vpn CONF -- CMD`, as a person types it.

use super::*;
use common::{NETNS, Scene};
use std::os::unix::fs::PermissionsExt;

/// A host and a server like [`World`]'s, without a tunnel of ours; and the configuration for one.
fn prepared() -> (Net, Net, String) {
    let (us, them) = (pair(1), pair(2));
    let mut host = Net::new();
    let mut server = Net::beside(&host);
    cable(&mut host, &mut server, "eth0", CABLE);
    let client = format!("peer {} allowed-ips 10.9.0.2/32,fd09::2/128", us.public);
    wireguard_go(&mut server, &them, 51820, &["10.9.0.1/24", "fd09::1/64"], &[client]);
    let conf = format!(
        "[Interface]\nPrivateKey = {}\nAddress = 10.9.0.2/24, fd09::2/64\nDNS = 10.9.0.1, inner.example\n\
         [Peer]\nPublicKey = {}\nEndpoint = 192.0.2.2:51820\nAllowedIPs = 0.0.0.0/0, ::/0\n",
        us.private_text, them.public
    );
    host.ok(&format!("umask 077; cat > /run/wg.conf <<'END'\n{conf}END"));
    (host, server, conf)
}

#[test]
fn a_command_runs_behind_the_tunnel_and_its_code_is_passed_on() {
    needs_tunnels!();
    let (mut host, _server, _) = prepared();
    // A name of its own: other tests of this file are seen from here.
    host.ok("cp -p /run/wg.conf /run/passed-on.conf");
    let run = |host: &mut Net, command: &str| {
        host.run(&format!("{NETNS} --vpn /run/passed-on.conf -- {command}; echo code $?"))
    };
    let said = run(&mut host, "sh -c 'ping -c 1 -W 5 10.9.0.1 && ping -c 1 -W 5 fd09::1; exit 7'");
    assert!(said.matches("1 received").count() == 2 && said.ends_with("code 7"), "{said}");
    let said = run(&mut host, "cat /etc/resolv.conf");
    assert!(said.contains("nameserver 10.9.0.1\nsearch inner.example") && said.ends_with("code 0"), "{said}");
    // Only its own processes, and only its own network.
    let said = run(&mut host, "sh -c 'ip -br link; kill -9 $$'");
    assert!(said.contains("wg0") && !said.contains("eth0") && said.ends_with("code 137"), "{said}");
    assert!(run(&mut host, "no-such-command").ends_with("code 127"));
    host.wait_for("! pgrep -f 'netns --vpn /run/passed-on[.]conf'");
}

/// Whatever of it is killed, the rest goes too.
#[test]
fn nothing_is_left_of_it() {
    needs_tunnels!();
    let (mut host, _server, _) = prepared();
    // The first is what was started; its children are the tunnel and the namespaces.
    for who in ["$all", "$(pgrep -o -P $all)", "$(pgrep -n -P $all)"] {
        host.ok(&format!(
            "{NETNS} --vpn /run/wg.conf -- sh -c 'sleep 7654 & exec sleep 7654' >/run/said 2>&1 & all=$!"
        ));
        host.wait_for("test \"$(pgrep -fc '^sleep 7654')\" = 2");
        host.ok(&format!("kill -KILL {who}"));
        host.wait_for("! pgrep -f '^sleep 7654' && ! pgrep -f 'netns --vpn /run/wg[.]conf'");
    }
}

#[test]
fn what_it_would_do_is_shown_without_a_key() {
    needs_tunnels!();
    let scene = Scene::new();
    let (_host, _server, conf) = prepared();
    let file = scene.file("wg.conf", &conf);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let name = file.to_str().expect("text");
    let said = scene.program(NETNS).args(["--vpn", name, "--explain"]).output().ok().text();
    for words in ["wg0: address 10.9.0.2/24", "route: ::/0 through wg0", "resolver: 10.9.0.1", "at 192.0.2.2:51820"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains(&pair(1).private_text));
    let hooked = scene.file("hook.conf", conf.replace("[Peer]", "PostUp = touch /tmp/x\n[Peer]"));
    let out = scene.program(NETNS).args(["--vpn", hooked.to_str().expect("text"), "--", "true"]).output();
    assert_eq!(out.code(), 125);
    assert!(out.err().contains("PostUp would run a command") && out.err().contains("others may read it"), "{out:?}");
}
