//! What makes users and becomes them, where there is more than one.

use crate::common::{Scene, sub_ids};
use crate::{bash, need};

#[test]
fn users_are_made_and_become() {
    need!("su", "useradd", "setpriv");
    let Some(_) = sub_ids("programs::users") else { return };
    let scene = Scene::new();
    let script = r#"
        touch file; chown 33:34 file; stat -c %u:%g file; chown 0:0 file
        install -o 7 -g 8 -m 600 file other; stat -c %u:%g:%a other
        tar --numeric-owner -cf t.tar other; rm other; tar -xpf t.tar; stat -c %u:%g:%a other; cp -a other copy; stat -c %u:%g copy
        setpriv --reuid 1000 --regid 1000 --groups 4,5 id -G; su -s /bin/sh nobody -c 'id -u'
        setpriv --reuid 1000 --regid 1000 --clear-groups sh -c 'cat other 2>/dev/null || echo closed'
    "#;
    let said = bash(&scene, &["--userns", "range"], script);
    assert_eq!(said, "33:34\n7:8:600\n7:8:600\n7:8\n1000 4 5\n65534\nclosed");
}

/// Its /etc is the host's, which nobody writes: a copy of it can be.
#[test]
fn apt_and_dpkg_tell_their_versions() {
    need!("apt-get", "dpkg");
    let scene = Scene::new();
    let said = bash(
        &scene,
        &[],
        "apt-get --version | head -c 4; echo; dpkg --version | head -c 6; echo; dpkg-query --version >/dev/null",
    );
    assert_eq!(said, "apt \nDebian");
}
