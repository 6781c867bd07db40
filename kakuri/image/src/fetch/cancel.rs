//! A task of one thread that another may call off, whatever it waits for.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use ureq::unversioned::transport::ShutdownHandle;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Cancel>>> = const { RefCell::new(None) };
}

#[derive(Default)]
pub struct Cancel {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    set: bool,
    /// The sockets its thread may be waiting at.
    busy: Vec<Weak<dyn ShutdownHandle>>,
}

impl Cancel {
    /// From here on this thread works at the task.
    pub fn enter(self: &Arc<Cancel>) {
        CURRENT.with(|current| *current.borrow_mut() = Some(self.clone()));
    }

    /// The task this thread works at.
    pub fn current() -> Option<Arc<Cancel>> {
        CURRENT.with(|current| current.borrow().clone())
    }

    /// Calls it off: whatever socket it waits at hangs up.
    pub fn set(&self) {
        let mut state = self.state();
        state.set = true;
        let busy = std::mem::take(&mut state.busy);
        drop(state);
        self.changed.notify_all();
        for handle in busy.iter().filter_map(Weak::upgrade) {
            handle.shutdown();
        }
    }

    pub fn is_set(&self) -> bool {
        self.state().set
    }

    /// Its thread is about to wait at these sockets, and at no other. False: it is called off.
    pub fn wait_at(&self, handles: &[Weak<dyn ShutdownHandle>]) -> bool {
        let mut state = self.state();
        state.busy.clear();
        state.busy.extend(handles.iter().cloned());
        !state.set
    }

    /// Waits for nothing. False: it was called off.
    pub fn sleep(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.state();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if state.set || left.is_zero() {
                return !state.set;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sleeps_is_woken() {
        let cancel = Arc::new(Cancel::default());
        assert!(cancel.sleep(Duration::from_millis(1)) && cancel.wait_at(&[]));
        let other = cancel.clone();
        let sleeper = std::thread::spawn(move || other.sleep(Duration::from_secs(3600)));
        cancel.set();
        assert!(!sleeper.join().expect("it slept"));
        assert!(!cancel.wait_at(&[]) && cancel.is_set());
    }
}
