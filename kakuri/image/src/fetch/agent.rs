//! The HTTP client of an endpoint: whom it believes, how long it waits, and that it decides nothing by itself.

use std::sync::Arc;
use std::time::Duration;

use kakuri_wire::fail::{Fail, Result};
use ureq::tls::{Certificate, ClientCert, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::STAGE;
use super::resolve::{Asking, Names};
use super::transport::Cancellable;
use crate::talk::{Patience, Secret};

/// Of the head of an answer, in bytes: addresses of content delivery networks are signed and long.
const LARGEST_HEAD: usize = 64 << 10;
/// What is read from a connection at a time, in bytes.
const INPUT: usize = 128 << 10;
/// Connections that wait for the next request, for each host: as many as layers are fetched at a time.
const IDLE: usize = 4;

pub struct Kind<'a> {
    pub roots: &'a [Certificate<'static>],
    pub verify: bool,
    pub client: Option<ClientCert>,
    pub proxy: Option<&'a Secret>,
    pub patience: &'a Patience,
}

impl Kind<'_> {
    pub fn agent(&self, names: &Arc<Names>) -> Result<Agent> {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(self.roots))
            .client_cert(self.client.clone())
            .disable_verification(!self.verify)
            .build();
        let proxy = self.proxy.map(|secret| Proxy::new(&secret.0)).transpose().map_err(|_| {
            Fail::new(STAGE, "the address of the proxy is none").hint("HTTPS_PROXY=http://[USER:PASSWORD@]HOST:PORT")
        })?;
        if proxy.as_ref().is_some_and(|proxy| !matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https)) {
            return Err(
                Fail::new(STAGE, "the proxy is neither of http nor of https").hint("HTTPS_PROXY=http://HOST:PORT")
            );
        }
        let connect = Some(Duration::from_millis(self.patience.connect));
        let silence = Some(Duration::from_millis(self.patience.silence));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Redirects are followed by hand: a login must not go along.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .tls_config(tls)
            .user_agent(concat!("kakuri/", env!("CARGO_PKG_VERSION")))
            // A blob is the bytes its digest is of.
            .accept_encoding("identity")
            .max_response_header_size(LARGEST_HEAD)
            .input_buffer_size(INPUT)
            .max_idle_connections(2 * IDLE)
            .max_idle_connections_per_host(IDLE)
            .timeout_resolve(connect)
            .timeout_connect(connect)
            .timeout_send_request(silence)
            .timeout_send_body(silence)
            .timeout_recv_response(silence)
            // Starts anew with every read: a whole body may take as long as it likes, and a full pipe is no silence.
            .timeout_per_read(silence)
            .timeout_per_write(silence)
            .build();
        Ok(Agent::with_parts(config, Cancellable::default(), Asking(names.clone())))
    }
}
