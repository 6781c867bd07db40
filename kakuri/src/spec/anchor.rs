//! What is stored must mean the same wherever it is started: paths that were typed relative to a folder are written
//! down with that folder.

use kakuri_wire::{Bytes, Result};

use super::{Network, Seccomp, Spec};
use crate::bind::source;
use crate::host::{Host, in_home};
use crate::pathname;

impl Spec {
    /// The same, meant from anywhere. `~` stays: it is the caller's home, here and there.
    pub fn anchored(mut self, host: &Host) -> Result<Spec> {
        let on_host = |typed: &mut Bytes| -> Result<()> {
            if in_home(typed.as_bytes()).is_none() {
                *typed = Bytes(without_dots(&source::typed_path(host, typed.as_bytes())?));
            }
            Ok(())
        };
        if let Some(rootfs) = &mut self.rootfs {
            on_host(&mut rootfs.path)?;
        }
        if let Some(image) = &mut self.image {
            image.access.authfile.iter_mut().chain(&mut image.access.cert_dir).try_for_each(on_host)?;
            // A folder of images is a path behind that word.
            if let Some(folder) = image.reference.as_bytes().strip_prefix(b"oci:") {
                let mut folder = Bytes(folder.to_vec());
                on_host(&mut folder)?;
                image.reference = Bytes([b"oci:", folder.as_bytes()].concat());
            }
        }
        for bind in &mut self.binds {
            on_host(&mut bind.source)?;
        }
        for device in &mut self.devices {
            on_host(&mut device.source)?;
        }
        for file in &mut self.environment.files {
            on_host(file)?;
        }
        if let Seccomp::File(file) = &mut self.walls.seccomp {
            on_host(file)?;
        }
        if let Some(Network::Namespace(file)) = &mut self.network {
            on_host(file)?;
        }
        let rules = self.walls.landlock.paths.iter_mut().map(|rule| &mut rule.path);
        for inside in self.hide.iter_mut().chain(&mut self.workdir).chain(rules) {
            if in_home(inside.as_bytes()).is_none() && !inside.as_bytes().is_empty() {
                *inside = Bytes(host.absolute(inside.as_bytes())?);
            }
        }
        Ok(self)
    }
}

/// `..` is the kernel's to follow.
fn without_dots(path: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = pathname::components(path).collect();
    [b"/", &parts.join(&b'/')[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Bind;

    #[test]
    fn relative_paths_get_the_folder_they_were_typed_in() {
        let host = Host { cwd: Some(b"/w/x".to_vec()), ..Host::default() };
        let bind = |source: &str| Bind {
            source: source.into(),
            destination: None,
            read_only: false,
            noexec: false,
            create: false,
            cow: false,
        };
        let mut spec = Spec { binds: vec![bind("."), bind("~/a"), bind("/b"), bind("../c")], ..Spec::default() };
        spec.workdir = Some("sub".into());
        spec.environment.files = vec!["env".into()];
        let spec = spec.anchored(&host).expect("there is a folder");
        let sources: Vec<String> = spec.binds.iter().map(|b| b.source.to_string()).collect();
        assert_eq!(sources, ["/w/x", "~/a", "/b", "/w/x/../c"]);
        assert_eq!(spec.workdir, Some("/w/x/sub".into()));
        assert_eq!(spec.environment.files, ["/w/x/env".into()]);
    }
}
