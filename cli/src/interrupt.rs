//! Ctrl-C, and the wish of an operating system that we end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// Whether somebody has asked us to end. A clone sees the same.
///
/// ```
/// use callseal::interrupt::Interrupt;
///
/// let interrupt = Interrupt::default();
/// assert!(!interrupt.has_come());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    has_come: Arc<AtomicBool>,
}

/// Somebody else watches already; a process has one watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot watch for Ctrl-C")]
pub struct WatchError;

impl Interrupt {
    /// Watches from now on, and wakes these when it comes.
    ///
    /// # Errors
    /// [`WatchError`] where the process watches already.
    pub fn watch(wakers: Vec<Arc<Waker>>) -> Result<Self, WatchError> {
        let interrupt = Self::default();
        let has_come = Arc::clone(&interrupt.has_come);
        ctrlc::set_handler(move || {
            has_come.store(true, Ordering::Relaxed);
            for waker in &wakers {
                // Were one lost, the leg's own timers would wake it.
                let _ = waker.wake();
            }
        })
        .map_err(|_| WatchError)?;
        Ok(interrupt)
    }

    /// Whether it has come.
    pub fn has_come(&self) -> bool {
        self.has_come.load(Ordering::Relaxed)
    }
}
