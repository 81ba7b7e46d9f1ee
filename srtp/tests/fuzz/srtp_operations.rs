//! Any sequence of operations: sending, delivery in any order and number,
//! forgery, setting a ROC, new keys. Equal to the reference at every step.

#[path = "../judged/mod.rs"]
pub(crate) mod judged;

use judged::packets::{rtcp, rtp};
use judged::{Judged, Setting};

/// The first four octets choose the setting, the next two the first sequence
/// number; each further four are an operation.
pub fn srtp_operations(data: &[u8]) {
    let Some((&setting, rest)) = data.split_first_chunk() else {
        return;
    };
    let Some((&start, rest)) = rest.split_first_chunk() else {
        return;
    };
    let start = u16::from_be_bytes(start);
    let Some(mut session) = Session::new(Setting::of_octets(setting), start) else {
        return;
    };
    // The reference derives every key again for every packet.
    let operations = rest.as_chunks::<4>().0.iter().take(400);
    let mut operations = operations.map(|&operation| Operation::of_octets(operation));
    // An odd first sequence number has them in batches.
    if start.is_multiple_of(2) {
        operations.for_each(|operation| session.perform(operation));
    } else {
        loop {
            let together: Vec<_> = operations.by_ref().take(50).collect();
            if together.is_empty() {
                break;
            }
            session.perform_together(together);
        }
    }
}

/// One step of a session's life.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Protects RTP whose sequence number is this far from the last one.
    Rtp {
        stream: usize,
        step: i32,
        payload_len: usize,
        csrc_count: u8,
        /// One of [`EXTENSIONS`], or none.
        extension: usize,
    },
    Rtcp {
        stream: usize,
        words: u16,
    },
    /// Delivers the packet that was sent `back` packets ago, for the first
    /// time or again, with one bit changed or none.
    Deliver {
        back: usize,
        flip: Option<usize>,
    },
    /// Delivers the beginning of such a packet.
    DeliverCut {
        back: usize,
        cut: usize,
    },
    SetRoc {
        stream: usize,
        roc: u32,
        at_sender: bool,
        at_receiver: bool,
    },
    /// Sets the index of the next SRTCP packet.
    SetRtcpIndex {
        stream: usize,
        index: u32,
    },
    /// Begins a sender's stream where its next sequence number is, with a ROC.
    Start {
        stream: usize,
        roc: u32,
    },
    Rekey,
    RemoveOldestKey,
    SwitchKey(usize),
    RemoveSendersKey(usize),
    /// Takes a snapshot, which is stored or not, and reserves so many packets.
    SaveSender {
        rtp: u16,
        rtcp: u16,
        is_stored: bool,
    },
    RestoreSender,
    SaveReceiver,
    RestoreReceiver,
}

impl Operation {
    fn of_octets([kind, a, b, c]: [u8; 4]) -> Self {
        let stream = usize::from(a) % SSRCS.len();
        let back = usize::from(a >> 2);
        match kind % 16 {
            0..=5 => Self::Rtp {
                stream,
                step: match b {
                    0..=199 => 1,
                    200..=229 => i32::from(b) - 215,
                    _ => i32::from(c) * 256 - 32_768,
                },
                payload_len: usize::from(c) % 70,
                csrc_count: a >> 6,
                extension: usize::from(a >> 2 & 7),
            },
            6 => Self::Rtcp {
                stream,
                words: 2 + u16::from(b % 20),
            },
            7..=11 => Self::Deliver {
                back: back % 8,
                flip: None,
            },
            12 => Self::Deliver {
                back,
                flip: Some(usize::from(b) << 8 | usize::from(c)),
            },
            13 => Self::DeliverCut {
                back,
                cut: usize::from(b),
            },
            14 => Self::SetRoc {
                stream,
                roc: [0, 1, 2, u32::MAX][usize::from(b) % 4],
                at_sender: c & 1 != 0,
                at_receiver: c & 2 != 0,
            },
            _ if b < 16 => Self::SetRtcpIndex {
                stream,
                index: [u32::from(c), 0x7fff_ffff][usize::from(b & 1)],
            },
            _ if b < 128 => Self::Rekey,
            _ if b < 192 => Self::RemoveOldestKey,
            _ if b < 200 => Self::SwitchKey(usize::from(c)),
            _ if b < 208 => Self::RemoveSendersKey(usize::from(c)),
            _ if b < 224 => Self::SaveSender {
                rtp: u16::from(c),
                rtcp: u16::from(c & 3),
                is_stored: b & 1 == 0,
            },
            _ if b < 232 => Self::RestoreSender,
            _ if b < 244 => Self::SaveReceiver,
            _ if b < 250 => Self::RestoreReceiver,
            _ => Self::Start {
                stream,
                roc: u32::from(c % 3),
            },
        }
    }
}

