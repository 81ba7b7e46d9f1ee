//! The walk of an SRTP packet (RFC 3711 §3.3), step by step.

mod ordinary;
mod planned;

use alloc::vec::Vec;
use core::mem;

use callseal_srtp_crypto::WipedBox;

use crate::buffer;
use crate::cryptex::{self, Sealing};
use crate::extension;
use crate::index::{Estimate, PacketIndex};
use crate::keys::{Epoch, RtpKeys};
use crate::packet::RtpHeader;
use crate::policy::Policy;
use crate::receiver::{Receiver, UnprotectError, Unprotected};
use crate::replay::{Candidate, Stale};
use crate::sender::{ProtectError, Sender};
use crate::stream::{ReceiverStream, RtpTrack, SenderStream};
use crate::streams::Place;
use crate::trailer::Layout;
use crate::transform::{Authenticated, Nonce, Portions, Sealed, TooLong};

pub(crate) use self::ordinary::OrdinaryRtp;
pub(crate) use self::planned::{PlannedIncomingRtp, PlannedOutgoingRtp};

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
        match self.protect_ordinary_rtp(buf, len) {
            Some(protected_len) => Ok(protected_len),
            None => self.protect_any_rtp(buf, len),
        }
    }

    /// The walk of any packet.
    #[inline(never)]
    fn protect_any_rtp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        // 1 and 2. Bytes in, parse.
        let outgoing = self.read_outgoing_rtp(buf, len)?;

        // 3. Stream.
        let place = self.place(outgoing.header.ssrc);
        let place = place.ok_or(ProtectError::TooManyStreams)?;

        // 4 to 6. Index, replay, keys.
        let admitted = self.admit_outgoing_rtp(place, outgoing.header.seq)?;
        let drawn = self
            .keys
            .at(admitted.key_place)
            .rtp(&self.policy, admitted.index);

        // 7. Headers, cipher and tag.
        let portions = outgoing.portions(&self.policy, admitted.index);
        portions.check_len()?;
        let packet = &mut buf[..outgoing.layout.len];
        outgoing.dress(
            packet,
            self.keys.at(admitted.key_place).mki.as_bytes(),
            admitted.index,
        );
        if outgoing.has_elements_to_encrypt(&self.policy) {
            let (header, scratch) = (&outgoing.header, &mut self.scratch);
            apply_to_elements(
                &self.policy,
                &drawn,
                packet,
                header,
                portions.nonce,
                scratch,
            )?;
        }
        let sealed = drawn
            .transform
            .seal(self.policy.backend(), packet, &portions)?;

        // 8. Commit.
        let fresh = drawn.into_fresh();
        self.commit_outgoing_rtp(admitted, fresh, sealed, len);

        // 9. Bytes out.
        Ok(outgoing.layout.len)
    }

    /// Steps 1 and 2 of a packet to send, which look at it alone.
    #[inline(always)]
    fn read_outgoing_rtp(&self, buf: &[u8], len: usize) -> Result<OutgoingRtp, ProtectError> {
        // 1. Bytes in. The sequence number says whether a ROC is carried.
        let trailer = self.rtp_trailer.of(RtpHeader::seq_of(buf));
        let plain = buffer::plain_of(buf, len, trailer.len())?;

        // 2. Parse: the header decides how much longer the packet becomes, and
        // room for that is checked here once.
        let header = RtpHeader::parse(plain)?;
        let cryptex = self.policy.cryptex().sealing(&header)?;
        let grown_len = len.checked_add(cryptex.growth());
        let layout = grown_len.and_then(|len| trailer.behind(len));
        let layout = buffer::room_of(buf, layout)?;
        Ok(OutgoingRtp {
            header,
            cryptex,
            layout,
            len,
        })
    }

    /// Steps 4 to 6 of a packet to send, which change nothing.
    #[inline(always)]
    fn admit_outgoing_rtp(&self, place: Place, seq: u16) -> Result<AdmittedRtp, ProtectError> {
        let stream = self.streams.at(place);
        let track = stream.map(|stream| &stream.rtp);

        // 4. Index.
        let (estimate, index) =
            RtpTrack::estimate(track, seq).ok_or(ProtectError::IndexExhausted)?;

        // 5. Replay: an index used twice is keystream used twice.
        let candidate = match RtpTrack::check(track, estimate) {
            Ok(candidate) => Some(candidate),
            Err(Stale::Replayed) if self.policy.repeat_allowed() => None,
            Err(stale) => return Err(stale.into()),
        };
        if self.reserving && stream.is_none_or(|s| index.get() >= s.rest.reserved.rtp_end) {
            return Err(ProtectError::NotReserved);
        }

        // 6. Keys.
        let key_place = self.keys.place_to_send(self.current, Some(index));
        let key_place = key_place.ok_or(ProtectError::NoKey)?;
        if self.keys.at(key_place).is_spent() {
            return Err(ProtectError::KeySpent);
        }
        Ok(AdmittedRtp {
            place,
            index,
            candidate,
            key_place,
        })
    }

    /// Step 8 of a packet that was sealed, of `len` octets plain.
    #[inline(always)]
    fn commit_outgoing_rtp(
        &mut self,
        admitted: AdmittedRtp,
        fresh: Option<WipedBox<Epoch<RtpKeys>>>,
        sealed: Sealed,
        len: usize,
    ) {
        self.keys.commit_rtp(admitted.key_place, fresh);
        let stream = self
            .streams
            .settle(admitted.place, |ssrc| SenderStream::new(ssrc, &self.policy));
        stream.commit_rtp(admitted.candidate, sealed, len);
    }
}

