//! What gives files to users and becomes them, where there is more than one. What needs accounts (su, useradd, apt) is in
//! range/apt.rs, on a root of its own: the host's /etc/shadow is nobody's inside.

use crate::common::{Scene, sub_ids};
use crate::{bash, need};

#[test]
fn files_have_owners_and_root_becomes_anybody() {
    need!("setpriv");
    let Some(_) = sub_ids("programs::users") else { return };
    let scene = Scene::new();
    let script = r#"
        touch file; chown 33:34 file; stat -c %u:%g file; chown 0:0 file
        install -o 7 -g 8 -m 600 file other; stat -c %u:%g:%a other
        tar --numeric-owner -cf t.tar other; rm other; tar -xpf t.tar; stat -c %u:%g:%a other; cp -a other copy; stat -c %u:%g copy
        setpriv --reuid 1000 --regid 1000 --groups 4,5 id -G;
        setpriv --reuid 1000 --regid 1000 --clear-groups sh -c 'cat other 2>/dev/null || echo closed'
    "#;
    let said = bash(&scene, &["--userns", "range"], script);
    assert_eq!(said, "33:34\n7:8:600\n7:8:600\n7:8\n1000 4 5\nclosed");
}

#[test]
fn apt_and_dpkg_tell_their_versions() {
    need!("apt-get", "dpkg");
    let scene = Scene::new();
    let said = bash(
        &scene,
        &[],
        "apt-get --version >apt; head -c 4 apt; echo; dpkg --version >dpkg; head -c 6 dpkg; echo; dpkg-query --version >/dev/null",
    );
    assert_eq!(said, "apt \nDebian");
}
