//! What root asks for and cannot have, and a root who has less than others.

use std::fs;

use crate::common::{KAKURI, Scene};
use crate::root;

#[test]
fn his_own_id_is_given_to_nobody() {
    if !root("his_own_id_is_given_to_nobody") {
        return;
    }
    let scene = Scene::new();
    let refused = |options: &[&str]| scene.kakuri(options.iter().chain(&["true"])).output();
    refused(&["--userns", "single"]).refused(125, &["root of the host"]).hints(&["leave --userns out"]);
    refused(&["--uidmap", "0:0:10"]).refused(125, &["--uidmap", "root of the host"]).hints(&["OUT 1"]);
    refused(&["--uidmap", "5:0:1", "--uidmap", "0:1:5"]).refused(125, &["root of the host"]).hints(&["OUT 1"]);
    refused(&["--uidmap", "0:1:70000"]).refused(125, &["ids that you do not have"]).hints(&["OUT 1"]);
    refused(&["-u", "70000:70000"]).refused(125, &["70000"]).hints(&["-u"]);
}

#[test]
fn ids_as_they_are_asked_for() {
    if !root("ids_as_they_are_asked_for") {
        return;
    }
    let scene = Scene::new();
    let map = |options: &[&str]| {
        let output = scene.kakuri(options.iter().chain(&["cat", "/proc/self/uid_map"])).output().ok();
        output.text().split_whitespace().map(|n| n.parse().unwrap()).collect::<Vec<u32>>()
    };
    for options in [&[][..], &["--userns", "range"], &["--userns", "auto"], &["--userns", "keep-id"]] {
        assert_eq!(map(options), [0, 1, 65536], "{options:?}");
    }
    assert_eq!(map(&["--uidmap", "0:5:100"]), [0, 5, 100]);
}

/// A root who may not map ids gets what an ordinary user gets, and is told.
#[test]
fn a_root_without_the_rights_is_told() {
    if !root("a_root_without_the_rights_is_told") {
        return;
    }
    crate::need!("setpriv");
    let scene = Scene::new();
    let lesser = |options: &[&str]| {
        let run = scene.program("setpriv").args(["--bounding-set", "-sys_admin", "--inh-caps", "-all", KAKURI]);
        run.args(options).args(["cat", "/proc/self/uid_map"]).output()
    };
    let said = lesser(&[]).ok();
    assert_eq!(said.text().split_whitespace().collect::<Vec<_>>(), ["0", "0", "1"], "{said}");
    assert!(said.err().contains("CAP_SYS_ADMIN") && said.err().contains("root's own"), "{said}");
    lesser(&["--userns", "range"]).refused(125, &["CAP_SYS_ADMIN"]).hints(&["ordinary user"]);
}

#[test]
fn doctor_says_which_ids() {
    if !root("doctor_says_which_ids") {
        return;
    }
    let said = Scene::new().kakuri(["doctor"]).output().text();
    let row = said.lines().find(|line| line.starts_with("id range")).unwrap_or_else(|| panic!("{said}"));
    assert!(row.contains("works") && row.contains("65536 ids from"), "{row}");
    let first: u32 = row.split("from ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    // Nobody's: neither an account nor a sub-id of the files.
    let taken = fs::read_to_string("/etc/subuid").unwrap_or_default();
    for line in taken.lines().filter(|line| !line.starts_with("root:")) {
        let fields: Vec<u64> = line.split(':').skip(1).filter_map(|n| n.parse().ok()).collect();
        let [from, count] = fields[..] else { continue };
        assert!(u64::from(first) + 65536 <= from || from + count <= u64::from(first), "{line} meets {first}");
    }
}