/// A packet to send after step 2.
#[derive(Debug)]
struct OutgoingRtp {
    header: RtpHeader,
    cryptex: Sealing,
    layout: Layout,
    /// The plain packet's, in octets.
    len: usize,
}

impl OutgoingRtp {
    #[inline(always)]
    fn portions(&self, policy: &Policy, index: PacketIndex) -> Portions {
        let whole = self.cryptex.hides_header();
        portions(policy, &self.header, whole, index, &self.layout)
    }

    /// Whether RFC 6904 is for this packet.
    #[inline]
    fn has_elements_to_encrypt(&self, policy: &Policy) -> bool {
        let has_elements = self.header.extension.is_some() && !self.cryptex.hides_header();
        has_elements && policy.encrypted_extensions().is_some()
    }

    /// Writes all that sealing does not: Cryptex's mark, MKI and ROC. The
    /// latter two are not in the tag's portion (RFC 3711, figure 1; RFC 4771 §2).
    #[inline(always)]
    fn dress(&self, packet: &mut [u8], mki: &[u8], index: PacketIndex) {
        self.cryptex.perform(packet, &self.header, self.len);
        if !mki.is_empty() {
            packet[self.layout.mki()].copy_from_slice(mki);
        }
        if !self.layout.roc().is_empty() {
            packet[self.layout.roc()].copy_from_slice(&index.roc().to_be_bytes());
        }
    }
}

