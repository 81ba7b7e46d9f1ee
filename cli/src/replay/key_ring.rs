//! The receivers that a capture is opened with.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use callseal_srtp::{
    AddKeyError, KeyError, MasterKey, Mki, MkiError, Policy, Profile, Receiver, SetUpError,
    UnprotectError,
};

use crate::keys_file::{KeysFile, SenderKey};

/// In packets; wider than a phone's, since a capture is not in a hurry.
const REPLAY_WINDOW: usize = 1_024;

/// SSRCs that may authenticate under one sender's keys.
const MAX_STREAMS: usize = 65_536;

/// RTP or RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// RTP, as SRTP.
    Rtp,
    /// RTCP, as SRTCP.
    Rtcp,
}

/// One SRTP context for each sender of a file of keys.
#[derive(Debug)]
pub struct KeyRing {
    senders: Vec<Sender>,
}

/// A sender, and the receiver that opens what it sends.
#[derive(Debug)]
struct Sender {
    name: String,
    profile: Profile,
    from: Vec<SocketAddr>,
    ssrcs: BTreeSet<u32>,
    receiver: Receiver,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The sender whose key opened it, or whose key was right to try;
    /// `None` where the packet is of no sender that there is a key for.
    pub sender: Option<usize>,
    /// The plain packet's length, and its index.
    pub outcome: Result<Plain, Refused>,
}

/// A packet that authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Its length in the buffer, in octets.
    pub len: usize,
    /// The 48-bit index in SRTP, the 31-bit one in SRTCP.
    pub index: u64,
}

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// No key is for this address and SSRC.
    #[error("no key is for this address and SSRC")]
    NoKey,
    /// SRTP refuses it.
    #[error(transparent)]
    Srtp(#[from] UnprotectError),
}

impl Refused {
    /// Whether the packet's index was received before, or lies behind the
    /// replay window. SRTP looks at that before the tag.
    pub fn is_replay(self) -> bool {
        matches!(
            self,
            Self::Srtp(UnprotectError::Replayed | UnprotectError::TooOld)
        )
    }
}

/// Why keys cannot be used. None of them shows a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// The profile's name is not known.
    #[error("key {number}: profile \"{name}\" is not known; known are {known}")]
    Profile {
        /// Which key, counted from 1.
        number: usize,
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The key or salt does not fit the profile.
    #[error("key {number}: {source}")]
    Key {
        /// Which key, counted from 1.
        number: usize,
        /// What does not fit.
        source: KeyError,
    },
    /// The MKI is none.
    #[error("key {number}: {source}")]
    Mki {
        /// Which key, counted from 1.
        number: usize,
        /// What is wrong with it.
        source: MkiError,
    },
    /// The key cannot be added to the sender's others.
    #[error("key {number} does not go with the same sender's others: {source}")]
    Add {
        /// Which key, counted from 1.
        number: usize,
        /// Why not.
        source: AddKeyError,
    },
    /// The session cannot be set up.
    #[error("key {number}: {source}")]
    SetUp {
        /// Which key, counted from 1.
        number: usize,
        /// Why not.
        source: SetUpError,
    },
}

