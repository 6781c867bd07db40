// A server in a container with a network of its own: a port of this machine's loopback leads to it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use kakuri::{Container, Network, Port, Protocol};

const SERVER: &str = "import socket
s = socket.create_server(('', 8080))
c, _ = s.accept()
c.sendall(b'hello from ' + socket.gethostname().encode())";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A port that is free now.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut container = Container::new();
    container.network(&Network::Nat).publish(Port::new(8080, Protocol::Tcp).host(port)).hostname("inside");
    let mut child = container.command("python3").args(["-c", SERVER]).kill_on_drop(true).spawn()?;
    let end = Instant::now() + Duration::from_secs(20);
    let mut said = String::new();
    while said.is_empty() && Instant::now() < end {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.write_all(b"\n").ok();
            stream.read_to_string(&mut said).ok();
        }
    }
    println!("{said}");
    child.kill()?;
    Ok(())
}
