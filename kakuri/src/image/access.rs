//! Where an image may be fetched from, and as whom: registries.conf, logins, certificates, proxies.
//!
//! All of it is other programs' configuration, read where they have it, so that what works with podman or docker works
//! here. A file that cannot be read or makes no sense is an error: a mirror, a block or a login that is passed over in
//! silence would be found out by what it was to prevent.

pub mod credentials;
pub mod helper;
pub mod login;
mod name;
mod place;
mod policy;
mod proxy;
pub mod registries;
mod trust;

use kakuri_image::Reference;
use kakuri_image::reference::DEFAULT_HOST;
use kakuri_image::talk::{Endpoint, Login, Scheme};
use kakuri_wire::Bytes;
use kakuri_wire::fail::Result;
use serde::{Deserialize, Serialize};

use crate::host::Host;
use login::Registry;
pub use name::resolve;
use registries::{Registries, Server};

/// The host that answers for docker.io.
const HUB: &str = "registry-1.docker.io";
/// Of https, and of http.
const PORTS: [u16; 2] = [443, 80];

/// What the command line says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// `--tls-verify`; None: what registries.conf says.
    pub tls_verify: Option<bool>,
    /// `--authfile`, as typed.
    pub authfile: Option<Bytes>,
    /// `--cert-dir`, as typed.
    pub cert_dir: Option<Bytes>,
    /// `--creds USER[:PASSWORD]`. It is not kept.
    #[serde(skip)]
    pub creds: Option<Creds>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creds {
    Login(Login),
    /// A user whose password is asked for, when it is known that a registry will be.
    User(String),
}

impl Access {
    /// Asks for the password of who was named without one; once, however many images follow. `registry`: for people.
    ///
    /// # Errors
    /// There is no terminal to ask at, or nothing was typed.
    pub fn ask(&mut self, registry: &str) -> Result<()> {
        if let Some(Creds::User(user)) = &self.creds {
            self.creds = Some(Creds::Login(credentials::asked(user, registry)?));
        }
        Ok(())
    }
}

/// The endpoints of a reference, in the order they are to be tried: mirrors, then the registry itself. `host` of each is
/// as in a URL, an IPv6 address in brackets. A login that is typed goes to the registry alone.
///
/// # Errors
/// The name is blocked or rejected; a file that counts cannot be read or makes no sense; a helper fails.
pub fn endpoints(reference: &Reference, access: &Access, host: &Host) -> Result<Vec<Endpoint>> {
    policy::check(reference, host)?;
    let servers = Registries::load(host)?.servers(reference)?;
    let machine = trust::of_machine(host)?;
    let last = servers.len().saturating_sub(1);
    let mut endpoints = Vec::with_capacity(servers.len());
    for (n, server) in servers.iter().enumerate() {
        let login = match &access.creds {
            Some(Creds::Login(login)) if n == last => Some(login.clone()),
            Some(Creds::User(user)) if n == last => Some(credentials::asked(user, &server.registry())?),
            Some(_) => None,
            None => credentials::find(&server.registry(), &server.repository, access, host)?,
        };
        endpoints.extend(at(server, login, &machine, access, host)?);
    }
    Ok(endpoints)
}

/// Where a login is proved.
pub fn of_registry(registry: &Registry, login: Login, access: &Access, host: &Host) -> Result<Vec<Endpoint>> {
    let server = Registries::load(host)?.server(&registry.name, &registry.path)?;
    at(&server, Some(login), &trust::of_machine(host)?, access, host)
}

/// One server is two endpoints where it may do without TLS and nobody names a port: those without have another one.
fn at(server: &Server, login: Option<Login>, machine: &[Bytes], access: &Access, host: &Host) -> Result<Vec<Endpoint>> {
    let insecure = access.tls_verify.map_or(server.insecure, |verify| !verify);
    let scheme = match access.tls_verify {
        _ if insecure => Scheme::Either,
        // Nobody listens on this machine's own loopback but its own users; who wants certificates there says so.
        None if proxy::is_loopback(&server.host) => Scheme::Either,
        _ => Scheme::Https,
    };
    let own = trust::of_registry(&server.registry(), access.cert_dir.as_ref(), host)?;
    let name = if server.host == DEFAULT_HOST { HUB } else { &server.host };
    let roots: Vec<Bytes> = machine.iter().cloned().chain(own.roots).collect();
    let one = |port: u16, scheme: Scheme| {
        Ok(Endpoint {
            host: name.into(),
            port,
            repository: server.repository.clone(),
            scheme,
            verify: !insecure,
            roots: roots.clone(),
            client: own.client.clone(),
            login: login.clone(),
            proxy: proxy::find(name, port, scheme == Scheme::Http, host)?,
        })
    };
    let [secure, plain] = PORTS;
    Ok(match server.port {
        None if insecure => vec![one(secure, scheme)?, one(plain, Scheme::Http)?],
        port => vec![one(port.unwrap_or(secure), scheme)?],
    })
}
