//! With what would it open? Where no packet of a stream authenticates, the
//! usual mistakes are tried on a few of its packets.

use std::fmt;

use callseal_srtp::{Profile, Receiver};

use super::key_ring::open_with;
use super::{KeyRing, KeySet, Protocol, Replay, Stream, StreamId, Suite};

/// Streams that are looked into, the first ones.
const MAX_STREAMS: usize = 16;

/// Sets of keys that a stream is tried with.
const MAX_SETS: usize = 16;

/// Rollover counters that are tried with the profile as it was given: a call
/// of a day and more. With other profiles a few are.
const MAX_ROC: u32 = 1_024;
const MAX_ROC_OF_OTHERS: u32 = 8;

/// The longest MKI that is guessed, in octets.
const MAX_MKI_LEN: usize = 8;

/// What opens a stream that did not open.
#[derive(Clone, Debug)]
pub struct Hint {
    /// The stream.
    pub stream: StreamId,
    /// How many packets of it there are.
    pub packets: u64,
    /// How many verify with the change, where all were tried.
    pub verified: Option<u64>,
    change: Change,
}

/// What is different.
#[derive(Clone, Debug)]
struct Change {
    set: usize,
    /// The set's name, where it was not meant for the stream.
    elsewhere: Option<String>,
    suite: Option<Suite>,
    rtcp_suite: Option<Suite>,
    mki: Option<Vec<u8>>,
    roc: Option<u32>,
}

/// What is found out about a finished replay's streams of which no packet
/// authenticated.
pub fn hints(replay: &Replay) -> Vec<Hint> {
    let hopeless = replay
        .tally()
        .streams()
        .filter(|stream| stream.verified == 0 && !stream.samples.is_empty());
    hopeless
        .take(MAX_STREAMS)
        .filter_map(|stream| {
            let change = what_opens(replay.ring(), stream)?;
            Some(Hint {
                stream: stream.id,
                packets: stream.packets,
                verified: None,
                change,
            })
        })
        .collect()
}

/// The keys as the hints say they should be.
pub fn changed(ring: &KeyRing, hints: &[Hint]) -> Vec<KeySet> {
    let mut sets = ring.sets().to_vec();
    for Hint { change, stream, .. } in hints {
        let Some(set) = sets.get_mut(change.set) else {
            continue;
        };
        if let Ok(other) = change.applied(set.clone(), stream.ssrc) {
            *set = other;
        }
    }
    sets
}

impl Change {
    fn of(set: usize) -> Self {
        Self {
            set,
            elsewhere: None,
            suite: None,
            rtcp_suite: None,
            mki: None,
            roc: None,
        }
    }

    fn applied(&self, set: KeySet, ssrc: Option<u32>) -> Result<KeySet, super::KeySetError> {
        let suite = self.suite.unwrap_or(set.suite());
        let rtcp_suite = self.rtcp_suite.unwrap_or(set.rtcp_suite());
        let mut set = set.with_suites(suite, rtcp_suite);
        match &self.mki {
            Some(none) if none.is_empty() => set = set.without_mki(),
            Some(mki) => set = set.with_mki(mki)?,
            None => {}
        }
        if self.elsewhere.is_some() {
            set.from.clear();
            set.to.clear();
            set.ssrcs.clear();
        }
        if let (Some(roc), Some(ssrc)) = (self.roc, ssrc) {
            set.rocs.each.insert(ssrc, roc);
        }
        Ok(set)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let Change {
            elsewhere,
            suite,
            rtcp_suite,
            mki,
            roc,
            ..
        } = &self.change;
        if let Some(name) = elsewhere {
            parts.push(format!("the key of {name}"));
        }
        match (suite, rtcp_suite) {
            (Some(suite), _) => parts.push(format!("profile {suite}")),
            (None, Some(suite)) => parts.push(format!("profile {suite} for SRTCP")),
            (None, None) => {}
        }
        match mki {
            Some(mki) if mki.is_empty() => parts.push("no MKI".to_owned()),
            Some(mki) => parts.push(format!("MKI {}", hex::encode(mki))),
            None => {}
        }
        if let Some(roc) = roc {
            parts.push(format!("ROC {roc}"));
        }
        f.write_str(&parts.join(" and "))
    }
}

fn what_opens(ring: &KeyRing, stream: &Stream) -> Option<Change> {
    let ssrc = stream.id.ssrc?;
    let meant = ring.candidates(stream.from, stream.to, ssrc);
    let others = (0..ring.len()).filter(|place| !meant.contains(place));
    let meant = meant.iter().map(|&place| (place, true));
    let all = meant.chain(others.map(|place| (place, false)));
    let all: Vec<_> = all.take(MAX_SETS).collect();
    // The likeliest first, over all keys, before the next likely.
    let steps: [fn(&Trial<'_>) -> Option<Change>; 4] = [
        |trial| trial.as_given(),
        |trial| trial.with_other_suites(),
        |trial| trial.with_other_mki(),
        |trial| trial.with_other_suites_and_mki(),
    ];
    steps.iter().find_map(|step| {
        all.iter().find_map(|&(place, is_meant)| {
            let set = ring.set(place)?;
            let mut base = Change::of(place);
            if !is_meant {
                base.elsewhere = Some(set.name.clone());
            }
            let trial = Trial {
                set,
                base,
                protocol: stream.id.protocol,
                ssrc,
                samples: &stream.samples,
            };
            step(&trial)
        })
    })
}

/// One set of keys, tried on one stream.
struct Trial<'a> {
    set: &'a KeySet,
    base: Change,
    protocol: Protocol,
    ssrc: u32,
    samples: &'a [Vec<u8>],
}

