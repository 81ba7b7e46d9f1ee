//! Protecting and opening one packet of a session.

use core::ffi::c_uint;
use std::collections::hash_map::Entry;

use callseal_srtp::UnprotectError;
use subtle::ConstantTimeEq;

use crate::key_set::{KeySet, Protocol};
use crate::lent::Lent;
use crate::roc::{self, Pending};
use crate::session::{Direction, Session, Stream, Template};
use crate::status::Status;
use crate::types::event;

impl Session {
    /// Protects an RTP packet, with an MKI where `mki` is a key's number, and
    /// gives its new length.
    pub(crate) fn protect_rtp(
        &mut self,
        packet: &mut Lent,
        mki: Option<usize>,
    ) -> Result<usize, Status> {
        let header = RtpHeader::read(packet.octets()).ok_or(Status::BadParam)?;
        let ssrc = header.ssrc;
        if let Some((keys, cryptex)) = self.plain_keys(ssrc, Direction::Sends) {
            let before = keys.sender.stream_count();
            let operation = Sealing {
                cryptex,
                mki,
                header,
            };
            let (sealed, told) = seal_rtp(keys, &mut None, operation, packet);
            if sealed.is_err() || keys.sender.stream_count() != before {
                self.plain.insert(ssrc);
            }
            self.events.extend(told.map(|event| (ssrc, event)));
            return sealed;
        }
        self.set_apart(ssrc);
        let (stream, template) = match self.streams.entry(ssrc) {
            Entry::Occupied(known) => (known.into_mut(), &mut self.template),
            Entry::Vacant(new) => {
                let template = self.template.as_ref().ok_or(Status::NoCtx)?;
                let mut stream = Stream::from_template(template);
                stream.direction = Direction::Sends;
                (new.insert(stream), &mut self.template)
            }
        };
        if stream.takes_direction(Direction::Sends) {
            self.events.push((ssrc, event::SSRC_COLLISION));
        }
        let cryptex = stream.cryptex;
        let keys = keys_mut(&mut stream.own, template)?;
        let operation = Sealing {
            cryptex,
            mki,
            header,
        };
        let (sealed, told) = seal_rtp(keys, &mut stream.pending_roc, operation, packet);
        self.events.extend(told.map(|event| (ssrc, event)));
        sealed
    }

    /// Protects an RTCP packet.
    pub(crate) fn protect_rtcp(
        &mut self,
        packet: &mut Lent,
        mki: Option<usize>,
    ) -> Result<usize, Status> {
        let ssrc = rtcp_ssrc(packet.octets()).ok_or(Status::BadParam)?;
        if let Some((keys, _)) = self.plain_keys(ssrc, Direction::Sends) {
            let before = keys.sender.stream_count();
            let (sealed, told) = seal_rtcp(keys, mki, packet);
            if sealed.is_err() || keys.sender.stream_count() != before {
                self.plain.insert(ssrc);
            }
            self.events.extend(told.map(|event| (ssrc, event)));
            return sealed;
        }
        self.set_apart(ssrc);
        let (stream, template) = match self.streams.entry(ssrc) {
            Entry::Occupied(known) => (known.into_mut(), &mut self.template),
            Entry::Vacant(new) => {
                let template = self.template.as_ref().ok_or(Status::NoCtx)?;
                (
                    new.insert(Stream::from_template(template)),
                    &mut self.template,
                )
            }
        };
        if stream.takes_direction(Direction::Sends) {
            self.events.push((ssrc, event::SSRC_COLLISION));
        }
        let keys = keys_mut(&mut stream.own, template)?;
        let (sealed, told) = seal_rtcp(keys, mki, packet);
        self.events.extend(told.map(|event| (ssrc, event)));
        sealed
    }

