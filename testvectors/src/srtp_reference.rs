//! A slow SRTP written from the RFCs alone, to judge the fast one: RFC 3711 with
//! 4771 (ROC carrying), 6188 (AES-192 and 256), 6904 (encrypted header
//! extensions), 7714 (AES-GCM) and 9335 (Cryptex).
//!
//! Every session key is derived again for every packet, every block is one
//! call of AES on an integer that stands in the RFC's formula, GHASH goes bit
//! by bit, every index ever accepted is remembered, and every packet is taken
//! apart and put together from copies. Only the raw primitives (AES,
//! HMAC-SHA1) come from elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// What a profile encrypts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// RFC 3711 §4.1.3, with HMAC-SHA1.
    Null,
    /// RFC 3711 §4.1.1 and RFC 6188, with HMAC-SHA1.
    AesCm,
    /// RFC 3711 §4.1.2, with HMAC-SHA1.
    AesF8,
    /// RFC 7714.
    AesGcm,
}

/// What a session does with Cryptex (RFC 9335).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cryptex {
    /// Nothing.
    Off,
    /// Uses it, and takes packets without it.
    On,
    /// Uses it, and refuses packets without it.
    Required,
}

/// What key management agrees on besides the keys (RFC 3711 §8.2).
#[derive(Clone, Debug)]
pub struct Parameters {
    /// SRTP's cipher.
    pub rtp_cipher: Cipher,
    /// SRTCP's cipher.
    pub rtcp_cipher: Cipher,
    /// n_tag of SRTP, in octets.
    pub rtp_tag_len: usize,
    /// n_tag of SRTCP, in octets.
    pub rtcp_tag_len: usize,
    /// SRTP-WINDOW-SIZE, in indexes.
    pub rtp_window: u64,
    /// The same for SRTCP.
    pub rtcp_window: u64,
    /// Whether SRTP is encrypted.
    pub encrypt_rtp: bool,
    /// Whether SRTCP is encrypted, and so whether E is 1.
    pub encrypt_rtcp: bool,
    /// Whether a sender may use an index again.
    pub repeat_allowed: bool,
    /// How many SSRCs may have state.
    pub max_streams: usize,
    /// key_derivation_rate.
    pub key_derivation_rate: u64,
    /// SRTP packets that a master key is for.
    pub rtp_lifetime: u64,
    /// SRTCP packets that a master key is for.
    pub rtcp_lifetime: u64,
    /// The index of a stream's first SRTCP packet.
    pub first_rtcp_index: u64,
    /// RFC 4771's mode, 1 to 3, and R.
    pub roc_carrying: Option<(u8, u16)>,
    /// Whether a stream's first packet is tried with the ROCs beside.
    pub try_neighbours: bool,
    /// The ids of RFC 6904.
    pub encrypted_ids: Vec<u8>,
    /// RFC 9335.
    pub cryptex: Cryptex,
}

impl Parameters {
    /// The defaults of RFC 3711 with this cipher and these tags.
    #[must_use]
    pub fn new(cipher: Cipher, rtp_tag_len: usize, rtcp_tag_len: usize) -> Self {
        Self {
            rtp_cipher: cipher,
            rtcp_cipher: cipher,
            rtp_tag_len,
            rtcp_tag_len,
            rtp_window: 128,
            rtcp_window: 128,
            encrypt_rtp: cipher != Cipher::Null,
            encrypt_rtcp: cipher != Cipher::Null,
            repeat_allowed: false,
            max_streams: 16,
            key_derivation_rate: 0,
            rtp_lifetime: 1 << 48,
            rtcp_lifetime: 1 << 31,
            first_rtcp_index: 0,
            roc_carrying: None,
            try_neighbours: false,
            encrypted_ids: Vec::new(),
            cryptex: Cryptex::Off,
        }
    }

    /// The octets of ROC and of HMAC in the tag field of an SRTP packet
    /// (RFC 4771 §2): in an AEAD profile the field is there for the ROC alone.
    fn tag_field(&self, seq: u16) -> (usize, usize) {
        let hmac_len = match self.rtp_cipher {
            Cipher::AesGcm => 0,
            _ => self.rtp_tag_len,
        };
        match self.roc_carrying {
            None => (0, hmac_len),
            Some((mode, rate)) => match (mode, seq.is_multiple_of(rate)) {
                (1 | 2, true) => (4, hmac_len - 4),
                (1, false) => (0, 0),
                (2, false) => (0, hmac_len),
                (_, true) => (4, 0),
                (_, false) => (0, 0),
            },
        }
    }

    fn r(&self, index: u64) -> u64 {
        index.checked_div(self.key_derivation_rate).unwrap_or(0)
    }
}

/// A master key and its salt; the key's length chooses AES-128, 192 or 256.
#[derive(Clone, Debug)]
pub struct Master {
    /// k_master.
    pub key: Vec<u8>,
    /// master_salt, 14 octets, or 12 for AES-GCM.
    pub salt: Vec<u8>,
}

/// Why a packet goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No RTP or RTCP packet, or shorter than what SRTP adds to one.
    Malformed,
    /// Cryptex cannot be used, or is not used and has to be.
    NotCryptex,
    /// Another SSRC than the ones there is room for.
    TooManyStreams,
    /// The index would pass 2^48 or 2^31.
    Exhausted,
    /// The index has been used.
    Replayed,
    /// The index lies behind the window.
    TooOld,
    /// No key has this MKI.
    UnknownMki,
    /// No key is for this index.
    NoKey,
    /// The key has been used for as many packets as it may.
    KeySpent,
    /// E is not what was agreed.
    EncryptFlag,
    /// The tag is wrong.
    AuthenticationFailed,
    /// A sender's ROC or SRTCP index set back, which would use indexes again.
    Backwards,
    /// A sender keeps snapshots, and none that is stored reserves the index.
    NotReserved,
}

/// What a sender's snapshot holds: the first index that is not reserved, of
/// SRTP and of SRTCP, for each SSRC; and each key's use, as far as it may go.
#[derive(Clone, Debug)]
pub struct SlowSnapshot {
    ends: BTreeMap<u32, (u64, u64)>,
    set_rocs: BTreeMap<u32, u32>,
    used: Vec<(u64, u64)>,
}

#[derive(Clone, Debug)]
struct Key {
    mki: Vec<u8>,
    /// <From, To>, where keys are told apart by it.
    range: Option<(u64, u64)>,
    master: Master,
    rtp_used: u64,
    rtcp_used: u64,
}

impl Key {
    fn new(mki: &[u8], range: Option<(u64, u64)>, master: Master) -> Self {
        Self {
            mki: mki.to_vec(),
            range,
            master,
            rtp_used: 0,
            rtcp_used: 0,
        }
    }

