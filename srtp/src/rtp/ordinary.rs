//! The walk of an ordinary packet: header, encrypted payload and tag, in a
//! stream that goes on. Nearly all packets are.
//!
//! The steps are those of any packet; where nothing can be between, behind or
//! hidden, and no ROC, key or stream begins, each takes a few instructions. What
//! is not ordinary, or would be refused before its tag is looked at, is left as
//! it was to the walk of any packet.

use super::{Receiver, Sender};
use crate::index::PacketIndex;
use crate::packet::RtpHeader;
use crate::receiver::{UnprotectError, Unprotected};
use crate::replay::Candidate;
use crate::streams::Place;
use crate::transform::{JobPlace, Jobs, Nonce, Transform};

impl Sender {
    /// All steps of an ordinary packet; `None`, and nothing has happened, of any
    /// other.
    #[inline(always)]
    pub(super) fn protect_ordinary_rtp(&mut self, buf: &mut [u8], len: usize) -> Option<usize> {
        // 1 to 6.
        let place = self.streams.place(RtpHeader::ssrc_of(buf))?;
        let ordinary = self.admit_ordinary_outgoing_rtp(buf, len, place)?;
        let key = self.keys.at(ordinary.key_place);
        let keys = key.held_rtp(&self.policy, ordinary.index)?;

        // 7.
        let packet = buf.get_mut(..ordinary.protected_len)?;
        let sealed = keys.transform.seal_ordinary(
            self.policy.backend(),
            packet,
            ordinary.nonce(),
            ordinary.lens(),
        )?;

        // 8 and 9.
        self.keys.commit_rtp(ordinary.key_place, None);
        let stream = self.streams.settle_known(place)?;
        stream.commit_rtp(Some(ordinary.candidate), sealed, len);
        Some(ordinary.protected_len)
    }

    /// Steps 1 to 6 of an ordinary packet to send, whose stream is at `place`;
    /// `None` of any other, or where it is refused.
    #[inline(always)]
    pub(crate) fn admit_ordinary_outgoing_rtp(
        &self,
        buf: &[u8],
        len: usize,
        place: Place,
    ) -> Option<OrdinaryRtp> {
        // 1 and 2.
        let tag_len = self.rtp_trailer.ordinary_tag_len()?;
        let protected_len = len.checked_add(tag_len)?;
        let header = RtpHeader::parse(buf.get(..protected_len)?.get(..len)?).ok()?;

        // 4 and 5.
        let track = &self.streams.at(place)?.rtp;
        let index = track.near(header.seq)?;
        let candidate = track.check_near(index)?;

        // 6.
        let key_place = self.keys.place_to_send(self.current, Some(index))?;
        let refused = self.reserving || self.keys.at(key_place).is_spent();
        (!refused).then_some(OrdinaryRtp {
            place,
            ssrc: header.ssrc,
            index,
            candidate,
            key_place,
            header_len: header.len,
            tag_len,
            protected_len,
        })
    }
}

impl Receiver {
    /// All steps of an ordinary packet; `None`, and nothing has happened, of any
    /// other.
    #[inline(always)]
    pub(super) fn unprotect_ordinary_rtp(
        &mut self,
        buf: &mut [u8],
        len: usize,
    ) -> Option<Result<Unprotected, UnprotectError>> {
        // 1 to 6.
        let place = self.streams.place(RtpHeader::ssrc_of(buf))?;
        let ordinary = self.admit_ordinary_incoming_rtp(buf, len, place)?;
        let key = self.keys.at(ordinary.key_place);
        let keys = key.held_rtp(&self.policy, ordinary.index)?;

        // 7. No other ROC is to be tried in a stream that goes on.
        let opened = keys.transform.open_ordinary(
            self.policy.backend(),
            buf.get_mut(..len)?,
            ordinary.nonce(),
            ordinary.lens(),
        )?;
        let Ok(authenticated) = opened else {
            let error = UnprotectError::AuthenticationFailed;
            return Some(Err(self.refuse_rtp(place, error)));
        };

        // 8 and 9.
        self.keys.commit_rtp(ordinary.key_place, None);
        let stream = self.streams.settle_known(place)?;
        let payload_end = len - ordinary.tag_len;
        stream.commit_rtp(ordinary.candidate, authenticated, payload_end);
        let (ssrc, index) = (ordinary.ssrc, ordinary.index);
        Some(Ok(Unprotected::without_mki(ssrc, index, payload_end)))
    }

    /// Steps 1 to 6 of an ordinary packet received, whose stream is at `place`;
    /// `None` of any other, or where it is refused.
    #[inline(always)]
    pub(crate) fn admit_ordinary_incoming_rtp(
        &self,
        buf: &[u8],
        len: usize,
        place: Place,
    ) -> Option<OrdinaryRtp> {
        // 1 and 2.
        let tag_len = self.rtp_trailer.ordinary_tag_len()?;
        let payload_end = len.checked_sub(tag_len)?;
        let header = RtpHeader::parse(buf.get(..len)?.get(..payload_end)?).ok()?;

        // 4 and 5.
        let track = &self.streams.at(place)?.rtp;
        let index = track.near(header.seq)?;
        let candidate = track.check_near(index)?;

        // 6.
        let key_place = self.keys.place_for_received(&[], Some(index))?;
        let refused = self.keys.at(key_place).is_spent();
        (!refused).then_some(OrdinaryRtp {
            place,
            ssrc: header.ssrc,
            index,
            candidate,
            key_place,
            header_len: header.len,
            tag_len,
            protected_len: len,
        })
    }
}

