//! Starting a named container: from its record to a supervisor that has been asked nothing yet.

use std::time::Duration;

use kakuri_wire::Channel;
use kakuri_wire::fail::{Fail, Result, Stage};

use crate::account;
use crate::guarantee;
use crate::helper::Programs;
use crate::image::ready::{self, Fetch};
use crate::layer::journal;
use crate::network::Wiring;
use crate::plan::{self, Kept, Outline, Storage};
use crate::spec::Spec;
use crate::store::{Entry, Kind, State};
use crate::supervisor::{self, Commission, Life};
use crate::verb::Surroundings;

/// What is started.
pub struct Wish<'a> {
    pub entry: &'a Entry,
    /// The record's, with what holds for this run laid over it.
    pub spec: Spec,
    pub life: Life,
}

/// Starts containers.
pub struct Starter<'a> {
    pub surroundings: &'a Surroundings,
    /// kakuri is somebody's login shell.
    pub login: bool,
}

/// What came of a start.
pub enum Begun {
    /// A link to the container's new supervisor.
    Supervisor(Channel),
    /// Somebody else holds the container.
    Held,
    /// Its record is not what the wish was made of any more. Nothing was started: it may have a VPN now.
    Changed,
}

impl Starter<'_> {
    pub fn start(&self, wish: Wish) -> Result<Begun> {
        let Wish { entry, mut spec, life } = wish;
        let Surroundings { host, config, store } = self.surroundings;
        store.sweep();
        let lock = match entry.lock(Duration::ZERO) {
            Ok(lock) => lock,
            Err(_) if entry.state() == State::Running => return Ok(Begun::Held),
            Err(fail) => return Err(fail),
        };
        if entry.reread()?.record != entry.record {
            return Ok(Begun::Changed);
        }
        // Nobody writes to what is kept while it is looked at.
        let kept = (entry.record.kind == Kind::Persistent).then(|| Kept::of(&entry.folder));
        if let Some(kept) = &kept {
            spec.auto_bind = false;
            if journal::is_cut_off(&kept.layers()) {
                return Err(Fail::new(Stage::Front, format!("cannot start '{}'", entry.name))
                    .why("a commit of what it changed was cut off, and is not finished")
                    .hint(format!("kakuri changes --container {} finishes it", entry.name)));
            }
        }
        if !spec.share.uts && spec.hostname.is_none() {
            spec.hostname = Some(entry.name.clone());
        }
        let mut image = ready::prepare(&spec, host, config, Fetch::Never { login: self.login })?;
        if let Some(image) = image.as_mut().filter(|_| kept.is_none()) {
            image.make_room(store)?;
        }
        let storage = Storage { kept: kept.as_ref(), image: image.as_ref(), ..Storage::default() };
        let spec = account::settle(&spec, host, config, &storage)?;
        let ids = ready::ids(image.as_ref(), &spec, host)?;
        let mut wiring = Wiring::decide(&spec, host, config, Some(&entry.folder))?;
        wiring.resolve(&spec, host)?;
        super::join::container(&mut wiring, &spec, store)?;
        let mut outline = Outline::of(entry.name.clone(), &spec, host, config, &wiring, &ids);
        let plan = plan::make(&spec, host, config, &storage, wiring, &ids)?;
        guarantee::check(&plan)?;
        plan.warn();
        outline.limits = plan.limits.clone();
        let programs = Programs::locate(self.login)?;
        if let Some(scratch) = image.as_mut().and_then(|image| image.scratch.as_mut()) {
            scratch.hand_over();
        }
        let commission = Commission { entry: entry.unpinned(), lock, plan, outline, programs, life, image };
        supervisor::detach(commission).map(Begun::Supervisor)
    }
}

/// What is said where somebody changed it between the look at it and the start.
pub fn changed(name: &str) -> Fail {
    Fail::new(Stage::Front, format!("the container '{name}' was changed meanwhile"))
        .hint(format!("kakuri inspect {name} shows what it is now; then try again"))
        .code(crate::verb::FAILED)
}

/// What is said where one is running that should not be.
pub fn running(name: &str) -> Fail {
    Fail::new(Stage::Front, format!("the container '{name}' is running already"))
        .hint(format!("kakuri shell {name} opens a shell in it, kakuri stop {name} ends it"))
        .code(crate::verb::FAILED)
}
