//! Somebody who listens, as an agent, a display or a sound server would, and says back what he hears.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The socket goes with it; who is waiting at it goes with the test.
pub struct Echo(PathBuf);

pub fn listen(path: &Path) -> Echo {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut word = [0; 64];
            if let Ok(length) = stream.read(&mut word) {
                let _ = stream.write_all(&[b"heard ", &word[..length]].concat());
            }
        }
    });
    Echo(path.to_path_buf())
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A command that says `hello` to the socket this word of a shell names, and prints the answer.
pub fn hello(path: &str) -> String {
    format!(
        "/usr/bin/python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); \
         s.send(b\"hello\"); print(s.recv(99).decode())' {path}"
    )
}

pub const ANSWER: &str = "heard hello";
