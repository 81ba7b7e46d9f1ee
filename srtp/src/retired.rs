//! Where the streams of a sender that were removed had come to.

use hashbrown::HashMap;

use crate::index::RtcpIndex;
use crate::stream::SenderStream;
use crate::streams::SsrcHash;

/// The indexes that a removed stream has used, which must not be used again as
/// long as its keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retired {
    /// The first index of SRTP that was not used.
    pub(crate) rtp_end: u64,
    /// The next one of SRTCP; `None` after the last.
    pub(crate) next_rtcp: Option<RtcpIndex>,
}

impl Retired {
    pub(crate) fn of(stream: &SenderStream) -> Self {
        let newest = stream.rtp.newest();
        Self {
            rtp_end: newest.map_or(0, |newest| newest.get() + 1),
            next_rtcp: stream.next_rtcp,
        }
    }

    /// Has `stream`, a new one, go on from here.
    pub(crate) fn continue_as(self, stream: &mut SenderStream) {
        stream.rtp.begin_at(self.rtp_end);
        stream.next_rtcp = self.next_rtcp;
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
        // None comes after the last.
        let next = kept.next_rtcp.zip(retired.next_rtcp);
        kept.next_rtcp = next.map(|(kept, next)| kept.max(next));
    }

    pub(crate) fn remove(&mut self, ssrc: u32) -> Option<Retired> {
        self.0.remove(&ssrc)
    }

    /// For a sender whose keys have all been replaced by new ones.
    pub(crate) fn free_rtp_indexes(&mut self) {
        for retired in self.0.values_mut() {
            retired.rtp_end = 0;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Retired)> + '_ {
        self.0.iter().map(|(&ssrc, retired)| (ssrc, retired))
    }
}
