//! Whole configurations: the manual pages' own, every way to get one wrong, and random damage.

use super::*;
use crate::check::check;
use crate::explain::explain;

mod damage;

const PRIVATE: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const PRESHARED: &str = "/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=";
const PUBLIC: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const OTHER: &str = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";

/// wg-quick(8), the first of its examples.
const CLIENT: &str = "
[Interface]
Address = 10.200.100.8/24
DNS = 10.200.100.1
PrivateKey = oK56DE9Ue9zK76rAc8pBl6opph+1v36lm7cXXsQKrQM=

[Peer]
PublicKey = GtL7fZc/bLnqZldpVofMCD6hDjrK28SsdLxevJ+qtKU=
PresharedKey = /UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=
AllowedIPs = 0.0.0.0/0
Endpoint = demo.wireguard.com:51820
";

/// And its server.
const SERVER: &str = "
[Interface]
Address = 10.192.122.1/24
Address = 10.10.0.1/16
SaveConfig = true
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
ListenPort = 51820

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 10.192.122.3/32, 10.192.124.1/24

[Peer]
PublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
AllowedIPs = 10.192.122.4/32, 192.168.0.0/16

[Peer]
PublicKey = gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=
AllowedIPs = 10.10.10.230/32
";

/// And the one with a table.
const TABLE: &str = "
[Interface]
Address = 10.192.122.1/24
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
ListenPort = 51820
Table = 1234
PostUp = ip rule add ipproto tcp dport 22 table 1234
PreDown = ip rule delete ipproto tcp dport 22 table 1234

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
AllowedIPs = 0.0.0.0/0
";