impl Trial<'_> {
    fn as_given(&self) -> Option<Change> {
        self.with_any_roc(self.base.clone(), MAX_ROC)
    }

    fn with_other_suites(&self) -> Option<Change> {
        let mut suites = self.other_suites().into_iter();
        suites.find_map(|change| self.with_any_roc(change, MAX_ROC_OF_OTHERS))
    }

    fn with_other_mki(&self) -> Option<Change> {
        let mut mkis = self.other_mkis(&self.base).into_iter();
        mkis.find_map(|change| self.with_any_roc(change, MAX_ROC_OF_OTHERS))
    }

    fn with_other_suites_and_mki(&self) -> Option<Change> {
        let suites = self.other_suites().into_iter();
        let mut both = suites.flat_map(|change| self.other_mkis(&change));
        both.find_map(|change| self.with_any_roc(change, 0))
    }

    /// The profiles whose keys and salts are as long, and SRTCP's other tag.
    fn other_suites(&self) -> Vec<Change> {
        let given = match self.protocol {
            Protocol::Rtp => self.set.suite(),
            Protocol::Rtcp => self.set.rtcp_suite(),
        };
        let lens = |profile: Profile| (profile.key_len(), profile.salt_len());
        let fitting = Profile::ALL.iter().copied().filter(|&profile| {
            // Anything would open without authentication.
            profile.rtp_tag_len() > 0 && lens(profile) == lens(self.set.suite().profile)
        });
        let tags: &[bool] = match self.protocol {
            Protocol::Rtp => &[false],
            Protocol::Rtcp => &[false, true],
        };
        let suites = fitting.flat_map(|profile| {
            tags.iter().map(move |&short_rtcp_tag| Suite {
                profile,
                short_rtcp_tag,
            })
        });
        let others = suites.filter(|suite| *suite != given);
        others
            .map(|suite| {
                let mut change = self.base.clone();
                match self.protocol {
                    Protocol::Rtp => {
                        change.suite = Some(suite);
                        change.rtcp_suite = Some(suite);
                    }
                    Protocol::Rtcp => change.rtcp_suite = Some(suite),
                }
                change
            })
            .collect()
    }

    /// No MKI, or the octets that stand where one would.
    fn other_mkis(&self, change: &Change) -> Vec<Change> {
        let with = |mki: Vec<u8>| Change {
            mki: Some(mki),
            ..change.clone()
        };
        let mut mkis = Vec::new();
        if self.set.mki_len() > 0 {
            mkis.push(with(Vec::new()));
        }
        let behind_len = self.octets_behind_mki(change);
        for mki_len in 1..=MAX_MKI_LEN {
            let octets = |sample: &Vec<u8>| {
                let end = sample.len().checked_sub(behind_len)?;
                let start = end.checked_sub(mki_len)?;
                Some(sample[start..end].to_vec())
            };
            let mut found = self.samples.iter().filter_map(octets);
            let Some(first) = found.next() else { continue };
            // One key at a time: packets in a row name the same.
            if found.all(|other| other == first) {
                mkis.push(with(first));
            }
        }
        mkis
    }

    /// What follows the MKI: an HMAC's tag, and nothing of an AEAD.
    fn octets_behind_mki(&self, change: &Change) -> usize {
        let (suite, is_rtcp) = match self.protocol {
            Protocol::Rtp => (change.suite.unwrap_or(self.set.suite()), false),
            Protocol::Rtcp => (change.rtcp_suite.unwrap_or(self.set.rtcp_suite()), true),
        };
        match (suite.profile.is_aead(), is_rtcp && !suite.short_rtcp_tag) {
            (true, _) => 0,
            (false, true) => suite.profile.rtcp_tag_len(),
            (false, false) => suite.profile.rtp_tag_len(),
        }
    }

    /// The change with the first rollover counter up to `max_roc` that opens
    /// samples.
    fn with_any_roc(&self, mut change: Change, max_roc: u32) -> Option<Change> {
        let set = change.applied(self.set.clone(), None).ok()?;
        let mut receiver = set.receiver().ok()?;
        if self.protocol == Protocol::Rtcp {
            return self.enough_open(&mut receiver).then_some(change);
        }
        // The first one may be the one that is damaged.
        for sample in self.samples.iter().take(2) {
            for roc in 0..=max_roc {
                receiver.set_roc(self.ssrc, roc).ok()?;
                if !self.opens(&mut receiver, sample) {
                    continue;
                }
                let mut again = set.receiver().ok()?;
                again.set_roc(self.ssrc, roc).ok()?;
                if self.enough_open(&mut again) {
                    let given = self.set.rocs.each.get(&self.ssrc);
                    let given = given.copied().unwrap_or(self.set.rocs.all);
                    change.roc = (roc != given).then_some(roc);
                    return Some(change);
                }
            }
        }
        None
    }

    /// A tag of 32 bits is guessed now and then; two are not.
    fn enough_open(&self, receiver: &mut Receiver) -> bool {
        let opened = self
            .samples
            .iter()
            .filter(|sample| self.opens(receiver, sample))
            .count();
        opened >= self.samples.len().min(2)
    }

    fn opens(&self, receiver: &mut Receiver, sample: &[u8]) -> bool {
        open_with(receiver, self.protocol, &mut sample.to_vec()).is_ok()
    }
}
