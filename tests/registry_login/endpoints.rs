//! Where an image is fetched from: what all the files say together.

use kakuri::host::Host;
use kakuri::image::access::{Access, Creds, endpoints, resolve};
use kakuri_image::Source;
use kakuri_image::talk::{Endpoint, Scheme};
use kakuri_wire::{Bytes, Result};

use crate::common::Scene;
use crate::{basic, host, put, shown};

fn of(typed: &str, access: &Access, host: &Host) -> Result<Vec<Endpoint>> {
    match resolve(typed.as_bytes(), host)? {
        Source::Registry(reference) => endpoints(&reference, access, host),
        other => panic!("{typed}: {other:?}"),
    }
}

/// A host with nothing of the machine's own certificates, proxies or registries.
fn bare(scene: &Scene) -> Host {
    let mut host = host(scene);
    let ca = put(scene.work().join("ca.pem"), "");
    host.env.insert(b"SSL_CERT_FILE".to_vec(), ca.as_os_str().as_encoded_bytes().to_vec());
    put(scene.home().join(".config/containers/policy.json"), r#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    put(scene.home().join(".config/containers/registries.conf"), "");
    host
}

#[test]
fn one_registry_by_itself() {
    let scene = Scene::new();
    let host = bare(&scene);
    let default = Access::default();
    for (typed, name, port, repository, scheme) in [
        ("alpine", "registry-1.docker.io", 443, "library/alpine", Scheme::Https),
        ("quay.io/a/b", "quay.io", 443, "a/b", Scheme::Https),
        ("quay.io:8443/a", "quay.io", 8443, "a", Scheme::Https),
        ("localhost:5000/a", "localhost", 5000, "a", Scheme::Either),
        ("[::1]:5000/a", "[::1]", 5000, "a", Scheme::Either),
        ("127.1.2.3/a", "127.1.2.3", 443, "a", Scheme::Either),
    ] {
        let all = of(typed, &default, &host).expect(typed);
        let [one] = &all[..] else { panic!("{typed}: {all:?}") };
        assert_eq!((&one.host[..], one.port, &one.repository[..], one.scheme), (name, port, repository, scheme));
        assert!(one.verify && one.login.is_none() && one.proxy.is_none() && one.client.is_none(), "{one:?}");
        assert_eq!(one.roots, [Bytes::from(&scene.work().join("ca.pem"))], "{typed}");
    }
    let strict = Access { tls_verify: Some(true), ..Access::default() };
    assert_eq!(of("localhost:5000/a", &strict, &host).unwrap()[0].scheme, Scheme::Https);
    let loose = Access { tls_verify: Some(false), ..Access::default() };
    let all = of("quay.io/a", &loose, &host).unwrap();
    let how: Vec<_> = all.iter().map(|one| (one.port, one.scheme, one.verify)).collect();
    assert_eq!(how, [(443, Scheme::Either, false), (80, Scheme::Http, false)]);
    let all = of("quay.io:8443/a", &loose, &host).unwrap();
    let how: Vec<_> = all.iter().map(|one| (one.port, one.scheme, one.verify)).collect();
    assert_eq!(how, [(8443, Scheme::Either, false)]);
}

#[test]
fn mirrors_certificates_logins_and_proxies() {
    let scene = Scene::new();
    let mut host = bare(&scene);
    let config = scene.home().join(".config/containers");
    put(
        config.join("registries.conf.d/10-a.conf"),
        "[[registry]]\nlocation = 'r.org'\ninsecure = true\n[[registry.mirror]]\nlocation = 'm.org:5000/cache'\n",
    );
    put(config.join("registries.conf.d/not-read.txt"), "[[[");
    put(config.join("certs.d/m.org:5000/ca.crt"), "");
    put(config.join("certs.d/m.org:5000/me.cert"), "");
    put(config.join("certs.d/m.org:5000/me.key"), "");
    put(config.join("auth.json"), r#"{"auths": {"m.org:5000/cache": {"auth": "YTpi"}, "r.org": {"auth": "Yzpk"}}}"#);
    host.env.insert(b"HTTPS_PROXY".to_vec(), b"http://u:geheim@proxy:3128".to_vec());
    host.env.insert(b"NO_PROXY".to_vec(), b"r.org".to_vec());
    let all = of("r.org/team/app:1", &Access::default(), &host).unwrap();
    let [mirror, own, plain] = &all[..] else { panic!("{all:?}") };
    assert_eq!((&mirror.host[..], mirror.port, &mirror.repository[..]), ("m.org", 5000, "cache/team/app"));
    assert_eq!((&own.host[..], own.port, &own.repository[..]), ("r.org", 443, "team/app"));
    assert_eq!((mirror.verify, mirror.scheme, own.verify, own.scheme), (true, Scheme::Https, false, Scheme::Either));
    let at = |name: &str| Bytes::from(&config.join("certs.d/m.org:5000").join(name));
    assert_eq!(mirror.roots[1..], [at("ca.crt")]);
    assert_eq!(mirror.client, Some((at("me.cert"), at("me.key"))));
    assert_eq!((&plain.host[..], plain.port, plain.scheme, plain.verify), ("r.org", 80, Scheme::Http, false));
    assert_eq!((own.roots.len(), &own.client), (1, &None));
    assert_eq!((shown(mirror.login.clone()), shown(own.login.clone())), ("a:b".into(), "c:d".into()));
    assert!(mirror.proxy.is_some() && own.proxy.is_none());
    let told = format!("{all:?}");
    assert!(!told.contains("geheim") && !told.contains("\"b\""), "{told}");

    // A login that is typed is the registry's own, and no mirror's.
    let typed = Access { creds: Some(Creds::Login(basic("x", "y"))), ..Access::default() };
    let all = of("r.org/team/app:1", &typed, &host).unwrap();
    let who: Vec<_> = all.iter().map(|one| shown(one.login.clone())).collect();
    assert_eq!(who, ["nobody", "x:y", "x:y"]);

    std::fs::remove_file(config.join("certs.d/m.org:5000/me.key")).unwrap();
    let fail = of("r.org/a", &Access::default(), &host).unwrap_err().to_string();
    assert!(fail.contains("me.cert' is half of a certificate: there is no 'me.key'"), "{fail}");
    let other = scene.folder("certs");
    let named = Access { cert_dir: Some(Bytes::from(&other)), ..Access::default() };
    assert!(of("r.org/a", &named, &host).is_ok());
    let wrong = Access { cert_dir: Some(Bytes::from("no/such")), ..Access::default() };
    assert!(of("r.org/a", &wrong, &host).unwrap_err().to_string().contains("'no/such' is no folder"));
}

#[test]
fn what_is_wrong_in_a_file_is_said_with_its_line() {
    let scene = Scene::new();
    let mut host = bare(&scene);
    let default = Access::default();
    let config = scene.home().join(".config/containers");
    let fails = |path: &str, text: &str, want: &str, host: &Host| {
        let before = std::fs::read(config.join(path)).ok();
        put(config.join(path), text);
        let fail = of("quay.io/x", &default, host).expect_err(text);
        assert!(fail.to_string().contains(want) && fail.hint.is_some(), "{path}: {fail}");
        match before {
            Some(before) => std::fs::write(config.join(path), before).unwrap(),
            None => std::fs::remove_file(config.join(path)).unwrap(),
        }
    };
    fails("registries.conf", "\n[[registry]]\nlocatoin = 'x'\n", "containers/registries.conf:3: unknown field", &host);
    fails("registries.conf.d/a.conf", "[", "registries.conf.d/a.conf:1: ", &host);
    fails(
        "registries.conf",
        "[[registry]]\nlocation='quay.io'\nblocked=true\n",
        "'quay.io/x:latest' may not be",
        &host,
    );
    fails("policy.json", "{\"default\":\n[{\"type\": 3}]}", "containers/policy.json:2: ", &host);
    fails("policy.json", "{\"default\":\n[{\"type\": \"reject\"}]}", "policy.json rejects", &host);
    fails("auth.json", "{\n\n3}", "containers/auth.json:3: ", &host);
    host.env.insert(b"HTTPS_PROXY".to_vec(), b"socks5://x:1".to_vec());
    assert!(of("quay.io/x", &default, &host).unwrap_err().to_string().contains("HTTPS_PROXY names no proxy"));
    host.env.insert(b"SSL_CERT_FILE".to_vec(), b"/no/such".to_vec());
    let fail = of("quay.io/x", &default, &host).unwrap_err().to_string();
    assert!(fail.contains("'/no/such'") && fail.contains("SSL_CERT_FILE names it"), "{fail}");
    host.env.insert(b"CONTAINERS_REGISTRIES_CONF".to_vec(), b"/no/conf".to_vec());
    let fail = of("quay.io/x", &default, &host).unwrap_err().to_string();
    assert!(fail.contains("'/no/conf'") && fail.contains("CONTAINERS_REGISTRIES_CONF"), "{fail}");
}

#[test]
fn short_names_are_those_of_the_files() {
    let scene = Scene::new();
    let host = bare(&scene);
    let meant = |typed: &str| resolve(typed.as_bytes(), &host).map(|source| source.to_string());
    assert_eq!(meant("app").unwrap(), "docker.io/library/app:latest");
    let conf = "unqualified-search-registries = ['quay.io']\n[aliases]\napp = 'a.org/team/app'\n";
    put(scene.home().join(".config/containers/registries.conf"), conf);
    assert_eq!(meant("app:1").unwrap(), "a.org/team/app:1");
    assert_eq!(meant("other").unwrap(), "quay.io/other:latest");
    assert_eq!(meant("docker.io/app").unwrap(), "docker.io/library/app:latest");
    assert_eq!(meant("oci:./dir").unwrap(), "oci:./dir");
    // What podman was told when it asked stands before.
    put(scene.home().join(".cache/containers/short-name-aliases.conf"), "[aliases]\napp = 'b.org/app'\n");
    assert_eq!(meant("app").unwrap(), "b.org/app:latest");
}
