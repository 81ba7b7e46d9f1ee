//! The walk of an SRTCP packet (RFC 3711 §3.4), step by step.

mod planned;

use callseal_srtp_crypto::WipedBox;

use crate::buffer;
use crate::index::{Estimate, RtcpIndex};
use crate::keys::Epoch;
use crate::packet::RtcpHeader;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::replay::Candidate;
use crate::sender::{ProtectError, Sender};
use crate::stream::{ReceiverStream, SenderStream};
use crate::streams::Place;
use crate::trailer::Layout;
use crate::transform::{Authenticated, Nonce, Portions, Sealed, Transform};

pub(crate) use self::planned::{PlannedIncomingRtcp, PlannedOutgoingRtcp};

impl Sender {
    /// Protects the RTCP packet, compound as a rule, in the first `len` octets
    /// of `buf`, in place, and returns the length of the SRTCP packet: at most
    /// [`max_trailer_len`](Self::max_trailer_len) more, for which `buf` must
    /// have room. [`unprotect_rtcp`](Receiver::unprotect_rtcp) has an example.
    ///
    /// # Errors
    ///
    /// [`ProtectError`]; the packet is then as it was, and so is the stream.
    pub fn protect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        // 1 and 2. Bytes in, parse.
        let outgoing = self.read_outgoing_rtcp(buf, len)?;

        // 3. Stream.
        let place = self.place(outgoing.header.ssrc);
        let place = place.ok_or(ProtectError::TooManyStreams)?;

        // 4 to 6. Index, keys.
        let admitted = self.admit_outgoing_rtcp(place, 0)?;
        let key = self.keys.at(admitted.key_place);
        let drawn = key.rtcp(&self.policy, admitted.index);

        // 7. Cipher and tag.
        let packet = &mut buf[..outgoing.layout.len];
        let carried = self.carried(admitted.index);
        outgoing.dress(packet, key.mki.as_bytes(), carried);
        let portions = portions(&outgoing.header, carried, &outgoing.layout);
        let sealed = drawn.seal(self.policy.backend(), packet, &portions)?;

        // 8 and 9. Commit, bytes out.
        let fresh = drawn.into_fresh();
        Ok(self.commit_outgoing_rtcp(&outgoing, admitted, fresh, sealed))
    }

    /// Steps 1 and 2 of a packet to send, which look at it alone.
    fn read_outgoing_rtcp(&self, buf: &[u8], len: usize) -> Result<OutgoingRtcp, ProtectError> {
        // 1. Bytes in: room for the trailer is checked here once.
        let layout = buffer::room_of(buf, self.rtcp_trailer.behind(len))?;

        // 2. Parse.
        let header = RtcpHeader::parse(&buf[..len])?;
        Ok(OutgoingRtcp { header, layout })
    }

    /// Steps 4 to 6 of a packet to send, which change nothing.
    fn admit_outgoing_rtcp(&self, place: Place, ahead: u32) -> Result<AdmittedRtcp, ProtectError> {
        // 4. Index: the next one but for those `ahead`, which come before it
        // in a batch; so there is nothing to check in step 5.
        let first = Some(self.policy.first_rtcp_index());
        let stream = self.streams.at(place);
        let next = stream.map_or(first, |stream| stream.rest.next_rtcp);
        let index = next
            .and_then(|next| RtcpIndex::new(next.get().checked_add(ahead)?))
            .ok_or(ProtectError::IndexExhausted)?;

        let position = u64::from(index.get());
        if self.reserving && stream.is_none_or(|s| position >= s.rest.reserved.rtcp_end) {
            return Err(ProtectError::NotReserved);
        }

        // 6. Keys.
        let newest_rtp = stream.and_then(|stream| stream.rtp.newest());
        let key_place = self.keys.place_to_send(self.current, newest_rtp);
        let key_place = key_place.ok_or(ProtectError::NoKey)?;
        if self.keys.at(key_place).is_spent() {
            return Err(ProtectError::KeySpent);
        }
        Ok(AdmittedRtcp {
            place,
            index,
            key_place,
        })
    }

    fn carried(&self, index: RtcpIndex) -> CarriedIndex {
        CarriedIndex {
            encrypted: self.policy.rtcp_encrypted(),
            index,
        }
    }

    /// Steps 8 and 9 of a packet that was sealed.
    fn commit_outgoing_rtcp(
        &mut self,
        outgoing: &OutgoingRtcp,
        admitted: AdmittedRtcp,
        fresh: Option<WipedBox<Epoch<Transform>>>,
        sealed: Sealed,
    ) -> usize {
        // 8. Commit.
        self.keys.commit_rtcp(admitted.key_place, fresh);
        let stream = self
            .streams
            .settle(admitted.place, |ssrc| SenderStream::new(ssrc, &self.policy));
        stream.commit_rtcp(admitted.index, sealed, outgoing.layout.payload_end);

        // 9. Bytes out.
        outgoing.layout.len
    }
}