impl KeyRing {
    /// One receiver for each sender of `file`; keys that agree in all but
    /// key, salt and MKI are one sender's.
    ///
    /// # Errors
    /// [`KeyRingError`] says which key cannot be used and why.
    pub fn new(file: &KeysFile) -> Result<Self, KeyRingError> {
        let mut senders: Vec<(&SenderKey, Sender)> = Vec::new();
        for (key, number) in file.keys.iter().zip(1..) {
            let profile = profile_of(key, number)?;
            let master_key =
                MasterKey::new(profile, key.master_key.expose(), key.master_salt.expose())
                    .map_err(|source| KeyRingError::Key { number, source })?;
            let mki = match key.mki.is_empty() {
                true => None,
                false => Some(
                    Mki::new(&key.mki.0).map_err(|source| KeyRingError::Mki { number, source })?,
                ),
            };
            let known = senders.iter_mut().find(|(first, _)| {
                (&first.sender, &first.from, &first.ssrcs, &first.profile)
                    == (&key.sender, &key.from, &key.ssrcs, &key.profile)
            });
            match (known, mki) {
                (Some((_, sender)), Some(mki)) => sender
                    .receiver
                    .add_key(mki, master_key)
                    .map_err(|source| KeyRingError::Add { number, source })?,
                (_, mki) => {
                    let policy = Policy::new(profile)
                        .with_rtp_window(REPLAY_WINDOW)
                        .with_max_streams(MAX_STREAMS);
                    let receiver = match mki {
                        Some(mki) => Receiver::with_mki(policy, mki, master_key),
                        None => Receiver::new(policy, master_key),
                    }
                    .map_err(|source| KeyRingError::SetUp { number, source })?;
                    let name = match key.sender.is_empty() {
                        true => format!("key {number}"),
                        false => key.sender.clone(),
                    };
                    let sender = Sender {
                        name,
                        profile,
                        from: key.from.clone(),
                        ssrcs: key.ssrcs.iter().map(|ssrc| ssrc.0).collect(),
                        receiver,
                    };
                    senders.push((key, sender));
                }
            }
        }
        let senders = senders.into_iter().map(|(_, sender)| sender).collect();
        Ok(Self { senders })
    }

    /// The name of a sender.
    pub fn name(&self, sender: usize) -> &str {
        self.senders.get(sender).map_or("", |sender| &sender.name)
    }

    /// The profile that a sender's packets are protected with.
    pub fn profile(&self, sender: usize) -> Option<Profile> {
        self.senders.get(sender).map(|sender| sender.profile)
    }

    /// How many senders there are keys of.
    pub fn len(&self) -> usize {
        self.senders.len()
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    /// Opens the packet in `packet`, in place.
    ///
    /// A sender's own packets are tried with its keys only. A packet from an
    /// address that is no sender's is tried with everybody's, as the phone
    /// that it was sent to would: an address is easily forged, and may move.
    pub fn open(
        &mut self,
        protocol: Protocol,
        from: SocketAddr,
        ssrc: u32,
        packet: &mut [u8],
    ) -> Opened {
        let from_a_sender = self
            .senders
            .iter()
            .any(|sender| sender.from.contains(&from));
        let mut opened = Opened {
            sender: None,
            outcome: Err(Refused::NoKey),
        };
        for (index, sender) in self.senders.iter_mut().enumerate() {
            let is_own = sender.from.is_empty() || sender.from.contains(&from);
            if from_a_sender && !is_own {
                continue;
            }
            if !sender.ssrcs.is_empty() && !sender.ssrcs.contains(&ssrc) {
                continue;
            }
            let outcome = sender.open(protocol, packet);
            // Of several refusals, the one that says most: only a stream that
            // has authenticated knows a replay.
            let is_better = match (outcome, opened.outcome) {
                (Ok(_), _) | (_, Err(Refused::NoKey)) => true,
                (Err(refused), Err(before)) => refused.is_replay() && !before.is_replay(),
                (Err(_), Ok(_)) => false,
            };
            if is_better {
                opened = Opened {
                    sender: (is_own || outcome.is_ok()).then_some(index),
                    outcome,
                };
            }
            if outcome.is_ok() {
                break;
            }
        }
        opened
    }
}

impl Sender {
    fn open(&mut self, protocol: Protocol, packet: &mut [u8]) -> Result<Plain, Refused> {
        let len = packet.len();
        match protocol {
            Protocol::Rtp => {
                let plain = self.receiver.unprotect_rtp(packet, len)?;
                Ok(Plain {
                    len: plain.len,
                    index: plain.index.get(),
                })
            }
            Protocol::Rtcp => {
                let plain = self.receiver.unprotect_rtcp(packet, len)?;
                Ok(Plain {
                    len: plain.len,
                    index: u64::from(plain.index.get()),
                })
            }
        }
    }
}

fn profile_of(key: &SenderKey, number: usize) -> Result<Profile, KeyRingError> {
    Profile::from_name(&key.profile).ok_or_else(|| {
        let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        KeyRingError::Profile {
            number,
            name: key.profile.clone(),
            known: names.join(", "),
        }
    })
}
