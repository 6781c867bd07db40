//! Compilers and what drives them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::common::{HANG, Scene, skip};
use crate::{bash, need};

#[test]
fn c_is_compiled_and_run() {
    need!("gcc");
    let scene = Scene::new();
    let script = r#"
        cat >threads.c <<'C'
        #include <pthread.h>
        #include <stdio.h>
        static void *twice(void *number) { *(int *)number *= 2; return number; }
        int main(void) {
            int all[16]; pthread_t threads[16]; int sum = 0;
            for (int i = 0; i < 16; i++) { all[i] = i; pthread_create(&threads[i], 0, twice, &all[i]); }
            for (int i = 0; i < 16; i++) { pthread_join(threads[i], 0); sum += all[i]; }
            printf("%d\n", sum);
        }
C
        gcc -pipe -O1 -pthread -o threads threads.c; ./threads
        gcc -g -save-temps -c threads.c; ar rcs all.a threads.o; gcc -o again all.a -pthread; ./again
        gcc -shared -fPIC -o lib.so threads.c; gcc -O1 -fsanitize=undefined -o checked threads.c 2>/dev/null && ./checked || echo 240
    "#;
    assert_eq!(bash(&scene, &[], script), "240\n240\n240");
}

#[test]
fn make_runs_jobs_beside_each_other() {
    need!("make");
    let scene = Scene::new();
    let script = r#"
        printf 'all: $(addprefix part,$(shell seq 40))\n\t@cat $^ | wc -l\npart%%:\n\t@+$(MAKE) -s -f inner NAME=$@\n' >Makefile
        printf 'all: one two\none two:\n\t@echo $(NAME) >>$(NAME)\n' >inner
        make -s -j8
    "#;
    assert_eq!(bash(&scene, &[], script), "80");
}

/// A toolchain the user of the tests may run: of the machine, of his home, or what built the tests; and the folder
/// it lies in, where that is not one of the machine's.
fn cargo() -> Option<(PathBuf, Option<PathBuf>)> {
    let machine = PathBuf::from("/usr/bin/cargo");
    if machine.exists() {
        return Some((machine, None));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let installed = std::fs::read_dir(home.join(".rustup/toolchains")).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin/cargo")).collect();
    all.extend(std::env::var_os("CARGO").map(PathBuf::from));
    let runs = |path: &PathBuf| path.metadata().is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0);
    let cargo = all.into_iter().find(runs)?;
    let folder = cargo.ancestors().nth(2).map(Path::to_path_buf);
    Some((cargo, folder))
}

#[test]
fn a_crate_is_built_and_tested_without_a_network() {
    need!("cc");
    let Some((cargo, toolchain)) = cargo() else {
        return skip("programs::build: the user of the tests has no cargo he may run");
    };
    let scene = Scene::new();
    scene.file("crate/Cargo.toml", "[package]\nname = 'tiny'\nversion = '0.1.0'\nedition = '2021'\n");
    let source = "fn main() { let t = std::thread::spawn(|| 21); println!(\"{}\", 2 * t.join().unwrap()); }\n\
                  #[test] fn passes() { assert_eq!(1 + 1, 2); }\n";
    scene.file("crate/src/main.rs", source);
    scene.file("crate/build.rs", "fn main() { println!(\"cargo:rerun-if-changed=build.rs\"); }\n");
    let own = toolchain.map(|folder| format!("{}:ro", folder.display()));
    let mut options = vec!["--bind", "crate:/crate", "-w", "/crate"];
    options.extend(own.iter().flat_map(|bind| ["--bind", bind]));
    let script = "PATH=${0%/*}:$PATH; cargo build -q --offline -j2 && cargo run -q --offline && cargo test -q --offline && ls target";
    let words = options.into_iter().chain(["--", "sh", "-c", script, cargo.to_str().unwrap()]);
    let said = scene.kakuri(words).limit(HANG * 4).output().ok();
    assert!(said.text().starts_with("42\n") && said.text().contains("1 passed"), "{said}");
    assert!(scene.work().join("crate/target/debug/tiny").exists());
}