    /// Authenticates and opens an SRTP packet, and gives its plain length. An
    /// SSRC that only the template knows becomes a stream once a packet of it
    /// has proved genuine.
    pub(crate) fn unprotect_rtp(
        &mut self,
        packet: &mut Lent,
        has_mki: bool,
    ) -> Result<usize, Status> {
        let header = RtpHeader::read(packet.octets()).ok_or(Status::BadParam)?;
        let ssrc = header.ssrc;
        if let Some((keys, cryptex)) = self.plain_keys(ssrc, Direction::Receives) {
            let before = keys.receiver.stream_count();
            let operation = Opening {
                cryptex,
                has_mki,
                pending_roc: None,
                header,
            };
            let (opened, told) = open_rtp(keys, operation, packet);
            if keys.receiver.stream_count() != before {
                self.plain.insert(ssrc);
            }
            self.events.extend(told.map(|event| (ssrc, event)));
            return opened;
        }
        self.set_apart(ssrc);
        let mut known = self.streams.get_mut(&ssrc);
        let (cryptex, pending_roc) = match (&known, &self.template) {
            (Some(stream), _) => (stream.cryptex, stream.pending_roc),
            (None, Some(template)) => (template.cryptex, None),
            (None, None) => return Err(Status::NoCtx),
        };
        let mut none = None;
        let own = known.as_mut().map_or(&mut none, |stream| &mut stream.own);
        let keys = keys_mut(own, &mut self.template)?;
        let operation = Opening {
            cryptex,
            has_mki,
            pending_roc,
            header,
        };
        let (opened, told) = open_rtp(keys, operation, packet);
        self.events.extend(told.map(|event| (ssrc, event)));
        let len = opened?;
        let collides = match known {
            Some(stream) => {
                stream.pending_roc = None;
                stream.takes_direction(Direction::Receives)
            }
            None => self.has_proved_genuine(ssrc),
        };
        if collides {
            self.events.push((ssrc, event::SSRC_COLLISION));
        }
        Ok(len)
    }

    /// Authenticates and opens an SRTCP packet.
    pub(crate) fn unprotect_rtcp(
        &mut self,
        packet: &mut Lent,
        has_mki: bool,
    ) -> Result<usize, Status> {
        const INDEX_LEN: usize = 4;
        let octets = packet.octets();
        let ssrc = rtcp_ssrc(octets).ok_or(Status::BadParam)?;
        if octets.len() < RTCP_HEADER_LEN + INDEX_LEN {
            return Err(Status::BadParam);
        }
        if let Some((keys, _)) = self.plain_keys(ssrc, Direction::Receives) {
            let before = keys.receiver.stream_count();
            let (opened, told) = open_rtcp(keys, has_mki, packet);
            if keys.receiver.stream_count() != before {
                self.plain.insert(ssrc);
            }
            self.events.extend(told.map(|event| (ssrc, event)));
            return opened;
        }
        self.set_apart(ssrc);
        let mut known = self.streams.get_mut(&ssrc);
        if known.is_none() && self.template.is_none() {
            return Err(Status::NoCtx);
        }
        let mut none = None;
        let own = known.as_mut().map_or(&mut none, |stream| &mut stream.own);
        let keys = keys_mut(own, &mut self.template)?;
        let (opened, told) = open_rtcp(keys, has_mki, packet);
        self.events.extend(told.map(|event| (ssrc, event)));
        let len = opened?;
        let collides = match known {
            Some(stream) => stream.takes_direction(Direction::Receives),
            None => self.has_proved_genuine(ssrc),
        };
        if collides {
            self.events.push((ssrc, event::SSRC_COLLISION));
        }
        Ok(len)
    }

    /// The template's keys, and whether headers are hidden, for an SSRC that is
    /// as the template makes it in this direction, known or not.
    #[inline]
    fn plain_keys(&mut self, ssrc: u32, direction: Direction) -> Option<(&mut KeySet, bool)> {
        let template = self.template.as_mut()?;
        let is_plain = template.direction == direction && !self.streams.contains_key(&ssrc);
        is_plain.then_some((&mut *template.keys, template.cryptex))
    }

    /// Makes a stream of an SSRC that only the template knew, and says whether
    /// the template is for sending.
    fn has_proved_genuine(&mut self, ssrc: u32) -> bool {
        let Some(template) = &mut self.template else {
            return false;
        };
        if template.direction == Direction::Unknown {
            template.direction = Direction::Receives;
        }
        let mut stream = Stream::from_template(template);
        let collides = stream.takes_direction(Direction::Receives);
        self.streams.insert(ssrc, stream);
        collides
    }
}

