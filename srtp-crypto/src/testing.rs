//! What tests see of the backends, and may make of them.
//!
//! It is for the whole process, so that a test that uses it has one of its own.

#[cfg(feature = "counting")]
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "counting")]
use crate::Backend;

/// How many operations `backend` has been given so far, known questions too.
///
/// ```standalone_crate
/// use callseal_srtp_crypto::{Backend, testing};
///
/// let before = testing::operations_of(Backend::Soft);
/// Backend::Soft.hmac_sha1(&mut []);
/// assert_eq!(testing::operations_of(Backend::Soft), before + 1);
/// ```
#[cfg(feature = "counting")]
#[must_use]
pub fn operations_of(backend: Backend) -> usize {
    counter(backend).load(Ordering::Relaxed)
}

/// Has every backend but [`Soft`](Backend::Soft) answer wrongly what it is asked
/// from now on; it has to be called before a backend is asked for.
///
/// ```standalone_crate
/// use callseal_srtp_crypto::{Backend, testing};
///
/// testing::make_answers_wrong();
/// assert_eq!(Backend::detected(), Backend::Soft);
/// ```
pub fn make_answers_wrong() {
    WRONG.store(true, Ordering::Relaxed);
}

pub(crate) fn are_answers_wrong() -> bool {
    WRONG.load(Ordering::Relaxed)
}

#[cfg(feature = "counting")]
pub(crate) fn note(backend: Backend) {
    counter(backend).fetch_add(1, Ordering::Relaxed);
}

static WRONG: AtomicBool = AtomicBool::new(false);

#[cfg(feature = "counting")]
fn counter(backend: Backend) -> &'static AtomicUsize {
    static OPERATIONS: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];
    match backend {
        Backend::Soft => &OPERATIONS[0],
        #[cfg(target_arch = "x86_64")]
        Backend::Ni(_) => &OPERATIONS[1],
        #[cfg(target_arch = "x86_64")]
        Backend::Avx2(_) => &OPERATIONS[2],
        #[cfg(target_arch = "x86_64")]
        Backend::Avx512(_) => &OPERATIONS[3],
    }
}
