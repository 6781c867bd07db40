//! Certificates for tests, by openssl(1).

use std::path::Path;
use std::process::Command;

/// An authority and certificates it has signed, in a folder: `ca.crt`, `NAME.crt`, `NAME.key`.
pub fn authority(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=authority \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.crt",
    );
}

/// `days`: how long it is valid; with 0 it has expired when this returns.
pub fn sign(folder: &Path, name: &str, alternative: &str, days: u32) {
    openssl(
        folder,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ),
    );
    std::fs::write(folder.join("extensions"), format!("subjectAltName={alternative}\n")).expect("written");
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days {days} -extfile extensions -out {name}.crt"
        ),
    );
    if days == 0 {
        // To the second.
        std::thread::sleep(std::time::Duration::from_millis(2100));
    }
}

fn openssl(folder: &Path, words: &str) {
    let done = Command::new("openssl").args(words.split_whitespace()).current_dir(folder).output().expect("openssl");
    assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
}
