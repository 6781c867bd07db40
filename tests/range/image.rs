//! Packages in images: a Debian tree as an image of two layers, to which apt-get adds what a folder has. The image is what
//! it was, and so is the host.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::apt::{pack, plant};
use crate::common::oci::Oci;
use crate::common::{Scene, have, skip};
use crate::{RANGE, need, ranged};

/// All that is in a folder, whoever owns it: kinds, modes, owners, times and contents.
pub fn sums(scene: &Scene, folder: &Path) -> String {
    const LIST: &str = r"cd $0 && find . -printf '%P %y %m %U %G %s %l %T@ %C@\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum";
    let run = scene.program("unshare").args(["--map-root-user", "--map-auto", "--", "sh", "-c", LIST]).arg(folder);
    run.output().ok().text()
}

/// The tree as two layers: all of it root's, and over it what is another's.
fn image(scene: &Scene, tree: &Path) -> String {
    let pack = |owner: &str, words: &[&str]| {
        let tar = scene.program("tar").args(["--numeric-owner", "--group=0", "--sort=name", "-c", "-f", "-"]);
        tar.arg(format!("--owner={owner}")).arg("-C").arg(tree).args(words).output().ok().stdout
    };
    let lower = pack("0", &["."]);
    // _apt's, whom apt becomes to fetch.
    let partial = ["--mode=0700", "--no-recursion", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"];
    let upper = pack("100", &partial);
    let mut oci = Oci::new(&scene.work().join("oci"));
    oci.put("debian", &[lower, upper], &json!({ "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"] }));
    oci.name("debian")
}

#[test]
fn apt_get_installs_into_a_container_and_never_into_its_image() {
    need!("apt-get", "dpkg-deb", "dpkg", "useradd", "su", "sha256sum", "tar", "unshare");
    ranged!();
    if !Path::new("/usr/bin/dpkg").exists() || !have("apt-get") {
        return skip("range::image: this is no Debian whose programs lie in /usr");
    }
    let scene = Scene::new();
    let tree: PathBuf = plant(&scene);
    pack(&scene);
    let image = image(&scene, &tree);
    fs::remove_dir_all(tree).unwrap();
    scene.kakuri(["pull", "-q", "--userns", "range", &image]).output().ok();
    let repo = format!("{}:/repo:ro", scene.work().join("repo").display());
    let root = ["--image", &image, "--pull", "never", "--bind", "/usr:/usr:ro", "--bind", &repo];
    let options: Vec<&str> = RANGE.into_iter().chain(root).collect();
    // Whoever runs from it for the first time leaves the file by which the next one says that it does.
    scene.kakuri(options.iter().copied().chain(["true"])).output().ok();
    let store = scene.home().join(".local/kakuri/images");
    let before = [sums(&scene, &store), sums(&scene, &scene.work())];
    assert!(before[0].contains("partial d 700 100 0 "), "{}", before[0]);

    let untouched = || {
        let after = [sums(&scene, &store), sums(&scene, &scene.work())];
        let of = |text: &str| text.lines().map(str::to_string).collect::<BTreeSet<_>>();
        let differ: Vec<String> = before.iter().zip(&after).flat_map(|(a, b)| &of(a) ^ &of(b)).collect();
        assert!(differ.is_empty(), "the image, or the host, is touched: {differ:#?}");
    };
    let install = "exec 2>&1; stat -c '%u %a' /var/lib/apt/lists/partial && apt-get -q update && apt-get -qy install needs-range && \
        dpkg -l | grep -c ^ii && stat -c '%U %a' /opt/hello-range/data /opt/needs-range/data";
    let said = scene.kakuri(options.iter().copied().chain(["sh", "-c", install])).output().ok();
    assert!(said.text().starts_with("100 700\n"), "{said}");
    assert!(said.text().ends_with("\n2\nhello-range 640\nneeds-range 640"), "{said}");
    // The next container knows nothing of it.
    let look = "test ! -e /opt/hello-range && dpkg -l 2>/dev/null | grep -c ^ii";
    assert_eq!(scene.kakuri(options.iter().copied().chain(["sh", "-c", look])).output().text(), "0");
    untouched();

    // One with a name keeps what it has installed; the image does not.
    let create = ["create"].into_iter().chain(options.iter().copied()).chain(["box"]);
    scene.kakuri(create).output().ok();
    let script = format!("({install}) >/dev/null && id -u needs-range");
    let uid = scene.kakuri(["start", "box", "sh", "-c", &script]).output().ok().text();
    let again = scene.kakuri(["start", "box", "sh", "-c", "stat -c '%u %U' /opt/needs-range/data"]).output().ok();
    assert_eq!(again.text(), format!("{uid} needs-range"));
    scene
        .kakuri(["start", "box", "sh", "-c", "apt-get -qy purge needs-range 2>&1 && ! test -e /opt/needs-range"])
        .output()
        .ok();
    scene.kakuri(["remove", "box"]).output().ok();
    untouched();
}
