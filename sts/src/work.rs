//! Counts the costly operations of a test, thread by thread.

use std::cell::Cell;

/// An operation that an attacker would like others to do for him.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// A scalar multiplication on Curve25519.
    X25519,
    /// An ECDSA signature.
    Sign,
    /// The verification of one.
    Verify,
}

/// How often each was done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Done {
    pub(crate) x25519: u64,
    pub(crate) sign: u64,
    pub(crate) verify: u64,
}

thread_local! {
    static DONE: Cell<Done> = const { Cell::new(Done { x25519: 0, sign: 0, verify: 0 }) };
}

/// Notes one operation.
pub(crate) fn count(work: Work) {
    let mut done = DONE.get();
    match work {
        Work::X25519 => done.x25519 += 1,
        Work::Sign => done.sign += 1,
        Work::Verify => done.verify += 1,
    }
    DONE.set(done);
}

/// What `run` does on this thread.
pub(crate) fn during<T>(run: impl FnOnce() -> T) -> (T, Done) {
    let before = DONE.get();
    let value = run();
    let after = DONE.get();
    let done = Done {
        x25519: after.x25519 - before.x25519,
        sign: after.sign - before.sign,
        verify: after.verify - before.verify,
    };
    (value, done)
}
