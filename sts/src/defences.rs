//! The defences that an attack can be shown to need.
//!
//! Outside this crate's own tests every one of them stands: they are a
//! constant that nothing can change, and code that only a weaker handshake
//! would need is compiled for tests alone. A test may take single ones away (see [`crate::attacks`]) to show that
//! an attack then succeeds. Each is consulted where it lives, in one place.

/// What stands between a handshake and the known attacks.
#[derive(Clone, Copy)]
pub(crate) struct Defences {
    /// `sealing.rs`: a sealed part whose tag is wrong is not opened.
    #[cfg(test)]
    pub(crate) seal_is_checked: bool,
    /// `signature.rs`: a signature covers the identity of who signs.
    pub(crate) signature_names_signer: bool,
    /// `signature.rs`: the caller's signature covers the callee's identity.
    pub(crate) signature_names_callee: bool,
    /// `signature.rs`: a signature covers the transcript so far, in it both
    /// ephemeral shares.
    pub(crate) signature_covers_transcript: bool,
    /// `transcript.rs`: the transcript covers the suites that M1 offers.
    #[cfg(test)]
    pub(crate) transcript_covers_suites: bool,
    /// `transcript.rs`: the transcript covers what is sealed, in it both
    /// identities.
    pub(crate) transcript_covers_sealed: bool,
    /// `initiator.rs`: who answers must have the number that was called.
    pub(crate) answer_is_from_the_called: bool,
    /// `initiator.rs`, `responder.rs`: a peer with our own number or key is
    /// refused.
    pub(crate) own_identity_is_refused: bool,
    /// `responder.rs`: the identity that the caller means to reach must be
    /// ours.
    pub(crate) callee_is_who_is_meant: bool,
    /// `share.rs`: a share that forces the secret to zero is refused.
    pub(crate) low_order_is_refused: bool,
    /// `responder.rs`: session id, share and reveal are drawn for each M1.
    #[cfg(test)]
    pub(crate) callee_draws_afresh: bool,
    /// `initiator.rs`: the reveal must be what M2 committed to.
    pub(crate) commitment_is_checked: bool,
    /// `key_schedule.rs`: the authentication string depends on the reveal.
    pub(crate) string_depends_on_reveal: bool,
    /// `handshaker/answering.rs`: what M1 was answered with is checked again
    /// when M3 comes.
    pub(crate) epochs_are_used_once: bool,
    /// `handshaker/incoming.rs`: the first good M3 is the last of a session.
    #[cfg(test)]
    pub(crate) keys_are_released_once: bool,
}

impl Defences {
    /// All of them.
    pub(crate) const ALL: Self = Self {
        #[cfg(test)]
        seal_is_checked: true,
        signature_names_signer: true,
        signature_names_callee: true,
        signature_covers_transcript: true,
        #[cfg(test)]
        transcript_covers_suites: true,
        transcript_covers_sealed: true,
        answer_is_from_the_called: true,
        own_identity_is_refused: true,
        callee_is_who_is_meant: true,
        low_order_is_refused: true,
        #[cfg(test)]
        callee_draws_afresh: true,
        commitment_is_checked: true,
        string_depends_on_reveal: true,
        epochs_are_used_once: true,
        #[cfg(test)]
        keys_are_released_once: true,
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