    /// RFC 3711 §9.2: the first limit that is reached ends both uses.
    fn check_life(&self, parameters: &Parameters) -> Result<(), Verdict> {
        if self.rtp_used >= parameters.rtp_lifetime || self.rtcp_used >= parameters.rtcp_lifetime {
            return Err(Verdict::KeySpent);
        }
        Ok(())
    }
}

/// RFC 3711 §8.1.1: the key whose <From, To> holds `index`, and the first one
/// before there is an index; `None` where keys are not told apart that way.
fn by_range(keys: &[Key], index: Option<u64>) -> Option<Result<usize, Verdict>> {
    keys.iter().find_map(|key| key.range)?;
    let place = match index {
        Some(index) => keys.iter().position(|key| {
            let (from, to) = key.range.unwrap_or_default();
            from <= index && index <= to
        }),
        None => (0..keys.len()).min_by_key(|&place| keys[place].range),
    };
    Some(place.ok_or(Verdict::NoKey))
}

/// The sending half of a cryptographic context.
#[derive(Debug)]
pub struct SlowSender {
    parameters: Parameters,
    keys: Vec<Key>,
    current: Vec<u8>,
    streams: BTreeMap<u32, Stream>,
    /// Where snapshots are kept, what they reserve.
    reserved: Option<BTreeMap<u32, (u64, u64)>>,
}

impl SlowSender {
    /// A context whose packets carry `mki`, or none where it is empty.
    #[must_use]
    pub fn new(parameters: Parameters, mki: &[u8], master: Master) -> Self {
        Self {
            parameters,
            keys: vec![Key::new(mki, None, master)],
            current: mki.to_vec(),
            streams: BTreeMap::new(),
            reserved: None,
        }
    }

    /// A context whose keys are told apart by <From, To>.
    #[must_use]
    pub fn with_range(parameters: Parameters, range: (u64, u64), master: Master) -> Self {
        Self {
            parameters,
            keys: vec![Key::new(&[], Some(range), master)],
            current: Vec::new(),
            streams: BTreeMap::new(),
            reserved: None,
        }
    }

    /// Adds a key.
    pub fn add_key(&mut self, mki: &[u8], master: Master) {
        self.keys.push(Key::new(mki, None, master));
    }

    /// Adds a key with its <From, To>.
    pub fn add_range(&mut self, range: (u64, u64), master: Master) {
        self.keys.push(Key::new(&[], Some(range), master));
    }

    /// Makes a key that was added the one that is used.
    pub fn switch_to(&mut self, mki: &[u8]) {
        self.current = mki.to_vec();
    }

    /// Forgets a key, unless it is the one that is used; whether it did.
    pub fn remove_key(&mut self, mki: &[u8]) -> bool {
        if mki != self.current {
            self.keys.retain(|key| key.mki != mki);
        }
        mki != self.current
    }

    /// The ROC that the next packet of `ssrc` is measured against.
    #[must_use]
    pub fn roc(&self, ssrc: u32) -> Option<u32> {
        self.streams.get(&ssrc).map(Stream::roc)
    }

    /// The index of the next SRTCP packet of `ssrc`; `None` after the last.
    #[must_use]
    pub fn next_rtcp_index(&self, ssrc: u32) -> Option<u32> {
        let first = self.parameters.first_rtcp_index;
        let next = self.streams.get(&ssrc).map_or(first, |s| s.rtcp_next);
        (next <= 0x7fff_ffff).then_some(next as u32)
    }

    /// Reserves so many indexes ahead in each stream, of SRTP at most 2^14; from
    /// the first snapshot on, nothing else is used.
    pub fn snapshot(&mut self, rtp_packets: u16, rtcp_packets: u16) -> SlowSnapshot {
        let mut ends = BTreeMap::new();
        for (&ssrc, stream) in &self.streams {
            let held = self.held(ssrc);
            let goes_on = stream.set_roc.is_none_or(|roc| {
                let newest = stream.rtp_newest;
                newest.is_some_and(|newest| newest >> 16 == u64::from(roc))
            });
            let ahead = match goes_on {
                true => u64::from(rtp_packets.min(1 << 14)),
                false => 0,
            };
            // Nothing where no sequence number has been seen, which may be any.
            let rtp_end = match (stream.rtp_newest, stream.started) {
                (Some(newest), _) => newest + 1 + ahead,
                (None, true) => stream.floor + ahead,
                (None, false) => 0,
            };
            let rtcp_end = stream.rtcp_next + u64::from(rtcp_packets);
            let rtp_end = rtp_end.min(1 << 48).max(held.0);
            ends.insert(ssrc, (rtp_end, rtcp_end.min(1 << 31).max(held.1)));
        }
        // Every index that may be used before another snapshot counts as used,
        // also one that was left out.
        let (mut rtp_left, mut rtcp_left) = (0, 0);
        for (ssrc, stream) in &self.streams {
            let (rtp_end, rtcp_end) = ends[ssrc];
            let next = stream.rtp_newest.map_or(0, |newest| newest + 1);
            let oldest = next.saturating_sub(self.parameters.rtp_window);
            let late = oldest.max(stream.floor)..next;
            let left_out = late.filter(|index| !stream.rtp_seen.contains(index));
            rtp_left += rtp_end.saturating_sub(next.max(stream.floor)) + left_out.count() as u64;
            rtcp_left += rtcp_end.saturating_sub(stream.rtcp_next);
        }
        let used = self.keys.iter();
        let used = used.map(|key| (key.rtp_used + rtp_left, key.rtcp_used + rtcp_left));
        let set_rocs = self.streams.iter();
        let set_rocs = set_rocs.filter_map(|(&ssrc, stream)| Some((ssrc, stream.set_roc?)));
        let snapshot = SlowSnapshot {
            ends,
            set_rocs: set_rocs.collect(),
            used: used.collect(),
        };
        if self.reserved.is_none() {
            self.confirm(&snapshot);
        }
        snapshot
    }

    /// Opens what a snapshot reserves.
    pub fn confirm(&mut self, snapshot: &SlowSnapshot) {
        let reserved = self.reserved.get_or_insert_default();
        reserved.extend(&snapshot.ends);
    }

    /// Puts a sender that was set up anew behind everything reserved.
    pub fn restore(&mut self, snapshot: &SlowSnapshot) {
        for (&ssrc, &(rtp_end, rtcp_end)) in &snapshot.ends {
            let newest = rtp_end.checked_sub(1);
            let set_roc = snapshot.set_rocs.get(&ssrc).copied();
            let stream = Stream {
                rtp_newest: newest,
                floor: rtp_end,
                rtcp_next: rtcp_end.max(self.parameters.first_rtcp_index),
                set_roc: set_roc.filter(|&roc| newest.is_none_or(|at| u64::from(roc) >= at >> 16)),
                ..Stream::default()
            };
            self.streams.insert(ssrc, stream);
        }
        for (key, &(rtp, rtcp)) in self.keys.iter_mut().zip(&snapshot.used) {
            (key.rtp_used, key.rtcp_used) = (rtp, rtcp);
        }
        self.reserved = Some(BTreeMap::new());
    }

