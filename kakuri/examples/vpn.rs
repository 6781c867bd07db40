// A download through a VPN: `vpn CONF URL`, CONF being a file as wg-quick(8) reads it. Without the tunnel nothing can be
// reached: no name, no address, not for a moment.

use std::process::ExitCode;
use std::time::Duration;

use kakuri::Container;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, url] = &arguments[..] else {
        eprintln!("vpn CONF URL");
        return ExitCode::FAILURE;
    };
    let fetched = Container::new()
        .vpn(config)
        .command("curl")
        .args(["--silent", "--show-error", "--fail", url])
        .timeout(Duration::from_secs(60))
        .output();
    match fetched {
        Ok(output) => {
            println!("{}: {} bytes", output.status, output.stdout.len());
            if output.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            // Names the call, the reason, and what helps.
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
