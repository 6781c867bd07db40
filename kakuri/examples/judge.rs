// A judge: somebody's program gets its input, a second, some memory, one process and no file to write, and is told what
// became of it.

use std::io::Write;
use std::time::Duration;

use kakuri::{Container, Reason, Resource, Result, Stdio};

fn judge(solution: &str, input: &str, expected: &str) -> Result<&'static str> {
    let mut command = Container::new()
        .file("/solution.py", solution)
        .read_only()
        .rlimit(Resource::As, Some(256 << 20), Some(256 << 20))
        .rlimit(Resource::Nproc, Some(1), Some(1))
        .rlimit(Resource::Fsize, Some(0), Some(0))
        .command("python3");
    command.args(["-I", "/solution.py"]).timeout(Duration::from_secs(1));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(stdin) = &mut child.stdin {
        // One that does not read its input is no error of ours.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    let usage = output.status.usage().unwrap_or_default();
    assert!(usage.peak_memory > 0 && usage.wall + usage.user > Duration::ZERO);
    Ok(match output.status.reason() {
        Reason::TimedOut => "time limit exceeded",
        Reason::Exited(0) if output.stdout == expected.as_bytes() => "accepted",
        Reason::Exited(0) => "wrong answer",
        _ => "runtime error",
    })
}

fn main() -> Result<()> {
    for (name, solution) in [
        ("right", "print(sum(map(int, input().split())))"),
        ("wrong", "print(4)"),
        ("slow", "while True: pass"),
        ("greedy", "x = bytearray(1 << 30)"),
        ("forking", "import os; os.fork()"),
        ("nosy", "open('/etc/shadow').read()"),
    ] {
        println!("{name}: {}", judge(solution, "1 2\n", "3\n")?);
    }
    Ok(())
}
