//! Which duels a run has.

use callseal_srtp::{Backend, Profile};

use crate::callseal::{Callseal, Mode};
use crate::contender::contenders;
use crate::duel::{Duel, Pace};
use crate::load::{Load, Operation, PAYLOAD_LENS, PROFILES};
use crate::peers::{drop_in, peers};
use crate::report::results::{Outcome, Question};

/// Streams in a session, or sessions.
const CROWDS: [usize; 5] = [1, 100, 1_000, 10_000, 100_000];

/// The profiles whose crowds are measured.
const CROWD_PROFILES: [Profile; 2] = [Profile::AesCm128HmacSha1_80, Profile::AeadAes128Gcm];

/// A receiver report with one block, as calls send it most.
const REPORT_LEN: usize = 24;

/// One duel to come.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    question: Question,
    load: Load,
}

impl Planned {
    /// Every duel of a run, in its order.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for operation in Operation::RTP {
            for profile in PROFILES {
                for payload_len in PAYLOAD_LENS {
                    let load = Load::new(operation, profile, payload_len);
                    all.push(Self {
                        question: Question::Packets,
                        load,
                    });
                }
            }
        }
        for operation in Operation::RTCP {
            for profile in CROWD_PROFILES {
                let load = Load::new(operation, profile, REPORT_LEN);
                all.push(Self {
                    question: Question::Packets,
                    load,
                });
            }
        }
        for question in [Question::Streams, Question::Sessions] {
            for profile in CROWD_PROFILES {
                for operation in Operation::RTP {
                    let load = Load::new(operation, profile, 160);
                    all.push(Self { question, load });
                }
            }
        }
        all
    }

    /// The duels of a build without detected instructions: its `soft` beside
    /// the peers.
    #[must_use]
    pub fn portable() -> Vec<Self> {
        let profiles = CROWD_PROFILES.into_iter();
        let loads = profiles.flat_map(|profile| {
            PAYLOAD_LENS.map(|payload_len| Load::new(Operation::Protect, profile, payload_len))
        });
        let question = Question::Portable;
        loads.map(|load| Self { question, load }).collect()
    }

    /// This project behind libsrtp's C functions, beside libsrtp: one stream, and
    /// many.
    #[must_use]
    pub fn drop_in() -> Vec<Self> {
        let profiles = CROWD_PROFILES.into_iter();
        let loads = profiles
            .flat_map(|profile| Operation::RTP.map(|operation| Load::new(operation, profile, 160)));
        let question = Question::DropIn;
        loads.map(|load| Self { question, load }).collect()
    }

    /// `question/operation/profile/payload`.
    #[must_use]
    pub fn name(&self) -> String {
        let Load {
            operation,
            profile,
            payload_len,
            ..
        } = self.load;
        let question = match self.question {
            Question::Packets => "packets",
            Question::Streams => "streams",
            Question::Sessions => "sessions",
            Question::Portable => "portable",
            Question::DropIn => "capi",
        };
        format!("{question}/{operation}/{profile}/{payload_len}")
    }

    /// Lets it take place.
    ///
    /// # Panics
    ///
    /// Where a contender refuses a packet or makes something wrong of it.
    #[must_use]
    pub fn run(&self, pace: Pace) -> Outcome {
        let mut duel = Duel::default();
        match self.question {
            Question::Packets => {
                for contender in contenders(self.load) {
                    duel.add(self.load, contender);
                }
            }
            Question::Streams | Question::Sessions => {
                self.add_crowds(&mut duel, pace.max_crowd);
            }
            Question::DropIn => self.add_drop_in(&mut duel, pace.max_crowd),
            Question::Portable => {
                let soft = Callseal::new(self.load, Backend::Soft, Mode::Single);
                duel.add(self.load, Box::new(soft));
                for peer in peers(self.load).into_iter().filter(|peer| peer.is_srtp()) {
                    duel.add(self.load, peer);
                }
            }
        }
        Outcome {
            question: self.question,
            operation: self.load.operation,
            profile: self.load.profile.name().to_owned(),
            payload_len: self.load.payload_len,
            standing: duel.run(pace, || {}),
        }
    }

    /// Whoever has libsrtp's C functions, and what is behind ours.
    ///
    /// # Panics
    ///
    /// Where there is none of ours.
    fn add_drop_in(&self, duel: &mut Duel, max_crowd: usize) {
        let crowd = self.load.with_streams(max_crowd.min(10_000));
        for load in [self.load, crowd] {
            let own = drop_in(load).expect("CALLSEAL_CAPI names libsrtp2.so.1");
            duel.add(load, own);
        }
        let ours = Callseal::new(self.load, Backend::detected(), Mode::Single);
        duel.add(self.load, Box::new(ours));
        let mut peers = peers(self.load);
        peers.retain(|peer| peer.name().starts_with("libsrtp-"));
        for peer in peers {
            duel.add(self.load, peer);
        }
    }

    /// The fastest backend, by single calls and in batches, and every peer, each
    /// with every crowd.
    fn add_crowds(&self, duel: &mut Duel, max_crowd: usize) {
        for crowd in CROWDS.into_iter().filter(|&crowd| crowd <= max_crowd) {
            let load = match self.question {
                Question::Sessions if crowd > 10_000 => continue,
                Question::Sessions => self.load.with_sessions(crowd),
                _ => self.load.with_streams(crowd),
            };
            for mode in [Mode::Single, Mode::Batch(64)] {
                let ours = Callseal::new(load, Backend::detected(), mode);
                duel.add(load, Box::new(ours));
            }
            let peers = peers(load).into_iter();
            for peer in peers.filter(|peer| peer.is_srtp()) {
                duel.add(load, peer);
            }
        }
    }
}
