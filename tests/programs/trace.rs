//! Debuggers on what they start.

use crate::common::Scene;
use crate::{bash, need};

#[test]
fn strace_follows_children() {
    need!("strace");
    let scene = Scene::new();
    let script = "strace -f -o log sh -c 'true; (exit 3); cat /dev/null' && grep -c 'exited with' log && grep -q execve log\n\
        strace -f -c -o count true && grep -q execve count && strace -qq -e trace=none -e inject=getpid:error=EPERM true";
    let said = bash(&scene, &[], script);
    assert!(said.trim().parse::<u32>().is_ok_and(|ended| ended >= 2), "{said}");
}

#[test]
fn gdb_runs_stops_and_looks() {
    need!("gdb", "gcc");
    let scene = Scene::new();
    let script = r#"
        printf 'int twice(int n) { return 2 * n; }\nint main(void) { return twice(21) == 42 ? 7 : 1; }\n' >p.c
        gcc -g -O0 -o p p.c
        gdb -nx -batch -ex 'break twice' -ex run -ex 'print n' -ex 'delete' -ex finish -ex continue ./p 2>&1
    "#;
    let said = bash(&scene, &[], script);
    for part in ["Breakpoint 1, twice (n=21)", "$1 = 21", "Value returned is $2 = 42", "exited with code 07"] {
        assert!(said.contains(part), "no '{part}': {said}");
    }
    // It starts what it looks at at the same addresses each time.
    assert!(!said.contains("disabling address space randomization"), "{said}");
}

#[test]
fn other_personalities() {
    need!("setarch");
    let scene = Scene::new();
    let script = "setarch -R true && setarch linux64 true && setarch linux32 -R true && setarch linux32 uname -m && \
        setarch --uname-2.6 uname -r | cut -c1-4";
    let machine = if cfg!(target_arch = "x86_64") { "i686" } else { "armv8l" };
    assert_eq!(bash(&scene, &[], script), format!("{machine}\n2.6."));
}
