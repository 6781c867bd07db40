// A hundred containers, from a few threads: starting one forks nothing in this process, so threads do not mind.

use std::sync::Mutex;
use std::thread;

use kakuri::{Container, Result};

fn main() -> Result<()> {
    let jobs = Mutex::new(0..100_u32);
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(job) = jobs.lock().ok().and_then(|mut jobs| jobs.next()) {
                    let mut command = Container::new().command("sh");
                    let output = command.args(["-c", "echo $((JOB * JOB))"]).env("JOB", job.to_string()).output();
                    results.lock().map(|mut all| all.push(output)).ok();
                }
            });
        }
    });
    let mut sum = 0;
    for output in results.into_inner().unwrap_or_default() {
        sum += String::from_utf8_lossy(&output?.stdout).trim().parse::<u32>().unwrap_or(0);
    }
    println!("the sum of the squares below 100 is {sum}");
    Ok(())
}
