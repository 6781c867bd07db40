//! Becoming a command, found as execvp(3) finds it.

use std::ffi::{CStr, CString};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;

use crate::sys::Strings;

/// A command's words, environment and search path, ready made: [`Exec::run`] allocates nothing, because it may be
/// called in a child that shares its parent's memory (`sys::clone_vfork`), where a successful exec frees nothing.
pub struct Exec {
    argv: Strings,
    env: Strings,
    path: Vec<u8>,
    /// Room for the longest name tried.
    candidate: Vec<u8>,
}

impl Exec {
    /// `path` is where a name without a slash is looked for, folders separated by colons.
    pub fn new(argv: Vec<CString>, env: Vec<CString>, path: &[u8]) -> Exec {
        let longest = path.len() + 2 + argv.first().map_or(0, |name| name.count_bytes());
        Exec {
            argv: Strings::new(argv),
            env: Strings::new(env),
            path: path.to_vec(),
            candidate: Vec::with_capacity(longest),
        }
    }

    /// Becomes the command: a name with a slash is taken as it is; a match that may not be executed is remembered while
    /// the search goes on; a file that says nothing of who runs it is given to /bin/sh. Returns only the errno.
    pub fn run(&mut self) -> i32 {
        let Exec { argv, env, path, candidate } = self;
        candidate.clear();
        candidate.extend_from_slice(argv.first().map_or(b"", CStr::to_bytes));
        let length = candidate.len();
        if candidate.contains(&b'/') {
            candidate.push(0);
            return CStr::from_bytes_with_nul(candidate).map_or(libc::ENOENT, |file| attempt(file, argv, env));
        }
        let mut result = libc::ENOENT;
        for folder in path.split(|&b| b == b':').filter(|folder| !folder.is_empty() && length > 0) {
            candidate.clear();
            candidate.extend_from_slice(folder);
            candidate.push(b'/');
            candidate.extend_from_slice(argv.first().map_or(b"", CStr::to_bytes));
            candidate.push(0);
            let Ok(file) = CStr::from_bytes_with_nul(candidate) else { continue };
            match attempt(file, argv, env) {
                libc::ENOENT | libc::ENOTDIR => {}
                // A match that may not be executed is remembered; a folder that may not be searched holds none.
                libc::EACCES if rustix::fs::stat(file).is_ok() => result = libc::EACCES,
                libc::EACCES => {}
                errno => return errno,
            }
        }
        result
    }
}

fn attempt(file: &CStr, argv: &mut Strings, env: &Strings) -> i32 {
    let errno = argv.exec(file, env).raw_os_error().unwrap_or(libc::EINVAL);
    // A shell would read a program for another machine as if it were a script, and a script of another language as its
    // own.
    if errno == libc::ENOEXEC && !is_program(file) {
        argv.exec_by_shell(file, env);
    }
    errno
}

/// An ELF file, or a script that names its interpreter.
fn is_program(file: &CStr) -> bool {
    let mut head = [0_u8; 128];
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(length) = open(file, flags, Mode::empty()).and_then(|file| read(&file, &mut head)) else { return false };
    let names = |line: &[u8]| line.iter().take_while(|&&b| b != b'\n').any(|&b| b != b' ' && b != b'\t');
    match head.get(..length) {
        Some([b'#', b'!', line @ ..]) => names(line),
        Some(head) => head.starts_with(b"\x7fELF"),
        None => false,
    }
}
