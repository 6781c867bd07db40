//! The Debian package KAKURI_DEB names (kakuri/packaging/build-deb makes it), in a clean Debian tree: it installs, an
//! ordinary user runs a container by it, and removing it leaves nothing. These run only when the tests are started by root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use common::{HANG, Output, Scene, skip, write_program};

/// The package; None, and the reason told, where there is none or nobody may install it.
fn package(test: &str) -> Option<PathBuf> {
    // SAFETY: always succeeds.
    let root = unsafe { libc::geteuid() } == 0;
    let package = std::env::var_os("KAKURI_DEB").map(PathBuf::from);
    match package {
        _ if !root => skip(format_args!("deb::{test}: needs root")),
        None => skip(format_args!("deb::{test}: KAKURI_DEB names no package; kakuri/packaging/build-deb makes one")),
        Some(path) => return Some(path.canonicalize().unwrap()),
    }
    None
}

/// What lintian finds wrong; what is meant to be so is overridden in the package, with the reason.
#[test]
fn lintian_finds_nothing_to_complain_of() {
    let Some(package) = package("lintian_finds_nothing_to_complain_of") else { return };
    need!("lintian");
    let scene = Scene::new();
    let run = scene.program("lintian").args(["--allow-root", "--fail-on", "error,warning", "--display-info"]);
    let said = run.arg(&package).limit(HANG * 3).output();
    assert_eq!(said.code(), 0, "{said}");
}

struct Tree {
    scene: Scene,
    root: PathBuf,
    package: PathBuf,
}

impl Tree {
    /// Debian as it is first installed, with one ordinary user.
    fn make(package: PathBuf) -> Option<Tree> {
        let scene = Scene::new();
        let root = scene.work().join("tree");
        let release = fs::read_to_string("/etc/os-release").unwrap();
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or("stable");
        let run = scene.program("mmdebstrap").args(["--mode=root", "--variant=minbase", suite]).arg(&root);
        let made = run.limit(HANG * 10).output();
        if made.code() != 0 {
            skip(format_args!("deb: mmdebstrap cannot make a tree of {suite}: {}", made.err()));
            return None;
        }
        let tree = Tree { scene, root, package };
        tree.root("useradd --create-home ada").ok();
        Some(tree)
    }

    /// As root of the tree, whose root it is: in a mere chroot(8) no user namespace can be made.
    fn root(&self, script: &str) -> Output {
        const ENTER: &str = "set -e; cd \"$1\"; mount --bind . .; cd \"$1\"
            mount -t proc proc proc; mount --rbind /dev dev; mount --rbind /sys sys; mount -t tmpfs tmpfs tmp
            chmod 1777 tmp; cp \"$2\" tmp/kakuri.deb; pivot_root . .; umount -l .; exec sh -c \"$3\"";
        let run = self.scene.program("unshare").args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--net",
            "sh",
            "-c",
            ENTER,
        ]);
        let run = run.arg("sh").arg(&self.root).arg(&self.package).arg(script);
        run.env("HOME", "/root").limit(HANG * 3).output()
    }

    /// As its ordinary user, without a word of root's environment.
    fn user(&self, script: &str) -> Output {
        self.root(&format!("exec su - ada -c '{script}'"))
    }

    /// Every file with its kind, owner and contents, but for dpkg's own notes of what it did.
    fn files(&self) -> BTreeMap<PathBuf, (u32, u32, u32, u64, u64)> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                let inside = path.strip_prefix(&self.root).unwrap().to_path_buf();
                if ["var/lib/dpkg/status", "var/lib/dpkg/status-old", "var/log/dpkg.log"]
                    .iter()
                    .any(|p| inside == Path::new(p))
                {
                    continue;
                }
                // A folder's own length tells how many names it once had.
                let (length, sum) = match meta.is_file() {
                    true => (meta.len(), sum(&path)),
                    false => (0, 0),
                };
                files.insert(inside, (meta.mode(), meta.uid(), meta.gid(), length, sum));
                if meta.is_dir() {
                    folders.push(path);
                }
            }
        }
        files
    }
}

/// Of small files; the large ones are programs and libraries, whose length tells enough.
fn sum(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap();
    bytes.iter().take(65536).fold(5381, |sum, &byte| u64::wrapping_mul(sum, 33) ^ u64::from(byte))
}

