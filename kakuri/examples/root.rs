// A root made piece by piece, from nothing: the host's programs, read-only, and the rest of its own.

use kakuri::{Container, Result, Tmpfs, User};

fn main() -> Result<()> {
    let mut container = Container::empty();
    container
        .bind_ro("/usr", "/usr")
        .symlink("usr/bin", "/bin")
        .symlink("usr/lib", "/lib")
        .symlink("usr/lib64", "/lib64")
        .file("/etc/motd", "welcome\n")
        .dir("/var/spool", 0o700)
        .tmpfs_with(&Tmpfs::new("/scratch").size(1 << 20).mode(0o755))
        .user(&User::Ids { uid: 1234, gid: 1234 })
        .hostname("plain");
    let script = "echo /*; cat /etc/motd; id -u; readlink /bin; stat -c %a /var/spool; touch /scratch/x && ls /scratch";
    let output = container.command("/bin/sh").args(["-c", script]).output()?;
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(())
}