    /// Says at which index a stream without packets sends its first one;
    /// whether it has none.
    pub fn start(&mut self, ssrc: u32, first: u64) -> bool {
        let Ok(stream) = stream_of(&self.streams, &self.parameters, ssrc) else {
            return false;
        };
        let may_start = match stream.set_roc {
            Some(roc) => u64::from(roc) <= first >> 16 && stream.rtp_newest < Some(first),
            None => stream.rtp_newest.is_none() && !stream.started,
        };
        if may_start {
            let started = Stream {
                rtp_newest: first.checked_sub(1),
                floor: first,
                started: true,
                rtcp_next: stream.rtcp_next,
                ..Stream::default()
            };
            self.streams.insert(ssrc, started);
        } else {
            self.streams.insert(ssrc, stream);
        }
        may_start
    }

    fn held(&self, ssrc: u32) -> (u64, u64) {
        let reserved = self.reserved.as_ref();
        let held = reserved.and_then(|reserved| reserved.get(&ssrc));
        held.copied().unwrap_or_default()
    }

    /// Sets the ROC of the next packet of `ssrc`.
    ///
    /// # Errors
    ///
    /// [`Verdict::Backwards`], [`Verdict::TooManyStreams`].
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), Verdict> {
        let mut stream = stream_of(&self.streams, &self.parameters, ssrc)?;
        let reached = stream.rtp_newest.map_or(0, |newest| newest >> 16);
        if u64::from(roc) < reached {
            return Err(Verdict::Backwards);
        }
        stream.set_roc = Some(roc);
        self.streams.insert(ssrc, stream);
        Ok(())
    }

    /// Sets the index of the next SRTCP packet of `ssrc`.
    ///
    /// # Errors
    ///
    /// [`Verdict::Backwards`], [`Verdict::TooManyStreams`].
    pub fn set_next_rtcp_index(&mut self, ssrc: u32, index: u32) -> Result<(), Verdict> {
        let known = self.streams.contains_key(&ssrc);
        let mut stream = stream_of(&self.streams, &self.parameters, ssrc)?;
        if known && u64::from(index) < stream.rtcp_next {
            return Err(Verdict::Backwards);
        }
        stream.rtcp_next = u64::from(index);
        self.streams.insert(ssrc, stream);
        Ok(())
    }

    fn key(&self, index: Option<u64>) -> Result<usize, Verdict> {
        by_range(&self.keys, index).unwrap_or_else(|| {
            let place = self.keys.iter().position(|key| key.mki == self.current);
            place.ok_or(Verdict::UnknownMki)
        })
    }

    /// RFC 3711 §3.3, the sender's eight steps.
    ///
    /// # Errors
    ///
    /// The [`Verdict`].
    pub fn protect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let parameters = &self.parameters;
        let mut parts = RtpParts::of(packet)?;
        let hidden = parts.put_on_cryptex(parameters.cryptex)?;
        let mut stream = stream_of(&self.streams, parameters, parts.ssrc)?;
        let index = stream.estimate(parts.seq)?;
        if index < stream.floor {
            return Err(Verdict::TooOld);
        }
        let seen = seen_before(
            &stream.rtp_seen,
            stream.rtp_newest,
            index,
            parameters.rtp_window,
        );
        match seen {
            Err(Verdict::Replayed) if parameters.repeat_allowed => {}
            seen => seen?,
        }
        if self.reserved.is_some() && index >= self.held(parts.ssrc).0 {
            return Err(Verdict::NotReserved);
        }
        let place = self.key(Some(index))?;
        let key = &self.keys[place];
        key.check_life(parameters)?;
        let r = parameters.r(index);
        let keys = SessionKeys::derive(&key.master, [0, 1, 2], r);

        if !hidden {
            parts.xor_extensions(parameters, &key.master, index);
        }
        let (clear, secret) = parts.clear_and_secret(parameters, hidden);
        let nonce = Nonce::rtp(&parts, index);
        let (secret, tag) = match parameters.rtp_cipher {
            Cipher::AesGcm => gcm_seal(&keys, nonce, &clear, &secret, parameters.rtp_tag_len),
            cipher => (xor_keystream(cipher, &keys, nonce, &secret), Vec::new()),
        };
        let mut out = parts.put_together(parameters, hidden, &secret);
        let roc = ((index >> 16) as u32).to_be_bytes();
        let hmac = hmac(&keys, &out, &roc);
        out.extend(tag);
        out.extend(&key.mki);
        let (roc_len, hmac_len) = parameters.tag_field(parts.seq);
        out.extend(&roc[..roc_len]);
        out.extend(&hmac[..hmac_len]);

        self.keys[place].rtp_used += 1;
        stream.accept_rtp(index, false);
        self.streams.insert(parts.ssrc, stream);
        Ok(out)
    }

    /// RFC 3711 §3.4.
    ///
    /// # Errors
    ///
    /// The [`Verdict`].
    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let parameters = &self.parameters;
        let ssrc = rtcp_ssrc(packet)?;
        let mut stream = stream_of(&self.streams, parameters, ssrc)?;
        let index = stream.rtcp_next;
        if index > 0x7fff_ffff {
            return Err(Verdict::Exhausted);
        }
        if self.reserved.is_some() && index >= self.held(ssrc).1 {
            return Err(Verdict::NotReserved);
        }
        let place = self.key(stream.rtp_newest)?;
        let key = &self.keys[place];
        key.check_life(parameters)?;
        let keys = SessionKeys::derive(&key.master, [3, 4, 5], parameters.r(index));

        let e = u32::from(parameters.encrypt_rtcp) << 31;
        let word = (e | index as u32).to_be_bytes();
        let nonce = Nonce::rtcp(packet, ssrc, integer(&word) as u32);
        let (clear, secret) = match parameters.encrypt_rtcp {
            true => packet.split_at(8),
            false => (packet, &[][..]),
        };
        let mut out = clear.to_vec();
        if parameters.rtcp_cipher == Cipher::AesGcm {
            let associated = [clear, &word].concat();
            let tag_len = parameters.rtcp_tag_len;
            let (secret, tag) = gcm_seal(&keys, nonce, &associated, secret, tag_len);
            out.extend(secret);
            out.extend(tag);
            out.extend(word);
            out.extend(&key.mki);
        } else {
            out.extend(xor_keystream(parameters.rtcp_cipher, &keys, nonce, secret));
            out.extend(word);
            let tag = hmac(&keys, &out, &[]);
            out.extend(&key.mki);
            out.extend(&tag[..parameters.rtcp_tag_len]);
        }

        self.keys[place].rtcp_used += 1;
        stream.rtcp_next += 1;
        self.streams.insert(ssrc, stream);
        Ok(out)
    }
}

