//! `--network container:NAME`: the network of a container that runs.

use std::sync::Arc;
use std::time::Duration;

use kakuri_wire::channel::Broken;
use kakuri_wire::fail::{Fail, Result, Stage};
use kakuri_wire::handshake::PROTOCOL;

use super::ask;
use crate::control::{FromSupervisor, ToSupervisor};
use crate::network::Wiring;
use crate::network::join::Joined;
use crate::spec::{Network, Spec};
use crate::store::Store;

/// Beyond the time a start has, which may be under way there.
const PATIENCE: Duration = Duration::from_secs(25);

/// Asks its supervisor for it, where one was asked for. The connection stays open as long as the network is used.
pub fn container(wiring: &mut Wiring, spec: &Spec, store: &Store) -> Result<()> {
    let (Some(Network::Container(typed)), None) = (&spec.network, &spec.vpn) else { return Ok(()) };
    let entry = store.find(typed)?;
    let control = super::connect_running(&entry).map_err(|fail| fail.code(kakuri_wire::fail::CODE_FAILED))?;
    ask::say(&control, &ToSupervisor::Join { protocol: PROTOCOL })?;
    match ask::hear(&control, PATIENCE)? {
        (FromSupervisor::Namespaces(shared), fds) => {
            if spec.nest && !shared.nest {
                return Err(Fail::new(Stage::Front, format!("--nest with the network of '{}'", entry.name))
                    .why("that container may make no namespaces below its own, and neither may one beside it")
                    .hint("start that one with --nest too, or leave it out here"));
            }
            let mut fds = fds.into_iter();
            let (Some(owner), Some(network)) = (fds.next(), fds.next()) else { return Err(ask::lost(&Broken::Closed)) };
            wiring.joined = Some(Arc::new(Joined { owner: Some(owner), network, control: Some(control) }));
            wiring.resolvers = wiring.resolvers.take().or(shared.resolvers);
            wiring.search.extend(shared.search);
            wiring.hosts.extend(shared.hosts);
            Ok(())
        }
        (other, _) => Err(ask::unexpected(other)),
    }
}
