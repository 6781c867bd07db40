//! What the helpers share when a person runs them from a shell instead of the front.

use std::ffi::{CString, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use crate::fail::{CODE_NOT_EXECUTABLE, CODE_NOT_FOUND, Fail, Stage};
use crate::{Exec, handshake};

/// Whether the front started this program: it names it `kakuri-x [container]` and puts a link at
/// descriptor 3, which nobody types.
pub fn by_front(arguments: &[OsString]) -> bool {
    arguments.len() == 1 && arguments[0].as_bytes().ends_with(b"]")
}

/// Prints an error as the front would, and gives its exit code.
pub fn report(stage: Stage, fail: &Fail) -> u8 {
    let _ = writeln!(std::io::stderr(), "{stage}: {fail}");
    fail.code
}

/// `--version`.
pub fn print_version(stage: Stage) -> u8 {
    let _ = writeln!(std::io::stdout(), "{stage} {} (protocol {})", handshake::BUILD, handshake::PROTOCOL);
    0
}

/// Becomes `command`, found along PATH as execvp(3) does; returns only the error.
pub fn exec(stage: Stage, command: &[OsString]) -> Fail {
    let shown = crate::Bytes::from(command.first().map_or(std::ffi::OsStr::new(""), |c| c.as_os_str()));
    let strings = |s: &OsString| CString::new(s.as_bytes()).ok();
    let (Some(argv), env) = (
        command.iter().map(strings).collect::<Option<Vec<_>>>(),
        std::env::vars_os()
            .filter_map(|(k, v)| CString::new([k.as_bytes(), b"=", v.as_bytes()].concat()).ok())
            .collect::<Vec<_>>(),
    ) else {
        return Fail::new(stage, format!("cannot run '{shown}'")).why("an argument contains a NUL byte");
    };
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let errno = Exec::new(argv, env, path.as_bytes()).run();
    let code = if errno == libc::ENOENT { CODE_NOT_FOUND } else { CODE_NOT_EXECUTABLE };
    Fail::new(Stage::Command, format!("cannot run '{shown}'"))
        .errno(errno)
        .hint("correct the name; without a '/' in it, it is looked for along PATH")
        .code(code)
}