/// A packet to send after step 2.
#[derive(Debug)]
struct OutgoingRtcp {
    header: RtcpHeader,
    layout: Layout,
}

impl OutgoingRtcp {
    /// Writes all that sealing does not: E bit and index, which the tag takes
    /// in, and the MKI, which it leaves out (RFC 3711, figure 2).
    fn dress(&self, packet: &mut [u8], mki: &[u8], carried: CarriedIndex) {
        packet[self.layout.index()].copy_from_slice(&carried.word().to_be_bytes());
        packet[self.layout.mki()].copy_from_slice(mki);
    }
}

/// A packet to send after step 6.
#[derive(Debug)]
struct AdmittedRtcp {
    place: Place,
    index: RtcpIndex,
    key_place: usize,
}

impl Receiver {
    /// Authenticates the SRTCP packet in the first `len` octets of `buf` and
    /// opens it in place.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, Receiver, Sender};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let key = || MasterKey::new(profile, &[0x11; 16], &[0x22; 14]);
    /// let mut sender = Sender::new(Policy::new(profile), key()?)?;
    /// let mut receiver = Receiver::new(Policy::new(profile), key()?)?;
    ///
    /// // An empty receiver report, and room for index and tag.
    /// let report = [0x80, 201, 0, 1, 0xca, 0xfe, 0xba, 0xbe];
    /// let mut buf = [0; 8 + 4 + 10];
    /// buf[..8].copy_from_slice(&report);
    /// let len = sender.protect_rtcp(&mut buf, 8)?;
    /// let opened = receiver.unprotect_rtcp(&mut buf, len)?;
    /// assert_eq!(buf[..opened.len], report);
    /// assert_eq!((opened.ssrc, opened.index.get()), (0xcafe_babe, 0));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnprotectError`]; the buffer is then as it was.
    pub fn unprotect_rtcp(
        &mut self,
        buf: &mut [u8],
        len: usize,
    ) -> Result<Unprotected<RtcpIndex>, UnprotectError> {
        // 1 and 2. Bytes in, parse.
        let incoming = self.read_incoming_rtcp(buf, len)?;

        // 3. Stream: one that is unknown stays outside of the table.
        let place = self.streams.place(incoming.header.ssrc);
        let place = place.ok_or(UnprotectError::TooManyStreams)?;

        // 4 to 7. Index, replay, keys, cipher and tag.
        match self.judge_rtcp(&mut buf[..len], &incoming, place) {
            // 8 and 9. Commit, bytes out.
            Ok(genuine) => Ok(self.commit_incoming_rtcp(&incoming, genuine)),
            Err(error) => Err(self.refuse_rtcp(place, error)),
        }
    }

    /// Steps 1 and 2 of a received packet, which look at it alone.
    fn read_incoming_rtcp(&self, buf: &[u8], len: usize) -> Result<IncomingRtcp, UnprotectError> {
        // 1. Bytes in.
        let packet = buffer::packet_of(buf, len)?;
        let layout = self.rtcp_trailer.within(len)?;

        // 2. Parse, with the trailer out of reach.
        let header = RtcpHeader::parse(&packet[..layout.payload_end])?;
        let carried = CarriedIndex::read(&packet[layout.index()]);
        Ok(IncomingRtcp {
            header,
            carried,
            layout,
        })
    }

    /// Steps 4 to 7, which change nothing but a packet that is genuine.
    fn judge_rtcp(
        &self,
        packet: &mut [u8],
        incoming: &IncomingRtcp,
        place: Place,
    ) -> Result<GenuineRtcp, UnprotectError> {
        // 4 to 6.
        let admitted = self.admit_incoming_rtcp(packet, incoming, place)?;
        let key = self.keys.at(admitted.key_place);
        let drawn = key.rtcp(&self.policy, incoming.carried.index);

        // 7. Tag, then cipher.
        let portions = portions(&incoming.header, incoming.carried, &incoming.layout);
        let authenticated = drawn.open(self.policy.backend(), packet, &portions)?;
        Ok(GenuineRtcp {
            admitted,
            authenticated,
            fresh: drawn.into_fresh(),
        })
    }

    /// Steps 4 to 6.
    fn admit_incoming_rtcp(
        &self,
        packet: &[u8],
        incoming: &IncomingRtcp,
        place: Place,
    ) -> Result<AdmittedIncomingRtcp, UnprotectError> {
        // 4. Index: the packet carries it. A clear E bit never means that a
        // packet goes unencrypted or unauthenticated where the policy wants both.
        let carried = incoming.carried;
        if carried.encrypted != self.policy.rtcp_encrypted() {
            return Err(UnprotectError::EncryptFlag);
        }
        let estimate = Estimate::of_rtcp(carried.index);

        // 5. Replay: before the tag, which costs more (RFC 3711 §3.3, step 5).
        let stream = self.streams.at(place);
        let candidate = match stream {
            Some(stream) => stream.rest.rtcp.check(estimate)?,
            None => Candidate::first(estimate),
        };

        // 6. Keys.
        let newest_rtp = stream.and_then(|stream| stream.rtp.newest());
        let mki = &packet[incoming.layout.mki()];
        let key_place = self.keys.place_for_received(mki, newest_rtp);
        let key_place = key_place.ok_or_else(|| self.no_key_found())?;
        if self.keys.at(key_place).is_spent() {
            return Err(UnprotectError::KeySpent);
        }
        Ok(AdmittedIncomingRtcp {
            place,
            candidate,
            key_place,
        })
    }

