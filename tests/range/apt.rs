//! A Debian tree: its own /etc and /var, and the host's /usr, which is Debian's too. Packages come from a folder, and no
//! network is there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::common::{Output, Scene, have, skip};
use crate::{RANGE, need, ranged};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nman:x:6:12:man:/var/cache/man:/usr/sbin/nologin\n\
                      _apt:x:100:65534::/nonexistent:/usr/sbin/nologin\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\ntty:x:5:\nman:x:12:\nshadow:x:42:\nusers:x:100:\nnogroup:x:65534:\n";

/// A tree of the caller's, which is root's inside.
pub fn plant(scene: &Scene) -> PathBuf {
    let tree = scene.folder("debian");
    for folder in [
        "usr",
        "root",
        "home",
        "opt",
        "srv",
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "etc/apt/sources.list.d",
        "etc/apt/trusted.gpg.d",
        "etc/dpkg/dpkg.cfg.d",
        "etc/skel",
        "etc/pam.d",
        "etc/default",
        "etc/security",
        "var/lib/dpkg/info",
        "var/lib/dpkg/updates",
        "var/lib/dpkg/triggers",
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "var/log/apt",
        "var/tmp",
        "var/mail",
    ] {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{name}"), tree.join(name)).unwrap();
    }
    for (file, text) in [
        ("etc/passwd", PASSWD),
        ("etc/group", GROUP),
        ("etc/shadow", "root:*:19000::::::\n"),
        ("etc/gshadow", ""),
        (
            "etc/login.defs",
            "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nUSERGROUPS_ENAB yes\nUMASK 022\n",
        ),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n"),
        (
            "etc/pam.d/su",
            "auth sufficient pam_rootok.so\naccount required pam_permit.so\nsession required pam_permit.so\n",
        ),
        (
            "etc/pam.d/other",
            "auth required pam_permit.so\naccount required pam_permit.so\npassword required pam_permit.so\nsession required pam_permit.so\n",
        ),
        ("etc/apt/sources.list", "deb [trusted=yes] file:/repo ./\n"),
        ("etc/skel/.profile", "# made by useradd\n"),
        ("var/lib/dpkg/status", ""),
        ("var/lib/dpkg/available", ""),
    ] {
        fs::write(tree.join(file), text).unwrap();
    }
    // The links of the host's alternatives and its loader's list, by which its programs run.
    for name in ["alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "debian_version"] {
        let _ = scene.program("cp").arg("-aL").arg(format!("/etc/{name}")).arg(tree.join("etc")).output();
    }
    tree
}

/// Two packages: one with files of several owners and a script that makes a user, one that wants it.
pub fn pack(scene: &Scene) {
    let repo = scene.folder("repo");
    let mut index = String::new();
    for (name, more) in [("hello-range", ""), ("needs-range", "Depends: hello-range\n")] {
        let work = scene.folder(&format!("pack/{name}"));
        fs::create_dir_all(work.join("DEBIAN")).unwrap();
        fs::create_dir_all(work.join(format!("opt/{name}"))).unwrap();
        fs::write(work.join(format!("opt/{name}/data")), name).unwrap();
        let control = format!(
            "Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Tests <tests@localhost>\n{more}Description: test\n"
        );
        fs::write(work.join("DEBIAN/control"), &control).unwrap();
        let script = scene.script(
            &format!("pack/{name}/DEBIAN/postinst"),
            &format!(
                "#!/bin/sh\nset -e\nid -u {name} >/dev/null 2>&1 || useradd --system --home-dir /opt/{name} {name}\n\
                      chown {name}: /opt/{name}/data\nchmod 640 /opt/{name}/data\n"
            ),
        );
        assert!(script.exists());
        let deb = repo.join(format!("{name}.deb"));
        scene.program("dpkg-deb").args(["--root-owner-group", "-b"]).arg(&work).arg(&deb).output().ok();
        let sum = scene.program("sha256sum").arg(&deb).output().ok().text();
        let size = fs::metadata(&deb).unwrap().len();
        let sum = sum.split(' ').next().unwrap();
        index += &format!("{control}Filename: ./{name}.deb\nSize: {size}\nSHA256: {sum}\n\n");
    }
    fs::write(repo.join("Packages"), index).unwrap();
}

fn run(scene: &Scene, script: &str) -> Output {
    let repo = format!("{}:/repo:ro", scene.work().join("repo").display());
    let binds = ["--rootfs", "debian", "--bind", "/usr:/usr:ro", "--bind", &repo];
    scene.kakuri(RANGE.iter().copied().chain(binds).chain(["sh", "-c", script])).output()
}

#[test]
fn apt_get_installs_and_users_are_made_and_become() {
    need!("apt-get", "dpkg-deb", "dpkg", "useradd", "su", "sha256sum");
    ranged!();
    if !std::path::Path::new("/usr/bin/dpkg").exists() || !have("apt-get") {
        return skip("range::apt: this is no Debian whose programs lie in /usr");
    }
    let scene = Scene::new();
    let tree = plant(&scene);
    pack(&scene);
    let before = crate::tree::snapshot(&tree);
    let said = run(
        &scene,
        "exec 2>&1; apt-get -q update && apt-get -qy install needs-range && dpkg -l | grep -c ^ii && \
        stat -c '%U %a' /opt/hello-range/data /opt/needs-range/data && \
        useradd -m -s /bin/sh bob && su bob -c 'id -un; touch ~/f; stat -c %U:%G ~ ~/f ~/.profile' && \
        su hello-range -s /bin/sh -c 'cat /opt/hello-range/data' && \
        ! su bob -c 'cat /opt/hello-range/data' && \
        apt-get -qy purge needs-range && ! test -e /opt/needs-range && chown 65534:65534 /srv && stat -c %u:%g /srv && echo done",
    );
    if crate::tree::no_memory_layer(&said) {
        return;
    }
    let said = said.ok();
    let text = said.text();
    assert!(text.ends_with("65534:65534\ndone"), "{said}");
    assert!(
        text.contains("\n2\nhello-range 640\nneeds-range 640\nbob\nbob:bob\nbob:bob\nbob:bob\nhello-range"),
        "{said}"
    );
    assert_eq!(crate::tree::snapshot(&tree), before, "the tree is not touched");
}
