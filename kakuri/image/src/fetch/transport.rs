//! Connections whose waiting can be called off.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ureq::Error;
use ureq::unversioned::resolver::ArrayVec;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, ShutdownHandle, Transport,
};

use super::cancel::Cancel;

/// TCP, by a proxy where there is one, and TLS where the address says so.
#[derive(Debug, Default)]
pub struct Cancellable {
    inner: DefaultConnector,
}

type Handles = Vec<Weak<dyn ShutdownHandle>>;

impl Connector<()> for Cancellable {
    type Out = Noted;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Noted>, Error> {
        let noted: Arc<Mutex<Handles>> = Arc::default();
        let (for_us, for_agent) = (noted.clone(), details.register_shutdown.clone());
        let details = ConnectionDetails {
            uri: details.uri,
            addrs: addresses(&details.addrs),
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            // Told once there is a socket, and before anything is said on it.
            register_shutdown: Arc::new(move |handle| {
                let mut handles = for_us.lock().unwrap_or_else(PoisonError::into_inner);
                handles.push(handle.clone());
                wait_at(&handles)?;
                for_agent(handle)
            }),
        };
        let transport = self.inner.connect(&details, None)?;
        let handles = std::mem::take(&mut *noted.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(transport.map(|transport| Noted { transport, handles }))
    }
}

/// A connection that outlives the task it was made for: whoever waits at it says so first.
pub struct Noted {
    transport: Box<dyn Transport>,
    handles: Handles,
}

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Debug::fmt(&self.transport, f)
    }
}

impl Transport for Noted {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        wait_at(&self.handles)?;
        self.transport.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        wait_at(&self.handles)?;
        self.transport.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

fn wait_at(handles: &[Weak<dyn ShutdownHandle>]) -> Result<(), Error> {
    match Cancel::current() {
        Some(cancel) if !cancel.wait_at(handles) => Err(io::Error::other("it is called off").into()),
        _ => Ok(()),
    }
}

fn addresses(given: &[SocketAddr]) -> ArrayVec<SocketAddr, 16> {
    let mut copy = ArrayVec::from_fn(|_| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    given.iter().for_each(|address| copy.push(*address));
    copy
}