/// wg(8)'s, to which an Address is added.
const PEERS: &str = "
[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
ListenPort = 51820
Address = 10.192.122.1/24

[Peer]
PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
Endpoint = 192.95.5.67:1234
AllowedIPs = 10.192.122.3/32, 10.192.124.1/24

[Peer]
PublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
Endpoint = [2607:5300:60:6b0::c05f:543]:2468
AllowedIPs = 10.192.122.4/32, 192.168.0.0/16

[Peer]
PublicKey = gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=
Endpoint = test.wireguard.com:18981
AllowedIPs = 10.10.10.230/32
";

/// One of IPv4 and IPv6 with everything in it.
fn full() -> String {
    format!(
        "[Interface]\nPrivateKey = {PRIVATE}\nAddress = 10.0.0.2/32, fd00::2/128\nDNS = 10.0.0.1, fd00::53, corp.example\n\
         MTU = 1380\nListenPort = 4321\n\n[Peer]\nPublicKey = {PUBLIC}\nPresharedKey = {PRESHARED}\n\
         AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = [2001:db8::1]:51820\nPersistentKeepalive = 25\n"
    )
}

fn read(text: &str) -> Conf {
    parse("wg.conf", text.as_bytes()).unwrap_or_else(|fail| panic!("{fail}\n{text}"))
}

fn explained(conf: &Conf) -> String {
    let plan = conf.plan();
    check(&plan).expect("the plan is sound");
    explain(&plan)
}

#[test]
fn the_manual_pages_own() {
    let client = read(CLIENT);
    assert_eq!(client.dns, ["10.200.100.1".parse::<IpAddr>().expect("an address")]);
    assert_eq!(client.peers[0].endpoint.as_ref().map(|e| (&e.host[..], e.port)), Some(("demo.wireguard.com", 51820)));
    assert!(client.peers[0].preshared_key.is_some() && client.warnings.is_empty(), "{:?}", client.warnings);
    assert_eq!(
        explained(&client),
        "wg0: a new TUN device\nlo: up\nwg0: mtu 1420\nwg0: no IPv6 address of the kernel's making\n\
         wg0: address 10.200.100.8/24\nwg0: up\nroute: 0.0.0.0/0 through wg0\nroute: ::/0 is unreachable\n"
    );
    let server = read(SERVER);
    assert_eq!(server.addresses.len(), 2);
    assert_eq!(server.hooks, [Hook { line: 5, key: "SaveConfig" }]);
    assert_eq!(server.peers.len(), 3);
    assert!(server.warnings.iter().any(|w| w.starts_with("wg.conf: there is no DNS: ")), "{:?}", server.warnings);
    let told = server
        .warnings
        .iter()
        .any(|w| w == "wg.conf:11: AllowedIPs 10.192.124.1/24 is taken as its network, 10.192.124.0/24");
    assert!(told, "{:?}", server.warnings);
    let table = read(TABLE);
    assert_eq!(table.hooks, [Hook { line: 7, key: "PostUp" }, Hook { line: 8, key: "PreDown" }]);
    assert!(table.warnings.iter().any(|w| w.starts_with("wg.conf:6: Table")), "{:?}", table.warnings);
    let peers = read(PEERS);
    assert_eq!(
        peers.peers[1].endpoint.as_ref().and_then(|e| e.address),
        "[2607:5300:60:6b0::c05f:543]:2468".parse().ok()
    );
}

#[test]
fn what_becomes_of_it() {
    let conf = read(&full());
    let words = explained(&conf);
    for line in
        ["wg0: mtu 1380\n", "wg0: address 10.0.0.2/32\n", "wg0: address fd00::2/128\n", "route: ::/0 through wg0\n"]
    {
        assert!(words.contains(line), "{words}");
    }
    assert!(!words.contains("unreachable"), "{words}");
    let plan = conf.plan();
    assert_eq!(plan.tun.as_deref(), Some("wg0"));
    assert!(plan.links.iter().any(|link| link.name == "wg0" && link.no_own_address && link.up));
    let tunnel = conf.tunnel();
    assert_eq!((tunnel.mtu, tunnel.listen_port, tunnel.peers[0].keepalive), (1380, Some(4321), Some(25)));
    assert_eq!(tunnel.peers[0].endpoint.as_ref().and_then(|e| e.address), "[2001:db8::1]:51820".parse().ok());
    assert_eq!(conf.search, ["corp.example"]);
}

#[test]
fn no_more_names_than_a_message_holds() {
    let with = |count: usize, what: fn(usize) -> String| {
        let all: Vec<String> = (0..count).map(what).collect();
        parse("x.conf", full().replace("corp.example", &all.join(", ")).as_bytes())
    };
    for what in [|n| format!("a{n}.example"), |n| format!("10.1.0.{}", n + 1)] as [fn(usize) -> String; 2] {
        assert!(with(30, what).is_ok());
        let fail = with(200, what).expect_err("too many").to_string();
        assert!(fail.contains("DNS") && fail.contains("more than 32"), "{fail}");
    }
}

#[test]
fn no_v6_address_is_no_v6() {
    let text = full().replace(", fd00::2/128", "").replace(", fd00::53", "");
    let conf = read(&text);
    let words = explained(&conf);
    assert!(words.contains("route: ::/0 is unreachable\n") && !words.contains("route: ::/0 through"), "{words}");
    assert!(conf.warnings.iter().any(|w| w.contains("IPv6 is off inside")), "{:?}", conf.warnings);
    // The tunnel is still told of them: what comes from there is checked against all.
    assert_eq!(conf.tunnel().peers[0].allowed.len(), 2);
}

#[test]
fn routes_are_the_allowed_networks_and_nothing_else() {
    let with = |address: &str, allowed: &str, table: &str| {
        explained(&read(&format!(
            "[Interface]\nPrivateKey={PRIVATE}\nAddress={address}\n{table}\n[Peer]\nPublicKey={PUBLIC}\nAllowedIPs={allowed}\n\
             Endpoint=192.0.2.1:1\n[Peer]\nPublicKey={OTHER}\nAllowedIPs=10.9.0.0/16\nEndpoint=192.0.2.1:2\n"
        )))
        .lines()
        .filter_map(|line| line.strip_prefix("route: ").map(str::to_string))
        .collect::<Vec<_>>()
    };
    let unreachable = ["0.0.0.0/0 is unreachable", "::/0 is unreachable"].map(String::from);
    let through = |network: &str| format!("{network} through wg0");
    assert_eq!(
        with("10.0.0.2/32", "10.1.0.0/16,10.1.0.0/16 10.2.0.7", ""),
        [&[through("10.1.0.0/16"), through("10.2.0.7/32"), through("10.9.0.0/16")], &unreachable[..]].concat()
    );
    // The kernel makes this one by itself, and takes no second one.
    assert_eq!(with("10.0.0.2/24", "10.0.0.0/24", ""), [&[through("10.9.0.0/16")], &unreachable[..]].concat());
    assert_eq!(with("10.0.0.2/24", "0.0.0.0/0", "Table = off"), unreachable);
    // Two halves are not the whole: what is beyond any of them is still said to be unreachable.
    assert_eq!(with("10.0.0.2/24", "0.0.0.0/1, 128.0.0.0/1", "").last(), unreachable.last());
    assert_eq!(with("fd00::2/64", "10.1.0.0/16, fd00::/64", ""), [&[through("fd00::/64")], &unreachable[..]].concat());
}

#[test]
fn written_in_other_ways() {
    let usual = read(&full());
    // Lines may be others.
    let bare = |conf: &Conf| Conf { warnings: Vec::new(), ..conf.clone() };
    let same = |text: String| assert_eq!(bare(&read(&text)), bare(&usual), "{text}");
    same(format!("\u{feff}{}", full()));
    same(full().replace('\n', "\r\n"));
    same(full().replace(" = ", "="));
    same(full().replace(" = ", "\t =   "));
    same(full().to_string() + "\n# the end");
    same(full().replace("25\n", "25"));
    let mut upper = full().replace("PrivateKey", "PRIVATEKEY").replace("AllowedIPs", "allowedips");
    upper = upper.replace("[Interface]", "[ INTERFACE ]").replace("[Peer]", "  [peer] # here");
    same(upper);
    same(full().replace("10.0.0.2/32, fd00::2/128", "10.0.0.2/32\nAddress = fd00::2/128"));
    same(full().replace("10.0.0.1, fd00::53, corp.example", "10.0.0.1\nDNS = corp.example fd00::53,"));
    same(full().replace("AllowedIPs = 0.0.0.0/0, ::/0", "AllowedIPs = 0.0.0.0/0\nAllowedIPs = ::/0\nAllowedIPs ="));
    let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(read(&full().replace(PRESHARED, zeros)).peers[0].preshared_key, None);
    let ignored = read(&full().replace("MTU = 1380", "FwMark = 0x1\nIncludedApplications = a, b\nSaveConfig = false"));
    assert_eq!(ignored.warnings.len(), 2, "{:?}", ignored.warnings);
    assert!(ignored.hooks.is_empty());
}

/// What is replaced, by what, the line, and words of the error.
const WRONG: &[(&str, &str, usize, &[&str])] = &[
    ("Address = ", "Adress = ", 3, &["Adress: there is no such setting", "did you mean Address"]),
    ("MTU = 1380", "Jc = 4", 5, &["AmneziaWG"]),
    ("MTU = 1380", "S1 = 4", 5, &["AmneziaWG"]),
    ("MTU = 1380", "MTU = 1279", 5, &["MTU = 1279", "1280"]),
    ("MTU = 1380", "MTU = 70000", 5, &["'70000'", "out of range"]),
    ("MTU = 1380", "MTU = ", 5, &["MTU", "no value"]),
    ("MTU = 1380", "MTU 1380", 5, &["no '='"]),
    ("MTU = 1380", "MTU = 1380\nMTU = 1400", 6, &["line 5"]),
    ("MTU = 1380", "; comment = here", 5, &["a comment begins with #"]),
    ("MTU = 1380", "Endpoint = a:1", 5, &["Endpoint: it stands in [Interface]", "[Peer]"]),
    ("MTU = 1380", "Table = a b", 5, &["no routing table"]),
    ("MTU = 1380", "SaveConfig = perhaps", 5, &["neither true nor false"]),
    ("4321", "99999", 6, &["'99999'", "no port"]),
    ("10.0.0.2/32", "10.0.0.2/33", 3, &["'10.0.0.2/33'", "0 to 32"]),
    ("10.0.0.2/32", "10.0.0.2/24, 10.0.0.2/32", 3, &["line 3 has it as 10.0.0.2/24"]),
    ("10.0.0.1,", "10.0.1,", 4, &["'10.0.1'", "no address"]),
    ("[Peer]", "[Pear]", 8, &["section 'Pear'", "no such section"]),
    ("[Peer]", "[WireGuardPeer]", 8, &["systemd-networkd"]),
    ("[Peer]", "[Interface]", 8, &["line 1 begins it already"]),
    ("[Interface]", "", 2, &["PrivateKey: it stands in no section"]),
    ("0.0.0.0/0", "0.0.0.0", 11, &[]),
    ("0.0.0.0/0", "0.0.0.0/40", 11, &["'0.0.0.0/40'", "0 to 32"]),
    ("0.0.0.0/0", "any", 11, &["'any'", "no address"]),
    ("= 25", "= soon", 13, &["'soon'", "no number of seconds"]),
    ("[2001:db8::1]:51820", "2001:db8::1:51820", 12, &["brackets"]),
    ("[2001:db8::1]:51820", "vpn.example.org", 12, &["port"]),
];

#[test]
fn every_error_names_its_line_and_the_way_out() {
    for (what, with, line, words) in WRONG {
        let text = full().replacen(what, with, 1);
        if words.is_empty() {
            read(&text);
            continue;
        }
        let fail = parse("my.conf", text.as_bytes()).expect_err(with);
        let shown = fail.to_string();
        assert!(shown.starts_with(&format!("my.conf:{line}: ")), "{with}: {shown}");
        assert!(words.iter().all(|word| shown.contains(word)), "{with}: {shown}");
        assert!(fail.hint.is_some(), "{with}: {shown}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let without = |key: &str| {
        let text: Vec<String> = full().lines().filter(|l| !l.starts_with(key)).map(String::from).collect();
        parse("my.conf", text.join("\n").as_bytes()).expect_err(key).to_string()
    };
    assert!(without("PrivateKey").starts_with("my.conf: [Interface] has no PrivateKey\n"));
    assert!(without("Address").starts_with("my.conf: [Interface] has no Address\n"));
    assert!(without("PublicKey").starts_with("my.conf:8: [Peer]: it has no PublicKey\n"));
    let only = |text: &str| parse("my.conf", text.as_bytes()).expect_err(text).to_string();
    assert!(only(full().split("[Peer]").next().expect("a part")).starts_with("my.conf: there is no [Peer]\n"));
    assert!(only("").starts_with("my.conf: there is no [Interface]\n"));
    assert!(only("# nothing\n").starts_with("my.conf: there is no [Interface]\n"));
    assert!(only(&full().replace("10.0.0.2/32, fd00::2/128", "")).contains("Address in [Interface] is empty"));
    // Without these there are still things to say.
    assert!(read(&full().replace("0.0.0.0/0, ::/0", "")).warnings.iter().any(|w| w.contains("no AllowedIPs")));
    let idle = full().replace("ListenPort = 4321\n", "").replace("Endpoint = [2001:db8::1]:51820\n", "");
    assert!(read(&idle).warnings.iter().any(|w| w.starts_with("wg.conf:7: the peer has no Endpoint")), "{idle}");
    let far = read(&full().replace("0.0.0.0/0, ::/0", "10.9.0.0/16"));
    assert!(far.warnings.iter().any(|w| w.contains("DNS 10.0.0.1 is in no peer's AllowedIPs")), "{:?}", far.warnings);
}

#[test]
fn two_peers_do_not_share() {
    let two = |allowed: &str, key: &str| {
        format!("{}\n[Peer]\nPublicKey = {key}\nAllowedIPs = {allowed}\nEndpoint = a.example:1\n", full())
    };
    read(&two("10.0.0.0/8", OTHER));
    let shown = parse("my.conf", two("10.0.0.0/8, 0.0.0.0/0", OTHER).as_bytes()).expect_err("shared").to_string();
    assert!(shown.starts_with("my.conf:17: AllowedIPs = 0.0.0.0/0: line 11 gives it to another peer\n"), "{shown}");
    let shown = parse("my.conf", two("1.2.3.4/0", OTHER).as_bytes()).expect_err("shared").to_string();
    assert!(shown.contains("line 11"), "{shown}");
    let shown = parse("my.conf", two("10.0.0.0/8", PUBLIC).as_bytes()).expect_err("the same").to_string();
    assert!(shown.starts_with("my.conf:16: PublicKey: line 9 has it already\n"), "{shown}");
    let shown = parse("my.conf", two("10.0.0.0/8", PRIVATE).as_bytes()).expect_err("ours").to_string();
    assert!(shown.contains("our own private key"), "{shown}");
}

#[test]
fn sizes_are_limited() {
    let big = format!("{}#{}", full(), "x".repeat(MAX_SIZE));
    assert!(parse("c", big.as_bytes()).expect_err("large").to_string().contains("64 KiB"));
    let many: String =
        (0..=MAX_ALLOWED).map(|i| format!("10.{}.{},", i / 256, i % 256)).map(|n| n.replace(',', ".0/24,")).collect();
    // As numbers they are short enough for the file, and too many.
    let text = full().replace("0.0.0.0/0, ::/0", &many);
    assert!(text.len() < MAX_SIZE, "{}", text.len());
    assert!(parse("c", text.as_bytes()).expect_err("many").to_string().contains("4097 networks, more than 4096"));
    let peers = format!("{}{}", full(), "[Peer]\n".repeat(MAX_PEERS));
    let shown = parse("c", peers.as_bytes()).expect_err("many").to_string();
    assert!(shown.contains("more than 1024"), "{shown}");
    let wrong = examine("c", "[Interface]\nx\n".repeat(2000).as_bytes());
    assert!(wrong.conf.is_none() && wrong.errors.len() <= 103, "{}", wrong.errors.len());
}

#[test]
fn what_is_no_text_is_told_as_what_it_is() {
    let shown = |bytes: &[u8]| parse("c", bytes).expect_err("no text").to_string();
    assert!(shown(b"\xff\xfe[\0I\0").contains("UTF-16"));
    assert!(shown(b"[Interface]\nA\0").contains("line 2 holds a zero byte"));
    assert!(shown(b"[Interface]\n\nAddress = \xff\n").contains("line 3 holds bytes that are no UTF-8"));
    assert!(shown(b"\x1b]0;title\x07=1").chars().all(|c| c == '\n' || !c.is_control()));
}
