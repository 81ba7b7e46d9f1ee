//! Sessions whose keys the caller chooses packet by packet, and new keys for
//! streams that go on.

use crate::cryptex::Cryptex;
use crate::keys::{Keyring, MasterKey, UnknownKey};
use crate::policy::{Policy, SetUpError};
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::stream::{ReceiverStream, SenderStream};
use crate::trailer::RtpTrailer;

impl Sender {
    /// A sender with several keys whose packets carry nothing that tells them
    /// apart: whoever calls it says which, with [`choose_key`](Self::choose_key),
    /// and has his own way to tell the receiver. The first one is chosen.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, Sender};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let key = |octet| MasterKey::new(profile, &[octet; 16], &[0x22; 14]);
    /// let mut sender = Sender::with_chosen_keys(Policy::new(profile), key(1)?, [key(2)?])?;
    /// sender.protect_rtp(&mut [0x80; 42], 32)?;
    /// sender.choose_key(1)?;
    ///
    /// // New keys, for streams that go on: under them every sequence number
    /// // is free again, and the ROC is as it was.
    /// sender.replace_keys(Policy::new(profile), key(3)?, [])?;
    /// assert_eq!(sender.roc(0x8080_8080), Some(0));
    /// assert!(sender.protect_rtp(&mut [0x80; 42], 32).is_ok());
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SetUpError`] where the policy is out of bounds or a key is another
    /// profile's.
    pub fn with_chosen_keys(
        policy: Policy,
        first: MasterKey,
        others: impl IntoIterator<Item = MasterKey>,
    ) -> Result<Self, SetUpError> {
        let keys = chosen_keys(&policy, first, others)?;
        Ok(Self::with_keys(policy, keys))
    }

    /// Protects from now on with the nth key, the first being 0.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`] where there are not so many, or the sender was not made
    /// [with chosen keys](Self::with_chosen_keys).
    pub fn choose_key(&mut self, n: usize) -> Result<(), UnknownKey> {
        self.keys.choose(n)
    }

    /// Gives a sender with chosen keys other ones, and another policy, while
    /// its streams go on: with their ROC and their SRTCP index. Where none of
    /// the keys was there before, every sequence number is free again.
    ///
    /// A key that was there before goes on with its life as well, and no index
    /// is freed then. One that comes back after others leaves all indexes used
    /// up to the newest: 32 octets of each key are remembered for that.
    ///
    /// # Errors
    ///
    /// [`SetUpError`] where the policy is out of bounds, a key is another
    /// profile's, or the keys are not the caller's to choose; the sender is
    /// then as before.
    pub fn replace_keys(
        &mut self,
        policy: Policy,
        first: MasterKey,
        others: impl IntoIterator<Item = MasterKey>,
    ) -> Result<(), SetUpError> {
        let mut keys = replacing_keys(&self.keys, &policy, first, others)?;
        let kinship = keys.go_on_from(&self.keys);
        for stream in self.streams.rebound(policy.max_streams()) {
            stream.rtp.rekey(&policy, kinship);
        }
        self.retired.rekey(kinship);
        self.rtp_trailer = RtpTrailer::new(&policy, keys.mki_len());
        self.rtcp_trailer = policy.rtcp_trailer(keys.mki_len());
        self.policy = policy;
        self.keys = keys;
        Ok(())
    }

    /// Goes on with a stream of another sender's: with its ROC and its SRTCP
    /// index. Where the two have no key in common, every sequence number is
    /// free again that this one has not used itself. Nothing changes where
    /// either has no room for it or does not know it, or this one has begun it.
    ///
    /// A stream that was [removed](Self::remove_stream) from the other is one
    /// that was removed from this one. A key that both have counts as used as
    /// often as in the sender that used it more.
    pub fn continue_stream(&mut self, ssrc: u32, other: &Self) {
        let Some(place) = self.streams.place(ssrc) else {
            return;
        };
        if self.streams.at(place).is_some() {
            return;
        }
        let Some(from) = other.streams.get(ssrc) else {
            if let Some(&removed) = other.retired.get(ssrc) {
                let kinship = self.keys.go_on_from(&other.keys);
                self.retired.keep_later(ssrc, removed.under(kinship));
            }
            return;
        };
        let kinship = self.keys.go_on_from(&other.keys);
        let policy = &self.policy;
        let stream = self
            .streams
            .settle(place, |ssrc| SenderStream::new(ssrc, policy));
        stream.rtp = from.rtp.clone();
        stream.rtp.rekey(policy, kinship);
        stream.rest.next_rtcp = from.rest.next_rtcp;
        if let Some(own) = self.retired.remove(ssrc) {
            own.keep_behind(stream);
        }
    }

    /// Sets what becomes of CSRCs and header extensions from now on.
    ///
    /// # Errors
    ///
    /// [`SetUpError::NoCipher`] where the policy encrypts nothing.
    pub fn set_cryptex(&mut self, cryptex: Cryptex) -> Result<(), SetUpError> {
        self.policy.set_cryptex(cryptex)?;
        self.rtp_trailer = RtpTrailer::new(&self.policy, self.keys.mki_len());
        Ok(())
    }
}

