//! The SRTP contexts of a call, one set of keys an epoch.

use core::fmt;
use core::time::Duration;

use callseal_srtp::{
    AddKeyError, KeyError, MasterKey, Mki, MkiError, PacketIndex, Policy, Profile, ProtectError,
    Receiver, RtcpIndex, Sender, SetUpError, UnprotectError, Unprotected,
};
use callseal_sts::{DirectionKeys, Established, Role, SessionHash, Suite};

/// How long the keys of an epoch still open packets once a newer epoch is
/// in use (PROTOCOL.md §8).
const OLD_EPOCH_LIFE: Duration = Duration::from_secs(10);

/// How long a caller keeps them where the callee is not heard under the new
/// ones, which it does not use before it has heard us under them.
const UNHEARD_EPOCH_LIFE: Duration = Duration::from_secs(120);

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

/// The profile that a suite stands for; `None` for a suite whose media this
/// build cannot carry, which is then neither offered nor accepted.
pub(crate) fn profile_of(suite: Suite) -> Option<Profile> {
    Profile::from_name(suite.media_profile())
}

/// Every epoch that is alive, and the SRTP contexts that hold their keys.
#[derive(Default)]
pub(crate) struct Media {
    /// Newest last.
    epochs: Vec<Epoch>,
    /// Newest last. Each holds the keys of at least one epoch.
    contexts: Vec<Context>,
    /// The epoch that packets are sent under.
    sending: u8,
    contexts_made: u64,
    /// How many calls there were, the one in progress included.
    calls: u64,
}

/// Which of two packets of one SSRC was sent later: the context, then the
/// index in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    context: u64,
    index: u64,
}

/// An authenticated packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    /// Its length in clear, in octets.
    pub(crate) len: usize,
    pub(crate) ssrc: u32,
    pub(crate) place: Place,
    /// Whether it is of the call in progress, and not of one that this has
    /// replaced.
    pub(crate) is_of_call: bool,
}

/// One epoch: whose keys it has and how long they live.
struct Epoch {
    number: u8,
    session_hash: SessionHash,
    exported: ExportedKeys,
    /// Whether a packet under its keys was authenticated.
    heard: bool,
    expires: Option<Duration>,
}

/// Rollover counters and indexes, which a renewal keeps and a new call does
/// not.
struct Context {
    serial: u64,
    /// The call that it is of.
    call: u64,
    sender: Sender,
    receiver: Receiver,
    epochs: Vec<u8>,
}