impl Stream {
    /// Takes the direction of its first packet, and says whether a packet goes
    /// the other way.
    #[inline]
    fn takes_direction(&mut self, direction: Direction) -> bool {
        if self.direction == Direction::Unknown {
            self.direction = direction;
        }
        self.direction != direction
    }
}

/// What the interface judges of an RTP header before anything else.
pub(crate) struct RtpHeader {
    pub(crate) ssrc: u32,
    seq: u16,
    pub(crate) has_csrcs: bool,
    pub(crate) has_extension: bool,
}

impl RtpHeader {
    /// `None` where the packet ends before its header.
    #[inline]
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let fixed = packet.first_chunk::<12>()?;
        let has_extension = fixed[0] & 0x10 != 0;
        let csrc_count = usize::from(fixed[0] & 0x0f);
        let mut len = 12 + 4 * csrc_count;
        if has_extension {
            let word = packet.get(len..)?.first_chunk::<4>()?;
            len += 4 + 4 * usize::from(u16::from_be_bytes([word[2], word[3]]));
        }
        let [_, _, seq_0, seq_1, _, _, _, _, ssrc @ ..] = *fixed;
        (packet.len() >= len).then_some(Self {
            ssrc: u32::from_be_bytes(ssrc),
            seq: u16::from_be_bytes([seq_0, seq_1]),
            has_csrcs: csrc_count != 0,
            has_extension,
        })
    }
}

pub(crate) const RTCP_HEADER_LEN: usize = 8;

pub(crate) fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let header = packet.first_chunk::<RTCP_HEADER_LEN>()?;
    let [_, _, _, _, ssrc @ ..] = *header;
    Some(u32::from_be_bytes(ssrc))
}

/// A stream's keys: its own, or the template's.
#[inline]
fn keys_mut<'a>(
    own: &'a mut Option<Box<KeySet>>,
    template: &'a mut Option<Template>,
) -> Result<&'a mut KeySet, Status> {
    match (own, template) {
        (Some(own), _) => Ok(own),
        (None, Some(template)) => Ok(&mut template.keys),
        (None, None) => Err(Status::NoCtx),
    }
}

/// Chooses the key to send with, and gives the octets of the MKI to insert.
#[inline(always)]
fn choose_to_send(keys: &mut KeySet, mki: Option<usize>) -> Result<usize, Status> {
    let key = mki.unwrap_or(0);
    let mki_len = keys.mki(key).ok_or(Status::BadMki)?.len();
    keys.send_with(key)?;
    Ok(if mki.is_some() { mki_len } else { 0 })
}

/// Chooses the key to open with: the one that the packet names, or the first.
/// Gives its number where an MKI is to be taken out.
#[inline(always)]
fn choose_to_receive(
    keys: &mut KeySet,
    packet: &[u8],
    protocol: Protocol,
    has_mki: bool,
) -> Result<Option<usize>, Status> {
    let named = match has_mki {
        true => Some(keys.named_in(packet, protocol).ok_or(Status::BadMki)?),
        false => None,
    };
    keys.receive_with(named.unwrap_or(0))?;
    Ok(named)
}

/// What protecting an RTP packet takes, besides its stream's keys.
struct Sealing {
    cryptex: bool,
    mki: Option<usize>,
    header: RtpHeader,
}

/// Protects an RTP packet, and gives its new length and an event to tell of.
#[inline(always)]
fn seal_rtp(
    keys: &mut KeySet,
    pending_roc: &mut Option<u32>,
    operation: Sealing,
    packet: &mut Lent,
) -> (Result<usize, Status>, Option<c_uint>) {
    let sealed = try_seal_rtp(keys, pending_roc, operation, packet);
    let told = match sealed {
        Ok(_) => keys.sender.poll_event().map(|_| event::KEY_SOFT_LIMIT),
        Err(Status::KeyExpired) => Some(event::KEY_HARD_LIMIT),
        Err(_) => None,
    };
    (sealed, told)
}

