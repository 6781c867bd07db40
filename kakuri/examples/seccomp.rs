// A profile of one's own: every system call is allowed but one, which fails in the way the profile says.

use kakuri::{Container, Result, Seccomp};

const PROFILE: &str = r#"{
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30 }]
}"#;

fn main() -> Result<()> {
    let mut container = Container::new();
    let make = |container: &Container| container.command("mkdir").arg("/tmp/folder").env("LC_ALL", "C").output();
    println!("without: {}", make(&container)?.status);
    container.seccomp(&Seccomp::Json(PROFILE.into()));
    let output = make(&container)?;
    print!("with: {}", String::from_utf8_lossy(&output.stderr));

    container.seccomp(&Seccomp::Json("{}".into()));
    if let Err(error) = make(&container) {
        println!("a bad one is the error of {}", error.call().unwrap_or("?"));
    }
    Ok(())
}
