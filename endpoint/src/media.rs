//! The SRTP contexts of a call, one set of keys an epoch.

use core::fmt;
use core::time::Duration;

use callseal_srtp::{
    KeyError, MasterKey, Mki, Policy, Profile, ProtectError, Receiver, Sender, UnprotectError,
    Unprotected,
};
use callseal_sts::{Established, Role, Suite};

/// How long the keys of an epoch still open packets once a newer epoch is
/// in use (PROTOCOL.md §8).
const OLD_EPOCH_LIFE: Duration = Duration::from_secs(10);

/// A call's keys for somebody outside, such as a recorder that decrypts a
/// capture later. Whoever holds them hears the call.
#[derive(Clone)]
pub struct ExportedKeys {
    /// The SRTP profile, by its RFC 4568 name.
    pub profile: &'static str,
    /// The MKI of the packets under these keys, one octet.
    pub epoch: u8,
    /// Master key for what this leg sends.
    pub local_key: Vec<u8>,
    /// Master salt for what this leg sends.
    pub local_salt: Vec<u8>,
    /// Master key for what the peer sends.
    pub remote_key: Vec<u8>,
    /// Master salt for what the peer sends.
    pub remote_salt: Vec<u8>,
}

impl Drop for ExportedKeys {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.local_key.zeroize();
        self.local_salt.zeroize();
        self.remote_key.zeroize();
        self.remote_salt.zeroize();
    }
}

impl fmt::Debug for ExportedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedKeys")
            .field("profile", &self.profile)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// The profile that a suite stands for; `None` for a suite that this build
/// of `srtp` cannot carry, which is then neither offered nor accepted.
pub(crate) fn profile_of(suite: Suite) -> Option<Profile> {
    Profile::from_name(suite.media_name())
}

/// One epoch's contexts.
struct Epoch {
    number: u8,
    sender: Sender,
    receiver: Receiver,
    exported: ExportedKeys,
    expires: Option<Duration>,
}

/// All epochs that are alive; never more than two (PROTOCOL.md §8).
#[derive(Default)]
pub(crate) struct Media {
    /// Newest last.
    epochs: Vec<Epoch>,
    /// The epoch that packets are sent under.
    sending: u8,
}

impl Media {
    pub(crate) fn is_secured(&self) -> bool {
        !self.epochs.is_empty()
    }

    /// Takes over the keys of a finished handshake.
    ///
    /// A caller sends under them at once, since the callee had them first.
    /// A callee that already has a call goes on sending under the old ones
    /// until a packet under the new ones shows that the caller has them.
    pub(crate) fn install(
        &mut self,
        now: Duration,
        established: &Established,
    ) -> Result<(), KeyError> {
        let Some(profile) = profile_of(established.suite()) else {
            return Err(KeyError::UnsupportedProfile);
        };
        let keys = established.media_keys();
        let (local, remote) = match established.role() {
            Role::Caller => (&keys.caller_to_callee, &keys.callee_to_caller),
            Role::Callee => (&keys.callee_to_caller, &keys.caller_to_callee),
        };
        let number = established.epoch();
        let mki = || Mki::new(&[number]);
        let epoch = Epoch {
            number,
            sender: Sender::with_mki(
                Policy::new(profile),
                mki()?,
                MasterKey::new(profile, local.key(), local.salt())?,
            )?,
            receiver: Receiver::with_mki(
                Policy::new(profile),
                mki()?,
                MasterKey::new(profile, remote.key(), remote.salt())?,
            )?,
            exported: ExportedKeys {
                profile: profile.name(),
                epoch: number,
                local_key: local.key().to_vec(),
                local_salt: local.salt().to_vec(),
                remote_key: remote.key().to_vec(),
                remote_salt: remote.salt().to_vec(),
            },
            expires: None,
        };
        let first = self.epochs.is_empty();
        self.epochs.push(epoch);
        if first || established.role() == Role::Caller {
            self.switch_to(now, number);
        }
        Ok(())
    }

    /// Octets that protection adds to a packet at most.
    pub(crate) fn max_trailer_len(&self) -> usize {
        self.sending()
            .map_or(0, |epoch| epoch.sender.max_trailer_len())
    }

    pub(crate) fn protect_rtp(
        &mut self,
        packet: &mut [u8],
        len: usize,
    ) -> Option<Result<usize, ProtectError>> {
        Some(self.sending_mut()?.sender.protect_rtp(packet, len))
    }

    pub(crate) fn protect_rtcp(
        &mut self,
        packet: &mut [u8],
        len: usize,
    ) -> Option<Result<usize, ProtectError>> {
        Some(self.sending_mut()?.sender.protect_rtcp(packet, len))
    }

    pub(crate) fn unprotect_rtp(
        &mut self,
        now: Duration,
        packet: &mut [u8],
    ) -> Result<Unprotected, UnprotectError> {
        self.unprotect(now, packet, Receiver::unprotect_rtp)
    }

    pub(crate) fn unprotect_rtcp(
        &mut self,
        now: Duration,
        packet: &mut [u8],
    ) -> Result<Unprotected, UnprotectError> {
        self.unprotect(now, packet, Receiver::unprotect_rtcp)
    }

    /// The keys in use for sending, and for what is received under the same
    /// epoch.
    pub(crate) fn exported(&self) -> Option<ExportedKeys> {
        self.sending().map(|epoch| epoch.exported.clone())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.epochs.iter().filter_map(|epoch| epoch.expires).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        self.epochs
            .retain(|epoch| epoch.expires.is_none_or(|at| now < at));
    }

    /// Tries the newest epoch first. A packet names its epoch in the MKI, so
    /// the keys of another epoch are not even tried on it.
    fn unprotect(
        &mut self,
        now: Duration,
        packet: &mut [u8],
        open: fn(&mut Receiver, &mut [u8], usize) -> Result<Unprotected, UnprotectError>,
    ) -> Result<Unprotected, UnprotectError> {
        let len = packet.len();
        let mut outcome = Err(UnprotectError::UnknownMki);
        let mut opened = None;
        for epoch in self.epochs.iter_mut().rev() {
            outcome = open(&mut epoch.receiver, packet, len);
            match outcome {
                Ok(_) => {
                    opened = Some(epoch.number);
                    break;
                }
                Err(UnprotectError::UnknownMki) => {}
                Err(_) => break,
            }
        }
        if let Some(number) = opened
            && self
                .epochs
                .last()
                .is_some_and(|newest| newest.number == number)
            && self.sending != number
        {
            self.switch_to(now, number);
        }
        outcome
    }

    fn switch_to(&mut self, now: Duration, number: u8) {
        self.sending = number;
        for epoch in &mut self.epochs {
            if epoch.number != number && epoch.expires.is_none() {
                epoch.expires = Some(now.saturating_add(OLD_EPOCH_LIFE));
            }
        }
    }

    fn sending(&self) -> Option<&Epoch> {
        self.epochs
            .iter()
            .find(|epoch| epoch.number == self.sending)
    }

    fn sending_mut(&mut self) -> Option<&mut Epoch> {
        let sending = self.sending;
        self.epochs.iter_mut().find(|epoch| epoch.number == sending)
    }
}