/// The receiving half of a cryptographic context.
#[derive(Clone, Debug)]
pub struct SlowReceiver {
    parameters: Parameters,
    mki_len: usize,
    keys: Vec<Key>,
    streams: BTreeMap<u32, Stream>,
}

impl SlowReceiver {
    /// A context whose packets carry an MKI as long as `mki`, or none where it
    /// is empty.
    #[must_use]
    pub fn new(parameters: Parameters, mki: &[u8], master: Master) -> Self {
        Self {
            parameters,
            mki_len: mki.len(),
            keys: vec![Key::new(mki, None, master)],
            streams: BTreeMap::new(),
        }
    }

    /// A context whose keys are told apart by <From, To>.
    #[must_use]
    pub fn with_range(parameters: Parameters, range: (u64, u64), master: Master) -> Self {
        Self {
            parameters,
            mki_len: 0,
            keys: vec![Key::new(&[], Some(range), master)],
            streams: BTreeMap::new(),
        }
    }

    /// Adds a key.
    pub fn add_key(&mut self, mki: &[u8], master: Master) {
        self.keys.push(Key::new(mki, None, master));
    }

    /// Adds a key with its <From, To>.
    pub fn add_range(&mut self, range: (u64, u64), master: Master) {
        self.keys.push(Key::new(&[], Some(range), master));
    }

    /// Forgets a key.
    pub fn remove_key(&mut self, mki: &[u8]) {
        self.keys.retain(|key| key.mki != mki);
    }

    /// The ROC that the next packet of `ssrc` is measured against.
    #[must_use]
    pub fn roc(&self, ssrc: u32) -> Option<u32> {
        self.streams.get(&ssrc).map(Stream::roc)
    }

    /// The newest index that was accepted of `ssrc`.
    #[must_use]
    pub fn newest_index(&self, ssrc: u32) -> Option<u64> {
        self.streams.get(&ssrc)?.rtp_newest
    }

    /// Sets the ROC of the next packet of `ssrc` that authenticates.
    ///
    /// # Errors
    ///
    /// [`Verdict::TooManyStreams`].
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), Verdict> {
        let mut stream = stream_of(&self.streams, &self.parameters, ssrc)?;
        stream.set_roc = Some(roc);
        self.streams.insert(ssrc, stream);
        Ok(())
    }

    fn key(&self, mki: &[u8], index: Option<u64>) -> Result<usize, Verdict> {
        by_range(&self.keys, index).unwrap_or_else(|| {
            let place = self.keys.iter().position(|key| key.mki == mki);
            place.ok_or(Verdict::UnknownMki)
        })
    }

    /// RFC 3711 §3.3, the receiver's eight steps.
    ///
    /// # Errors
    ///
    /// The [`Verdict`].
    pub fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let parameters = &self.parameters;
        let seq = packet.get(2..4).map_or(0, |seq| integer(seq) as u16);
        let (roc_len, hmac_len) = parameters.tag_field(seq);
        let (rest, hmac_got) = split_end(packet, hmac_len)?;
        let (rest, roc_got) = split_end(rest, roc_len)?;
        let (rest, mki) = split_end(rest, self.mki_len)?;
        let aead_tag_len = match parameters.rtp_cipher {
            Cipher::AesGcm => parameters.rtp_tag_len,
            _ => 0,
        };
        let (protected, aead_tag) = split_end(rest, aead_tag_len)?;
        let parts = RtpParts::of(protected)?;
        parts.hides(parameters.cryptex)?;
        let stream = stream_of(&self.streams, parameters, parts.ssrc)?;

        let carried = (!roc_got.is_empty()).then(|| integer(roc_got) as u64);
        let indexes = match carried {
            Some(roc) => vec![(roc << 16 | u64::from(seq), false)],
            None => stream.indexes_to_try(seq, parameters.try_neighbours)?,
        };
        let judge = |(index, restarts)| {
            let tags = Tags {
                hmac: hmac_got,
                aead: aead_tag,
            };
            self.judge_rtp(protected, mki, &tags, &stream, index, restarts)
        };
        let mut verdict = judge(indexes[0]);
        if verdict == Err(Verdict::AuthenticationFailed) {
            let others = indexes[1..].iter().map(|&index| judge(index));
            verdict = others.into_iter().find(Result::is_ok).unwrap_or(verdict);
        }
        let (index, restarts, place, out) = verdict?;

        let mut stream = stream;
        self.keys[place].rtp_used += 1;
        stream.accept_rtp(index, restarts);
        self.streams.insert(parts.ssrc, stream);
        Ok(out)
    }

    /// What becomes of a packet if this is its index.
    fn judge_rtp(
        &self,
        protected: &[u8],
        mki: &[u8],
        tags: &Tags<'_>,
        stream: &Stream,
        index: u64,
        restarts: bool,
    ) -> Result<(u64, bool, usize, Vec<u8>), Verdict> {
        let parameters = &self.parameters;
        let mut parts = RtpParts::of(protected)?;
        let hidden = parts.hides(parameters.cryptex)?;
        if !restarts {
            seen_before(
                &stream.rtp_seen,
                stream.rtp_newest,
                index,
                parameters.rtp_window,
            )?;
        }
        let place = self.key(mki, Some(index))?;
        let key = &self.keys[place];
        key.check_life(parameters)?;
        let keys = SessionKeys::derive(&key.master, [0, 1, 2], parameters.r(index));
        let hmac = hmac(&keys, protected, &((index >> 16) as u32).to_be_bytes());
        if hmac[..tags.hmac.len()] != *tags.hmac {
            return Err(Verdict::AuthenticationFailed);
        }
        let (clear, secret) = parts.clear_and_secret(parameters, hidden);
        let nonce = Nonce::rtp(&parts, index);
        let secret = match parameters.rtp_cipher {
            Cipher::AesGcm => gcm_open(&keys, nonce, &clear, &secret, tags.aead)?,
            cipher => xor_keystream(cipher, &keys, nonce, &secret),
        };
        let out = parts.put_together(parameters, hidden, &secret);
        parts = RtpParts::of(&out)?;
        if hidden {
            parts.take_off_cryptex();
        } else {
            parts.xor_extensions(parameters, &key.master, index);
        }
        Ok((index, restarts, place, parts.octets()))
    }

    /// RFC 3711 §3.4.
    ///
    /// # Errors
    ///
    /// The [`Verdict`].
    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Verdict> {
        let parameters = &self.parameters;
        let aead = parameters.rtcp_cipher == Cipher::AesGcm;
        let tag_len = parameters.rtcp_tag_len;
        let (authenticated, protected, word, mki, tag_got);
        if aead {
            let (rest, mki_got) = split_end(packet, self.mki_len)?;
            let (rest, word_got) = split_end(rest, 4)?;
            let (rest, tag) = split_end(rest, tag_len)?;
            (authenticated, protected, word, mki, tag_got) = (rest, rest, word_got, mki_got, tag);
        } else {
            let (rest, tag) = split_end(packet, tag_len)?;
            let (whole, mki_got) = split_end(rest, self.mki_len)?;
            let (rest, word_got) = split_end(whole, 4)?;
            (authenticated, protected, word, mki, tag_got) = (whole, rest, word_got, mki_got, tag);
        }
        let ssrc = rtcp_ssrc(protected)?;
        let mut stream = stream_of(&self.streams, parameters, ssrc)?;
        let e_and_index = integer(word) as u32;
        if (e_and_index >> 31 == 1) != parameters.encrypt_rtcp {
            return Err(Verdict::EncryptFlag);
        }
        let index = u64::from(e_and_index & 0x7fff_ffff);
        seen_before(
            &stream.rtcp_seen,
            stream.rtcp_seen.last().copied(),
            index,
            parameters.rtcp_window,
        )?;
        let place = self.key(mki, stream.rtp_newest)?;
        let key = &self.keys[place];
        key.check_life(parameters)?;
        let keys = SessionKeys::derive(&key.master, [3, 4, 5], parameters.r(index));
        let (clear, secret) = match parameters.encrypt_rtcp {
            true => protected.split_at(8),
            false => (protected, &[][..]),
        };
        let nonce = Nonce::rtcp(protected, ssrc, e_and_index);
        let mut out = clear.to_vec();
        if aead {
            let associated = [clear, word].concat();
            out.extend(gcm_open(&keys, nonce, &associated, secret, tag_got)?);
        } else {
            if hmac(&keys, authenticated, &[])[..tag_len] != *tag_got {
                return Err(Verdict::AuthenticationFailed);
            }
            out.extend(xor_keystream(parameters.rtcp_cipher, &keys, nonce, secret));
        }

        self.keys[place].rtcp_used += 1;
        stream.rtcp_seen.insert(index);
        self.streams.insert(ssrc, stream);
        Ok(out)
    }
}

