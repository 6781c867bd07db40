//! What it can do once it has heard the network: nothing but that.

use std::io::Read;
use std::os::fd::AsFd;

use kakuri_image::talk::{FromFetch, Scheme, ToFetch, Want};

use crate::certificates::{authority, sign};
use crate::front::{Fetch, Folder, NAME, bytes, digest, endpoint, job, noise, program};
use crate::lying::{Answer, Lying};
use crate::tls::tls;

#[test]
fn nothing_is_opened_or_executed_after_it_is_ready() {
    let folder = Folder::new();
    authority(&folder.0);
    sign(&folder.0, "right", "DNS:registry.test", 30);
    let body = noise(300_000);
    let served = body.clone();
    let server = Lying::wrapped(tls(&folder.0, "right", false), move |seen| {
        if seen.number == 0 { Answer::new(503, b"") } else { Answer::part(seen, &served) }
    });
    let trace = folder.path("trace");
    let shown = trace.to_str().expect("text").to_string();
    let mut fetch = Fetch::start(&["strace", "-f", "-s", "80", "-o", &shown]);
    let mut endpoint = endpoint(server.port, Scheme::Https);
    endpoint.host = NAME.into();
    endpoint.roots = vec![bytes(&folder.path("ca.crt"))];
    fetch.give(&job(vec![endpoint]));
    assert_eq!(fetch.hear().0, FromFetch::Ready);
    let blob = fetch.blob(&digest(&body), body.len() as u64, 0);
    assert!(blob.done.is_ok() && blob.bytes == body, "{:?}", blob.done);
    assert_eq!(fetch.manifest(Want::Named).expect("a manifest").1.len(), body.len());
    let _ = fetch.end();

    let trace = std::fs::read_to_string(&trace).expect("a trace");
    // What strace cannot read it shows as a number: the process is not dumpable. So its word is not to be seen here.
    let filtered = trace.lines().position(|line| line.contains("SECCOMP_SET_MODE_FILTER")).expect("a filter");
    let after: Vec<&str> = trace.lines().skip(filtered + 1).collect();
    assert!(after.iter().any(|line| line.contains(" connect(")), "it was not seen at work");
    // glibc's malloc asks whether memory may be overcommitted when it gives some back; it gets no answer.
    let succeeded = |line: &str| {
        line.rsplit_once(" = ").is_some_and(|(_, result)| result.starts_with(|c: char| c.is_ascii_digit()))
    };
    for line in &after {
        let opens = ["open", "openat", "openat2", "creat"];
        let opened =
            opens.iter().any(|n| line.contains(&format!(" {n}(")) || line.contains(&format!("<... {n} resumed")));
        assert!(!opened || !succeeded(line), "{line}");
        assert!(![" execve(", " execveat(", " fork(", " vfork("].iter().any(|name| line.contains(name)), "{line}");
    }
    for line in after.iter().filter(|line| line.contains(" socket(")) {
        assert!(line.contains("AF_INET"), "{line}");
    }
    // It was confined before, in this order.
    for word in ["PR_SET_DUMPABLE, SUID_DUMP_DISABLE", "RLIMIT_CORE", "PR_SET_NO_NEW_PRIVS"] {
        let at = trace.lines().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}"));
        assert!(at < filtered, "{word}");
    }
}

#[test]
fn its_state_is_what_it_says() {
    let fetch = Fetch::ready(&job(vec![endpoint(1, Scheme::Http)]));
    let process = format!("/proc/{}", fetch.process.id());
    let status = std::fs::read_to_string(format!("{process}/status")).expect("a status");
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    // Not dumpable: what is in it is root's to see.
    assert!(
        std::fs::read_dir(format!("{process}/fd")).is_err() && std::fs::read(format!("{process}/environ")).is_err()
    );
}

#[test]
fn when_the_front_goes_all_of_it_goes() {
    let server = Lying::new(|_| Answer::new(200, &[0; 1000]).promising(2000).stalling());
    let fetch = Fetch::ready(&job(vec![endpoint(server.port, Scheme::Http)]));
    let readers: Vec<_> = (0..3).map(|n| fetch.begin(n, &digest(&[]), 2000, 0)).collect();
    crate::front::until(|| server.seen().len() == 3);
    assert_eq!(fetch.end(), Some(0));
    for reader in readers {
        // The pipe has ended, wherever it was.
        assert!(reader.join().expect("read").len() <= 1000);
    }
}

#[test]
fn one_that_is_spoken_to_in_another_way_says_so() {
    let mut fetch = Fetch::start(&[]);
    fetch.say(&ToFetch::Cancel { n: 1 });
    match fetch.hear().0 {
        FromFetch::Failed(fail) => assert!(fail.to_string().contains("out of turn"), "{fail}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(fetch.gone(), Some(125));
    let mut version = kakuri_wire::handshake::Version::ours();
    version.protocol += 1;
    let mut fetch = Fetch::start(&[]);
    let null = std::fs::File::open("/dev/null").expect("a file");
    fetch.link().send(&ToFetch::Start(version), &[null.as_fd()]).expect("sent");
    match fetch.hear().0 {
        FromFetch::Failed(fail) => assert!(fail.to_string().contains("not of one build"), "{fail}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn by_hand_it_says_whose_program_it_is() {
    let mut said = String::new();
    let mut child =
        std::process::Command::new(program()).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert_eq!(child.wait().expect("a status").code(), Some(125));
    assert!(said.contains("kakuri pull"), "{said}");
}
