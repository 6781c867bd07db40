//! A build in a checkout of ten thousand files.

use std::fs;

use crate::common::{Scene, rounds};
use crate::tree::{same, snapshot};
use crate::{changes, need};

#[test]
fn a_build_in_a_checkout_of_ten_thousand_files() {
    need!("git", "make");
    let scene = Scene::new();
    let p = scene.folder("p");
    let files = rounds("KAKURI_TEST_FILES", 10_000);
    for n in 0..files {
        let folder = p.join(format!("src/{:02}", n % 100));
        if n < 100 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("f{n}.c")), format!("int f{n};\n")).unwrap();
    }
    // A build as there are many: it reads all, makes a folder of its own, writes to two sources and removes one.
    let rules = "all:\n\tmkdir -p build\n\tcat src/*/*.c >build/all.o\n\twc -l <build/all.o >build/count\n\
                 \techo '// generated' >>src/01/f1.c\n\tsed -i s/int/long/ src/02/f2.c\n\trm src/03/f3.c\n\
                 \tchmod +x src/04/f4.c\n\ttouch src/05/f5.c\n";
    fs::write(p.join("Makefile"), rules).unwrap();
    let git = |args: &[&str]| {
        let config = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "gc.auto=0"];
        scene.program("git").args(config.iter().chain(args)).env("GIT_OPTIONAL_LOCKS", "0").dir(&p).output().ok().text()
    };
    git(&["init", "-q"]);
    fs::write(p.join(".gitignore"), "").unwrap();
    git(&["add", "-A"]);
    git(&["commit", "-qm", "all"]);
    let before = snapshot(&p);
    scene.kakuri(["try", "make", "-s"]).dir(&p).output().ok();
    same(&snapshot(&p), &before);
    let all = [
        "A p/build",
        "A p/build/all.o",
        "A p/build/count",
        "M p/src/01/f1.c",
        "M p/src/02/f2.c",
        "D p/src/03/f3.c",
        "M p/src/04/f4.c",
    ];
    assert_eq!(changes(&scene, &["p"]), all);
    let count = fs::read_dir(p.join("src")).unwrap().count();
    assert_eq!(count, 100.min(files));
    // A conflict is refused, whole, and named; the rest can be chosen.
    fs::write(p.join("src/02/f2.c"), "mine\n").unwrap();
    let mine = snapshot(&p);
    let said = scene.kakuri(["commit"]).dir(&p).output();
    assert_eq!(said.code(), 1, "{said}");
    assert!(said.err().contains("/p/src/02/f2.c': it was changed meanwhile"), "{said}");
    assert_eq!(said.err().matches("changed meanwhile").count(), 1, "{said}");
    same(&snapshot(&p), &mine);
    scene.kakuri(["commit", "build", "src/03"]).dir(&p).output().ok();
    assert_eq!(git(&["status", "--porcelain"]), " M src/02/f2.c\n D src/03/f3.c\n?? build/");
    assert_eq!(changes(&scene, &["p"]), [all[3], all[4], all[6]]);
    // Taken back, it is as it was, the host's own change included.
    scene.kakuri(["commit", "--undo"]).dir(&p).output().ok();
    same(&snapshot(&p), &mine);
    // Without what is in the way all can be committed.
    scene.kakuri(["discard", "src/02/f2.c"]).dir(&p).output().ok();
    scene.kakuri(["commit"]).dir(&p).output().ok();
    let status = git(&["status", "--porcelain"]);
    assert_eq!(status, " M src/01/f1.c\n M src/02/f2.c\n D src/03/f3.c\n M src/04/f4.c\n?? build/");
    assert_eq!(fs::read(p.join("build/count")).unwrap(), format!("{files}\n").as_bytes());
    scene.kakuri(["commit", "--undo"]).dir(&p).output().ok();
    same(&snapshot(&p), &mine);
    scene.kakuri(["discard"]).dir(&p).output().ok();
    same(&snapshot(&p), &mine);
    assert_eq!(git(&["status", "--porcelain"]), " M src/02/f2.c");
}