#[inline(always)]
fn try_seal_rtp(
    keys: &mut KeySet,
    pending_roc: &mut Option<u32>,
    operation: Sealing,
    packet: &mut Lent,
) -> Result<usize, Status> {
    let Sealing {
        cryptex,
        mki,
        header,
    } = operation;
    let ssrc = header.ssrc;
    let mki_len = choose_to_send(keys, mki)?;
    let hides = cryptex && keys.hides_headers;
    if hides && header.has_csrcs && !header.has_extension {
        // libsrtp's answer: an extension put in would take four octets
        // more than callers leave room for.
        return Err(Status::CryptexErr);
    }
    keys.set_sending_cryptex(hides)?;

    // Looked up only for what needs it.
    let newest = match pending_roc.is_none() && keys.rtp_auth.is_empty() {
        true => None,
        false => keys.sender.newest_index(ssrc).map(|index| index.get()),
    };
    let mut roc_was_set = false;
    if let Some(pending) = *pending_roc {
        match roc::judge(newest, pending, header.seq) {
            Pending::Behind => return Err(Status::PktIdxOld),
            Pending::Ahead => {
                let set = keys.sender.set_roc(ssrc, pending);
                set.map_err(|_| Status::PktIdxOld)?;
                roc_was_set = true;
            }
            Pending::Same => {}
        }
    }
    let foreign_roc = match keys.rtp_auth.is_empty() {
        true => None,
        false => Some(roc::estimate(newest, *pending_roc, header.seq)),
    };

    let len = packet.len();
    let trailer_len = keys.trailers.len(Protocol::Rtp) + mki_len;
    // SAFETY: this is what `srtp_get_protect_trailer_length` says.
    let room = unsafe { packet.room(trailer_len) };
    let own_len = room.len() - mki_len;
    let sealed = keys.sender.protect_rtp(&mut room[..own_len], len);
    let mut sealed_len = sealed.inspect_err(|_| {
        if roc_was_set {
            keys.sender.take_roc_back(ssrc);
        }
    })?;
    *pending_roc = None;
    if let Some(roc) = foreign_roc {
        let key = mki.unwrap_or(0);
        sealed_len = seal_foreign(&mut keys.rtp_auth, key, room, sealed_len, &roc)?;
    }
    Ok(insert_mki(keys, mki, Protocol::Rtp, room, sealed_len))
}

/// Protects an RTCP packet, likewise.
#[inline]
fn seal_rtcp(
    keys: &mut KeySet,
    mki: Option<usize>,
    packet: &mut Lent,
) -> (Result<usize, Status>, Option<c_uint>) {
    let sealed = try_seal_rtcp(keys, mki, packet);
    let told = match sealed {
        Ok(_) => keys.sender.poll_event().map(|_| event::KEY_SOFT_LIMIT),
        Err(_) => None,
    };
    (sealed, told)
}

#[inline]
fn try_seal_rtcp(
    keys: &mut KeySet,
    mki: Option<usize>,
    packet: &mut Lent,
) -> Result<usize, Status> {
    let mki_len = choose_to_send(keys, mki)?;
    let len = packet.len();
    let trailer_len = keys.trailers.len(Protocol::Rtcp) + mki_len;
    // SAFETY: this is what `srtp_get_protect_rtcp_trailer_length` says.
    let room = unsafe { packet.room(trailer_len) };
    let own_len = room.len() - mki_len;
    let sealed = keys.sender.protect_rtcp(&mut room[..own_len], len);
    let mut sealed_len = sealed.map_err(Status::from)?;
    if !keys.rtcp_auth.is_empty() {
        let key = mki.unwrap_or(0);
        sealed_len = seal_foreign(&mut keys.rtcp_auth, key, room, sealed_len, &[])?;
    }
    Ok(insert_mki(keys, mki, Protocol::Rtcp, room, sealed_len))
}

/// What opening an SRTP packet takes, besides its stream's keys.
struct Opening {
    cryptex: bool,
    has_mki: bool,
    pending_roc: Option<u32>,
    header: RtpHeader,
}

