//! The defences that an attack can be shown to need.
//!
//! Outside this crate's own tests every one of them stands: they are a
//! constant that nothing can change. A test may take single ones away (see
//! [`crate::attacks`]) to show that an attack then succeeds. Each is consulted
//! where it lives.

/// What stands between the agreement and the known attacks.
#[derive(Clone, Copy)]
pub(crate) struct Defences {
    /// `phone.rs`: the operator named in message 2 must be the one that
    /// message 1 was sealed to. This is Lowe's repair.
    pub(crate) message_2_names_responder: bool,
    /// `transcript.rs`: what is sealed is bound to all messages before it and
    /// to its own clear part.
    pub(crate) sealed_to_transcript: bool,
}

impl Defences {
    /// All of them.
    pub(crate) const ALL: Self = Self {
        message_2_names_responder: true,
        sealed_to_transcript: true,
    };
}

/// The defences in force: all.
#[cfg(not(test))]
pub(crate) const fn defences() -> Defences {
    Defences::ALL
}

/// The defences in force on this thread: all but what a test took away.
#[cfg(test)]
pub(crate) fn defences() -> Defences {
    IN_FORCE.get()
}

#[cfg(test)]
thread_local! {
    static IN_FORCE: std::cell::Cell<Defences> = const { std::cell::Cell::new(Defences::ALL) };
}

/// Runs `attack` while the defences that `take_away` clears are missing, on
/// this thread only.
#[cfg(test)]
pub(crate) fn without<T>(take_away: impl FnOnce(&mut Defences), attack: impl FnOnce() -> T) -> T {
    callseal_testkit::without(&IN_FORCE, take_away, attack)
}
