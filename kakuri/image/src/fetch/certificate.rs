//! Files of certificates and keys, read while files may still be opened.

use std::fs::File;
use std::io::Read;

use kakuri_wire::Bytes;
use kakuri_wire::fail::{Fail, OrFail, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use ureq::tls::{Certificate, ClientCert, PemItem, parse_pem};
use zeroize::Zeroizing;

use super::STAGE;

/// The largest file of certificates that is read, in bytes: what distributions ship is a quarter of a mebibyte.
const LARGEST: u64 = 16 << 20;

/// Of files of certificates, each read once.
#[derive(Default)]
pub struct Roots(Vec<(Bytes, Vec<Certificate<'static>>)>);

impl Roots {
    pub fn read(&mut self, paths: &[Bytes]) -> Result<Vec<Certificate<'static>>> {
        let mut all = Vec::new();
        for path in paths {
            if !self.0.iter().any(|(known, _)| known == path) {
                self.0.push((path.clone(), certificates(path)?));
            }
            all.extend(self.0.iter().filter(|(known, _)| known == path).flat_map(|(_, found)| found.iter().cloned()));
        }
        Ok(all)
    }
}

/// One that is damaged is passed over as long as there is another: bundles have some nobody can read.
fn certificates(path: &Bytes) -> Result<Vec<Certificate<'static>>> {
    let found = of_pem(&read(path)?);
    if found.is_empty() {
        return Err(Fail::new(STAGE, format!("there is no certificate in '{path}'"))
            .hint("a file of certificates has lines of -----BEGIN CERTIFICATE----- (PEM)"));
    }
    Ok(found)
}

fn of_pem(text: &[u8]) -> Vec<Certificate<'static>> {
    parse_pem(text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect()
}

/// The caller's own certificate, proven to go with its key: what shows it later would end the process otherwise.
pub fn client(certificate: &Bytes, key: &Bytes) -> Result<ClientCert> {
    let chain = certificates(certificate)?;
    let private = parse_pem(&read(key)?).find_map(|item| match item {
        Ok(PemItem::PrivateKey(private)) => Some(private),
        _ => None,
    });
    let private = private.ok_or_else(|| {
        Fail::new(STAGE, format!("there is no key in '{key}'"))
            .hint("a file of a key has a line of -----BEGIN PRIVATE KEY----- (PEM), and is not encrypted")
    })?;
    let mismatch = |why: String| {
        Fail::new(STAGE, format!("the certificate '{certificate}' and the key '{key}' do not go together")).why(why)
    };
    let pem = Zeroizing::new(private.der().to_vec());
    let der = rustls::pki_types::PrivateKeyDer::try_from(pem.as_slice()).map_err(|e| mismatch(e.into()))?;
    let ders = chain.iter().map(|one| one.der().to_vec().into()).collect();
    rustls::sign::CertifiedKey::from_der(ders, der.clone_key(), &rustls::crypto::ring::default_provider())
        .map_err(|e| mismatch(e.to_string()))?;
    Ok(ClientCert::new_with_certs(&chain, private))
}

fn read(path: &Bytes) -> Result<Zeroizing<Vec<u8>>> {
    let what = || format!("cannot read '{path}'");
    // What is no file does not keep us waiting: a fifo opens at once and is refused.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = openat(CWD, path.as_path(), flags, Mode::empty()).fail(STAGE, what)?;
    let stat = fstat(&file).fail(STAGE, what)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Fail::new(STAGE, what()).why("it is no regular file"));
    }
    if stat.st_size as u64 > LARGEST {
        return Err(Fail::new(STAGE, what()).why(format!("it is larger than {LARGEST} bytes")));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(stat.st_size as usize + 1));
    File::from(file).take(LARGEST).read_to_end(&mut bytes).fail(STAGE, what)?;
    Ok(bytes)
}