/// Opens an SRTP packet, and gives its plain length and an event to tell of.
#[inline(always)]
fn open_rtp(
    keys: &mut KeySet,
    operation: Opening,
    packet: &mut Lent,
) -> (Result<usize, Status>, Option<c_uint>) {
    let opened = try_open_rtp(keys, operation, packet);
    let told = match opened {
        Ok(_) => keys.receiver.poll_event().map(|_| event::KEY_SOFT_LIMIT),
        Err(Status::KeyExpired) => Some(event::KEY_HARD_LIMIT),
        Err(_) => None,
    };
    (opened, told)
}

#[inline(always)]
fn try_open_rtp(keys: &mut KeySet, operation: Opening, packet: &mut Lent) -> Result<usize, Status> {
    let Opening {
        cryptex,
        has_mki,
        pending_roc,
        header,
    } = operation;
    let ssrc = header.ssrc;
    // Looked up only for what needs it.
    let newest = match pending_roc.is_none() && keys.rtp_auth.is_empty() {
        true => None,
        false => keys.receiver.newest_index(ssrc).map(|index| index.get()),
    };
    let judged = pending_roc.map(|roc| (roc, roc::judge(newest, roc, header.seq)));
    if matches!(judged, Some((_, Pending::Behind))) {
        return Err(Status::PktIdxOld);
    }
    let foreign_roc = match keys.rtp_auth.is_empty() {
        true => None,
        false => Some(roc::estimate(newest, pending_roc, header.seq)),
    };
    let key = choose_to_receive(keys, packet.octets(), Protocol::Rtp, has_mki)?;
    let _ = keys.set_receiving_cryptex(cryptex);
    let mut roc_was_set = false;
    if let Some((roc, Pending::Ahead)) = judged {
        let set = keys.receiver.set_roc(ssrc, roc);
        set.map_err(|_| Status::AllocFail)?;
        roc_was_set = true;
    }

    // SAFETY: nothing beyond the packet.
    let octets = unsafe { packet.room(0) };
    let (octets, mki_len) = take_mki_out(keys, key, Protocol::Rtp, octets);
    let opened = match foreign_roc {
        None => unprotect_rtp(keys, octets),
        Some(roc) => check_foreign(&mut keys.rtp_auth, key, octets, &roc)
            .and_then(|len| unprotect_rtp(keys, &mut octets[..len])),
    };
    // SAFETY: nothing beyond the packet.
    let octets = unsafe { packet.room(0) };
    put_mki_back(keys, key, Protocol::Rtp, octets, mki_len);
    if opened.is_err() && roc_was_set {
        keys.receiver.take_roc_back(ssrc);
    }
    opened
}

/// Opens an SRTCP packet, likewise.
#[inline]
fn open_rtcp(
    keys: &mut KeySet,
    has_mki: bool,
    packet: &mut Lent,
) -> (Result<usize, Status>, Option<c_uint>) {
    let opened = try_open_rtcp(keys, has_mki, packet);
    let told = match opened {
        Ok(_) => keys.receiver.poll_event().map(|_| event::KEY_SOFT_LIMIT),
        Err(_) => None,
    };
    (opened, told)
}

#[inline]
fn try_open_rtcp(keys: &mut KeySet, has_mki: bool, packet: &mut Lent) -> Result<usize, Status> {
    let key = choose_to_receive(keys, packet.octets(), Protocol::Rtcp, has_mki)?;
    // SAFETY: nothing beyond the packet.
    let octets = unsafe { packet.room(0) };
    let (octets, mki_len) = take_mki_out(keys, key, Protocol::Rtcp, octets);
    let opened = if octets.len() < RTCP_HEADER_LEN + keys.trailers.len(Protocol::Rtcp) {
        Err(Status::BadParam)
    } else if keys.rtcp_auth.is_empty() {
        unprotect_rtcp(keys, octets)
    } else {
        check_foreign(&mut keys.rtcp_auth, key, octets, &[])
            .and_then(|len| unprotect_rtcp(keys, &mut octets[..len]))
    };
    // SAFETY: nothing beyond the packet.
    let octets = unsafe { packet.room(0) };
    put_mki_back(keys, key, Protocol::Rtcp, octets, mki_len);
    opened
}