/// Why keys could not be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    #[error("the suite has no SRTP profile here")]
    Suite,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Mki(#[from] MkiError),
    #[error(transparent)]
    Add(#[from] AddKeyError),
    #[error(transparent)]
    SetUp(#[from] SetUpError),
}

/// [`Receiver::unprotect_rtp`] or [`Receiver::unprotect_rtcp`].
type Unprotect<Index> =
    fn(&mut Receiver, &mut [u8], usize) -> Result<Unprotected<Index>, UnprotectError>;

/// Whether new keys are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installed {
    InUse,
    /// Not before the peer is heard under them.
    ToBeHeard,
}

impl Media {
    pub(crate) fn is_secured(&self) -> bool {
        !self.epochs.is_empty()
    }

    /// Takes over the keys of a finished handshake.
    ///
    /// A caller sends under them at once, since the callee had them first.
    /// In a renewal a callee goes on sending under the old ones until a
    /// packet under the new ones shows that the caller has them (PROTOCOL.md
    /// §8); a caller that starts over has no old ones.
    pub(crate) fn install(
        &mut self,
        now: Duration,
        established: &Established,
    ) -> Result<Installed, InstallError> {
        let profile = profile_of(established.suite()).ok_or(InstallError::Suite)?;
        let number = established.epoch();
        let sending = established.sending_keys();
        let receiving = established.receiving_keys();
        let mki = || Mki::new(&[number]);
        let master = |keys: &DirectionKeys| MasterKey::new(profile, &keys.key, &keys.salt);
        let renewed = established.previous().and_then(|previous| {
            let mut epochs = self.epochs.iter();
            let renewed = epochs.find(|epoch| epoch.session_hash == previous)?;
            Some(renewed.number)
        });
        // The peer has signed that it has finished that handshake.
        self.confirmed(now, renewed);
        // A number that comes round again takes the old one's place.
        self.forget(number);

        let goes_on = self.contexts.iter_mut().find(|context| {
            renewed.is_some_and(|renewed| context.epochs.contains(&renewed))
                && context.sender.policy().profile() == profile
        });
        if let Some(context) = goes_on {
            context.sender.add_key(mki()?, master(sending)?)?;
            context.receiver.add_key(mki()?, master(receiving)?)?;
            context.epochs.push(number);
        } else {
            self.contexts_made += 1;
            self.calls += u64::from(renewed.is_none());
            self.contexts.push(Context {
                serial: self.contexts_made,
                call: self.calls,
                sender: Sender::with_mki(Policy::new(profile), mki()?, master(sending)?)?,
                receiver: Receiver::with_mki(Policy::new(profile), mki()?, master(receiving)?)?,
                epochs: vec![number],
            });
        }
        self.epochs.push(Epoch {
            number,
            session_hash: established.session_hash(),
            exported: ExportedKeys {
                profile: profile.name(),
                epoch: number,
                local_key: sending.key.to_vec(),
                local_salt: sending.salt.to_vec(),
                remote_key: receiving.key.to_vec(),
                remote_salt: receiving.salt.to_vec(),
            },
            heard: false,
            expires: None,
        });
        // Of older epochs only the one that the peer was last heard under
        // stays: never more than two are alive.
        for stale in self
            .epochs
            .iter()
            .map(|epoch| epoch.number)
            .collect::<Vec<_>>()
        {
            if stale != number && stale != self.sending {
                self.forget(stale);
            }
        }
        if renewed.is_some() && established.role() == Role::Callee {
            return Ok(Installed::ToBeHeard);
        }
        self.switch_to(number);
        self.retire_others(now + UNHEARD_EPOCH_LIFE);
        Ok(Installed::InUse)
    }

    /// Octets that protection adds to a packet at most.
    pub(crate) fn max_trailer_len(&self) -> usize {
        self.sending_context()
            .map_or(0, |context| context.sender.max_trailer_len())
    }

    /// Protects a packet under the epoch in use; `None` before there is one.
    pub(crate) fn protect_rtp(
        &mut self,
        packet: &mut [u8],
        len: usize,
    ) -> Option<Result<usize, ProtectError>> {
        let context = self.sending_context_mut()?;
        Some(context.sender.protect_rtp(packet, len))
    }

    /// The same for RTCP.
    pub(crate) fn protect_rtcp(
        &mut self,
        packet: &mut [u8],
        len: usize,
    ) -> Option<Result<usize, ProtectError>> {
        let context = self.sending_context_mut()?;
        Some(context.sender.protect_rtcp(packet, len))
    }

    pub(crate) fn unprotect_rtp(
        &mut self,
        now: Duration,
        packet: &mut [u8],
    ) -> Result<Opened, UnprotectError> {
        self.unprotect(now, packet, Receiver::unprotect_rtp, PacketIndex::get)
    }

    pub(crate) fn unprotect_rtcp(
        &mut self,
        now: Duration,
        packet: &mut [u8],
    ) -> Result<Opened, UnprotectError> {
        let index = |index: RtcpIndex| u64::from(index.get());
        self.unprotect(now, packet, Receiver::unprotect_rtcp, index)
    }

    /// The epoch that packets are sent under; 0 before there is one.
    pub(crate) fn epoch_in_use(&self) -> u8 {
        self.sending
    }

    /// Whether the keys that packets are sent under have come to the warning
    /// before their end; true once.
    pub(crate) fn is_key_life_low(&mut self) -> bool {
        let sending = self.sending;
        let Some(context) = self.sending_context_mut() else {
            return false;
        };
        let mut is_low = false;
        while let Some(event) = context.sender.poll_event() {
            is_low |= matches!(&event, callseal_srtp::Event::KeyLifeLow { mki: Some(mki), .. } if mki.as_bytes() == [sending]);
        }
        is_low
    }

    /// The keys of the epoch in use.
    pub(crate) fn exported(&self) -> Option<ExportedKeys> {
        let sending = self.sending;
        let epoch = self.epochs.iter().find(|epoch| epoch.number == sending)?;
        Some(epoch.exported.clone())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.epochs.iter().filter_map(|epoch| epoch.expires).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        let expired: Vec<u8> = self
            .epochs
            .iter()
            .filter(|epoch| epoch.expires.is_some_and(|at| at <= now))
            .map(|epoch| epoch.number)
            .collect();
        for number in expired {
            self.forget(number);
        }
    }

    /// Tries the newest context first. A packet names its epoch in the MKI,
    /// so the keys of another one are not even tried on it.
    fn unprotect<Index>(
        &mut self,
        now: Duration,
        packet: &mut [u8],
        open: Unprotect<Index>,
        index: impl Fn(Index) -> u64,
    ) -> Result<Opened, UnprotectError> {
        let len = packet.len();
        for context in self.contexts.iter_mut().rev() {
            match open(&mut context.receiver, packet, len) {
                Err(UnprotectError::UnknownMki) => {}
                Err(error) => return Err(error),
                Ok(opened) => {
                    let number = opened.mki(packet).and_then(|mki| mki.first().copied());
                    let place = Place {
                        context: context.serial,
                        index: index(opened.index),
                    };
                    let is_of_call = context.call == self.calls;
                    self.confirmed(now, number);
                    return Ok(Opened {
                        len: opened.len,
                        ssrc: opened.ssrc,
                        place,
                        is_of_call,
                    });
                }
            }
        }
        Err(UnprotectError::UnknownMki)
    }

    /// A packet under this epoch was authenticated: the peer has its keys,
    /// and from now on sends under them.
    fn confirmed(&mut self, now: Duration, number: Option<u8>) {
        if let Some(newest) = self.epochs.last_mut()
            && Some(newest.number) == number
            && !newest.heard
        {
            newest.heard = true;
            let number = newest.number;
            self.switch_to(number);
            self.retire_others(now + OLD_EPOCH_LIFE);
        }
    }

    /// Sets an end to every epoch but the one that packets are sent under.
    fn retire_others(&mut self, until: Duration) {
        let sending = self.sending;
        let others = self.epochs.iter_mut();
        for epoch in others.filter(|epoch| epoch.number != sending) {
            epoch.expires = Some(epoch.expires.map_or(until, |at| at.min(until)));
        }
    }

    fn switch_to(&mut self, number: u8) {
        self.sending = number;
        if let Ok(mki) = Mki::new(&[number])
            && let Some(context) = self.sending_context_mut()
        {
            // The context holds the key: that is what made it the one.
            let _ = context.sender.switch_to(&mki);
        }
    }

    /// Wipes an epoch's keys.
    fn forget(&mut self, number: u8) {
        self.epochs.retain(|epoch| epoch.number != number);
        self.contexts.retain_mut(|context| {
            context.epochs.retain(|held| *held != number);
            if let Ok(mki) = Mki::new(&[number]) {
                // Where it was not held, or is the last one and goes with
                // its context, there is nothing to remove.
                let _ = context.sender.remove_key(&mki);
                let _ = context.receiver.remove_key(&mki);
            }
            !context.epochs.is_empty()
        });
    }

    fn sending_context(&self) -> Option<&Context> {
        let sending = self.sending;
        self.contexts
            .iter()
            .find(|context| context.epochs.contains(&sending))
    }

    fn sending_context_mut(&mut self) -> Option<&mut Context> {
        let sending = self.sending;
        self.contexts
            .iter_mut()
            .find(|context| context.epochs.contains(&sending))
    }
}
