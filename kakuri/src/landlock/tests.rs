//! Older kernels, as data.

use std::convert::Infallible;

use super::*;
use crate::spec::{self, PathRule};

fn decided(wanted: &Landlock, version: Result<u32, i32>) -> (Option<kakuri_init::Landlock>, Decided) {
    decide(wanted, version, |path| Ok::<_, Infallible>(path.clone())).expect("never fails")
}

fn all() -> Landlock {
    let rule = |path: &str, access| PathRule { path: path.into(), access };
    Landlock {
        restrict: Restricted::ALL.to_vec(),
        paths: vec![rule("/", Allowed::Rx), rule("/tmp", Allowed::Rw), rule("/etc", Allowed::Ro)],
        bind: vec![spec::Ports { first: 80, last: 81 }],
        connect: vec![spec::Ports { first: 443, last: 443 }],
    }
}

/// Of each version of Landlock: the rights over files, over TCP, the scopes, and how much is lacking.
const VERSIONS: [(u32, u64, u64, u64, usize); 8] = [
    (1, 0x1fff, 0, 0, 6),
    (2, 0x3fff, 0, 0, 6),
    (3, 0x7fff, 0, 0, 5),
    (4, 0x7fff, 3, 0, 3),
    (5, 0xffff, 3, 0, 2),
    (6, 0xffff, 3, 3, 0),
    (7, 0xffff, 3, 3, 0),
    (99, 0xffff, 3, 3, 0),
];

#[test]
fn each_version_gets_what_it_knows_and_no_more() {
    for (version, files, network, scoped, lacking) in VERSIONS {
        let (rules, decided) = decided(&all(), Ok(version));
        let rules = rules.expect("rules");
        assert_eq!((rules.files, rules.network, rules.scoped), (files, network, scoped), "version {version}");
        assert_eq!(decided.lacking.len(), lacking, "version {version}: {:?}", decided.lacking);
        assert_eq!(decided.warning().is_some(), lacking > 0);
        // A right that the set does not name is EINVAL.
        assert!(rules.beneath.iter().all(|rule| rule.allowed != 0 && rule.allowed & !files == 0), "version {version}");
        assert!(rules.ports.iter().all(|rule| rule.allowed & !network == 0), "version {version}");
        assert_eq!(rules.ports.len(), if version < 4 { 0 } else { 2 });
    }
}

#[test]
fn what_is_lacking_is_named() {
    let words = decided(&all(), Ok(3)).1.warning().expect("a warning");
    for part in ["tcp.bind", "tcp.connect", "6.7", "abstract", "signals", "6.12", "ioctl", "version 3"] {
        assert!(words.contains(part), "{words}");
    }
    assert!(!words.contains("truncate"), "{words}");
}

#[test]
fn a_kernel_without_has_no_rules() {
    for errno in [libc::ENOSYS, libc::EOPNOTSUPP, libc::EPERM] {
        let (rules, decided) = decided(&all(), Err(errno));
        assert_eq!(rules, None);
        assert_eq!((decided.restricted.len(), decided.lacking.len()), (0, 5));
        assert!(!decided.mend().is_empty() && !decided.kernel().is_empty());
    }
}

#[test]
fn a_rule_denies_the_rest_of_its_kind_alone() {
    let wanted = Landlock { connect: vec![spec::Ports { first: 443, last: 443 }], ..Landlock::default() };
    let (rules, decided) = decided(&wanted, Ok(7));
    let rules = rules.expect("rules");
    assert_eq!((rules.files, rules.network, rules.scoped), (0, CONNECT, 0));
    assert_eq!(decided.restricted, [Restricted::Connect]);
    assert!(Landlock::default().is_empty() && !wanted.is_empty());
}

#[test]
fn reading_writing_and_executing() {
    let rules = decided(&all(), Ok(7)).0.expect("rules");
    let allowed: Vec<u64> = rules.beneath.iter().map(|rule| rule.allowed).collect();
    assert_eq!(allowed, [EXECUTE | READ_FILE | READ_FOLDER, 0xfffe, READ_FILE | READ_FOLDER]);
    assert_eq!(
        allowed.iter().map(|&a| shown(a)).collect::<Vec<_>>(),
        ["may be read and executed", "may be read and written", "may be read"]
    );
    let same = |path: &[u8]| path.to_vec();
    assert!(may_execute(&rules, b"/usr/bin/ls", same));
    let narrow = Landlock { paths: vec![PathRule { path: "/usr".into(), access: Allowed::Rx }], ..Landlock::default() };
    let narrow = decided(&narrow, Ok(7)).0.expect("rules");
    assert!(may_execute(&narrow, b"/usr/bin/ls", same) && !may_execute(&narrow, b"/usrx/ls", same));
}
