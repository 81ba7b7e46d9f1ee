//! The walk of an SRTP packet (RFC 3711 §3.3), step by step.

use alloc::vec::Vec;
use core::mem;

use crate::buffer;
use crate::cryptex;
use crate::extension;
use crate::index::{Estimate, PacketIndex};
use crate::keys::{RtpKeys, Used};
use crate::packet::RtpHeader;
use crate::policy::Policy;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::replay::{Candidate, Stale};
use crate::sender::{ProtectError, Sender};
use crate::stream::{ReceiverStream, RtpTrack, SenderStream};
use crate::streams::Place;
use crate::trailer::Layout;
use crate::transform::{Authenticated, Nonce, Portions, TooLong};

impl Sender {
    /// Protects the RTP packet in the first `len` octets of `buf`, in place,
    /// and returns the length of the SRTP packet: at most
    /// [`max_trailer_len`](Self::max_trailer_len) more, for which `buf` must
    /// have room.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, ProtectError, Sender};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 14])?;
    /// let mut sender = Sender::new(Policy::new(profile), key)?;
    ///
    /// let mut buf = [0x80; 32 + 10];
    /// assert_eq!(sender.protect_rtp(&mut buf, 32)?, 42);
    /// // Another payload under the same sequence number would share keystream.
    /// let mut buf = [0x80; 32 + 10];
    /// assert_eq!(sender.protect_rtp(&mut buf, 32), Err(ProtectError::Replayed));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ProtectError`]; the packet is then as it was, and so is the stream.
    pub fn protect_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        // 1. Bytes in. The sequence number says whether a ROC is carried.
        let trailer = self.rtp_trailer.of(RtpHeader::seq_of(buf));
        let plain = buffer::plain_of(buf, len, trailer.len())?;

        // 2. Parse: the header decides how much longer the packet becomes, and
        // room for that is checked here once.
        let header = RtpHeader::parse(plain)?;
        let cryptex = self.policy.cryptex().sealing(&header)?;
        let grown_len = len.checked_add(cryptex.growth());
        let layout = grown_len.and_then(|len| trailer.behind(len));
        let (packet, layout) = buffer::room_of(buf, layout)?;

        // 3. Stream.
        let place = self.streams.place(header.ssrc);
        let place = place.ok_or(ProtectError::TooManyStreams)?;
        let track = self.streams.at(place).map(|stream| &stream.rtp);

        // 4. Index.
        let (estimate, index) =
            RtpTrack::estimate(track, header.seq).ok_or(ProtectError::IndexExhausted)?;

        // 5. Replay: an index used twice is keystream used twice.
        let candidate = match RtpTrack::check(track, estimate) {
            Ok(candidate) => Some(candidate),
            Err(Stale::Replayed) if self.policy.repeat_allowed() => None,
            Err(stale) => return Err(stale.into()),
        };

        let stream = self.streams.at(place);
        if self.reserving && stream.is_none_or(|s| index.get() >= s.reserved.rtp_end) {
            return Err(ProtectError::NotReserved);
        }

        // 6. Keys.
        let key_place = self.keys.place_to_send(self.current, Some(index));
        let key_place = key_place.ok_or(ProtectError::NoKey)?;
        let key = self.keys.at(key_place);
        if key.is_spent() {
            return Err(ProtectError::KeySpent);
        }
        let drawn = key.rtp(&self.policy, index);

        // 7. Headers, cipher and tag. MKI and ROC are not in the tag's portion
        // (RFC 3711, figure 1; RFC 4771 §2).
        let whole = cryptex.hides_header();
        let portions = portions(&self.policy, &header, whole, index, &layout);
        portions.check_len()?;
        cryptex.perform(packet, &header, len);
        if !whole {
            let scratch = &mut self.scratch;
            apply_to_extensions(
                &self.policy,
                &drawn,
                packet,
                &header,
                portions.nonce,
                scratch,
            )?;
        }
        let backend = self.policy.backend();
        let sealed = drawn.transform.seal(backend, packet, &portions)?;
        packet[layout.mki()].copy_from_slice(key.mki.as_bytes());
        if !layout.roc().is_empty() {
            packet[layout.roc()].copy_from_slice(&index.roc().to_be_bytes());
        }

