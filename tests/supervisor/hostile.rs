//! What a command can do to the one who minds it: nothing.

use crate::common::Scene;

/// By /proc it opens the other end of its own output, and takes back what poll has just shown to the supervisor.
#[test]
fn output_taken_back_stops_nobody() {
    crate::need!("python3");
    let scene = Scene::new();
    scene.say("create web").output().ok();
    let script = "
import os
mine = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK)
while True:
    os.write(1, b'x')
    try:
        os.read(mine, 1)
    except BlockingIOError:
        pass
";
    scene.kakuri(["start", "-d", "web", "python3", "-c", script]).output().ok();
    for _ in 0..60 {
        scene.say("exec web true").output().ok();
    }
    scene.say("remove -f web").output().ok();
}

/// The time limit needs nobody inside, where a command may keep PID 1 waiting.
#[test]
fn a_command_that_heeds_no_signal_runs_out_of_time() {
    let scene = Scene::new();
    scene.say("create web").output().ok();
    let run =
        scene.kakuri(["start", "--timeout", "300ms", "web", "sh", "-c", "trap '' TERM; while :; do sleep 1; done"]);
    assert_eq!(run.output().code(), 124);
    assert_eq!(scene.state("web"), "exited");
}
