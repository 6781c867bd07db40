// A shell in a container: the program of hakoniwa's README, for this library.

use kakuri::Container;

fn main() -> kakuri::Result<()> {
    Container::new() // The host's programs can be read, and nothing else
        // .bind("./src", "/src") // Show a folder
        // .tmpfs("/scratch") // An empty one
        // .rlimit(..) // Limit resources
        .command("/bin/sh")
        .status()?;
    Ok(())
}