/// A packet to send after step 6.
#[derive(Debug)]
struct AdmittedRtp {
    place: Place,
    index: PacketIndex,
    /// `None` where an index is used again.
    candidate: Option<Candidate>,
    key_place: usize,
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
        match self.unprotect_ordinary_rtp(buf, len) {
            Some(result) => result,
            None => self.unprotect_any_rtp(buf, len),
        }
    }

    /// The walk of any packet.
    #[inline(never)]
    fn unprotect_any_rtp(
        &mut self,
        buf: &mut [u8],
        len: usize,
    ) -> Result<Unprotected, UnprotectError> {
        // 1 and 2. Bytes in, parse.
        let incoming = self.read_incoming_rtp(buf, len)?;

        // 3. Stream: one that is unknown stays outside of the table.
        let place = self.streams.place(incoming.header.ssrc);
        let place = place.ok_or(UnprotectError::TooManyStreams)?;

        // 4 to 7. Index, replay, keys, cipher and tag.
        let mut scratch = mem::take(&mut self.scratch);
        let judged = self.judge_rtp(&mut buf[..len], &incoming, place, &mut scratch);
        self.scratch = scratch;
        match judged {
            // 8 and 9. Commit, bytes out.
            Ok(genuine) => Ok(self.commit_incoming_rtp(&incoming, genuine)),
            Err(error) => Err(self.refuse_rtp(place, error)),
        }
    }

    /// Steps 1 and 2 of a received packet, which look at it alone.
    #[inline(always)]
    fn read_incoming_rtp(&self, buf: &[u8], len: usize) -> Result<IncomingRtp, UnprotectError> {
        // 1. Bytes in. The sequence number says whether a ROC is carried.
        let packet = buffer::packet_of(buf, len)?;
        let trailer = self.rtp_trailer.of(RtpHeader::seq_of(packet));
        let layout = trailer.within(len)?;

        // 2. Parse, with the trailer out of reach.
        let header = RtpHeader::parse(&packet[..layout.payload_end])?;
        let mark = self.policy.cryptex().opening(&header)?;
        Ok(IncomingRtp {
            header,
            mark,
            layout,
        })
    }

    /// Steps 4 to 7, which change nothing but a packet that is genuine.
    #[inline(always)]
    fn judge_rtp(
        &self,
        packet: &mut [u8],
        incoming: &IncomingRtp,
        place: Place,
        scratch: &mut Vec<u8>,
    ) -> Result<GenuineRtp, UnprotectError> {
        // 4. Index: carried, or estimated.
        let estimated = self.estimate_rtp(packet, incoming, place)?;
        let (_, index) = estimated;

        // 5 to 7.
        let judged = self.judge_rtp_at(packet, incoming, place, estimated, scratch);
        let wrong = matches!(judged, Err(UnprotectError::AuthenticationFailed));
        if !wrong || !self.tries_neighbours(incoming) {
            return judged;
        }
        let track = self.streams.at(place).map(|stream| &stream.rtp);
        for neighbour in RtpTrack::neighbours(track, index).into_iter().flatten() {
            let tried = self.judge_rtp_at(packet, incoming, place, neighbour, scratch);
            if tried.is_ok() {
                return tried;
            }
        }
        judged
    }

    /// Step 4.
    #[inline(always)]
    fn estimate_rtp(
        &self,
        packet: &[u8],
        incoming: &IncomingRtp,
        place: Place,
    ) -> Result<(Estimate, PacketIndex), UnprotectError> {
        let seq = incoming.header.seq;
        if let Some(roc) = packet[incoming.layout.roc()].first_chunk() {
            let index = PacketIndex::from_parts(u32::from_be_bytes(*roc), seq);
            return Ok((Estimate::of_index(index, false), index));
        }
        let track = self.streams.at(place).map(|stream| &stream.rtp);
        RtpTrack::estimate(track, seq).ok_or(UnprotectError::IndexExhausted)
    }

    /// Whether a packet whose tag is wrong may be of another ROC than it seems.
    #[inline]
    fn tries_neighbours(&self, incoming: &IncomingRtp) -> bool {
        self.policy.neighbouring_rocs_tried() && incoming.layout.roc().is_empty()
    }

    /// Steps 5 to 7 with this index.
    #[inline(always)]
    fn judge_rtp_at(
        &self,
        packet: &mut [u8],
        incoming: &IncomingRtp,
        place: Place,
        estimated: (Estimate, PacketIndex),
        scratch: &mut Vec<u8>,
    ) -> Result<GenuineRtp, UnprotectError> {
        // 5 and 6.
        let mki = &packet[incoming.layout.mki()];
        let admitted = self.admit_incoming_rtp(mki, place, estimated)?;
        let drawn = self
            .keys
            .at(admitted.key_place)
            .rtp(&self.policy, admitted.index);

        // 7. Tag, then cipher and headers.
        let portions = incoming.portions(&self.policy, admitted.index);
        let authenticated = drawn
            .transform
            .open(self.policy.backend(), packet, &portions)?;
        incoming.undress(packet);
        if incoming.has_elements_to_decrypt(&self.policy) {
            let header = &incoming.header;
            apply_to_elements(
                &self.policy,
                &drawn,
                packet,
                header,
                portions.nonce,
                scratch,
            )
            .map_err(|TooLong| UnprotectError::TooLong)?;
        }
        Ok(GenuineRtp {
            admitted,
            authenticated,
            fresh: drawn.into_fresh(),
        })
    }

    /// Steps 5 and 6.
    #[inline(always)]
    fn admit_incoming_rtp(
        &self,
        mki: &[u8],
        place: Place,
        (estimate, index): (Estimate, PacketIndex),
    ) -> Result<AdmittedIncomingRtp, UnprotectError> {
        // 5. Replay: before the tag, which costs more (RFC 3711 §3.3, step 5).
        let track = self.streams.at(place).map(|stream| &stream.rtp);
        let candidate = RtpTrack::check(track, estimate)?;

        // 6. Keys.
        let key_place = self.keys.place_for_received(mki, Some(index));
        let key_place = key_place.ok_or_else(|| self.no_key_found())?;
        if self.keys.at(key_place).is_spent() {
            return Err(UnprotectError::KeySpent);
        }
        Ok(AdmittedIncomingRtp {
            place,
            index,
            candidate,
            key_place,
        })
    }

    /// Steps 8 and 9 of a packet that is genuine.
    #[inline(always)]
    fn commit_incoming_rtp(&mut self, incoming: &IncomingRtp, genuine: GenuineRtp) -> Unprotected {
        let GenuineRtp {
            admitted,
            authenticated,
            fresh,
        } = genuine;

        // 8. Commit.
        self.keys.commit_rtp(admitted.key_place, fresh);
        let stream = self.streams.settle(admitted.place, |ssrc| {
            ReceiverStream::new(ssrc, &self.policy)
        });
        let layout = &incoming.layout;
        stream.commit_rtp(admitted.candidate, authenticated, layout.payload_end);

        // 9. Bytes out.
        Unprotected::new(incoming.header.ssrc, admitted.index, layout)
    }

    #[cold]
    fn refuse_rtp(&mut self, place: Place, error: UnprotectError) -> UnprotectError {
        if let Some(stream) = self.streams.at_mut(place) {
            stream.rest.counters.refuse_rtp(error);
        }
        error
    }
}

