// Commands in a running container: they see each other, and each costs little more than a process of the host.

use kakuri::{Container, Result, Stdio};

fn main() -> Result<()> {
    let container = Container::new().create(format!("example-exec-{}", std::process::id()))?;
    container.start()?;

    let mut server = container.exec("sh");
    server.args(["-c", "echo ready; exec sleep 1000"]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut server = server.spawn()?;
    let mut ready = [0; 6];
    if let Some(stdout) = &mut server.stdout {
        std::io::Read::read_exact(stdout, &mut ready).ok();
    }
    print!("{}", String::from_utf8_lossy(&ready));

    let id = server.id_inside().unwrap_or_default();
    let seen = container.exec("cat").arg(format!("/proc/{id}/comm")).output()?;
    print!("another command sees: {}", String::from_utf8_lossy(&seen.stdout));
    let failed = container.exec("sh").args(["-c", "exit 3"]).status()?;
    println!("a third one: {failed}");
    server.signal(15)?;
    println!("the first one: {}", server.wait()?);
    container.remove_anyway()
}
