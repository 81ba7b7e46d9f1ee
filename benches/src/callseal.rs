//! This project as a contender: its SRTP, and its kernels without SRTP.

use std::hint::black_box;

use callseal_srtp::{
    Backend, BatchPacket, Policy, Receiver, Sender, protect_rtcp_batch, protect_rtp_batch,
    unprotect_rtcp_batch, unprotect_rtp_batch,
};
use callseal_srtp_crypto::{
    AesCmKey, AesGcmKey, Cipher, GcmPacketJob, GcmPortions, HmacPacketJob, HmacPortions,
    HmacSha1Key,
};

use crate::contender::Contender;
use crate::load::{Load, Operation, first_rtcp_index, key_of};
use crate::packets::{Packet, Packets};

/// How packets are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One call a packet.
    Single,
    /// Batches of this many: 1, 4, 16 or 64.
    Batch(usize),
}

impl Mode {
    /// What is measured.
    pub const ALL: [Self; 5] = [
        Self::Single,
        Self::Batch(1),
        Self::Batch(4),
        Self::Batch(16),
        Self::Batch(64),
    ];

    /// Whether the others can be guessed from it.
    pub(crate) fn is_telling(self) -> bool {
        matches!(self, Self::Single | Self::Batch(16 | 64))
    }
}

/// Senders or receivers of this project, by session.
#[derive(Debug)]
pub struct Callseal {
    load: Load,
    backend: Backend,
    mode: Mode,
    senders: Vec<Sender>,
    receivers: Vec<Receiver>,
}

impl Callseal {
    /// A contender on this backend.
    ///
    /// # Panics
    ///
    /// Never: the policy is sound.
    #[must_use]
    pub fn new(load: Load, backend: Backend, mode: Mode) -> Self {
        let policy = || {
            Policy::new(load.profile)
                .with_backend(backend)
                .with_first_rtcp_index(first_rtcp_index())
                .with_max_streams(load.streams)
        };
        let key = |session| key_of(load.profile, session);
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for session in 0..load.sessions {
            match load.operation.opens() {
                true => receivers.push(Receiver::new(policy(), key(session)).expect("sound")),
                false => senders.push(Sender::new(policy(), key(session)).expect("sound")),
            }
        }
        Self {
            load,
            backend,
            mode,
            senders,
            receivers,
        }
    }

    fn one_by_one(&mut self, packet: &mut Packet) {
        let (session, len) = (packet.session, packet.len);
        let buf = black_box(packet.room());
        let len = match self.load.operation {
            Operation::Protect => self.senders[session].protect_rtp(buf, len).ok(),
            Operation::ProtectRtcp => self.senders[session].protect_rtcp(buf, len).ok(),
            Operation::Unprotect => {
                let opened = self.receivers[session].unprotect_rtp(buf, len);
                opened.ok().map(|opened| opened.len)
            }
            Operation::UnprotectRtcp => {
                let opened = self.receivers[session].unprotect_rtcp(buf, len);
                opened.ok().map(|opened| opened.len)
            }
        };
        packet.len = len.expect("a fresh packet is accepted");
    }

    /// The batch's array lies on the stack, and filling it is measured too.
    fn batches<const N: usize>(&mut self, packets: &mut Packets) {
        for batch in packets.all.as_chunks_mut::<N>().0 {
            match self.load.operation {
                Operation::Protect | Operation::ProtectRtcp => {
                    let mut jobs = batch.each_mut().map(job);
                    match self.load.operation {
                        Operation::Protect => {
                            protect_rtp_batch(&mut self.senders[..], black_box(&mut jobs));
                        }
                        _ => protect_rtcp_batch(&mut self.senders[..], black_box(&mut jobs)),
                    }
                    let lens = done(&jobs, |len| len);
                    set(batch, lens);
                }
                Operation::Unprotect => {
                    let mut jobs = batch.each_mut().map(job);
                    unprotect_rtp_batch(&mut self.receivers[..], black_box(&mut jobs));
                    let lens = done(&jobs, |opened| opened.len);
                    set(batch, lens);
                }
                Operation::UnprotectRtcp => {
                    let mut jobs = batch.each_mut().map(job);
                    unprotect_rtcp_batch(&mut self.receivers[..], black_box(&mut jobs));
                    let lens = done(&jobs, |opened| opened.len);
                    set(batch, lens);
                }
            }
        }
    }
}

fn job<R>(packet: &mut Packet) -> BatchPacket<'_, R> {
    let (session, len) = (packet.session, packet.len);
    BatchPacket::new(session, packet.room(), len)
}

