// What a command would change, before it has: a folder is shown to it, its changes are listed, and some are carried over.

use std::error::Error;
use std::fs;

use kakuri::{Changes, Container};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("kakuri-commit-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("list"), "bread\n")?;
    fs::write(folder.join("old"), "")?;

    let script = "echo cheese >>list; rm old; echo x >junk";
    Container::new().try_in([&folder], "sh").args(["-c", script]).current_dir(&folder).status()?;
    print!("untouched: {}", fs::read_to_string(folder.join("list"))?);

    let changes = Changes::of_folder(&folder);
    for change in changes.list()? {
        println!("{:?} {}", change.kind, change.path.strip_prefix(&folder)?.display());
    }
    changes.commit_paths([folder.join("list"), folder.join("old")])?;
    changes.discard()?;
    print!("carried over: {}", fs::read_to_string(folder.join("list"))?.replace('\n', " "));
    println!("junk: {}, old: {}", folder.join("junk").exists(), folder.join("old").exists());
    fs::remove_dir_all(&folder)?;
    Ok(())
}
