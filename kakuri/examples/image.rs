// A container from an image: `image REFERENCE CMD...`, such as `image alpine cat /etc/os-release`. It is fetched the first
// time; what the command writes is gone afterwards.

use kakuri::Container;

fn main() -> kakuri::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((reference, command)) = arguments.split_first() else {
        eprintln!("image REFERENCE [CMD...]");
        return Ok(());
    };
    let mut container = Container::new();
    container.image(reference);
    let mut entry = container.entry();
    let output = entry.args(command).output()?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    println!("{}", output.status);
    Ok(())
}