struct Tags<'a> {
    hmac: &'a [u8],
    aead: &'a [u8],
}

/// An RTP packet, taken apart (RFC 3550 §5.1 and §5.3.1).
struct RtpParts {
    ssrc: u32,
    seq: u16,
    fixed: Vec<u8>,
    csrcs: Vec<u8>,
    /// "defined by profile" and length.
    extension_word: Vec<u8>,
    extension_body: Vec<u8>,
    payload: Vec<u8>,
}

impl RtpParts {
    fn of(packet: &[u8]) -> Result<Self, Verdict> {
        let header = rtp_header(packet)?;
        let csrc_end = 12 + 4 * usize::from(packet[0] & 0x0f);
        let word_end = if header.len > csrc_end {
            csrc_end + 4
        } else {
            csrc_end
        };
        Ok(Self {
            ssrc: header.ssrc,
            seq: header.seq,
            fixed: packet[..12].to_vec(),
            csrcs: packet[12..csrc_end].to_vec(),
            extension_word: packet[csrc_end..word_end].to_vec(),
            extension_body: packet[word_end..header.len].to_vec(),
            payload: packet[header.len..].to_vec(),
        })
    }

    fn octets(&self) -> Vec<u8> {
        [
            &self.fixed[..],
            &self.csrcs,
            &self.extension_word,
            &self.extension_body,
            &self.payload,
        ]
        .concat()
    }

    fn defined_by_profile(&self) -> Option<u16> {
        let field = self.extension_word.get(..2)?;
        Some(integer(field) as u16)
    }

    /// RFC 9335 §5.1; whether the header is hidden.
    fn put_on_cryptex(&mut self, cryptex: Cryptex) -> Result<bool, Verdict> {
        if cryptex == Cryptex::Off {
            return Ok(false);
        }
        match self.defined_by_profile() {
            None if self.csrcs.is_empty() => return Ok(false),
            None => {
                self.fixed[0] |= 0x10;
                self.extension_word = vec![0xc0, 0xde, 0, 0];
            }
            Some(0xbede) => self.extension_word[..2].copy_from_slice(&[0xc0, 0xde]),
            Some(0x1000) => self.extension_word[..2].copy_from_slice(&[0xc2, 0xde]),
            Some(0xc0de | 0xc2de) => return Err(Verdict::NotCryptex),
            Some(_) if cryptex == Cryptex::Required => return Err(Verdict::NotCryptex),
            Some(_) => return Ok(false),
        }
        Ok(true)
    }

    /// RFC 9335 §5.2; whether the header of this packet, which was received,
    /// is hidden.
    fn hides(&self, cryptex: Cryptex) -> Result<bool, Verdict> {
        match (cryptex, self.defined_by_profile()) {
            (Cryptex::Off, _) => Ok(false),
            (_, Some(0xc0de | 0xc2de)) => Ok(true),
            (Cryptex::Required, None) if self.csrcs.is_empty() => Ok(false),
            (Cryptex::Required, _) => Err(Verdict::NotCryptex),
            (Cryptex::On, _) => Ok(false),
        }
    }

    fn take_off_cryptex(&mut self) {
        let field: [u8; 2] = match self.defined_by_profile() {
            Some(0xc0de) => [0xbe, 0xde],
            _ => [0x10, 0x00],
        };
        self.extension_word[..2].copy_from_slice(&field);
    }

    /// What is authenticated alone and what is encrypted too, in the order of
    /// RFC 9335 §6.2 where the header is hidden.
    fn clear_and_secret(&self, parameters: &Parameters, hidden: bool) -> (Vec<u8>, Vec<u8>) {
        if !parameters.encrypt_rtp {
            return (self.octets(), Vec::new());
        }
        if hidden {
            let clear = [&self.fixed[..], &self.extension_word].concat();
            let secret = [&self.csrcs[..], &self.extension_body, &self.payload].concat();
            return (clear, secret);
        }
        let header_len = self.octets().len() - self.payload.len();
        (self.octets()[..header_len].to_vec(), self.payload.clone())
    }