/// One more than there is room for.
pub(crate) const SSRCS: [u32; Judged::MAX_STREAMS + 1] = [0, 1, 0xcafe_babe, 0xffff_ffff];

/// Header extensions: of RFC 8285 with one octet and two, empty, of another
/// kind, and marked as Cryptex would mark one.
const EXTENSIONS: [&[u8]; 6] = [
    &[
        0xbe, 0xde, 0, 3, 0x10, 0xaa, 0x62, 1, 2, 3, 0, 0, 0x31, 4, 5, 0xf0,
    ],
    &[0x10, 0, 0, 2, 5, 3, 1, 2, 3, 0, 9, 9],
    &[0x10, 0x07, 0, 1, 1, 1, 2, 2],
    &[0xbe, 0xde, 0, 0],
    &[0x12, 0x34, 0, 1, 0x10, 1, 2, 3],
    &[0xc0, 0xde, 0, 1, 0x10, 1, 2, 3],
];

/// Both ends, and what was sent between them.
pub(crate) struct Session {
    pub(crate) judged: Judged,
    pub(crate) delivered: usize,
    seqs: [u16; SSRCS.len()],
    wire: Vec<Sent>,
}

#[derive(Clone)]
enum Sent {
    Rtp(Vec<u8>),
    Rtcp(Vec<u8>),
}

impl Session {
    /// `None` where the setting does not hold together.
    pub(crate) fn new(setting: Setting, start: u16) -> Option<Self> {
        Some(Self {
            judged: Judged::new(setting)?,
            delivered: 0,
            seqs: [start; SSRCS.len()],
            wire: Vec::new(),
        })
    }

    /// Performs operations as far as they can be in batches: what they send,
    /// and then what they deliver of the packets that were there before.
    pub(crate) fn perform_together(&mut self, operations: Vec<Operation>) {
        let (mut rtp, mut rtcp) = (Vec::new(), Vec::new());
        let (mut srtp, mut srtcp) = (Vec::new(), Vec::new());
        for operation in operations {
            match operation {
                Operation::Rtp {
                    stream,
                    step,
                    payload_len,
                    csrc_count,
                    extension,
                } => rtp.push(self.next_rtp(stream, step, payload_len, csrc_count, extension)),
                Operation::Rtcp { stream, words } => {
                    rtcp.push(judged::packets::rtcp(SSRCS[stream], words));
                }
                Operation::Deliver { back, flip } => {
                    match self.picked(back, |packet| flip_bit(packet, flip)) {
                        Some(Sent::Rtp(packet)) => srtp.push(packet),
                        Some(Sent::Rtcp(packet)) => srtcp.push(packet),
                        None => {}
                    }
                }
                other => self.perform(other),
            }
        }
        let sent = self.judged.protect_rtp_together(&rtp);
        self.wire.extend(sent.into_iter().flatten().map(Sent::Rtp));
        let sent = self.judged.protect_rtcp_together(&rtcp);
        self.wire.extend(sent.into_iter().flatten().map(Sent::Rtcp));
        let opened = self.judged.unprotect_rtp_together(&srtp);
        self.delivered += opened.iter().flatten().count();
        let opened = self.judged.unprotect_rtcp_together(&srtcp);
        self.delivered += opened.iter().flatten().count();
    }

