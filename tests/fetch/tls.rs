//! Servers whose certificates are right and wrong.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use kakuri_image::talk::{Endpoint, Scheme, Want};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::{authority, sign};
use crate::front::{Fetch, Folder, NAME, bytes, endpoint, job, login};
use crate::lying::{Answer, Lying, Seen, Wrap};

/// Speaks TLS with `NAME.crt` of the folder; `asks` for a certificate of the authority's.
pub fn tls(folder: &Path, name: &str, asks: bool) -> Box<Wrap> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let chain: Vec<CertificateDer> = CertificateDer::pem_file_iter(folder.join(format!("{name}.crt")))
        .expect("a file")
        .map(|c| c.expect("one"))
        .collect();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).expect("a key");
    let builder =
        ServerConfig::builder_with_provider(ring.clone()).with_safe_default_protocol_versions().expect("versions");
    let builder = if asks {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(folder.join("ca.crt")).expect("a certificate")).expect("added");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), ring).build().expect("a verifier");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let config = Arc::new(builder.with_single_cert(chain, key).expect("a certificate and its key"));
    Box::new(move |stream: TcpStream| {
        let connection = ServerConnection::new(config.clone()).ok()?;
        Some(Box::new(StreamOwned::new(connection, stream)))
    })
}

fn says(_: &Seen) -> Answer {
    Answer::new(200, b"{}").header("content-type", "application/vnd.oci.image.manifest.v1+json")
}

fn at(folder: &Folder, port: u16) -> Endpoint {
    Endpoint { roots: vec![bytes(&folder.path("ca.crt"))], ..endpoint(port, Scheme::Https) }
}

#[test]
fn a_certificate_is_believed_by_its_authority_name_and_time() {
    let folder = Folder::new();
    let other = Folder::new();
    authority(&folder.0);
    authority(&other.0);
    sign(&folder.0, "right", "IP:127.0.0.1,DNS:registry.test", 30);
    sign(&folder.0, "elsewhere", "DNS:elsewhere.test", 30);
    sign(&folder.0, "old", "IP:127.0.0.1", 0);
    let manifest = |endpoint: Endpoint| Fetch::ready(&job(vec![endpoint])).manifest(Want::Named);

    let right = Lying::wrapped(tls(&folder.0, "right", false), says);
    assert_eq!(manifest(at(&folder, right.port)).expect("a manifest").1, b"{}");
    let mut named = Fetch::ready(&job(vec![Endpoint { host: NAME.into(), ..at(&folder, right.port) }]));
    assert_eq!(named.manifest(Want::Named).expect("a manifest").1, b"{}");
    assert_eq!(named.asked, [NAME]);

    let elsewhere = Lying::wrapped(tls(&folder.0, "elsewhere", false), says);
    let old = Lying::wrapped(tls(&folder.0, "old", false), says);
    for (what, endpoint, why, hint) in [
        ("authority", at(&other, right.port), "an authority nobody here knows", "certs.d/127.0.0.1:"),
        (
            "none at all",
            Endpoint { roots: vec![], ..at(&folder, right.port) },
            "nobody here knows",
            "--tls-verify=false",
        ),
        ("name", at(&folder, elsewhere.port), "for another name", "--tls-verify=false"),
        ("time", at(&folder, old.port), "has expired", "date"),
        // What is bad is bad, and not a reason to do without.
        ("insecure", Endpoint { scheme: Scheme::Either, ..at(&other, right.port) }, "nobody here knows", "ca.crt"),
    ] {
        let fail = manifest(endpoint).expect_err(what);
        assert!(fail.what.contains("'registry.test/public/thing:1'"), "{fail}");
        assert!(fail.why.as_deref().is_some_and(|w| w.contains(why)), "{what}: {fail}");
        assert!(fail.hint.as_deref().is_some_and(|h| h.contains(hint)), "{what}: {fail}");
    }
    for server in [&right, &elsewhere, &old] {
        let asked = server.seen().len();
        let unverified = Endpoint { verify: false, roots: vec![], ..endpoint(server.port, Scheme::Https) };
        assert_eq!(manifest(unverified).expect("a manifest").1, b"{}");
        assert_eq!(server.seen().len(), asked + 1);
    }
    assert_eq!(right.seen().len(), 3, "nobody else has got through");
}

#[test]
fn a_certificate_of_ours_is_shown_where_it_is_asked_for() {
    let folder = Folder::new();
    authority(&folder.0);
    sign(&folder.0, "right", "IP:127.0.0.1", 30);
    sign(&folder.0, "me", "DNS:me", 30);
    let server = Lying::wrapped(tls(&folder.0, "right", true), says);
    let own = |key: &str| Some((bytes(&folder.path("me.crt")), bytes(&folder.path(key))));
    let with = Endpoint { client: own("me.key"), ..at(&folder, server.port) };
    assert!(Fetch::ready(&job(vec![with])).manifest(Want::Named).is_ok());
    let fail = Fetch::ready(&job(vec![at(&folder, server.port)])).manifest(Want::Named).expect_err("refused");
    assert!(fail.to_string().contains("wants a certificate of ours"), "{fail}");

    for (what, wrong) in [
        ("do not go together", Endpoint { client: own("right.key"), ..at(&folder, server.port) }),
        ("there is no key in", Endpoint { client: own("me.crt"), ..at(&folder, server.port) }),
        ("there is no certificate in", Endpoint { roots: vec![bytes(&folder.path("me.key"))], ..at(&folder, 1) }),
        ("cannot read", Endpoint { roots: vec![bytes(&folder.path("absent"))], ..at(&folder, 1) }),
        ("no regular file", Endpoint { roots: vec!["/dev/zero".to_string().into()], ..at(&folder, 1) }),
    ] {
        let mut fetch = Fetch::start(&[]);
        fetch.give(&job(vec![wrong]));
        match fetch.hear().0 {
            kakuri_image::talk::FromFetch::Failed(fail) => assert!(fail.to_string().contains(what), "{what}: {fail}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn no_tls_is_done_without_only_where_that_was_said() {
    let server = Lying::new(says);
    let either = Endpoint { login: login("bob", "hunter2"), ..endpoint(server.port, Scheme::Either) };
    assert!(Fetch::ready(&job(vec![either])).manifest(Want::Named).is_ok());
    let seen = server.seen();
    assert!(seen.iter().all(|question| question.get("authorization").is_none()), "unasked: {seen:?}");
    let fail =
        Fetch::ready(&job(vec![endpoint(server.port, Scheme::Https)])).manifest(Want::Named).expect_err("no TLS");
    assert!(fail.to_string().contains("does not speak TLS"), "{fail}");
    assert!(fail.hint.is_some_and(|hint| hint.contains("--tls-verify=false")));
}
