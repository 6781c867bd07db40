// What a command used: time and memory, its own and that of the processes it waited for.

use kakuri::{Container, Result};

fn main() -> Result<()> {
    let script = "head -c 50000000 /dev/zero | sort --buffer-size=64M | tail -c 1 | wc -c";
    let output = Container::new().command("sh").args(["-c", script]).output()?;
    let usage = output.status.usage().unwrap_or_default();
    println!("wall {:?}, user {:?}, system {:?}", usage.wall, usage.user, usage.system);
    println!("peak {} MiB", usage.peak_memory >> 20);
    Ok(())
}