impl Receiver {
    /// A receiver with several keys whose packets carry nothing that tells
    /// them apart: whoever calls it knows which, and says so with
    /// [`choose_key`](Self::choose_key). The first one is chosen.
    ///
    /// # Errors
    ///
    /// [`SetUpError`] where the policy is out of bounds or a key is another
    /// profile's.
    pub fn with_chosen_keys(
        policy: Policy,
        first: MasterKey,
        others: impl IntoIterator<Item = MasterKey>,
    ) -> Result<Self, SetUpError> {
        let keys = chosen_keys(&policy, first, others)?;
        Ok(Self::with_keys(policy, keys))
    }

    /// Opens from now on with the nth key, the first being 0.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`] where there are not so many, or the receiver was not
    /// made [with chosen keys](Self::with_chosen_keys).
    pub fn choose_key(&mut self, n: usize) -> Result<(), UnknownKey> {
        self.keys.choose(n)
    }

    /// Gives a receiver with chosen keys other ones, and another policy, while
    /// its streams go on: with their ROC and what was received of SRTCP. Where
    /// none of the keys was there before, SRTP's replay lists begin anew.
    ///
    /// # Errors
    ///
    /// [`SetUpError`] where the policy is out of bounds, a key is another
    /// profile's, or the keys are not the caller's to choose; the receiver is
    /// then as before.
    pub fn replace_keys(
        &mut self,
        policy: Policy,
        first: MasterKey,
        others: impl IntoIterator<Item = MasterKey>,
    ) -> Result<(), SetUpError> {
        let mut keys = replacing_keys(&self.keys, &policy, first, others)?;
        let kinship = keys.go_on_from(&self.keys);
        for stream in self.streams.rebound(policy.max_streams()) {
            stream.rtp.rekey(&policy, kinship);
            stream.rest.rtcp.resize(policy.rtcp_window());
        }
        self.rtp_trailer = RtpTrailer::new(&policy, keys.mki_len());
        self.rtcp_trailer = policy.rtcp_trailer(keys.mki_len());
        self.policy = policy;
        self.keys = keys;
        Ok(())
    }

    /// Goes on with a stream of another receiver's: with its ROC, and what was
    /// received of SRTCP. Where the two have no key in common, SRTP's replay
    /// list begins anew. Nothing changes where either has no room for it or
    /// does not know it, or this one has begun it.
    pub fn continue_stream(&mut self, ssrc: u32, other: &Self) {
        let (Some(place), Some(from)) = (self.streams.place(ssrc), other.streams.get(ssrc)) else {
            return;
        };
        if self.streams.at(place).is_some() {
            return;
        }
        let kinship = self.keys.go_on_from(&other.keys);
        let policy = &self.policy;
        let stream = self
            .streams
            .settle(place, |ssrc| ReceiverStream::new(ssrc, policy));
        stream.rtp = from.rtp.clone();
        stream.rtp.rekey(policy, kinship);
        stream.rest.rtcp = from.rest.rtcp.clone();
        stream.rest.rtcp.resize(policy.rtcp_window());
    }

    /// Sets what becomes of CSRCs and header extensions from now on.
    ///
    /// # Errors
    ///
    /// [`SetUpError::NoCipher`] where the policy encrypts nothing.
    pub fn set_cryptex(&mut self, cryptex: Cryptex) -> Result<(), SetUpError> {
        self.policy.set_cryptex(cryptex)?;
        self.rtp_trailer = RtpTrailer::new(&self.policy, self.keys.mki_len());
        Ok(())
    }
}

fn chosen_keys(
    policy: &Policy,
    first: MasterKey,
    others: impl IntoIterator<Item = MasterKey>,
) -> Result<Keyring, SetUpError> {
    policy.check(&first)?;
    let mut keys = Keyring::chosen(policy, first);
    for key in others {
        keys.add_chosen(policy, key)?;
    }
    Ok(keys)
}

