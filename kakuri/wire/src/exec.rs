//! Becoming a command, found as execvp(3) finds it.

use std::ffi::{CStr, CString};

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
    /// the search goes on; a file without `#!` is given to /bin/sh. Returns only the errno.
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
    if errno == libc::ENOEXEC {
        argv.exec_by_shell(file, env);
    }
    errno
}