/// A received packet after step 2.
#[derive(Debug)]
struct IncomingRtp {
    header: RtpHeader,
    /// The mark that its extension is to get, where the packet uses Cryptex.
    mark: Option<u16>,
    layout: Layout,
}

impl IncomingRtp {
    #[inline(always)]
    fn portions(&self, policy: &Policy, index: PacketIndex) -> Portions {
        let whole = self.mark.is_some();
        portions(policy, &self.header, whole, index, &self.layout)
    }

    /// Whether RFC 6904 is for this packet.
    #[inline]
    fn has_elements_to_decrypt(&self, policy: &Policy) -> bool {
        let has_elements = self.header.extension.is_some() && self.mark.is_none();
        has_elements && policy.encrypted_extensions().is_some()
    }

    /// Takes off Cryptex's mark.
    #[inline]
    fn undress(&self, packet: &mut [u8]) {
        if let Some(mark) = self.mark {
            cryptex::put_mark(packet, &self.header, mark);
        }
    }
}

/// A received packet after step 6.
#[derive(Debug)]
struct AdmittedIncomingRtp {
    place: Place,
    index: PacketIndex,
    candidate: Candidate,
    key_place: usize,
}

/// A received packet after step 7.
struct GenuineRtp {
    admitted: AdmittedIncomingRtp,
    authenticated: Authenticated,
    fresh: Option<WipedBox<Epoch<RtpKeys>>>,
}

/// Which octets of an SRTP packet are encrypted and authenticated, and how;
/// `whole` is whether Cryptex hides CSRCs and extension.
#[inline(always)]
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

/// Encrypts or decrypts the elements of a header extension that the policy
/// names (RFC 6904).
fn apply_to_elements(
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
