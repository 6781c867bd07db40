//! Options laid over others: over a stored container's, over those of a file, over those of another file.

use kakuri_wire::Fail;

use super::Run;
use super::ask::Given;
use super::options::Id;
use super::run::{apply, blank, sane};
use super::scan::Met;
use crate::spec::{Base, IdMode, Spec, User};

/// Options over a stored container's.
pub(super) fn apply_given(given: &[Given], spec: &mut Spec) -> Result<(), Fail> {
    let mut run = Run { spec: std::mem::take(spec), ..blank() };
    give_way(&given.iter().map(met).collect::<Vec<_>>(), &mut run.spec);
    apply_all(given, &mut run)?;
    let sound = sane(&run);
    *spec = run.spec;
    sound
}

/// What answers the same questions as these gives way to them.
pub(super) fn give_way(given: &[Met], spec: &mut Spec) {
    let has = |ids: &[Id]| given.iter().any(|m| ids.contains(&m.id));
    let who = |m: &Met| {
        let says = |word: &[u8]| m.value.split(|&b| b == b',').any(|said| said == word);
        matches!(m.id, Id::User | Id::Uid) || (m.id == Id::Userns && (says(b"single") || says(b"keep-id")))
    };
    if has(&[Id::Userns, Id::Uidmap, Id::Gidmap]) {
        spec.ids = IdMode::Unset;
    }
    if given.iter().any(who) {
        // Who it was before is another answer to the same question, and given up.
        spec.user = User::Unset;
    }
    if has(&[Id::Vpn]) {
        // A VPN takes the place of whatever network there was; what stands on the same line is another matter.
        spec.network = None;
        spec.publish.clear();
        spec.host_ports.clear();
        spec.dns.clear();
    }
    if has(&[Id::Base, Id::Rootfs, Id::Image]) {
        spec.base = Base::Host;
        spec.rootfs = None;
    }
    if has(&[Id::Base, Id::Rootfs]) {
        spec.image = None;
    }
}

/// What options say by themselves, whatever they are laid over.
pub(super) fn alone(given: &[Given]) -> Result<Spec, Fail> {
    let mut run = blank();
    apply_all(given, &mut run)?;
    Ok(run.spec)
}

pub(super) fn met(given: &Given) -> Met<'_> {
    Met { id: given.id, name: &given.name, value: &given.value, bare: given.bare }
}

fn apply_all(given: &[Given], run: &mut Run) -> Result<(), Fail> {
    given.iter().try_for_each(|g| apply(run, &met(g)))
}

/// What goes wrong whatever the container is that a start's options are laid over: what it has already, its VPN or its
/// network, they need not name.
pub(super) fn sane_over_stored(run: &Run) -> Result<(), Fail> {
    let mut run = run.clone();
    run.spec.vpn = run.spec.vpn.filter(|vpn| !vpn.config.as_bytes().is_empty());
    if run.spec.vpn.is_none() && run.spec.network.is_none() {
        run.spec.publish.clear();
        run.spec.host_ports.clear();
    }
    sane(&run)
}
