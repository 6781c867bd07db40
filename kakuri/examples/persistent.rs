// A container that stays: it is made, started, entered, stopped, and what it kept is there the next time.

use kakuri::{Container, Persistent, Result};

fn main() -> Result<()> {
    let name = format!("example-{}", std::process::id());
    let there = || -> Result<bool> { Ok(Persistent::list()?.iter().any(|state| state.name() == name)) };
    let container = Container::new().hostname("workshop").env("TOOL", "chisel").create(&name)?;
    println!("made: {}", there()?);

    container.start()?;
    println!("running: {}", container.inspect()?.is_running());
    container.exec("sh").args(["-c", "echo \"$TOOL, sharpened\" >/srv/note"]).status()?;
    container.stop()?;
    println!("running: {}", container.inspect()?.is_running());

    let output = container.first("cat").arg("/srv/note").output()?;
    print!("kept: {}", String::from_utf8_lossy(&output.stdout));
    container.remove()?;
    println!("made: {}", there()?);
    Ok(())
}
