//! Which certificates are believed: the machine's own bundle, and the folders people keep for one registry
//! (containers-certs.d(5), and docker's of the same form).

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, Result, Stage};
use rustix::fs::{Access, access};

use super::place::{self, shown};
use crate::host::{Host, as_path};
use crate::pathname;

/// Where systems keep all authorities in one file: Debian and Arch, Fedora, SUSE, older ones, Alpine and the BSDs.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];
/// And in a file each, where there is no bundle.
const FOLDERS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];
/// Files of one folder that are heeded.
const MOST: usize = 1024;

/// Paths of PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    pub roots: Vec<Bytes>,
    /// The caller's certificate and its key.
    pub client: Option<(Bytes, Bytes)>,
}

/// The authorities everybody on this machine believes. SSL_CERT_FILE and SSL_CERT_DIR stand in their place
/// (openssl(1), SSL_CTX_load_verify_locations(3)).
pub fn of_machine(host: &Host) -> Result<Vec<Bytes>> {
    let named = |variable: &str| host.var(variable).filter(|value| !value.is_empty());
    let mut roots = Vec::new();
    if let Some(file) = named("SSL_CERT_FILE") {
        let path = host.expand(file)?;
        readable(&path).map_err(|fail| fail.hint("SSL_CERT_FILE names it: correct or unset that"))?;
        roots.push(Bytes(path));
    }
    if let Some(folders) = named("SSL_CERT_DIR") {
        for folder in folders.split(|&b| b == b':').filter(|folder| !folder.is_empty()) {
            roots.extend(of_folder(&host.expand(folder)?)?);
        }
        return Ok(roots);
    }
    if !roots.is_empty() {
        return Ok(roots);
    }
    if let Some(bundle) = BUNDLES.iter().find(|path| readable(path.as_bytes()).is_ok()) {
        return Ok(vec![Bytes::from(*bundle)]);
    }
    for folder in FOLDERS {
        roots.extend(of_folder(folder.as_bytes())?);
    }
    Ok(roots)
}

/// The certificates of a folder: `.pem`, `.crt`, and openssl's links, which end in `.0` and lead to the same files.
fn of_folder(folder: &[u8]) -> Result<Vec<Bytes>> {
    let mut files = place::list(folder, b".pem")?;
    files.extend(place::list(folder, b".crt")?);
    if files.is_empty() {
        files = place::list(folder, b".0")?;
    }
    files.truncate(MOST);
    Ok(files.into_iter().map(Bytes).collect())
}

/// What is kept for one registry, `host[:port]`: in `named`, else in the first of the usual folders that has one.
pub fn of_registry(registry: &str, named: Option<&Bytes>, host: &Host) -> Result<Trust> {
    if let Some(named) = named {
        let folder = host.expand(named.as_bytes())?;
        if !as_path(&folder).is_dir() {
            return Err(Fail::new(Stage::Front, format!("'{named}' is no folder of certificates (--cert-dir)"))
                .hint("a folder with ca.crt, and client.cert and client.key where the registry asks for them"));
        }
        return of_certs_d(&folder);
    }
    let usual = [
        place::config(host, b"containers/certs.d"),
        b"/etc/containers/certs.d".to_vec(),
        place::config(host, b"docker/certs.d"),
        b"/etc/docker/certs.d".to_vec(),
    ];
    let own = usual.iter().map(|folder| pathname::join(folder, registry.as_bytes()));
    match own.into_iter().find(|folder| as_path(folder).is_dir()) {
        Some(folder) => of_certs_d(&folder),
        None => Ok(Trust::default()),
    }
}

/// `*.crt` is an authority, `*.cert` with a `*.key` of its name the caller's own.
fn of_certs_d(folder: &[u8]) -> Result<Trust> {
    let roots = place::list(folder, b".crt")?;
    roots.iter().try_for_each(|path| readable(path))?;
    let (certs, keys) = (place::list(folder, b".cert")?, place::list(folder, b".key")?);
    let beside = |path: &[u8], ending: &str, other: &str| -> Vec<u8> {
        [&path[..path.len() - ending.len()], other.as_bytes()].concat()
    };
    let alone = |path: &[u8], missing: &[u8]| {
        Fail::new(Stage::Front, format!("'{}' is half of a certificate", shown(path)))
            .why(format!("there is no '{}'", shown(pathname::name(missing))))
            .hint("put both there, or take it away")
    };
    if let Some(key) = keys.iter().find(|key| !certs.contains(&beside(key, ".key", ".cert"))) {
        return Err(alone(key, &beside(key, ".key", ".cert")));
    }
    let mut client = None;
    for cert in certs {
        let key = beside(&cert, ".cert", ".key");
        if !keys.contains(&key) {
            return Err(alone(&cert, &key));
        }
        readable(&cert)?;
        readable(&key)?;
        if client.is_some() {
            log::info!("'{}' is passed over: one certificate of your own is shown to a registry", shown(&cert));
        }
        client = client.or(Some((Bytes(cert), Bytes(key))));
    }
    Ok(Trust { roots: roots.into_iter().map(Bytes).collect(), client })
}

fn readable(path: &[u8]) -> Result<()> {
    access(as_path(path), Access::READ_OK).map_err(|e| {
        Fail::new(Stage::Front, format!("cannot read the certificate '{}'", shown(path)))
            .errno(e)
            .hint(format!("make it yours to read: ls -l '{}'", shown(path)))
    })
}
