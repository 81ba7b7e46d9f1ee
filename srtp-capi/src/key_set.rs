//! The keys that a policy brings, and the two directions that use them.

use callseal_srtp::{Cryptex, Policy, Receiver, Sender, SetUpError};

use crate::foreign_auth::ForeignAuth;
use crate::key_material::KeyMaterial;
use crate::status::Status;

/// A sender and a receiver with the same keys: of one stream, or of all that
/// come from a template. Which direction a stream has, its first packet says.
pub(crate) struct KeySet {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    /// Each key's MKI, which may be empty, and as long as each likes.
    mkis: Vec<Box<[u8]>>,
    pub(crate) trailers: Trailers,
    sends_with: usize,
    receives_with: usize,
    cryptex: [bool; 2],
    /// Whether packets that are sent can hide their headers.
    pub(crate) hides_headers: bool,
    /// Tags that a function of the caller's computes, by key.
    pub(crate) rtp_auth: Vec<ForeignAuth>,
    pub(crate) rtcp_auth: Vec<ForeignAuth>,
}

/// What a [`KeySet`] is made of.
pub(crate) struct Keys {
    pub(crate) policy: Policy,
    pub(crate) masters: Vec<KeyMaterial>,
    pub(crate) mkis: Vec<Box<[u8]>>,
    pub(crate) trailers: Trailers,
    pub(crate) hides_headers: bool,
    pub(crate) rtp_auth: Vec<ForeignAuth>,
    pub(crate) rtcp_auth: Vec<ForeignAuth>,
}

/// What stands behind a packet besides an MKI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trailers {
    pub(crate) is_gcm: bool,
    pub(crate) rtp_tag_len: usize,
    pub(crate) rtcp_tag_len: usize,
}

/// SRTP or SRTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Rtp,
    Rtcp,
}

impl Trailers {
    /// What protecting adds besides an MKI, in octets.
    pub(crate) fn len(self, protocol: Protocol) -> usize {
        match protocol {
            Protocol::Rtp => self.rtp_tag_len,
            Protocol::Rtcp => self.rtcp_tag_len + 4,
        }
    }

    /// What follows an MKI: the tag, where it is not GCM's.
    pub(crate) fn behind_mki(self, protocol: Protocol) -> usize {
        match (self.is_gcm, protocol) {
            (true, _) => 0,
            (false, Protocol::Rtp) => self.rtp_tag_len,
            (false, Protocol::Rtcp) => self.rtcp_tag_len,
        }
    }
}

impl KeySet {
    pub(crate) fn new(keys: Keys) -> Result<Self, Status> {
        let (first, others) = keys.masters.split_first().ok_or(Status::BadParam)?;
        let policy = keys.policy.clone();
        let sender =
            Sender::with_chosen_keys(policy, first.key(), others.iter().map(KeyMaterial::key))?;
        let receiver = Receiver::with_chosen_keys(
            keys.policy,
            first.key(),
            others.iter().map(KeyMaterial::key),
        )?;
        Ok(Self {
            sender,
            receiver,
            mkis: keys.mkis,
            trailers: keys.trailers,
            sends_with: 0,
            receives_with: 0,
            cryptex: [false; 2],
            hides_headers: keys.hides_headers,
            rtp_auth: keys.rtp_auth,
            rtcp_auth: keys.rtcp_auth,
        })
    }

    /// Puts other keys in the place of these, while the streams go on.
    pub(crate) fn replace(&mut self, keys: Keys) -> Result<(), Status> {
        let (first, others) = keys.masters.split_first().ok_or(Status::BadParam)?;
        let policy = keys.policy.clone();
        self.sender
            .replace_keys(policy, first.key(), others.iter().map(KeyMaterial::key))?;
        self.receiver.replace_keys(
            keys.policy,
            first.key(),
            others.iter().map(KeyMaterial::key),
        )?;
        self.mkis = keys.mkis;
        self.trailers = keys.trailers;
        (self.sends_with, self.receives_with) = (0, 0);
        self.cryptex = [false; 2];
        self.hides_headers = keys.hides_headers;
        (self.rtp_auth, self.rtcp_auth) = (keys.rtp_auth, keys.rtcp_auth);
        Ok(())
    }

    /// The MKI of the nth key, which may be empty.
    pub(crate) fn mki(&self, n: usize) -> Option<&[u8]> {
        self.mkis.get(n).map(|mki| &**mki)
    }

    /// The key that a protected packet of `packet`'s length names.
    pub(crate) fn named_in(&self, packet: &[u8], protocol: Protocol) -> Option<usize> {
        let end = packet
            .len()
            .checked_sub(self.trailers.behind_mki(protocol))?;
        let before = &packet[..end];
        let mut mkis = self.mkis.iter();
        mkis.position(|mki| !mki.is_empty() && before.ends_with(mki))
    }

    /// Has the next packet sent use the nth key.
    #[inline]
    pub(crate) fn send_with(&mut self, n: usize) -> Result<(), Status> {
        if n != self.sends_with {
            self.sender.choose_key(n).map_err(|_| Status::BadMki)?;
            self.sends_with = n;
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn receive_with(&mut self, n: usize) -> Result<(), Status> {
        if n != self.receives_with {
            self.receiver.choose_key(n).map_err(|_| Status::BadMki)?;
            self.receives_with = n;
        }
        Ok(())
    }

    /// Whether the next packet sent uses the first key as it is.
    pub(crate) fn sends_with_first(&self) -> bool {
        self.sends_with == 0
    }

    pub(crate) fn receives_with_first(&self) -> bool {
        self.receives_with == 0
    }

    /// The same of SRTP, with headers hidden or not.
    pub(crate) fn is_ready_to_send(&self, cryptex: bool) -> bool {
        self.sends_with_first() && self.cryptex[0] == cryptex
    }

    pub(crate) fn is_ready_to_receive(&self, cryptex: bool) -> bool {
        self.receives_with_first() && self.cryptex[1] == cryptex
    }

    #[inline]
    pub(crate) fn set_sending_cryptex(&mut self, on: bool) -> Result<(), SetUpError> {
        if on != self.cryptex[0] {
            // An extension that cannot be hidden is no packet's to send.
            self.sender.set_cryptex(match on {
                true => Cryptex::Required,
                false => Cryptex::Off,
            })?;
            self.cryptex[0] = on;
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn set_receiving_cryptex(&mut self, on: bool) -> Result<(), SetUpError> {
        if on != self.cryptex[1] {
            self.receiver.set_cryptex(match on {
                true => Cryptex::On,
                false => Cryptex::Off,
            })?;
            self.cryptex[1] = on;
        }
        Ok(())
    }
}