fn replacing_keys(
    replaced: &Keyring,
    policy: &Policy,
    first: MasterKey,
    others: impl IntoIterator<Item = MasterKey>,
) -> Result<Keyring, SetUpError> {
    if !replaced.is_chosen() {
        return Err(SetUpError::KeysNotChosen);
    }
    chosen_keys(policy, first, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;
    use crate::{KeyLifetime, PacketIndex, ProtectError, Reservation, UnprotectError};

    const PROFILE: Profile = Profile::AesCm128HmacSha1_80;
    const SSRC: u32 = 0x8080_8080;

    fn key(octet: u8) -> MasterKey {
        MasterKey::new(PROFILE, &[octet; 16], &[octet; 14]).unwrap()
    }

    fn packet(seq: u8) -> [u8; 42] {
        let mut packet = [0x80; 42];
        packet[2..4].copy_from_slice(&[0, seq]);
        packet
    }

    #[test]
    fn a_key_that_comes_back_after_others_uses_no_index_twice() {
        let policy = || Policy::new(PROFILE);
        let mut sender = Sender::with_chosen_keys(policy(), key(1), []).unwrap();
        let mut receiver = Receiver::with_chosen_keys(policy(), key(1), []).unwrap();
        let mut first = packet(7);
        let len = sender.protect_rtp(&mut first, 32).unwrap();
        sender.protect_rtp(&mut packet(3), 32).unwrap();
        receiver.unprotect_rtp(&mut first.clone(), len).unwrap();
        for octet in [2, 1] {
            sender.replace_keys(policy(), key(octet), []).unwrap();
            receiver.replace_keys(policy(), key(octet), []).unwrap();
        }
        for seq in [3, 5, 7] {
            assert!(sender.protect_rtp(&mut packet(seq), 32).is_err(), "{seq}");
        }
        let replayed = receiver.unprotect_rtp(&mut first, len);
        assert_eq!(replayed, Err(UnprotectError::Replayed));
        let mut next = packet(8);
        let len = sender.protect_rtp(&mut next, 32).unwrap();
        receiver.unprotect_rtp(&mut next, len).unwrap();
    }

    #[test]
    fn a_key_that_comes_back_in_another_sender_uses_no_index_twice() {
        let policy = || Policy::new(PROFILE);
        let sender = |octet| Sender::with_chosen_keys(policy(), key(octet), []).unwrap();
        let [mut first, mut second, mut third] = [1, 2, 1].map(sender);
        first.protect_rtp(&mut packet(7), 32).unwrap();
        second.continue_stream(SSRC, &first);
        assert!(second.protect_rtp(&mut packet(7), 32).is_ok());
        third.continue_stream(SSRC, &second);
        for seq in [5, 7] {
            assert!(third.protect_rtp(&mut packet(seq), 32).is_err(), "{seq}");
        }
        assert!(third.protect_rtp(&mut packet(8), 32).is_ok());

        // The same of a stream that was removed.
        second.remove_stream(SSRC).unwrap();
        let mut third = sender(1);
        third.continue_stream(SSRC, &second);
        let again = third.protect_rtp(&mut packet(7), 32);
        assert_eq!(again, Err(ProtectError::TooOld));
    }

    #[test]
    fn a_stream_that_was_to_begin_somewhere_begins_there_under_other_keys() {
        let policy = || Policy::new(PROFILE);
        let mut sender = Sender::with_chosen_keys(policy(), key(1), []).unwrap();
        let _ = sender.snapshot(Reservation::default());
        let first = PacketIndex::from_parts(0, 200);
        sender.start_stream(SSRC, first).unwrap();
        sender.replace_keys(policy(), key(2), []).unwrap();
        let stored = sender.snapshot(Reservation::default());
        sender.confirm(&stored);
        assert!(sender.protect_rtp(&mut packet(200), 32).is_ok());
    }

    #[test]
    fn the_key_that_was_chosen_is_the_one_that_opens() {
        let policy = || Policy::new(PROFILE);
        let mut sender = Sender::with_chosen_keys(policy(), key(1), [key(2)]).unwrap();
        let mut receiver = Receiver::with_chosen_keys(policy(), key(1), [key(2)]).unwrap();
        assert_eq!(sender.choose_key(2), Err(UnknownKey));
        sender.choose_key(1).unwrap();
        let mut sealed = packet(1);
        let len = sender.protect_rtp(&mut sealed, 32).unwrap();
        let refused = receiver.unprotect_rtp(&mut sealed, len);
        assert_eq!(refused, Err(UnprotectError::AuthenticationFailed));
        receiver.choose_key(1).unwrap();
        assert!(receiver.unprotect_rtp(&mut sealed, len).is_ok());
    }

    #[test]
    fn the_same_key_again_frees_no_index() {
        let policy = Policy::new(PROFILE);
        let mut sender = Sender::with_chosen_keys(policy.clone(), key(1), []).unwrap();
        sender.set_roc(0x8080_8080, 7).unwrap();
        sender.protect_rtp(&mut packet(1), 32).unwrap();
        let wider = policy.clone().with_rtp_window(1_024);
        sender.replace_keys(wider, key(2), [key(1)]).unwrap();
        let again = sender.protect_rtp(&mut packet(1), 32);
        assert_eq!(again, Err(ProtectError::Replayed));

        sender.replace_keys(policy, key(3), []).unwrap();
        assert_eq!(sender.roc(0x8080_8080), Some(7));
        sender.protect_rtp(&mut packet(1), 32).unwrap();
        let again = sender.protect_rtp(&mut packet(1), 32);
        assert_eq!(again, Err(ProtectError::Replayed));
    }

    #[test]
    fn a_stream_that_is_continued_uses_no_index_that_was_used_before_it_was_removed() {
        let policy = || Policy::new(PROFILE);
        let mut old = Sender::with_chosen_keys(policy(), key(1), []).unwrap();
        old.protect_rtp(&mut packet(50), 32).unwrap();
        let mut new = Sender::with_chosen_keys(policy(), key(2), []).unwrap();
        new.protect_rtp(&mut packet(55), 32).unwrap();
        new.remove_stream(SSRC).unwrap();
        new.continue_stream(SSRC, &old);
        for seq in [49, 55] {
            let again = new.protect_rtp(&mut packet(seq), 32);
            assert_eq!(again, Err(ProtectError::TooOld), "{seq}");
        }
        assert!(new.protect_rtp(&mut packet(56), 32).is_ok());
    }

    #[test]
    fn a_stream_removed_from_the_other_sender_goes_on_behind_its_indexes() {
        let policy = || Policy::new(PROFILE);
        let mut old = Sender::with_chosen_keys(policy(), key(1), []).unwrap();
        old.protect_rtp(&mut packet(50), 32).unwrap();
        old.remove_stream(SSRC).unwrap();
        let mut same = Sender::with_chosen_keys(policy(), key(1), []).unwrap();
        same.continue_stream(SSRC, &old);
        let again = same.protect_rtp(&mut packet(50), 32);
        assert_eq!(again, Err(ProtectError::TooOld));
        let mut other = Sender::with_chosen_keys(policy(), key(2), []).unwrap();
        other.continue_stream(SSRC, &old);
        assert!(other.protect_rtp(&mut packet(50), 32).is_ok());
    }

    #[test]
    fn a_keys_life_does_not_begin_anew_with_the_same_key() {
        let lifetime = KeyLifetime::new(2, 2).unwrap();
        let policy = || Policy::new(PROFILE).with_key_lifetime(lifetime);
        let mut sender = Sender::with_chosen_keys(policy(), key(1), []).unwrap();
        for seq in [1, 2] {
            sender.protect_rtp(&mut packet(seq), 32).unwrap();
        }
        let spent = Err(ProtectError::KeySpent);
        assert_eq!(sender.protect_rtp(&mut packet(3), 32), spent);
        let mut next = Sender::with_chosen_keys(policy(), key(1), []).unwrap();
        next.continue_stream(SSRC, &sender);
        assert_eq!(next.protect_rtp(&mut packet(3), 32), spent);
        sender.replace_keys(policy(), key(2), [key(1)]).unwrap();
        assert!(sender.protect_rtp(&mut packet(3), 32).is_ok());
        sender.choose_key(1).unwrap();
        assert_eq!(sender.protect_rtp(&mut packet(4), 32), spent);
        // Nor where it has been away.
        for octet in [3, 1] {
            sender.replace_keys(policy(), key(octet), []).unwrap();
        }
        assert_eq!(sender.protect_rtp(&mut packet(5), 32), spent);
    }

    #[test]
    fn a_removed_stream_keeps_its_roc_over_new_keys() {
        let policy = || Policy::new(PROFILE);
        let mut sender = Sender::with_chosen_keys(policy(), key(1), []).unwrap();
        let mut receiver = Receiver::with_chosen_keys(policy(), key(1), []).unwrap();
        for roc in [0, 1] {
            sender.set_roc(SSRC, roc).unwrap();
            receiver.set_roc(SSRC, roc).unwrap();
            let mut sealed = packet(9);
            let len = sender.protect_rtp(&mut sealed, 32).unwrap();
            receiver.unprotect_rtp(&mut sealed, len).unwrap();
        }
        sender.remove_stream(SSRC).unwrap();
        sender.replace_keys(policy(), key(2), []).unwrap();
        receiver.replace_keys(policy(), key(2), []).unwrap();
        // Free again, under keys that have not been used.
        let mut sealed = packet(8);
        let len = sender.protect_rtp(&mut sealed, 32).unwrap();
        assert_eq!(sender.roc(SSRC), Some(1));
        assert!(receiver.unprotect_rtp(&mut sealed, len).is_ok());
    }
}
