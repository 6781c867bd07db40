//! Where a login and a token go, and where not.

use kakuri_image::talk::{Endpoint, Login, Scheme, Want};

use crate::certificates::{authority, sign};
use crate::front::{Fetch, Folder, bytes, digest, endpoint, job, login, noise, secret};
use crate::lying::{Answer, Lying};
use crate::tls::tls;

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
    let mut fetch = Fetch::ready(&job(vec![endpoint(server.port, Scheme::Http)]));
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