        // 8. Commit.
        let used = Used {
            place: key_place,
            fresh: drawn.into_fresh(),
        };
        self.keys.commit_rtp(used);
        let stream = self
            .streams
            .settle(place, || SenderStream::new(&self.policy));
        stream.commit_rtp(candidate, sealed, len);

        // 9. Bytes out.
        Ok(layout.len)
    }
}

impl Receiver {
    /// Authenticates the SRTP packet in the first `len` octets of `buf` and
    /// opens it in place.
    ///
    /// ```
    /// use callseal_srtp::{MasterKey, Policy, Profile, Receiver, Sender, UnprotectError};
    ///
    /// let profile = Profile::AesCm128HmacSha1_80;
    /// let key = || MasterKey::new(profile, &[0x11; 16], &[0x22; 14]);
    /// let mut sender = Sender::new(Policy::new(profile), key()?)?;
    /// let mut receiver = Receiver::new(Policy::new(profile), key()?)?;
    ///
    /// let mut buf = [0x80; 32 + 10];
    /// let len = sender.protect_rtp(&mut buf, 32)?;
    /// let mut replayed = buf;
    /// assert_eq!(receiver.unprotect_rtp(&mut buf, len)?.len, 32);
    /// let refused = receiver.unprotect_rtp(&mut replayed, len);
    /// assert_eq!(refused, Err(UnprotectError::Replayed));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnprotectError`]; the buffer is then as it was.
    pub fn unprotect_rtp(
        &mut self,
        buf: &mut [u8],
        len: usize,
    ) -> Result<Unprotected, UnprotectError> {
        // 1. Bytes in. The sequence number says whether a ROC is carried.
        let packet = buffer::packet_of(buf, len)?;
        let trailer = self.rtp_trailer.of(RtpHeader::seq_of(packet));
        let layout = trailer.within(len)?;

        // 2. Parse, with the trailer out of reach.
        let header = RtpHeader::parse(&packet[..layout.payload_end])?;
        let mark = self.policy.cryptex().opening(&header)?;

        // 3. Stream: one that is unknown stays outside of the table.
        let place = self.streams.place(header.ssrc);
        let place = place.ok_or(UnprotectError::TooManyStreams)?;

        // 4 to 7.
        let received = Received {
            header,
            mark,
            place,
            layout,
        };
        let mut scratch = mem::take(&mut self.scratch);
        let judged = self.judge_rtp(packet, &received, &mut scratch);
        self.scratch = scratch;
        let genuine = judged.inspect_err(|&error| {
            if let Some(stream) = self.streams.at_mut(place) {
                stream.counters.rtp.count_refused(error);
            }
        })?;

        // 8. Commit.
        self.keys.commit_rtp(genuine.used);
        let stream = self
            .streams
            .settle(place, || ReceiverStream::new(&self.policy));
        stream.commit_rtp(genuine.candidate, genuine.authenticated, layout.payload_end);

        // 9. Bytes out.
        Ok(Unprotected::new(header.ssrc, genuine.index, &layout))
    }

    /// Steps 4 to 7, which change nothing but a packet that is genuine.
    fn judge_rtp(
        &self,
        packet: &mut [u8],
        received: &Received,
        scratch: &mut Vec<u8>,
    ) -> Result<Genuine, UnprotectError> {
        let seq = received.header.seq;
        let track = self.streams.at(received.place).map(|stream| &stream.rtp);

        // 4. Index: carried, or estimated.
        if let Some(roc) = packet[received.layout.roc()].first_chunk() {
            let index = PacketIndex::from_parts(u32::from_be_bytes(*roc), seq);
            let estimate = Estimate::of_index(index, false);
            return self.judge_rtp_at(packet, received, (estimate, index), scratch);
        }
        let estimated = RtpTrack::estimate(track, seq).ok_or(UnprotectError::IndexExhausted)?;
        let (_, index) = estimated;
        let judged = self.judge_rtp_at(packet, received, estimated, scratch);
        let wrong = matches!(judged, Err(UnprotectError::AuthenticationFailed));
        if !wrong || !self.policy.neighbouring_rocs_tried() {
            return judged;
        }
        for neighbour in RtpTrack::neighbours(track, index).into_iter().flatten() {
            let tried = self.judge_rtp_at(packet, received, neighbour, scratch);
            if tried.is_ok() {
                return tried;
            }
        }
        judged
    }