    /// Steps 8 and 9 of a packet that is genuine.
    fn commit_incoming_rtcp(
        &mut self,
        incoming: &IncomingRtcp,
        genuine: GenuineRtcp,
    ) -> Unprotected<RtcpIndex> {
        let GenuineRtcp {
            admitted,
            authenticated,
            fresh,
        } = genuine;

        // 8. Commit.
        self.keys.commit_rtcp(admitted.key_place, fresh);
        let stream = self.streams.settle(admitted.place, |ssrc| {
            ReceiverStream::new(ssrc, &self.policy)
        });
        let layout = &incoming.layout;
        stream.commit_rtcp(admitted.candidate, authenticated, layout.payload_end);

        // 9. Bytes out.
        Unprotected::new(incoming.header.ssrc, incoming.carried.index, layout)
    }

    #[cold]
    fn refuse_rtcp(&mut self, place: Place, error: UnprotectError) -> UnprotectError {
        if let Some(stream) = self.streams.at_mut(place) {
            stream.rest.counters.rtcp().count_refused(error);
        }
        error
    }
}

/// A received packet after step 2.
#[derive(Debug)]
struct IncomingRtcp {
    header: RtcpHeader,
    carried: CarriedIndex,
    layout: Layout,
}

/// A received packet after step 6.
#[derive(Debug)]
struct AdmittedIncomingRtcp {
    place: Place,
    candidate: Candidate,
    key_place: usize,
}

/// A received packet after step 7.
struct GenuineRtcp {
    admitted: AdmittedIncomingRtcp,
    authenticated: Authenticated,
    fresh: Option<WipedBox<Epoch<Transform>>>,
}

/// The E bit and the index behind it, as an SRTCP packet carries them.
#[derive(Clone, Copy, Debug)]
struct CarriedIndex {
    encrypted: bool,
    index: RtcpIndex,
}

impl CarriedIndex {
    const E: u32 = 1 << 31;

    fn read(octets: &[u8]) -> Self {
        let word = octets
            .iter()
            .fold(0, |word, &octet| word << 8 | u32::from(octet));
        Self {
            encrypted: word & Self::E != 0,
            index: RtcpIndex::of_low_bits(word),
        }
    }

    fn word(self) -> u32 {
        let e = if self.encrypted { Self::E } else { 0 };
        e | self.index.get()
    }
}

/// Which octets of an SRTCP packet are encrypted and authenticated, and how.
fn portions(header: &RtcpHeader, carried: CarriedIndex, layout: &Layout) -> Portions {
    let start = if carried.encrypted {
        RtcpHeader::LEN
    } else {
        layout.payload_end
    };
    Portions {
        nonce: Nonce::Rtcp {
            ssrc: header.ssrc,
            word: carried.word(),
        },
        encrypted: start..layout.payload_end,
        csrc_len: 0,
        layout: *layout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MasterKey;
    use crate::policy::Policy;
    use crate::profile::Profile;

    const PACKET: [u8; 12] = [0x80, 201, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8];

    fn pair() -> (Sender, Receiver) {
        let profile = Profile::AesCm128HmacSha1_80;
        let key = || MasterKey::new(profile, &[1; 16], &[2; 14]).unwrap();
        let sender = Sender::new(Policy::new(profile), key()).unwrap();
        let receiver = Receiver::new(Policy::new(profile), key()).unwrap();
        (sender, receiver)
    }

    #[test]
    fn srtcp_index_0x7fffffff_is_the_last() {
        let (mut sender, mut receiver) = pair();
        let mut buf = [0; 40];
        buf[..12].copy_from_slice(&PACKET);
        sender.protect_rtcp(&mut buf, 12).unwrap();
        let place = sender.streams.place(0x0102_0304).unwrap();
        let stream = sender.streams.at_mut(place).unwrap();
        stream.rest.next_rtcp = RtcpIndex::new(0x7fff_fffe);

        for index in [0x7fff_fffe, 0x7fff_ffff] {
            buf[..12].copy_from_slice(&PACKET);
            let len = sender.protect_rtcp(&mut buf, 12).unwrap();
            let opened = receiver.unprotect_rtcp(&mut buf, len).unwrap();
            assert_eq!(opened.index.get(), index);
            assert_eq!(buf[..12], PACKET);
        }
        for _ in 0..2 {
            let refused = sender.protect_rtcp(&mut buf, 12);
            assert_eq!(refused, Err(ProtectError::IndexExhausted));
            assert_eq!(buf[..12], PACKET);
        }
        assert_eq!(sender.next_rtcp_index(0x0102_0304), None);
    }
}
