//! Where the streams of a sender that were removed had come to.

use hashbrown::HashMap;

use crate::index::RtcpIndex;
use crate::keys::Kinship;
use crate::stream::SenderStream;
use crate::streams::SsrcHash;

/// The indexes that a removed stream has used, which must not be used again as
/// long as its keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retired {
    /// The first index of SRTP behind all that were used, and the measure of
    /// the next sequence number.
    pub(crate) rtp_end: u64,
    /// Whether all keys are new since, so that the indexes before it are free.
    pub(crate) is_free: bool,
    /// The next one of SRTCP; `None` after the last.
    pub(crate) next_rtcp: Option<RtcpIndex>,
}

impl Retired {
    pub(crate) fn of(stream: &SenderStream) -> Self {
        let newest = stream.rtp.newest();
        Self {
            rtp_end: newest.map_or(0, |newest| newest.get() + 1),
            is_free: false,
            next_rtcp: stream.rest.next_rtcp,
        }
    }

    /// The same under keys that are related to those before in this way.
    pub(crate) fn under(self, kinship: Kinship) -> Self {
        let is_free = match kinship {
            Kinship::New => true,
            Kinship::Same => self.is_free,
            Kinship::Returned => false,
        };
        Self { is_free, ..self }
    }

    /// Has `stream`, a new one, go on from here.
    pub(crate) fn continue_as(self, stream: &mut SenderStream) {
        stream.rtp.begin_at(self.rtp_end);
        if self.is_free {
            stream.rtp.free_all();
        }
        stream.rest.next_rtcp = self.next_rtcp;
    }

    /// Keeps `stream`, which has come from elsewhere, behind what was used here.
    pub(crate) fn keep_behind(self, stream: &mut SenderStream) {
        if !self.is_free {
            stream.rtp.keep_behind(self.rtp_end);
        }
        stream.rest.next_rtcp = later(stream.rest.next_rtcp, self.next_rtcp);
    }
}

/// The removed streams by their SSRC: some 24 octets each, instead of a stream.
#[derive(Clone, Debug)]
pub(crate) struct RetiredStreams(HashMap<u32, Retired, SsrcHash>);

impl RetiredStreams {
    pub(crate) fn new(hash: SsrcHash) -> Self {
        Self(HashMap::with_hasher(hash))
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, ssrc: u32) -> Option<&Retired> {
        self.0.get(&ssrc)
    }

    pub(crate) fn insert(&mut self, ssrc: u32, retired: Retired) {
        self.0.insert(ssrc, retired);
    }

    /// Remembers whichever indexes are later: these, or those remembered.
    pub(crate) fn keep_later(&mut self, ssrc: u32, retired: Retired) {
        let kept = self.0.entry(ssrc).or_insert(retired);
        kept.rtp_end = kept.rtp_end.max(retired.rtp_end);
        kept.is_free &= retired.is_free;
        kept.next_rtcp = later(kept.next_rtcp, retired.next_rtcp);
    }

    pub(crate) fn remove(&mut self, ssrc: u32) -> Option<Retired> {
        self.0.remove(&ssrc)
    }

    /// For a sender whose keys have been replaced.
    pub(crate) fn rekey(&mut self, kinship: Kinship) {
        for retired in self.0.values_mut() {
            *retired = retired.under(kinship);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Retired)> + '_ {
        self.0.iter().map(|(&ssrc, retired)| (ssrc, retired))
    }
}

/// The later of two next indexes of SRTCP; `None` comes after the last one.
fn later(one: Option<RtcpIndex>, other: Option<RtcpIndex>) -> Option<RtcpIndex> {
    let both = one.zip(other);
    both.map(|(one, other)| one.max(other))
}