fn unprotect_rtp(keys: &mut KeySet, packet: &mut [u8]) -> Result<usize, Status> {
    let len = packet.len();
    let opened = keys.receiver.unprotect_rtp(packet, len)?;
    Ok(opened.len)
}

fn unprotect_rtcp(keys: &mut KeySet, packet: &mut [u8]) -> Result<usize, Status> {
    let len = packet.len();
    let opened = keys.receiver.unprotect_rtcp(packet, len);
    Ok(opened.map_err(rtcp_status)?.len)
}

/// What libsrtp answers of SRTCP, where it differs from SRTP.
pub(crate) fn rtcp_status(error: UnprotectError) -> Status {
    match error {
        UnprotectError::Malformed(_) => Status::BadParam,
        error => error.into(),
    }
}

/// Puts the key's MKI into a protected packet of `len` octets. No tag covers
/// an MKI, so that the packet stays what it is.
#[inline]
fn insert_mki(
    keys: &KeySet,
    key: Option<usize>,
    protocol: Protocol,
    room: &mut [u8],
    len: usize,
) -> usize {
    let Some(mki) = key.and_then(|key| keys.mki(key)) else {
        return len;
    };
    let at = len - keys.trailers.behind_mki(protocol);
    room.copy_within(at..len, at + mki.len());
    room[at..at + mki.len()].copy_from_slice(mki);
    len + mki.len()
}

/// Takes the key's MKI out of a protected packet, and gives its octets.
#[inline]
fn take_mki_out<'a>(
    keys: &KeySet,
    key: Option<usize>,
    protocol: Protocol,
    packet: &'a mut [u8],
) -> (&'a mut [u8], usize) {
    let Some(mki) = key.and_then(|key| keys.mki(key)) else {
        return (packet, 0);
    };
    let len = packet.len();
    let tag = len - keys.trailers.behind_mki(protocol);
    packet.copy_within(tag..len, tag - mki.len());
    (&mut packet[..len - mki.len()], mki.len())
}

/// The reverse: behind the plain packet, or what was refused, all is as it came.
#[inline]
fn put_mki_back(
    keys: &KeySet,
    key: Option<usize>,
    protocol: Protocol,
    packet: &mut [u8],
    mki_len: usize,
) {
    if mki_len != 0 {
        insert_mki(keys, key, protocol, packet, packet.len() - mki_len);
    }
}

/// Writes the tag of a function of the caller's behind the packet.
fn seal_foreign(
    auths: &mut [crate::foreign_auth::ForeignAuth],
    key: usize,
    room: &mut [u8],
    len: usize,
    roc: &[u8],
) -> Result<usize, Status> {
    let auth = auths.get_mut(key).ok_or(Status::BadMki)?;
    let (packet, behind) = room.split_at_mut(len);
    let tag_len = auth.tag_len();
    let tag = behind.get_mut(..tag_len).ok_or(Status::Fail)?;
    auth.compute(packet, roc, tag)
        .map_err(|_| Status::AuthFail)?;
    Ok(len + tag_len)
}

/// Checks the tag of a function of the caller's, and gives the octets before it.
fn check_foreign(
    auths: &mut [crate::foreign_auth::ForeignAuth],
    key: Option<usize>,
    packet: &[u8],
    roc: &[u8],
) -> Result<usize, Status> {
    let auth = auths.get_mut(key.unwrap_or(0)).ok_or(Status::BadMki)?;
    let tag_len = auth.tag_len();
    let len = packet.len().checked_sub(tag_len).ok_or(Status::ParseErr)?;
    let mut tag = [0; crate::types::MAX_TAG_LEN];
    let tag = tag.get_mut(..tag_len).ok_or(Status::Fail)?;
    auth.compute(&packet[..len], roc, tag)
        .map_err(|_| Status::AuthFail)?;
    match bool::from(tag.ct_eq(&packet[len..])) {
        true => Ok(len),
        false => Err(Status::AuthFail),
    }
}
