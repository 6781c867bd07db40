//! Servers that lie, break off and send about.

use std::sync::Arc;

use kakuri_image::talk::{Endpoint, FromFetch, Login, Patience, Scheme, ToFetch, Want};

use crate::certificates::{authority, sign};
use crate::front::{Fetch, Folder, NAME, bytes, digest, endpoint, job, login, noise, secret, until};
use crate::lying::{Answer, Lying, Seen};
use crate::tls::tls;

fn fetch(server: &Lying) -> Fetch {
    Fetch::ready(&job(vec![endpoint(server.port, Scheme::Http)]))
}

const TYPE: &str = "application/vnd.oci.image.manifest.v1+json; charset=utf-8";

#[test]
fn a_blob_that_breaks_off_goes_on_where_it_was() {
    let body = Arc::new(noise(1_000_000));
    type Script = fn(&Seen, &[u8]) -> Answer;
    let cases: [(&str, Script, u64, usize); 7] = [
        ("whole", |seen, body| Answer::part(seen, body), 0, 1),
        // Cut after each 64 KiB and a little.
        (
            "cut",
            |seen, body| {
                let whole = Answer::part(seen, body);
                let length = whole.body.len();
                let cut = whole.body[..length.min(70_000)].to_vec();
                Answer { body: cut, length: Some(length), ..whole }
            },
            0,
            15,
        ),
        ("in pieces", |seen, body| Answer::part(seen, body).chunked(), 0, 1),
        ("from the middle", |seen, body| Answer::part(seen, body), 123_456, 1),
        ("the whole for a part", |_, body| Answer::new(200, body), 123_456, 1),
        (
            "416",
            |seen, body| match seen.from() {
                Some(_) => Answer::new(416, b""),
                None => Answer::new(200, body),
            },
            123_456,
            2,
        ),
        (
            "another part",
            |seen, body| match seen.from() {
                Some(_) => Answer::new(206, &body[7..])
                    .header("content-range", format!("bytes 7-{}/{}", body.len() - 1, body.len())),
                None => Answer::new(200, body),
            },
            123_456,
            2,
        ),
    ];
    for (what, script, from, questions) in cases {
        let served = body.clone();
        let server = Lying::new(move |seen| script(seen, &served));
        let blob = fetch(&server).blob(&digest(&body), body.len() as u64, from);
        assert!(blob.done.is_ok(), "{what}: {:?}", blob.done);
        assert!(blob.bytes == body[from as usize..], "{what}: {} bytes", blob.bytes.len());
        assert_eq!(blob.progress.last(), Some(&(body.len() as u64)), "{what}");
        assert!(blob.progress.is_sorted(), "{what}");
        assert_eq!(server.seen().len(), questions, "{what}");
    }
}

#[test]
fn a_blob_of_another_size_is_refused_and_never_overflows() {
    let body = noise(100_000);
    let size = body.len() as u64;
    type Script = fn(&Seen, &[u8]) -> Answer;
    let cases: [(&str, Script, &str, usize); 6] = [
        ("shorter", |_, body| Answer::new(200, &body[1..]), "99999 bytes", 0),
        ("longer", |_, body| Answer::new(200, &[body, b"x"].concat()), "100001 bytes", 0),
        ("longer, unsaid", |_, body| Answer::new(200, &[body, body].concat()).chunked(), "more than", 100_000),
        ("packed", |_, body| Answer::new(200, body).header("content-encoding", "gzip"), "packs its answer", 0),
        (
            "a part unasked",
            |seen, body| Answer { status: 206, ..Answer::part(seen, body) },
            "a part where the whole",
            0,
        ),
        (
            "nonsense",
            |_, _| Answer { raw: Some(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), ..Answer::new(200, b"") },
            "no HTTP",
            0,
        ),
    ];
    for (what, script, why, most) in cases {
        let served = body.clone();
        let server = Lying::new(move |seen| script(seen, &served));
        let blob = fetch(&server).blob(&digest(&body), size, 0);
        let fail = blob.done.expect_err(what);
        assert!(fail.to_string().contains(why), "{what}: {fail}");
        assert!(blob.bytes.len() <= most && body.starts_with(&blob.bytes), "{what}: {} bytes", blob.bytes.len());
        assert_eq!(server.seen().len(), 1, "{what}");
    }
    // Always shorter, and it does not say so.
    let served = body.clone();
    let server = Lying::new(move |_| Answer::new(200, &served[..1000]).chunked());
    let blob = fetch(&server).blob(&digest(&body), size, 0);
    assert!(blob.done.expect_err("short").to_string().contains("in the middle of a layer"));
    assert_eq!((blob.bytes.len(), server.seen().len(), blob.retried.len()), (1000, 5, 4));
    // Of nothing, nothing is asked for.
    assert!(fetch(&server).blob(&digest(&[]), 0, 0).done.is_ok());
    assert_eq!(server.seen().len(), 5);
}