    pub(crate) fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Rtp {
                stream,
                step,
                payload_len,
                csrc_count,
                extension,
            } => {
                let packet = self.next_rtp(stream, step, payload_len, csrc_count, extension);
                let protected = self.judged.protect_rtp(&packet);
                self.wire.extend(protected.map(Sent::Rtp));
            }
            Operation::Rtcp { stream, words } => {
                let protected = self.judged.protect_rtcp(&rtcp(SSRCS[stream], words));
                self.wire.extend(protected.map(Sent::Rtcp));
            }
            Operation::Deliver { back, flip } => {
                self.deliver(back, |packet| flip_bit(packet, flip));
            }
            Operation::DeliverCut { back, cut } => self.deliver(back, |packet| {
                packet.truncate(cut % packet.len());
            }),
            Operation::SetRoc {
                stream,
                roc,
                at_sender,
                at_receiver,
            } => {
                if at_sender {
                    self.judged.set_roc_at_sender(SSRCS[stream], roc);
                }
                if at_receiver {
                    self.judged.set_roc_at_receiver(SSRCS[stream], roc);
                }
            }
            Operation::SetRtcpIndex { stream, index } => {
                self.judged.set_next_rtcp_index(SSRCS[stream], index);
            }
            Operation::Start { stream, roc } => {
                let seq = self.seqs[stream].wrapping_add(1);
                self.judged.start_stream(SSRCS[stream], roc, seq);
            }
            Operation::Rekey => self.judged.rekey(),
            Operation::RemoveOldestKey => self.judged.remove_oldest_key(),
            Operation::SwitchKey(place) => self.judged.switch_key(place),
            Operation::RemoveSendersKey(place) => self.judged.remove_senders_key(place),
            Operation::SaveSender {
                rtp,
                rtcp,
                is_stored,
            } => self.judged.save_sender(rtp, rtcp, is_stored),
            Operation::RestoreSender => self.judged.restore_sender(),
            Operation::SaveReceiver => self.judged.save_receiver(),
            Operation::RestoreReceiver => self.judged.restore_receiver(),
        }
    }

    fn next_rtp(
        &mut self,
        stream: usize,
        step: i32,
        payload_len: usize,
        csrc_count: u8,
        extension: usize,
    ) -> Vec<u8> {
        let seq = self.seqs[stream].wrapping_add(step as u16);
        self.seqs[stream] = seq;
        let csrc_len = usize::from(csrc_count) * 4;
        let mut packet = rtp(SSRCS[stream], seq, csrc_len + payload_len);
        packet[0] |= csrc_count;
        if let Some(extension) = EXTENSIONS.get(extension) {
            packet[0] |= 0x10;
            let at = 12 + csrc_len;
            packet.splice(at..at, extension.iter().copied());
        }
        packet
    }

    /// The packet that was sent `back` packets ago, damaged.
    fn picked(&self, back: usize, damage: impl FnOnce(&mut Vec<u8>)) -> Option<Sent> {
        let mut sent = self.wire.iter().rev().nth(back).cloned()?;
        let (Sent::Rtp(packet) | Sent::Rtcp(packet)) = &mut sent;
        damage(packet);
        Some(sent)
    }

    fn deliver(&mut self, back: usize, damage: impl FnOnce(&mut Vec<u8>)) {
        let delivered = match self.picked(back, damage) {
            Some(Sent::Rtp(packet)) => self.judged.unprotect_rtp(&packet),
            Some(Sent::Rtcp(packet)) => self.judged.unprotect_rtcp(&packet),
            None => return,
        };
        self.delivered += usize::from(delivered.is_ok());
    }
}

fn flip_bit(packet: &mut [u8], bit: Option<usize>) {
    if let Some(bit) = bit {
        let bit = bit % (packet.len() * 8);
        packet[bit / 8] ^= 1 << (bit % 8);
    }
}