    /// The packet in its own order, with `secret` in the place of what was secret.
    fn put_together(&self, parameters: &Parameters, hidden: bool, secret: &[u8]) -> Vec<u8> {
        if !parameters.encrypt_rtp {
            return self.octets();
        }
        if hidden {
            let (csrcs, rest) = secret.split_at(self.csrcs.len());
            return [&self.fixed[..], csrcs, &self.extension_word, rest].concat();
        }
        let header_len = self.octets().len() - self.payload.len();
        [&self.octets()[..header_len], secret].concat()
    }

    /// RFC 6904 §3.1: the keystream of labels 6 and 7 over the whole body,
    /// under a mask.
    fn xor_extensions(&mut self, parameters: &Parameters, master: &Master, index: u64) {
        let mask = match self.defined_by_profile() {
            Some(0xbede) => self.mask(&parameters.encrypted_ids, true),
            Some(field) if field >> 4 == 0x100 => self.mask(&parameters.encrypted_ids, false),
            _ => return,
        };
        let r = parameters.r(index);
        let mut keys = SessionKeys::derive(master, [6, 1, 7], r);
        // RFC 7714 §8.3: GCM's salt of 12 octets, filled up.
        keys.k_s.truncate(master.salt.len());
        keys.k_s.resize(14, 0);
        let cipher = match parameters.rtp_cipher {
            Cipher::AesGcm => Cipher::AesCm,
            cipher => cipher,
        };
        let zeros = vec![0; self.extension_body.len()];
        let keystream = xor_keystream(cipher, &keys, Nonce::rtp(self, index), &zeros);
        for ((octet, keystream), mask) in self.extension_body.iter_mut().zip(keystream).zip(mask) {
            *octet ^= keystream & mask;
        }
    }

    fn mask(&self, ids: &[u8], one_byte: bool) -> Vec<u8> {
        let body = &self.extension_body;
        let mut mask = vec![0; body.len()];
        let mut at = 0;
        while at < body.len() {
            if body[at] == 0 {
                at += 1;
                continue;
            }
            let (id, start, len) = if one_byte {
                (body[at] >> 4, at + 1, usize::from(body[at] & 15) + 1)
            } else if at + 1 < body.len() {
                (body[at], at + 2, usize::from(body[at + 1]))
            } else {
                break;
            };
            if one_byte && (id == 0 || id == 15) || start + len > body.len() {
                break;
            }
            if ids.contains(&id) {
                mask[start..start + len].fill(0xff);
            }
            at = start + len;
        }
        mask
    }
}

/// PRF_n(k_master, x) for one label (RFC 3711 §4.3.1, §4.3.3), `len` octets;
/// `r` is index DIV key_derivation_rate. A salt of 12 octets is filled up with
/// zeros behind (RFC 7714 §11).
#[must_use]
pub fn derive(master: &Master, label: u8, r: u64, len: usize) -> Vec<u8> {
    let mut salt = master.salt.clone();
    salt.resize(14, 0);
    let key_id = u128::from(label) << 48 | u128::from(r);
    let x = key_id ^ integer(&salt);
    let mut out = vec![0; len];
    xor_segment(&master.key, x << 16, &mut out);
    out
}

struct SessionKeys {
    k_e: Vec<u8>,
    k_a: Vec<u8>,
    k_s: Vec<u8>,
}

impl SessionKeys {
    fn derive(master: &Master, labels: [u8; 3], r: u64) -> Self {
        Self {
            k_e: derive(master, labels[0], r, master.key.len()),
            k_a: derive(master, labels[1], r, 20),
            k_s: derive(master, labels[2], r, 14),
        }
    }
}

/// What goes into an IV.
#[derive(Clone, Copy)]
struct Nonce {
    ssrc: u32,
    index: u64,
    /// f8's IV (RFC 3711 §4.1.2.2 and §4.1.2.3).
    f8_iv: u128,
}

impl Nonce {
    fn rtp(parts: &RtpParts, index: u64) -> Self {
        let header = integer(&parts.fixed[1..12]);
        Self {
            ssrc: parts.ssrc,
            index,
            f8_iv: header << 32 | u128::from(index >> 16),
        }
    }

    fn rtcp(packet: &[u8], ssrc: u32, word: u32) -> Self {
        Self {
            ssrc,
            index: u64::from(word & 0x7fff_ffff),
            f8_iv: u128::from(word) << 64 | integer(&packet[..8]),
        }
    }
}

/// RFC 3711 §4.1, one cipher or the other.
fn xor_keystream(cipher: Cipher, keys: &SessionKeys, nonce: Nonce, data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    match cipher {
        Cipher::Null | Cipher::AesGcm => {}
        Cipher::AesCm => {
            let iv = (integer(&keys.k_s) << 16)
                ^ (u128::from(nonce.ssrc) << 64)
                ^ (u128::from(nonce.index) << 16);
            xor_segment(&keys.k_e, iv, &mut out);
        }
        Cipher::AesF8 => xor_f8(&keys.k_e, &keys.k_s, nonce.f8_iv, &mut out),
    }
    out
}

/// E(k, IV) || E(k, IV + 1 mod 2^128) || …, added to `data`.
fn xor_segment(key: &[u8], iv: u128, data: &mut [u8]) {
    for (j, chunk) in data.chunks_mut(16).enumerate() {
        let block = aes(key, iv.wrapping_add(j as u128));
        for (octet, keystream) in chunk.iter_mut().zip(block) {
            *octet ^= keystream;
        }
    }
}

/// RFC 3711 §4.1.2.1: S(j) = E(k_e, IV' XOR j XOR S(j-1)), added to `data`.
fn xor_f8(k_e: &[u8], k_s: &[u8], iv: u128, data: &mut [u8]) {
    let mut m = k_s.to_vec();
    m.resize(k_e.len(), 0x55);
    let masked: Vec<u8> = k_e.iter().zip(m).map(|(key, mask)| key ^ mask).collect();
    let iv_prime = integer(&aes(&masked, iv));
    let mut s = 0;
    for (j, chunk) in data.chunks_mut(16).enumerate() {
        s = integer(&aes(k_e, iv_prime ^ j as u128 ^ s));
        for (octet, keystream) in chunk.iter_mut().zip(s.to_be_bytes()) {
            *octet ^= keystream;
        }
    }
}

/// SP 800-38D §7.1 with the IV of RFC 7714 §8.1 and §9.1: ciphertext and tag.
fn gcm_seal(
    keys: &SessionKeys,
    nonce: Nonce,
    associated: &[u8],
    plain: &[u8],
    tag_len: usize,
) -> (Vec<u8>, Vec<u8>) {
    let iv = integer(&keys.k_s[..12]) ^ (u128::from(nonce.ssrc) << 48) ^ u128::from(nonce.index);
    let j0 = iv << 32 | 1;
    let mut out = plain.to_vec();
    xor_segment(&keys.k_e, j0 + 1, &mut out);
    let s = ghash(integer(&aes(&keys.k_e, 0)), associated, &out);
    let tag = s ^ integer(&aes(&keys.k_e, j0));
    (out, tag.to_be_bytes()[..tag_len].to_vec())
}

