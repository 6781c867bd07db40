//! What stops a copy, in words.

use std::fmt::Display;

use kakuri_wire::fail::{Fail, Stage};
use rustix::io::Errno;

use crate::verb::FAILED;

pub fn fail(what: impl Into<String>) -> Fail {
    Fail::new(Stage::Front, what).code(FAILED)
}

/// `cannot DO 'PATH'`, and why.
pub fn cannot(act: &str, path: impl Display, e: Errno) -> Fail {
    let fail = fail(format!("cannot {act} '{path}'")).errno(e);
    match e {
        Errno::NOSPC => fail
            .why("no space is left there; the unfinished file was removed")
            .hint("make room, and copy again: df -h and df -i show what is full"),
        Errno::DQUOT => {
            fail.why("the quota is used up; the unfinished file was removed").hint("make room, and copy again")
        }
        Errno::FBIG => fail
            .why("it is larger than a file may be there; the unfinished file was removed")
            .hint("ulimit -f shows the limit, or the file system has one"),
        Errno::ROFS => fail
            .why("it is on a read-only file system")
            .hint("copy to a folder that is writable: in a container that shows the host's programs /root, /home, /srv, /var and /tmp are"),
        Errno::ACCESS | Errno::PERM => {
            fail.hint(format!("ls -ld '{path}' shows who may; what only the container's root may read comes out by kakuri exec NAME tar -c PATH"))
        }
        Errno::LOOP => fail.why("a symbolic link stands there").hint("remove the link, or name what it leads to"),
        Errno::ISDIR => fail.why("a folder stands there").hint("remove the folder, or copy to another name"),
        Errno::NOTDIR => fail.why("a file stands where a folder should").hint("remove it, or copy to another name"),
        Errno::STALE => fail.why("it was moved while it was copied").hint("copy again when nobody changes it"),
        Errno::AGAIN => fail.why("it is changed all the time").hint("copy again when nobody changes it"),
        Errno::NAMETOOLONG => fail.hint("a name may have 255 bytes, a path that is typed 4095"),
        Errno::XDEV => fail.why("a link on the way leads out of where it may").hint("name what the link leads to"),
        _ => fail,
    }
}