#[test]
fn it_installs_on_a_clean_tree_and_leaves_nothing_behind() {
    let Some(package) = package("it_installs_on_a_clean_tree_and_leaves_nothing_behind") else { return };
    need!("mmdebstrap");
    let Some(tree) = Tree::make(package) else { return };
    let before = tree.files();

    // No dependency is missing: it has none.
    let said = tree.root("dpkg --install /tmp/kakuri.deb && dpkg --verify kakuri && dpkg --audit");
    assert_eq!((said.code(), said.err().as_str()), (0, ""), "{said}");
    let added: Vec<PathBuf> = tree.files().into_keys().filter(|path| !before.contains_key(path)).collect();
    let has = |path: &str| assert!(added.contains(&PathBuf::from(path)), "{path}: {added:?}");
    has("usr/bin/kakuri");
    for helper in ["kakuri-image", "kakuri-init", "kakuri-mount", "kakuri-netns"] {
        has(&format!("usr/libexec/kakuri/{helper}"));
    }
    has("usr/share/bash-completion/completions/kakuri");
    has("usr/share/zsh/vendor-completions/_kakuri");
    has("usr/share/fish/vendor_completions.d/kakuri.fish");
    has("usr/share/man/man1/kakuri.1.gz");
    has("usr/share/man/man1/kakuri-container-cp.1.gz");
    has("usr/share/man/man5/kakuri.toml.5.gz");
    has("usr/share/doc/kakuri/copyright");
    has("usr/share/doc/kakuri/changelog.gz");
    has("etc/apparmor.d/kakuri");
    for path in &added {
        let meta = fs::symlink_metadata(tree.root.join(path)).unwrap();
        assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o6022), (0, 0, 0), "{}: {:o}", path.display(), meta.mode());
    }

    let said = tree.user("kakuri true && kakuri sh -c \"id -u; hostname; echo from inside\" && kakuri version").ok();
    assert!(said.text().starts_with("0\n"), "{said}");
    assert!(said.text().contains("kakuri-mount: /usr/libexec/kakuri/kakuri-mount"), "{said}");
    let said = tree.user(
        "kakuri create box && kakuri exec box sh -c \"echo kept >~/note\" && kakuri exec box sh -c \"cat ~/note\"",
    );
    assert_eq!(said.ok().text(), "box\nkept");
    tree.user("kakuri remove box && rm -r ~/.local").ok();

    removed(&tree, &before);
    confined(&tree, &before);
}

/// Removing it keeps what an administrator may have changed, and purging it nothing.
fn removed(tree: &Tree, before: &BTreeMap<PathBuf, (u32, u32, u32, u64, u64)>) {
    tree.root("dpkg --remove kakuri").ok();
    assert!(!tree.root.join("usr/bin/kakuri").exists() && tree.root.join("etc/apparmor.d/kakuri").exists());
    tree.root("dpkg --purge kakuri").ok();
    let after = tree.files();
    let changed: Vec<&PathBuf> =
        after.iter().filter(|(path, file)| before.get(*path) != Some(*file)).map(|(p, _)| p).collect();
    let gone: Vec<&PathBuf> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    assert!(changed.is_empty() && gone.is_empty(), "added or changed: {changed:?}; gone: {gone:?}");
}

/// What is asked of AppArmor, by doubles of its programs that write down their words; one reads no profile of 4.0.
fn confined(tree: &Tree, before: &BTreeMap<PathBuf, (u32, u32, u32, u64, u64)>) {
    let (old, asked) = (tree.root.join("root/old"), tree.root.join("root/asked"));
    let parser = "#!/bin/sh\necho \"$@\" >>/root/asked\n! [ -e /root/old ]\n";
    let doubles = [("usr/sbin/apparmor_parser", parser), ("usr/bin/aa-enabled", "#!/bin/sh\n")];
    for (path, text) in doubles {
        write_program(&tree.root.join(path), text);
    }
    fs::create_dir_all(tree.root.join("etc/apparmor.d/disable")).unwrap();
    let link = tree.root.join("etc/apparmor.d/disable/kakuri");
    let said = |script: &str| {
        let _ = fs::remove_file(&asked);
        tree.root(script).ok();
        fs::read_to_string(&asked).unwrap_or_default()
    };
    const TRIED: &str = "--skip-kernel-load --skip-cache /etc/apparmor.d/kakuri\n";
    const LOADED: &str = "--replace --skip-cache /etc/apparmor.d/kakuri\n";

    assert_eq!(said("dpkg --install /tmp/kakuri.deb"), [TRIED, LOADED].concat());
    assert_eq!(said("dpkg --remove kakuri"), "--remove /etc/apparmor.d/kakuri\n");

    // One of before 4.0 is not given it, then or at a boot, until another is installed.
    fs::write(&old, "").unwrap();
    assert_eq!(said("dpkg --install /tmp/kakuri.deb"), TRIED);
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("../kakuri"));
    fs::remove_file(&old).unwrap();
    assert_eq!(
        said("dpkg-trigger --by-package=apparmor /etc/apparmor.d/abi/4.0 && dpkg --configure --pending"),
        [TRIED, LOADED].concat()
    );
    assert!(fs::symlink_metadata(&link).is_err());

    // An administrator's own is left, and with it nothing is loaded.
    symlink("/etc/apparmor.d/kakuri", &link).unwrap();
    assert_eq!(said("dpkg --install /tmp/kakuri.deb"), TRIED);
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("/etc/apparmor.d/kakuri"));
    fs::remove_file(&link).unwrap();

    fs::write(&old, "").unwrap();
    said("dpkg --install /tmp/kakuri.deb");
    assert!(fs::symlink_metadata(&link).is_ok());
    for path in [old, asked.clone()] {
        let _ = fs::remove_file(path);
    }
    said("dpkg --purge kakuri");
    assert!(fs::symlink_metadata(&link).is_err());
    let _ = fs::remove_file(&asked);
    fs::remove_dir(tree.root.join("etc/apparmor.d/disable")).unwrap();
    let _ = fs::remove_dir(tree.root.join("etc/apparmor.d"));
    for (path, _) in doubles {
        fs::remove_file(tree.root.join(path)).unwrap();
    }
    assert!(tree.files().keys().eq(before.keys()));
}