/// SP 800-38D §7.2.
fn gcm_open(
    keys: &SessionKeys,
    nonce: Nonce,
    associated: &[u8],
    sealed: &[u8],
    tag_got: &[u8],
) -> Result<Vec<u8>, Verdict> {
    // The keystream twice gives the plaintext; sealing that, the tag.
    let (plain, _) = gcm_seal(keys, nonce, associated, sealed, tag_got.len());
    let (_, tag) = gcm_seal(keys, nonce, associated, &plain, tag_got.len());
    if tag != tag_got {
        return Err(Verdict::AuthenticationFailed);
    }
    Ok(plain)
}

/// SP 800-38D §6.4 over associated data, ciphertext and their lengths.
fn ghash(h: u128, associated: &[u8], ciphertext: &[u8]) -> u128 {
    let mut y = 0;
    for data in [associated, ciphertext] {
        for chunk in data.chunks(16) {
            let mut block = [0; 16];
            block[..chunk.len()].copy_from_slice(chunk);
            y = multiply(y ^ integer(&block), h);
        }
    }
    let lens = ((associated.len() as u128 * 8) << 64) | (ciphertext.len() as u128 * 8);
    multiply(y ^ lens, h)
}

/// SP 800-38D §6.3.
fn multiply(x: u128, y: u128) -> u128 {
    let (mut z, mut v) = (0, y);
    for i in (0..128).rev() {
        if x >> i & 1 == 1 {
            z ^= v;
        }
        let carry = v & 1 == 1;
        v >>= 1;
        if carry {
            v ^= 0xe1 << 120;
        }
    }
    z
}

fn aes(key: &[u8], block: u128) -> [u8; 16] {
    let mut block = block.to_be_bytes().into();
    let done = match key.len() {
        16 => aes::Aes128::new_from_slice(key).map(|aes| aes.encrypt_block(&mut block)),
        24 => aes::Aes192::new_from_slice(key).map(|aes| aes.encrypt_block(&mut block)),
        _ => aes::Aes256::new_from_slice(key).map(|aes| aes.encrypt_block(&mut block)),
    };
    assert!(done.is_ok(), "{} octets are no AES key", key.len());
    block.into()
}

/// RFC 3711 §4.2.1.
fn hmac(keys: &SessionKeys, authenticated: &[u8], roc: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&keys.k_a) else {
        unreachable!("HMAC takes a key of any length");
    };
    mac.update(authenticated);
    mac.update(roc);
    mac.finalize().into_bytes().to_vec()
}

fn integer(octets: &[u8]) -> u128 {
    let mut integer = 0;
    for &octet in octets {
        integer = integer << 8 | u128::from(octet);
    }
    integer
}

struct RtpHeader {
    ssrc: u32,
    seq: u16,
    len: usize,
}

/// RFC 3550 §5.1 and §5.3.1: the fixed header, the CSRCs, the extension.
fn rtp_header(packet: &[u8]) -> Result<RtpHeader, Verdict> {
    if packet.len() < 12 || packet[0] >> 6 != 2 {
        return Err(Verdict::Malformed);
    }
    let mut len = 12 + 4 * usize::from(packet[0] & 0x0f);
    if packet[0] & 0x10 != 0 {
        if packet.len() < len + 4 {
            return Err(Verdict::Malformed);
        }
        let words = integer(&packet[len + 2..len + 4]) as usize;
        len += 4 + 4 * words;
    }
    if packet.len() < len {
        return Err(Verdict::Malformed);
    }
    Ok(RtpHeader {
        ssrc: integer(&packet[8..12]) as u32,
        seq: integer(&packet[2..4]) as u16,
        len,
    })
}

/// RFC 3550 §6.4: the SSRC of the sender stands in the second word.
fn rtcp_ssrc(packet: &[u8]) -> Result<u32, Verdict> {
    if packet.len() < 8 || packet[0] >> 6 != 2 {
        return Err(Verdict::Malformed);
    }
    Ok(integer(&packet[4..8]) as u32)
}

fn split_end(packet: &[u8], len: usize) -> Result<(&[u8], &[u8]), Verdict> {
    let at = packet.len().checked_sub(len).ok_or(Verdict::Malformed)?;
    Ok(packet.split_at(at))
}

#[derive(Clone, Debug, Default)]
struct Stream {
    /// 2^16 * ROC + s_l.
    rtp_newest: Option<u64>,
    set_roc: Option<u32>,
    rtp_seen: BTreeSet<u64>,
    rtcp_seen: BTreeSet<u64>,
    rtcp_next: u64,
    /// No index before it is used any more.
    floor: u64,
    /// The first packet comes there.
    started: bool,
}

impl Stream {
    fn roc(&self) -> u32 {
        let newest = self.rtp_newest.map_or(0, |newest| (newest >> 16) as u32);
        self.set_roc.unwrap_or(newest)
    }

    /// RFC 3711 §3.3.1: the index with this SEQ that is closest to the newest,
    /// out of the ROC before, the same, and the one after.
    fn estimate(&self, seq: u16) -> Result<u64, Verdict> {
        let seq = i128::from(seq);
        if let Some(roc) = self.set_roc {
            return Ok((i128::from(roc) * 65_536 + seq) as u64);
        }
        let Some(newest) = self.rtp_newest else {
            return Ok(seq as u64);
        };
        let newest = i128::from(newest);
        let roc = newest / 65_536;
        let mut closest = roc * 65_536 + seq;
        for v in [roc - 1, roc + 1] {
            let index = v * 65_536 + seq;
            if index >= 0 && (index - newest).abs() < (closest - newest).abs() {
                closest = index;
            }
        }
        match u64::try_from(closest) {
            Ok(index) if index < 1 << 48 => Ok(index),
            _ => Err(Verdict::Exhausted),
        }
    }

    /// The index that a packet seems to have, and where no packet has shown the
    /// ROC yet, those with the ROC after and before; each with whether it is
    /// taken without a look at those seen.
    fn indexes_to_try(&self, seq: u16, neighbours: bool) -> Result<Vec<(u64, bool)>, Verdict> {
        let index = self.estimate(seq)?;
        let rocs_seen = self.rtp_newest.map_or(u64::MAX, |newest| newest >> 16);
        let goes_back = self.set_roc.is_some() && index >> 16 < rocs_seen;
        let mut indexes = vec![(index, goes_back)];
        if neighbours && (self.rtp_newest.is_none() || self.set_roc.is_some()) {
            let neighbours = [index.checked_add(65_536), index.checked_sub(65_536)];
            for index in neighbours.into_iter().flatten() {
                // What was seen of a ROC counts, unless the stream goes back to
                // an earlier one.
                indexes.push((index, index >> 16 < rocs_seen));
            }
            indexes.retain(|(index, _)| *index < 1 << 48);
        }
        Ok(indexes)
    }

