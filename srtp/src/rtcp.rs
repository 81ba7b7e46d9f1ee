//! The walk of an SRTCP packet (RFC 3711 §3.4), step by step.

use crate::buffer;
use crate::index::{Estimate, RtcpIndex};
use crate::keys::Used;
use crate::packet::RtcpHeader;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::replay::Candidate;
use crate::sender::{ProtectError, Sender};
use crate::stream::{ReceiverStream, SenderStream};
use crate::streams::Place;
use crate::trailer::Layout;
use crate::transform::{Authenticated, Nonce, Portions, Transform};

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
        // 1. Bytes in: room for the trailer is checked here once.
        let (packet, layout) = buffer::room_of(buf, self.rtcp_trailer.behind(len))?;

        // 2. Parse.
        let header = RtcpHeader::parse(&packet[..layout.payload_end])?;

        // 3. Stream.
        let place = self.streams.place(header.ssrc);
        let place = place.ok_or(ProtectError::TooManyStreams)?;

        // 4. Index: the next one, so that there is nothing to check in step 5.
        let first = Some(self.policy.first_rtcp_index());
        let stream = self.streams.at(place);
        let next = stream.map_or(first, |stream| stream.next_rtcp);
        let index = next.ok_or(ProtectError::IndexExhausted)?;

        let position = u64::from(index.get());
        if self.reserving && stream.is_none_or(|s| position >= s.reserved.rtcp_end) {
            return Err(ProtectError::NotReserved);
        }

        // 6. Keys.
        let newest_rtp = stream.and_then(|stream| stream.rtp.newest());
        let key_place = self.keys.place_to_send(self.current, newest_rtp);
        let key_place = key_place.ok_or(ProtectError::NoKey)?;
        let key = self.keys.at(key_place);
        if key.is_spent() {
            return Err(ProtectError::KeySpent);
        }
        let drawn = key.rtcp(&self.policy, index);

        // 7. Cipher and tag, which takes in the index and leaves out the MKI
        // (RFC 3711, figure 2).
        let encrypted = self.policy.rtcp_encrypted();
        let carried = CarriedIndex { encrypted, index };
        packet[layout.index()].copy_from_slice(&carried.word().to_be_bytes());
        let portions = portions(&header, carried, &layout);
        let backend = self.policy.backend();
        let sealed = drawn.seal(backend, packet, &portions)?;
        packet[layout.mki()].copy_from_slice(key.mki.as_bytes());

        // 8. Commit.
        let used = Used {
            place: key_place,
            fresh: drawn.into_fresh(),
        };
        self.keys.commit_rtcp(used);
        let stream = self
            .streams
            .settle(place, || SenderStream::new(&self.policy));
        stream.commit_rtcp(index, sealed, len);

        // 9. Bytes out.
        Ok(layout.len)
    }
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
        // 1. Bytes in.
        let packet = buffer::packet_of(buf, len)?;
        let layout = self.rtcp_trailer.within(len)?;

        // 2. Parse, with the trailer out of reach.
        let header = RtcpHeader::parse(&packet[..layout.payload_end])?;

        // 3. Stream: one that is unknown stays outside of the table.
        let place = self.streams.place(header.ssrc);
        let place = place.ok_or(UnprotectError::TooManyStreams)?;

        // 4 to 7.
        let judged = self.judge_rtcp(packet, &header, place, &layout);
        let genuine = judged.inspect_err(|&error| {
            if let Some(stream) = self.streams.at_mut(place) {
                stream.counters.rtcp.count_refused(error);
            }
        })?;

        // 8. Commit.
        self.keys.commit_rtcp(genuine.used);
        let stream = self
            .streams
            .settle(place, || ReceiverStream::new(&self.policy));
        stream.commit_rtcp(genuine.candidate, genuine.authenticated, layout.payload_end);

        // 9. Bytes out.
        Ok(Unprotected::new(header.ssrc, genuine.index, &layout))
    }

    /// Steps 4 to 7, which change nothing but a packet that is genuine.
    fn judge_rtcp(
        &self,
        packet: &mut [u8],
        header: &RtcpHeader,
        place: Place,
        layout: &Layout,
    ) -> Result<Genuine, UnprotectError> {
        // 4. Index: the packet carries it. A clear E bit never means that a
        // packet goes unencrypted or unauthenticated where the policy wants both.
        let carried = CarriedIndex::read(&packet[layout.index()]);
        if carried.encrypted != self.policy.rtcp_encrypted() {
            return Err(UnprotectError::EncryptFlag);
        }
        let estimate = Estimate::of_rtcp(carried.index);

        // 5. Replay: before the tag, which costs more (RFC 3711 §3.3, step 5).
        let stream = self.streams.at(place);
        let candidate = match stream {
            Some(stream) => stream.rtcp.check(estimate)?,
            None => Candidate::first(estimate),
        };

        // 6. Keys.
        let newest_rtp = stream.and_then(|stream| stream.rtp.newest());
        let key_place = self
            .keys
            .place_for_received(&packet[layout.mki()], newest_rtp);
        let key_place = key_place.ok_or_else(|| self.no_key_found())?;
        let key = self.keys.at(key_place);
        if key.is_spent() {
            return Err(UnprotectError::KeySpent);
        }
        let drawn = key.rtcp(&self.policy, carried.index);

        // 7. Tag, then cipher.
        let portions = portions(header, carried, layout);
        let backend = self.policy.backend();
        let authenticated = drawn.open(backend, packet, &portions)?;
        let used = Used {
            place: key_place,
            fresh: drawn.into_fresh(),
        };
        Ok(Genuine {
            index: carried.index,
            candidate,
            authenticated,
            used,
        })
    }
}

/// A packet after step 7.
struct Genuine {
    index: RtcpIndex,
    candidate: Candidate,
    authenticated: Authenticated,
    used: Used<Transform>,
}

/// The E bit and the index behind it, as an SRTCP packet carries them.
#[derive(Clone, Copy)]
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
        stream.next_rtcp = RtcpIndex::new(0x7fff_fffe);

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
