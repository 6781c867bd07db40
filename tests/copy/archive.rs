//! `-`: archives, with the host's tar at the other end.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use super::common::{Output, Pty};
use super::{Web, snapshot};
use crate::need;

/// A shell's pipeline in the scene, with $CP for the verb.
fn pipe(web: &Web, script: &str) -> Output {
    let verb = format!("{} container cp", super::common::KAKURI);
    web.scene.program("bash").args(["-o", "pipefail", "-c", script]).env("CP", verb).output()
}

#[test]
fn archives_go_both_ways() {
    need!("tar");
    let web = Web::running(&[]);
    let from = web.scene.folder("from");
    let long = ["n".repeat(200), "m".repeat(255)].join("/");
    web.scene.file(&format!("from/{long}"), "long");
    web.scene.file("from/new\nline", "line");
    web.scene.file("from/run.sh", "#!/bin/sh\n");
    fs::set_permissions(from.join("run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::hard_link(from.join("run.sh"), from.join("same")).unwrap();
    symlink("l".repeat(150), from.join("link")).unwrap();
    fs::write(from.join("large"), vec![7; 3_000_001]).unwrap();
    for format in ["gnu", "pax", "posix", "ustar"] {
        if format == "ustar" {
            fs::remove_dir_all(from.join("n".repeat(200))).unwrap();
            fs::remove_file(from.join("link")).unwrap();
        }
        web.sh("rm -rf /root/x; mkdir /root/x");
        pipe(&web, &format!("tar --format {format} -C from -c . | $CP - web:/root/x")).ok();
        assert_eq!(web.sh("cd /root/x; stat -c '%a %h' run.sh same"), "750 2\n750 2", "{format}");
        pipe(&web, "rm -rf to; mkdir to; $CP web:/root/x/. - | tar -C to -xp").ok();
        let (have, want) = (snapshot(&web.work("to")), snapshot(&from));
        assert_eq!(have.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>(), "{format}");
        assert!(have == want, "{format}: contents or modes differ");
        let stat = |name: &str| web.work("to").join(name).metadata().unwrap();
        assert_eq!(stat("run.sh").ino(), stat("same").ino(), "{format}");
        assert_eq!(stat("run.sh").mtime(), from.join("run.sh").metadata().unwrap().mtime(), "{format}");
    }
    // By name, and one file alone; owners are those inside.
    assert_eq!(pipe(&web, "$CP web:/root/x - | tar -t | sort | head -1").ok().text(), "x/");
    assert_eq!(
        pipe(&web, "$CP web:/root/x/run.sh - | tar --numeric-owner -tv").ok().text().split(' ').nth(1),
        Some("0/0")
    );
    // From one to the other by itself.
    pipe(&web, "$CP -a web:/root/x/. - | (mkdir -p y; $CP - web:/srv)").ok();
    assert_eq!(web.sh("cd /srv; cat run.sh; readlink link || :"), "#!/bin/sh");
}

#[test]
fn holes_are_found_again() {
    need!("tar");
    let web = Web::running(&[]);
    fs::File::create(web.work("sparse")).unwrap().set_len(64 << 20).unwrap();
    pipe(&web, "tar -c sparse | $CP - web:/root").ok();
    assert_eq!(web.sh("stat -c '%s %b' /root/sparse"), format!("{} 0", 64 << 20));
    pipe(&web, "tar -cS sparse | $CP - web:/root").refused(1, &["sparse", "of GNU tar's own"]).hints(&["without -S"]);
    pipe(&web, "tar -cS --format posix sparse | $CP - web:/root").refused(1, &["of GNU tar's own"]);
}

#[test]
fn names_that_lead_out_are_refused() {
    need!("tar", "python3");
    let web = Web::running(&[]);
    web.sh("mkdir /root/x; echo old >/root/x/keep");
    // Kind, name, link: as an archive of one entry, behind a good file.
    let make = |kind: &str, name: &str, link: &str| {
        format!(
            "python3 -c \"
import tarfile, io, sys
t = tarfile.open(fileobj=sys.stdout.buffer, mode='w|')
i = tarfile.TarInfo('good'); i.size = 1; t.addfile(i, io.BytesIO(b'g'))
i = tarfile.TarInfo('{name}'); i.type = tarfile.{kind}; i.linkname = '{link}'; t.addfile(i)
t.close()\" | $CP - web:/root/x"
        )
    };
    for (kind, name, link, words) in [
        ("REGTYPE", "/etc/x", "", "absolute"),
        ("REGTYPE", "../x", "", "upwards"),
        ("DIRTYPE", "a/../../x", "", "upwards"),
        ("SYMTYPE", "../l", "/", "upwards"),
        ("LNKTYPE", "h", "../../etc/passwd", "upwards"),
        ("LNKTYPE", "h", "/etc/passwd", "absolute"),
        ("LNKTYPE", "h", "missing", "No such file"),
        ("REGTYPE", ".", "", "no name"),
        ("REGTYPE", "keep/x", "", "a file stands where a folder should"),
        ("DIRTYPE", "keep", "", "a file stands where a folder should"),
    ] {
        let output = pipe(&web, &make(kind, name, link)).refused(1, &[words]);
        assert!(output.err().contains("1 file or folder"), "what was written is told: {output}");
        let now = web.sh("cat /root/x/keep /root/x/good; echo; ls /root /root/x");
        assert_eq!(now, "old\ng\n/root:\nx\n\n/root/x:\ngood\nkeep", "{kind} {name}");
    }
    for (kind, words) in [("CHRTYPE", "a device"), ("FIFOTYPE", "a named pipe")] {
        let output = pipe(&web, &make(kind, "odd", "")).ok();
        assert!(output.err().contains(words), "{output}");
        assert_eq!(web.sh("ls /root/x"), "good\nkeep");
    }
}

#[test]
fn an_archive_does_not_write_through_its_own_links() {
    need!("python3");
    let web = Web::running(&[]);
    web.sh("mkdir /root/x /root/precious; echo old >/root/precious/f; ln -s ../precious /root/x/own");
    let make = "python3 -c \"
import tarfile, io, sys
t = tarfile.open(fileobj=sys.stdout.buffer, mode='w|')
i = tarfile.TarInfo('l'); i.type = tarfile.SYMTYPE; i.linkname = '/root/precious'; t.addfile(i)
i = tarfile.TarInfo('l/f'); i.size = 3; t.addfile(i, io.BytesIO(b'new'))
t.close()\" | $CP - web:/root/x";
    pipe(&web, make).refused(1, &["make the link", "a folder stands there"]);
    assert_eq!(web.sh("cat /root/precious/f"), "old");
    // A link that was there before is the container's own way.
    web.scene.file("own/f", "new");
    pipe(&web, "tar -c own | $CP - web:/root/x").ok();
    assert_eq!(web.sh("cat /root/precious/f; readlink /root/x/own"), "new../precious");
}

#[test]
fn what_is_no_archive_is_refused() {
    need!("tar", "gzip");
    let web = Web::running(&[]);
    web.scene.file("f", "x".repeat(2000));
    for (make, words) in [
        ("true", "it is empty"),
        ("echo hello", "ends before"),
        ("head -c 100000 /dev/zero | tr '\\0' x", "no tar archive"),
        ("tar -c f | head -c 1000", "ends before"),
        ("tar -c f f | head -c 3072", "ends before"),
        ("(tar -c f | head -c 2560; head -c 512 /dev/urandom; head -c 512 /dev/zero)", "no header"),
        ("tar -c f | gzip -c", "gzip has compressed it"),
    ] {
        pipe(&web, &format!("set +o pipefail; {make} | $CP - web:/root")).refused(1, &["archive", words]);
    }
    // Half a file is no file.
    web.sh("rm -f /root/f");
    pipe(&web, "set +o pipefail; tar -c f | head -c 1000 | $CP - web:/root").refused(1, &["byte 1000"]);
    assert_eq!(web.sh("ls -A /root"), "");
}

#[test]
fn whoever_stops_reading_ends_the_copy() {
    let web = Web::running(&[]);
    let mut child = web.cp(["web:/usr/bin", "-"]).stdout(Stdio::piped()).spawn();
    drop(child.stdout.take());
    let output = Output::of(child);
    let ended = output.status.signal() == Some(libc::SIGPIPE) || output.err().contains("has gone");
    assert!(ended, "{output}");
    assert_eq!(web.sh("echo on"), "on", "the container is none the worse for it");
}

#[test]
fn a_terminal_gets_no_archive_and_sees_how_far_a_long_copy_is() {
    need!("tar");
    let web = Web::running(&[]);
    web.scene.file("f", "x".repeat(100_000));
    let kakuri = super::common::KAKURI;
    let script = format!(
        "{kakuri} container cp web:/root -; {kakuri} container cp - web:/root; tar -c f f f >f.tar; \
         (head -c 50000 f.tar; sleep 1.3; tail -c +50001 f.tar) | {kakuri} container cp - web:/root; echo done"
    );
    let run = web.scene.program("sh").args(["-c", &script]);
    let mut pty = Pty::start(run);
    pty.expect("done");
    let shown = pty.shown();
    assert!(shown.contains("to a terminal") && shown.contains("from a terminal"), "{shown}");
    assert!(shown.contains("0 files and folders") && shown.contains("kB"), "{shown}");
}