    /// Steps 5 to 7 with this index.
    fn judge_rtp_at(
        &self,
        packet: &mut [u8],
        received: &Received,
        (estimate, index): (Estimate, PacketIndex),
        scratch: &mut Vec<u8>,
    ) -> Result<Genuine, UnprotectError> {
        let Received { header, layout, .. } = received;
        let track = self.streams.at(received.place).map(|stream| &stream.rtp);

        // 5. Replay: before the tag, which costs more (RFC 3711 §3.3, step 5).
        let candidate = RtpTrack::check(track, estimate)?;

        // 6. Keys.
        let key_place = self
            .keys
            .place_for_received(&packet[layout.mki()], Some(index));
        let key_place = key_place.ok_or_else(|| self.no_key_found())?;
        let key = self.keys.at(key_place);
        if key.is_spent() {
            return Err(UnprotectError::KeySpent);
        }
        let drawn = key.rtp(&self.policy, index);

        // 7. Tag, then cipher and headers.
        let whole = received.mark.is_some();
        let portions = portions(&self.policy, header, whole, index, layout);
        let backend = self.policy.backend();
        let authenticated = drawn.transform.open(backend, packet, &portions)?;
        match received.mark {
            Some(mark) => cryptex::put_mark(packet, header, mark),
            None => {
                apply_to_extensions(
                    &self.policy,
                    &drawn,
                    packet,
                    header,
                    portions.nonce,
                    scratch,
                )
                .map_err(|TooLong| UnprotectError::TooLong)?;
            }
        }
        let used = Used {
            place: key_place,
            fresh: drawn.into_fresh(),
        };
        Ok(Genuine {
            index,
            candidate,
            authenticated,
            used,
        })
    }
}

/// A packet after step 3.
struct Received {
    header: RtpHeader,
    /// The mark that its extension is to get, where the packet uses Cryptex.
    mark: Option<u16>,
    place: Place,
    layout: Layout,
}

/// A packet after step 7.
struct Genuine {
    index: PacketIndex,
    candidate: Candidate,
    authenticated: Authenticated,
    used: Used<RtpKeys>,
}

/// Which octets of an SRTP packet are encrypted and authenticated, and how;
/// `whole` is whether Cryptex hides CSRCs and extension.
fn portions(
    policy: &Policy,
    header: &RtpHeader,
    whole: bool,
    index: PacketIndex,
    layout: &Layout,
) -> Portions {
    let (start, csrc_len) = match (policy.rtp_encrypted(), whole) {
        (false, _) => (layout.payload_end, 0),
        (true, false) => (header.len, 0),
        (true, true) => {
            let clear_len = RtpHeader::FIXED_LEN + RtpHeader::EXTENSION_WORD_LEN;
            (clear_len, header.csrc_len)
        }
    };
    let ssrc = header.ssrc;
    Portions {
        nonce: Nonce::Rtp { ssrc, index },
        encrypted: start..layout.payload_end,
        csrc_len,
        layout: *layout,
    }
}

/// Encrypts or decrypts the header extensions that the policy names.
fn apply_to_extensions(
    policy: &Policy,
    keys: &RtpKeys,
    packet: &mut [u8],
    header: &RtpHeader,
    nonce: Nonce,
    scratch: &mut Vec<u8>,
) -> Result<(), TooLong> {
    let (Some(ids), Some(keystream)) = (policy.encrypted_extensions(), &keys.header) else {
        return Ok(());
    };
    let backend = policy.backend();
    extension::apply_keystream(keystream, backend, ids, packet, header, nonce, scratch)
}