#[test]
fn each_refusal_has_its_words() {
    for (status, header, why, hint, questions) in [
        (401, None, "wants a login", "kakuri registry login 127.0.0.1:", 1),
        (401, Some(("www-authenticate", "Negotiate")), "wants a login", "kakuri registry login", 1),
        (403, None, "access is denied", "kakuri registry login", 1),
        (404, None, "there is no '1' in 'public/thing'", "correct the name or the tag", 1),
        (429, Some(("retry-after", "0")), "fewer requests", "kakuri registry login", 5),
        (429, Some(("retry-after", "4000")), "fewer requests", "try again in 4000 s", 1),
        (500, None, "status 500", "try again later", 5),
        (503, None, "status 503", "try again later", 5),
        (302, None, "not where (status 302)", "", 1),
        (418, None, "status 418", "", 1),
    ] {
        let server = Lying::new(move |_| {
            let answer = Answer::new(status, br#"{"errors":[{"code":"X","message":"so \u001b[2Jit is"}]}"#);
            match header {
                Some((name, value)) => answer.header(name, value),
                None => answer,
            }
        });
        let fail = fetch(&server).manifest(Want::Named).expect_err("refused");
        let told = fail.to_string();
        assert!(told.starts_with("cannot fetch 'registry.test/public/thing:1': 127.0.0.1:"), "{told}");
        assert!(
            told.contains(why) && told.contains(hint) && told.contains("so \\u{1b}[2Jit is") || status == 401,
            "{told}"
        );
        assert_eq!(server.seen().len(), questions, "{told}");
    }
}

#[test]
fn documents_are_bounded_and_what_they_were_asked_for() {
    let large = vec![b' '; 5 << 20];
    type Script = Box<dyn Fn(&Seen) -> Answer + Send + Sync>;
    let served = large.clone();
    let cases: [(&str, Script, &str); 6] = [
        ("large", Box::new(move |_| Answer::new(200, &served)), "larger than 4096 KiB"),
        ("large, unsaid", Box::new(move |_| Answer::new(200, &large).chunked()), "larger than 4096 KiB"),
        ("head", Box::new(|_| Answer::new(200, b"{}").header("x-long", "y".repeat(1 << 20))), "larger than 64 KiB"),
        (
            "old",
            Box::new(|_| {
                Answer::new(200, b"{}")
                    .header("content-type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
            }),
            "schema 1",
        ),
        ("packed", Box::new(|_| Answer::new(200, b"{}").header("content-encoding", "br")), "packs its answer"),
        (
            "loop",
            Box::new(|seen| Answer::new(307, b"").header("location", format!("/v2/{}", seen.number))),
            "more than 5 times",
        ),
    ];
    for (what, script, why) in cases {
        let server = Lying::new(script);
        let fail = fetch(&server).manifest(Want::Named).expect_err(what);
        assert!(fail.to_string().contains(why), "{what}: {fail}");
    }
    let server = Lying::new(|_| Answer::new(200, b"{}").header("content-type", TYPE));
    let mut fetch = fetch(&server);
    let (media, bytes, from) = fetch.manifest(Want::Named).expect("a manifest");
    assert_eq!((media.as_str(), bytes.as_slice()), ("application/vnd.oci.image.manifest.v1+json", &b"{}"[..]));
    assert_eq!(from, format!("127.0.0.1:{}", server.port));
    assert_eq!(fetch.manifest(Want::Digest(digest(b"{}"))).expect("a manifest").1, b"{}");
    let fail = fetch.manifest(Want::Digest(digest(b"[]"))).expect_err("another");
    assert!(fail.to_string().contains("its digest is another"), "{fail}");
    assert_eq!(fetch.small(b"{}").expect("a configuration"), b"{}");
    assert!(fetch.small(b"[]").expect_err("another").to_string().contains("its digest is another"));
}

#[test]
fn a_login_goes_to_the_registry_and_the_realm_it_names_and_nowhere_else() {
    let folder = Folder::new();
    authority(&folder.0);
    sign(&folder.0, "right", "IP:127.0.0.1", 30);
    let body = noise(50_000);
    let served = body.clone();
    let cdn = Lying::wrapped(tls(&folder.0, "right", false), move |seen| Answer::part(seen, &served));
    let realm = Lying::wrapped(tls(&folder.0, "right", false), |_| Answer::new(200, br#"{"access_token":"abc"}"#));
    let (cdn_port, realm_port) = (cdn.port, realm.port);
    let registry = Lying::wrapped(tls(&folder.0, "right", false), move |seen| {
        if seen.get("authorization") != Some("Bearer abc") {
            let challenge =
                format!(r#"Negotiate, Bearer realm="https://127.0.0.1:{realm_port}/token?x=1",service="a b""#);
            return Answer::new(401, b"").header("www-authenticate", challenge);
        }
        if seen.line.contains("/manifests/") {
            return Answer::new(307, b"").header("location", format!("{}?again", &seen.line[4..]));
        }
        Answer::new(307, b"").header("location", format!("https://127.0.0.1:{cdn_port}/signed?sig=1"))
    });
    let at = Endpoint {
        roots: vec![bytes(&folder.path("ca.crt"))],
        login: login("bob", "hunter2"),
        ..endpoint(registry.port, Scheme::Https)
    };
    let mut fetch = Fetch::ready(&job(vec![at]));
    // A redirect to itself keeps the login, and leads in a circle.
    assert!(fetch.manifest(Want::Named).expect_err("a circle").to_string().contains("more than 5 times"));
    let blob = fetch.blob(&digest(&body), body.len() as u64, 0);
    assert!(blob.done.is_ok() && blob.bytes == body, "{:?}", blob.done);
    let all = registry.seen();
    assert_eq!(all.iter().filter(|seen| seen.get("authorization").is_none()).count(), 1, "asked first, and kept then");
    assert!(all.iter().all(|seen| seen.get("authorization").is_none_or(|value| value == "Bearer abc")));
    let realm = realm.seen();
    assert_eq!(realm.len(), 1);
    assert_eq!(realm[0].line, "GET /token?x=1&service=a%20b&scope=repository%3Apublic%2Fthing%3Apull&account=bob");
    assert_eq!(realm[0].get("authorization"), Some("Basic Ym9iOmh1bnRlcjI="));
    assert!(!cdn.seen().is_empty() && cdn.seen().iter().all(|seen| seen.get("authorization").is_none()));
}

#[test]
fn nobody_is_followed_into_the_open() {
    let folder = Folder::new();
    authority(&folder.0);
    sign(&folder.0, "right", "IP:127.0.0.1", 30);
    let open = Lying::new(|_| Answer::new(200, br#"{"token":"abc"}"#));
    let port = open.port;
    let server = Lying::wrapped(tls(&folder.0, "right", false), move |seen| {
        if seen.line.contains("/manifests/") {
            return Answer::new(302, b"").header("location", format!("http://127.0.0.1:{port}/"));
        }
        Answer::new(401, b"").header("www-authenticate", format!(r#"Bearer realm="http://127.0.0.1:{port}/token""#))
    });
    let roots = vec![bytes(&folder.path("ca.crt"))];
    let at = || Endpoint { roots: roots.clone(), login: login("bob", "x"), ..endpoint(server.port, Scheme::Https) };
    let fail = Fetch::ready(&job(vec![at()])).manifest(Want::Named).expect_err("refused");
    assert!(fail.to_string().contains("from https to http"), "{fail}");
    let fail = Fetch::ready(&job(vec![at()])).small(b"{}").expect_err("refused");
    assert!(fail.to_string().contains("anybody may read the login"), "{fail}");
    assert!(open.seen().is_empty());
}

#[test]
fn a_token_that_is_stale_is_renewed_once() {
    let realm = Lying::new(|seen| Answer::new(200, format!(r#"{{"token":"t{}"}}"#, seen.number).as_bytes()));
    let port = realm.port;
    let challenge =
        move || Answer::new(401, b"").header("www-authenticate", format!(r#"Bearer realm="http://127.0.0.1:{port}/""#));
    // The first is good for one document, the second for all but a configuration.
    let server = Lying::new(move |seen| match (seen.get("authorization"), seen.line.contains("/blobs/")) {
        (Some("Bearer t0"), false) if seen.number < 2 => Answer::new(200, b"{}"),
        (Some("Bearer t1"), false) => Answer::new(200, b"[]"),
        _ => challenge(),
    });
    let mut fetch = fetch(&server);
    assert_eq!(fetch.manifest(Want::Named).expect("a manifest").1, b"{}");
    assert_eq!(fetch.manifest(Want::Named).expect("a manifest").1, b"[]");
    assert_eq!((server.seen().len(), realm.seen().len()), (4, 2));
    assert!(fetch.small(b"{}").expect_err("never").to_string().contains("wants a login"));
    assert_eq!((server.seen().len(), realm.seen().len()), (6, 3));
}

#[test]
fn an_identity_is_exchanged() {
    let realm = Lying::new(|_| Answer::new(200, br#"{"access_token":"abc","expires_in":2}"#));
    let port = realm.port;
    let server = Lying::new(move |seen| match seen.get("authorization") {
        Some("Bearer abc") => Answer::new(200, b"{}"),
        _ => Answer::new(401, b"")
            .header("www-authenticate", format!(r#"Bearer realm="http://127.0.0.1:{port}/",service=s"#)),
    });
    let at = Endpoint { login: Some(Login::Identity(secret("id/token"))), ..endpoint(server.port, Scheme::Http) };
    assert!(Fetch::ready(&job(vec![at])).manifest(Want::Named).is_ok());
    let seen = realm.seen();
    assert_eq!(seen[0].line, "POST /");
    assert_eq!(
        String::from_utf8_lossy(&seen[0].body),
        "service=s&scope=repository%3Apublic%2Fthing%3Apull&client_id=kakuri&grant_type=refresh_token&refresh_token=id%2Ftoken"
    );
}

#[test]
fn who_stalls_is_left_after_a_while() {
    let server = Lying::new(|_| Answer::new(200, &[0; 1000]).promising(2000).stalling());
    let patience = Patience { silence: 50, ..crate::front::PATIENCE };
    let job = kakuri_image::talk::Job { patience, ..job(vec![endpoint(server.port, Scheme::Http)]) };
    let blob = Fetch::ready(&job).blob(&digest(&[]), 2000, 0);
    assert!(blob.done.expect_err("stalled").to_string().contains("has stalled"), "{:?}", blob.retried);
    assert_eq!(blob.retried.len(), 4);
}

#[test]
fn mirrors_are_tried_in_their_order_and_the_dead_once() {
    let body = noise(1000);
    let served = body.clone();
    let broken = Lying::new(|_| Answer::new(404, b""));
    let good = Lying::new(move |seen| Answer::part(seen, &served));
    let dead = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let unknown = Endpoint { host: "no.such.name".into(), ..endpoint(1, Scheme::Http) };
    let at = |port| endpoint(port, Scheme::Http);
    let mut fetch = Fetch::ready(&job(vec![at(dead), unknown, at(broken.port), at(good.port)]));
    assert_eq!(fetch.manifest(Want::Named).expect("a manifest").2, format!("127.0.0.1:{}", good.port));
    let blob = fetch.blob(&digest(&body), 1000, 0);
    assert!(blob.done.is_ok() && blob.bytes == body);
    // Of those before, one alone is worth asking again.
    assert_eq!((blob.retried.len(), broken.seen().len(), fetch.asked.len()), (1, 2, 1));
    let told = Fetch::ready(&job(vec![at(broken.port), at(dead)])).manifest(Want::Named).expect_err("none").to_string();
    assert!(told.contains("connection refused") && told.contains("and before it: 127.0.0.1:"), "{told}");
    let fail = Fetch::ready(&job(vec![Endpoint { host: "no.such.name".into(), ..at(1) }])).manifest(Want::Named);
    assert!(fail.expect_err("no name").to_string().contains("does not resolve: nobody knows it"));
}

#[test]
fn a_proxy_leads_there() {
    let body = noise(1000);
    let served = body.clone();
    let good = Lying::new(move |seen| Answer::part(seen, &served));
    let port = good.port;
    // It has no tunnel, so it shows what it was asked for.
    let refusing = Lying::new(|_| Answer::new(407, b""));
    let at = |proxy: u16| Endpoint {
        host: NAME.into(),
        proxy: Some(secret(&format!("http://me:pass@127.0.0.1:{proxy}"))),
        ..endpoint(port, Scheme::Http)
    };
    let fail = Fetch::ready(&job(vec![at(refusing.port)])).manifest(Want::Named).expect_err("refused");
    assert!(fail.to_string().contains("proxy does not lead there"), "{fail}");
    let seen = refusing.seen();
    assert_eq!(seen[0].line, format!("CONNECT {NAME}:{port}"));
    assert_eq!(seen[0].get("proxy-authorization"), Some("Basic bWU6cGFzcw=="));
    // One that does lead there: bytes go to and fro behind its first answer.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = listener.local_addr().expect("an address").port();
    let leading = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut near, _) = listener.accept().expect("a caller");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            near.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let mut far = std::net::TcpStream::connect(("127.0.0.1", port)).expect("connected");
        near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("said");
        let (mut from, mut to) = (near.try_clone().expect("a copy"), far.try_clone().expect("a copy"));
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut far, &mut near);
    });
    let mut fetch = Fetch::ready(&job(vec![at(proxy)]));
    let blob = fetch.blob(&digest(&body), 1000, 0);
    assert!(blob.done.is_ok() && blob.bytes == body, "{:?}", blob.done);
    assert!(fetch.asked.is_empty(), "the proxy resolves");
    leading.join().expect("it has led there");
}

#[test]
fn what_is_not_wanted_any_more_ends_wherever_it_waits() {
    // At a silent server; at a full pipe; between two tries.
    let silent = Lying::new(|_| Answer::new(200, &[0; 10]).promising(20).stalling());
    let mut fetch = fetch(&silent);
    let reader = fetch.begin(7, &digest(&[]), 20, 0);
    until(|| silent.seen().len() == 1);
    fetch.say(&ToFetch::Cancel { n: 7 });
    cancelled(&mut fetch, 7);
    assert!(reader.join().expect("read").len() <= 10);

    let body = noise(4 << 20);
    let served = body.clone();
    let fast = Lying::new(move |_| Answer::new(200, &served));
    let mut fetch = self::fetch(&fast);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let word = ToFetch::Blob { n: 8, digest: digest(&body), size: body.len() as u64, from: 0 };
    fetch.link().send(&word, &[std::os::fd::AsFd::as_fd(&writer)]).expect("sent");
    until(|| {
        rustix::event::poll(
            &mut [rustix::event::PollFd::new(&writer, rustix::event::PollFlags::OUT)],
            Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 }),
        )
        .expect("polled")
            == 0
    });
    fetch.say(&ToFetch::Cancel { n: 8 });
    cancelled(&mut fetch, 8);
    drop((reader, writer));

    let busy = Lying::new(|_| Answer::new(503, b"").header("retry-after", "60"));
    let mut fetch = self::fetch(&busy);
    let reader = fetch.begin(9, &digest(&[]), 20, 0);
    assert!(matches!(fetch.hear().0, FromFetch::Retrying { n: 9, attempt: 1, after_ms: 60_000, .. }));
    fetch.say(&ToFetch::Cancel { n: 9 });
    cancelled(&mut fetch, 9);
    assert!(reader.join().expect("read").is_empty());
    // Its number is free again, and to call off what is over is nothing.
    fetch.say(&ToFetch::Cancel { n: 9 });
    assert!(fetch.end() == Some(0));
}

fn cancelled(fetch: &mut Fetch, number: u32) {
    loop {
        match fetch.hear().0 {
            FromFetch::Progress { .. } | FromFetch::Retrying { .. } => {}
            FromFetch::BlobFailed { n, fail } if n == number => {
                return assert!(fail.to_string().contains("not wanted any more"), "{fail}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn several_come_at_once() {
    let bodies: Vec<Vec<u8>> = (1..=6).map(|n| noise(n * 100_000)).collect();
    let served = bodies.clone();
    let server = Lying::new(move |seen| {
        let body = served.iter().find(|body| seen.line.ends_with(digest(body).hex())).expect("one of them");
        Answer::part(seen, body)
    });
    let mut fetch = fetch(&server);
    let readers: Vec<_> =
        bodies.iter().zip(0..).map(|(body, n)| fetch.begin(n, &digest(body), body.len() as u64, 0)).collect();
    let mut sent = 0;
    while sent < bodies.len() {
        match fetch.hear().0 {
            FromFetch::Sent { .. } => sent += 1,
            FromFetch::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    for (reader, body) in readers.into_iter().zip(&bodies) {
        assert!(reader.join().expect("read") == *body);
    }
}
