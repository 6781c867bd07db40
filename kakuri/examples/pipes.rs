// A pipeline over containers: what one writes another reads, while both run, and we read the end of it.

use std::io::{BufRead, BufReader, Write};

use kakuri::{Container, Result, Stdio};

fn main() -> Result<()> {
    let container = Container::new();
    let mut sort = container.command("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let from_sort = sort.stdout.take().map_or(Stdio::null(), Stdio::from);
    let mut count = container.command("uniq");
    let mut count = count.arg("-c").stdin(from_sort).stdout(Stdio::piped()).spawn()?;

    if let Some(mut stdin) = sort.stdin.take() {
        for word in ["tea", "milk", "tea", "tea", "milk", "salt"] {
            writeln!(stdin, "{word}").ok();
        }
    }
    for line in count.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines().map_while(|line| line.ok()))
    {
        println!("{}", line.trim());
    }
    println!("{}, {}", sort.wait()?, count.wait()?);
    Ok(())
}