    fn accept_rtp(&mut self, index: u64, restarts: bool) {
        self.set_roc = None;
        if restarts && self.rtp_newest > Some(index) {
            // The ROC was set back by hand: what was seen is forgotten with it.
            self.rtp_seen.clear();
            self.rtp_newest = None;
        }
        self.rtp_newest = self.rtp_newest.max(Some(index));
        self.rtp_seen.insert(index);
    }
}

/// A copy of the stream's state, or that of a new stream.
fn stream_of(
    streams: &BTreeMap<u32, Stream>,
    parameters: &Parameters,
    ssrc: u32,
) -> Result<Stream, Verdict> {
    match streams.get(&ssrc) {
        Some(stream) => Ok(stream.clone()),
        None if streams.len() < parameters.max_streams => Ok(Stream {
            rtcp_next: parameters.first_rtcp_index,
            ..Stream::default()
        }),
        None => Err(Verdict::TooManyStreams),
    }
}

/// RFC 3711 §3.3.2.
fn seen_before(
    seen: &BTreeSet<u64>,
    newest: Option<u64>,
    index: u64,
    window: u64,
) -> Result<(), Verdict> {
    match newest {
        Some(newest) if index + window <= newest => Err(Verdict::TooOld),
        _ if seen.contains(&index) => Err(Verdict::Replayed),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libsrtp::reference_packets;
    use crate::rfc3711::appendix_b;

    #[test]
    fn the_kdf_is_rfc_3711_b3s() {
        let kdf = appendix_b().kdf;
        let master = Master {
            key: kdf.master_key,
            salt: kdf.master_salt,
        };
        assert_eq!(derive(&master, 0, 0, 16), kdf.cipher_key);
        assert_eq!(derive(&master, 1, 0, 94), kdf.auth_key);
        assert_eq!(derive(&master, 2, 0, 14), kdf.cipher_salt);
    }

    #[test]
    fn the_keystream_is_rfc_3711_b2s() {
        let vector = appendix_b().aes_cm;
        for (counter, keystream) in &vector.blocks {
            assert_eq!(
                aes(&vector.session_key, integer(counter))[..],
                keystream[..]
            );
        }
    }

    #[test]
    fn libsrtps_reference_packets_are_reproduced() {
        let packets = reference_packets("srtp_validate");
        let key = packets.key.clone().unwrap();
        let master = Master {
            key: key[..16].to_vec(),
            salt: key[16..30].to_vec(),
        };
        let rtp = packets.packet("srtp_plaintext_ref");
        let rtcp = packets.packet("rtcp_plaintext_ref");

        let mut sender =
            SlowSender::new(Parameters::new(Cipher::AesCm, 10, 10), &[], master.clone());
        let protected = sender.protect_rtp(&rtp).unwrap();
        assert_eq!(protected, packets.packet("srtp_ciphertext"));
        sender.protect_rtcp(&rtcp).unwrap();
        let second = sender.protect_rtcp(&rtcp).unwrap();
        assert_eq!(second, packets.packet("srtcp_ciphertext"));

        let mut receiver = SlowReceiver::new(Parameters::new(Cipher::AesCm, 10, 10), &[], master);
        assert_eq!(receiver.unprotect_rtp(&protected), Ok(rtp));
        assert_eq!(receiver.unprotect_rtcp(&second), Ok(rtcp));
        assert_eq!(receiver.unprotect_rtp(&protected), Err(Verdict::Replayed));
        assert_eq!(receiver.unprotect_rtcp(&second), Err(Verdict::Replayed));
    }

    #[test]
    fn rfc_9335s_and_libsrtps_packets_of_gcm_and_cryptex_are_reproduced() {
        for case in crate::rfc9335::appendix_a().cases {
            let mut parameters = match case.suite.as_str() {
                "AEAD_AES_128_GCM" => Parameters::new(Cipher::AesGcm, 16, 16),
                _ => Parameters::new(Cipher::AesCm, 10, 10),
            };
            parameters.cryptex = Cryptex::Required;
            let master = Master {
                key: case.master_key,
                salt: case.master_salt,
            };
            let mut sender = SlowSender::new(parameters.clone(), &[], master.clone());
            assert_eq!(sender.protect_rtp(&case.rtp), Ok(case.cryptex_srtp.clone()));
            let mut receiver = SlowReceiver::new(parameters, &[], master);
            assert_eq!(receiver.unprotect_rtp(&case.cryptex_srtp), Ok(case.rtp));
        }
        let packets = reference_packets("srtp_validate_gcm");
        let key = packets.key.clone().unwrap();
        let master = Master {
            key: key[..16].to_vec(),
            salt: key[16..28].to_vec(),
        };
        let mut parameters = Parameters::new(Cipher::AesGcm, 16, 16);
        parameters.first_rtcp_index = 1;
        let mut sender = SlowSender::new(parameters, &[], master);
        let protected = sender.protect_rtcp(&packets.packet("rtcp_plaintext_ref"));
        assert_eq!(protected, Ok(packets.packet("srtcp_ciphertext")));
    }

    #[test]
    fn rfc_6904s_packet_is_reproduced() {
        let vector = crate::rfc6904::appendix_a();
        let mut parameters = Parameters::new(Cipher::AesCm, 10, 10);
        parameters.encrypted_ids = vector.encrypted_ids;
        let master = Master {
            key: vector.master_key,
            salt: vector.master_salt,
        };
        let mut sender = SlowSender::new(parameters, &[], master);
        let protected = sender.protect_rtp(&vector.rtp_packet);
        assert_eq!(protected, Ok(vector.protected_packet));
    }

    #[test]
    fn f8_is_rfc_3711_b1s() {
        let vector = appendix_b().aes_f8;
        let mut data = vector.payload;
        xor_f8(&vector.key, &vector.salt, integer(&vector.iv), &mut data);
        assert_eq!(data, vector.ciphertext);
    }

    #[test]
    fn an_index_is_the_closest_one_to_the_newest() {
        let after = |newest| Stream {
            rtp_newest: Some(newest),
            ..Stream::default()
        };
        assert_eq!(after(65_530).estimate(0), Ok(65_536));
        assert_eq!(after(65_536).estimate(65_530), Ok(65_530));
        assert_eq!(after(0).estimate(65_535), Ok(65_535));
        assert_eq!(after(0xffff_ffff_ffff).estimate(0), Err(Verdict::Exhausted));
    }
}