/// An ordinary packet after step 6.
pub(crate) struct OrdinaryRtp {
    pub(super) place: Place,
    ssrc: u32,
    pub(super) index: PacketIndex,
    candidate: Candidate,
    pub(super) key_place: usize,
    header_len: usize,
    pub(super) tag_len: usize,
    pub(super) protected_len: usize,
}

impl OrdinaryRtp {
    #[inline(always)]
    fn nonce(&self) -> Nonce {
        let &Self { ssrc, index, .. } = self;
        Nonce::Rtp { ssrc, index }
    }

    /// The lengths of header and tag, in octets.
    #[inline(always)]
    fn lens(&self) -> [usize; 2] {
        [self.header_len, self.tag_len]
    }

    /// Its share of step 7 in a batch.
    #[inline(always)]
    pub(super) fn add_job<'a, const N: usize>(
        &self,
        transform: &'a Transform,
        buf: &'a mut [u8],
        jobs: &mut Jobs<'a, N>,
    ) -> Option<JobPlace> {
        let packet = &mut buf[..self.protected_len];
        transform.add_ordinary_job(packet, self.nonce(), self.lens(), jobs)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::{KeyLifetime, MasterKey, Policy, Profile};

    /// One packet, made, sealed and sent on to the receivers.
    #[derive(Clone, Debug)]
    struct Step {
        ssrc: u32,
        seq: u16,
        payload_len: usize,
        fate: Fate,
    }

    #[derive(Clone, Debug)]
    enum Fate {
        Arrives,
        ArrivesTwice,
        Forged(usize),
        CutBy(usize),
        Lost,
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            6 => Just(Fate::Arrives),
            1 => Just(Fate::ArrivesTwice),
            1 => any::<usize>().prop_map(Fate::Forged),
            1 => (0..64_usize).prop_map(Fate::CutBy),
            1 => Just(Fate::Lost),
        ]
    }

    prop_compose! {
        fn step()(
            ssrc in 0..3_u32,
            seq in prop_oneof![65_500..=u16::MAX, 0..40_u16, any::<u16>()],
            payload_len in 0..200_usize,
            fate in fate(),
        ) -> Step {
            Step { ssrc, seq, payload_len, fate }
        }
    }

    fn policies() -> [Policy; 6] {
        let profile = Profile::AesCm128HmacSha1_80;
        [
            Policy::new(profile),
            Policy::new(Profile::AesCm128HmacSha1_32),
            Policy::new(Profile::AeadAes256Gcm),
            Policy::new(profile).with_repeated_transmission(),
            Policy::new(profile).with_neighbouring_rocs_tried(),
            Policy::new(profile).with_key_lifetime(KeyLifetime::new(25, 7).unwrap()),
        ]
    }

    fn key(profile: Profile) -> MasterKey {
        let (key, salt) = ([0x11; 32], [0x22; 14]);
        let key = &key[..profile.key_len()];
        MasterKey::new(profile, key, &salt[..profile.salt_len()]).unwrap()
    }

    proptest! {
        #[test]
        fn the_short_walk_does_what_the_walk_of_any_packet_does(
            policy in prop::sample::select(policies().to_vec()),
            steps in prop::collection::vec(step(), 1..60),
        ) {
            let profile = policy.profile();
            let sender = || Sender::new(policy.clone(), key(profile)).unwrap();
            let receiver = || Receiver::new(policy.clone(), key(profile)).unwrap();
            let (mut short_sender, mut sender) = (sender(), sender());
            let (mut short_receiver, mut receiver) = (receiver(), receiver());
            for Step { ssrc, seq, payload_len, fate } in steps {
                let mut buf = vec![0; 12 + payload_len + 16];
                buf[0] = 0x80;
                buf[2..4].copy_from_slice(&seq.to_be_bytes());
                buf[8..12].copy_from_slice(&ssrc.to_be_bytes());
                let (mut short, mut any) = (buf.clone(), buf);
                let len = 12 + payload_len;
                let sealed = short_sender.protect_rtp(&mut short, len);
                prop_assert_eq!(&sealed, &sender.protect_any_rtp(&mut any, len));
                prop_assert_eq!(&short, &any);
                prop_assert_eq!(short_sender.counters(ssrc), sender.counters(ssrc));
                prop_assert_eq!(short_sender.newest_index(ssrc), sender.newest_index(ssrc));

                let Ok(mut len) = sealed else { continue };
                let mut arrivals = 1;
                match fate {
                    Fate::Arrives => {}
                    Fate::ArrivesTwice => arrivals = 2,
                    Fate::Forged(at) => any[at % len] ^= 1,
                    Fate::CutBy(cut) => len = len.saturating_sub(cut),
                    Fate::Lost => arrivals = 0,
                }
                for _ in 0..arrivals {
                    let (mut short, mut any): (Vec<_>, Vec<_>) = (any.clone(), any.clone());
                    let opened = short_receiver.unprotect_rtp(&mut short, len);
                    prop_assert_eq!(opened, receiver.unprotect_any_rtp(&mut any, len));
                    prop_assert_eq!(short, any);
                    prop_assert_eq!(short_receiver.counters(ssrc), receiver.counters(ssrc));
                    prop_assert_eq!(short_receiver.newest_index(ssrc), receiver.newest_index(ssrc));
                }
            }
            prop_assert_eq!(short_sender.poll_event(), sender.poll_event());
        }
    }
}
