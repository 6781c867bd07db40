use super::*;

fn plan(json: &str) -> Plan {
    serde_json::from_str(json).expect("the test's plan parses")
}

fn refused(json: &str, words: &str) {
    let fail = check(&plan(json)).expect_err(json).to_string();
    assert!(fail.contains(words), "{fail}");
}

#[test]
fn sound_plans() {
    for json in [
        r#"{"version":1,"links":[]}"#,
        r#"{"version":1,"links":[{"name":"lo","up":true}]}"#,
        r#"{"version":1,"links":[{"name":"tun0","rename":"wg0","mtu":1420,"no_own_address":true,
            "addresses":["10.0.0.2/32","fd00::2/128"],"up":true}],
            "routes":[{"kind":"unicast","to":"0.0.0.0/0","link":"wg0"},
                {"kind":"unicast","to":"fd00::/64","link":"wg0","metric":5,"source":"fd00::2"},
                {"kind":"unicast","to":"10.9.0.0/16","link":"wg0","via":"10.0.0.1"},
                {"kind":"unreachable","to":"::/0","metric":4294967295},{"kind":"blackhole","to":"10.0.0.0/8"}]}"#,
        // Two links that swap their names have four different steps but two sound ends.
        r#"{"version":1,"links":[{"name":"a","rename":"c","up":true},{"name":"b","rename":"a","up":false}]}"#,
    ] {
        assert_eq!(check(&plan(json)), Ok(()), "{json}");
    }
}

#[test]
fn unsound_plans_name_the_thing() {
    refused(r#"{"version":9,"links":[]}"#, "version 9");
    refused(r#"{"version":1,"links":[{"name":"","up":true}]}"#, "1 to 15 bytes");
    refused(r#"{"version":1,"links":[{"name":"a/b","up":true}]}"#, "'a/b'");
    refused(r#"{"version":1,"links":[{"name":"tun%d","up":true}]}"#, "'tun%d'");
    refused(r#"{"version":1,"links":[{"name":"a\u001b[0m","up":true}]}"#, "\\u{1b}");
    refused(r#"{"version":1,"links":[{"name":"a2345678901234567","up":true}]}"#, "15 bytes");
    refused(r#"{"version":1,"links":[{"name":"a","up":true},{"name":"a","up":true}]}"#, "twice");
    refused(r#"{"version":1,"links":[{"name":"a","up":true},{"name":"b","rename":"a","up":true}]}"#, "twice");
    refused(r#"{"version":1,"links":[{"name":"a","mtu":12,"up":true}]}"#, "mtu 12");
    refused(r#"{"version":1,"links":[{"name":"a","mtu":1000,"addresses":["fd00::1/64"],"up":true}]}"#, "1280");
    refused(r#"{"version":1,"links":[{"name":"a","addresses":["0.0.0.0/8"],"up":true}]}"#, "0.0.0.0/8");
    refused(r#"{"version":1,"links":[{"name":"a","addresses":["ff02::1/64"],"up":true}]}"#, "ff02::1/64");
    refused(r#"{"version":1,"links":[{"name":"a","addresses":["10.0.0.1/8","10.0.0.1/9"],"up":true}]}"#, "twice");
}

#[test]
fn unsound_routes_name_the_route() {
    let refused = |route: &str, words: &str| {
        let links = r#"{"name":"a","rename":"b","up":true},{"name":"down","up":false}"#;
        refused(&format!(r#"{{"version":1,"links":[{links}],"routes":[{route}]}}"#), words);
    };
    refused(r#"{"kind":"unicast","to":"10.0.0.1/8","link":"b"}"#, "the network is 10.0.0.0/8");
    refused(r#"{"kind":"unreachable","to":"::1/0"}"#, "the network is ::/0");
    refused(r#"{"kind":"unicast","to":"10.0.0.0/8","link":"a"}"#, "no link 'a'");
    refused(r#"{"kind":"unicast","to":"10.0.0.0/8","link":"down"}"#, "not brought up");
    refused(r#"{"kind":"unicast","to":"10.0.0.0/8","link":"b","via":"fd00::1"}"#, "gateway");
    refused(r#"{"kind":"unicast","to":"::/0","link":"b","source":"10.0.0.1"}"#, "source");
}

#[test]
fn what_no_plan_can_say() {
    for json in [
        r#"{"version":1}"#,
        r#"{"version":1,"links":[],"more":1}"#,
        r#"{"version":1,"links":[{"name":"lo","up":true,"kind":"tun"}]}"#,
        r#"{"version":1,"links":[],"routes":[{"kind":"unreachable","to":"::/0","via":"::1"}]}"#,
        r#"{"version":1,"links":[],"routes":[{"kind":"local","to":"::/0"}]}"#,
        r#"{"version":1,"links":[],"routes":[{"kind":"unreachable","to":"10.0.0.0/33"}]}"#,
    ] {
        assert!(serde_json::from_str::<Plan>(json).is_err(), "{json}");
    }
}
