//! Whoever hangs up in the middle of an answer ends his own connection, and nobody else's.

use super::PROGRAMS;
use super::common::Scene;
use super::outer::{Outer, Ready, have};

/// Answers everybody with bytes for as long as they are taken; `whole` after `end?`. Says `ready` first.
const POUR: &str = r#"
import socket, sys, threading
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
def serve(c):
    try:
        if c.recv(4) == b"end?": c.sendall(b"whole")
        else:
            while True: c.sendall(bytes(65536))
    except OSError: pass
    c.close()
while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"#;

/// Reads a little of it and goes, many times; then asks who is still there.
const HANG_UP: &str = r#"
import socket, struct, sys
def meet(word):
    c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    c.settimeout(30); c.sendall(word)
    return c
for n in range(40):
    c = meet(b"pour")
    c.recv(1000)
    # Some have said that they are done before they go, which is a broken pipe to who writes; others just go, or reset.
    if n % 3 == 0: c.shutdown(socket.SHUT_WR)
    if n % 3 == 1: c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
print(meet(b"end?").recv(5).decode())
"#;

#[test]
fn who_hangs_up_in_the_middle_takes_nobody_along() {
    let scene = Scene::new();
    let Some(outer) = Outer::new(&scene) else { return };
    for program in PROGRAMS.into_iter().filter(|program| have(program)) {
        let words = ["--network", program, "-p", "7000:5", "--", "python3", "-c", POUR, "0.0.0.0", "5"];
        let mut container = Ready::wait(outer.kakuri(&scene, &words));
        let said = outer.here(&scene, &["python3", "-c", HANG_UP, "7000"]).output().ok().text();
        assert_eq!(said, "whole", "{program}: from outside");
        assert!(container.child.try_wait().expect("a child").is_none(), "{program}");
    }
}

#[test]
fn the_same_from_inside() {
    let scene = Scene::new();
    let Some(outer) = Outer::new(&scene) else { return };
    let _server = Ready::wait(outer.here(&scene, &["python3", "-c", POUR, "127.0.0.1", "7001"]));
    for program in PROGRAMS.into_iter().filter(|program| have(program)) {
        let words = ["--network", program, "--allow-host-port", "7001", "--", "python3", "-c", HANG_UP, "7001"];
        assert_eq!(outer.kakuri(&scene, &words).output().ok().text(), "whole", "{program}");
    }
}