/// The new lengths, read where they stand: an array that is mapped is moved.
fn done<const N: usize, T: Copy, E: Copy>(
    jobs: &[BatchPacket<'_, Result<T, E>>; N],
    len: impl Fn(T) -> usize,
) -> [Option<usize>; N] {
    let mut lens = [None; N];
    for (done, job) in lens.iter_mut().zip(jobs) {
        *done = job.result.and_then(Result::ok).map(&len);
    }
    lens
}

fn set<const N: usize>(batch: &mut [Packet; N], lens: [Option<usize>; N]) {
    for (packet, len) in batch.iter_mut().zip(lens) {
        packet.len = len.expect("a fresh packet is accepted");
    }
}

impl Contender for Callseal {
    fn name(&self) -> String {
        self.backend.name().to_owned()
    }

    fn batch(&self) -> usize {
        match self.mode {
            Mode::Single => 0,
            Mode::Batch(batch) => batch,
        }
    }

    fn is_srtp(&self) -> bool {
        true
    }

    fn run(&mut self, packets: &mut Packets) {
        match self.mode {
            Mode::Single => packets
                .all
                .iter_mut()
                .for_each(|packet| self.one_by_one(packet)),
            Mode::Batch(1) => self.batches::<1>(packets),
            Mode::Batch(4) => self.batches::<4>(packets),
            Mode::Batch(16) => self.batches::<16>(packets),
            Mode::Batch(_) => self.batches::<64>(packets),
        }
    }
}

/// The bulk operations of `srtp-crypto`, without SRTP: what is left for the
/// walk of a packet is the difference.
pub struct Kernel {
    load: Load,
    backend: Backend,
    batch: usize,
    cm: Option<(AesCmKey, HmacSha1Key)>,
    gcm: Option<AesGcmKey>,
}

impl Kernel {
    /// The fastest backend's, one packet at a time and in batches.
    pub(crate) fn all(load: Load) -> Vec<Box<dyn Contender>> {
        if load.operation != Operation::Protect || load.streams > 1 {
            return Vec::new();
        }
        let kernel = |batch| Box::new(Self::new(load, Backend::detected(), batch));
        [1, 16, 64].map(|batch| kernel(batch) as _).into()
    }

    fn new(load: Load, backend: Backend, batch: usize) -> Self {
        let key = vec![7; load.profile.key_len()];
        let (mut cm, mut gcm) = (None, None);
        match load.profile.rtp_tag_len() {
            16 => gcm = AesGcmKey::for_backend(backend, &key).ok(),
            _ => {
                let cipher = AesCmKey::for_backend(backend, &key).ok();
                cm = cipher.map(|cipher| (cipher, HmacSha1Key::new(&[9; 20])));
            }
        }
        Self {
            load,
            backend,
            batch,
            cm,
            gcm,
        }
    }

    fn batches<const N: usize>(&self, packets: &mut Packets) {
        let (plain_len, done_len) = (self.load.plain_len(), self.load.protected_len());
        let header_len = self.load.header_len();
        for batch in packets.all.as_chunks_mut::<N>().0 {
            if let Some((cipher, auth)) = &self.cm {
                let portions = HmacPortions {
                    encrypted: header_len..plain_len,
                    authenticated: 0..plain_len,
                    tag: plain_len..done_len,
                };
                let mut jobs = batch.each_mut().map(|packet| {
                    let cipher = Cipher::AesCm(cipher, [3; 14]);
                    let (room, portions) = (packet.room(), portions.clone());
                    HmacPacketJob::new(cipher, auth, room, portions, Some([0; 4])).expect("room")
                });
                self.backend.seal_hmac(black_box(&mut jobs));
            }
            if let Some(key) = &self.gcm {
                let portions = GcmPortions {
                    associated: 0..header_len,
                    encrypted: header_len..plain_len,
                    tag: plain_len..done_len,
                };
                let mut jobs = batch.each_mut().map(|packet| {
                    let (room, portions) = (packet.room(), portions.clone());
                    GcmPacketJob::new(key, [3; 12], room, portions, None).expect("room")
                });
                self.backend.seal_gcm(black_box(&mut jobs));
            }
        }
    }
}

impl Contender for Kernel {
    fn name(&self) -> String {
        format!("{}-kernel", self.backend.name())
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn is_srtp(&self) -> bool {
        false
    }

    fn run(&mut self, packets: &mut Packets) {
        match self.batch {
            1 => self.batches::<1>(packets),
            16 => self.batches::<16>(packets),
            _ => self.batches::<64>(packets),
        }
    }
}
