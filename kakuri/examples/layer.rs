// A container whose folder is never touched: what its commands change stays with it until somebody decides.

use std::error::Error;
use std::fs;

use kakuri::Container;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("kakuri-layer-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("text"), "one\n")?;

    let name = format!("example-layer-{}", std::process::id());
    let container = Container::new().bind_cow(&folder, "/work").create(name)?;
    container.exec("sh").args(["-c", "echo two >>/work/text"]).status()?;
    container.exec("sh").args(["-c", "echo new >/work/more"]).status()?;
    print!("{}", String::from_utf8_lossy(&container.changes().patch()?));

    println!("carried over: {}", container.changes().commit().is_ok());
    println!("now: {}", fs::read_to_string(folder.join("text"))?.replace('\n', " "));
    container.changes().undo()?;
    println!("taken back: {}", fs::read_to_string(folder.join("text"))?.replace('\n', " "));
    container.remove_anyway()?;
    fs::remove_dir_all(&folder)?;
    Ok(())
}
