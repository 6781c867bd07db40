// A build sandbox: the sources cannot be changed, the network is not there, and only one folder takes what is built.

use std::error::Error;
use std::fs;

use kakuri::{Container, Ids};

fn main() -> Result<(), Box<dyn Error>> {
    let place = std::env::temp_dir().join(format!("kakuri-build-{}", std::process::id()));
    let (sources, results) = (place.join("src"), place.join("out"));
    fs::create_dir_all(&sources)?;
    fs::create_dir_all(&results)?;
    fs::write(sources.join("Makefile"), "/out/greeting: name\n\tsed 's/^/hello, /' name >$@\n")?;
    fs::write(sources.join("name"), "world\n")?;

    let mut sandbox = Container::new();
    sandbox.ids(Ids::Single).bind_ro(&sources, "/src").bind(&results, "/out").env("SOURCE_DATE_EPOCH", "0");
    let built = sandbox.command("make").arg("--quiet").current_dir("/src").status()?;
    println!("make: {built}");
    print!("built: {}", fs::read_to_string(results.join("greeting"))?);

    let vandal = sandbox.command("sh").args(["-c", "echo spoilt >name"]).current_dir("/src").output()?;
    println!("changing a source: {}", if vandal.status.success() { "possible" } else { "refused" });
    let call = sandbox.command("bash").args(["-c", "exec 3<>/dev/tcp/192.0.2.1/80"]).output()?;
    println!("calling home: {}", if call.status.success() { "possible" } else { "refused" });
    fs::remove_dir_all(&place)?;
    Ok(())
}
