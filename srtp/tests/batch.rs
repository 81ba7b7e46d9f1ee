//! A batch gives exactly what its packets give one by one: octets, results and
//! state.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod drawn;
#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[expect(dead_code, reason = "the fuzz target's entry is not called here")]
#[path = "fuzz/srtp_operations.rs"]
mod srtp_operations;

use callseal_srtp::{
    Backend, BatchPacket, Cryptex, KeyDerivationRate, KeyLifetime, Policy, Profile, ProtectError,
    Receiver, Reservation, Sender, UnprotectError, Unprotected, protect_rtcp_batch,
    protect_rtp_batch, unprotect_rtcp_batch, unprotect_rtp_batch,
};
use drawn::{operation, setting};
use proptest::prelude::*;
use srtp_operations::judged::packets::*;
use srtp_operations::{Operation, Session};

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, ..ProptestConfig::default() })]

    #[test]
    fn batches_give_the_references_octets_and_verdicts(
        setting in setting(),
        start in prop_oneof![Just(65_520u16), Just(0), any::<u16>()],
        rounds in prop::collection::vec(prop::collection::vec(operation(), 1..90), 1..4),
    ) {
        let mut session = Session::new(setting, start).unwrap();
        for operations in rounds {
            session.perform_together(operations);
        }
    }
}

/// A session of every profile, and one of each option that a packet may meet.
fn policies() -> Vec<Policy> {
    let every_profile = Profile::ALL.iter().map(|&profile| policy(profile));
    let profile = Profile::AesCm128HmacSha1_80;
    let rate = KeyDerivationRate::from_exponent(2).unwrap();
    let options = [
        policy(profile).with_key_derivation_rate(rate),
        policy(profile).with_key_lifetime(KeyLifetime::new(25, 7).unwrap()),
        policy(profile).with_cryptex(Cryptex::On),
        policy(Profile::AeadAes128Gcm).with_cryptex(Cryptex::Required),
        policy(profile).with_encrypted_extensions((1..=5).collect()),
        policy(profile).with_neighbouring_rocs_tried(),
        policy(profile).with_repeated_transmission(),
        policy(profile).with_rtp_window(1_000),
        policy(Profile::AeadAes256Gcm).with_max_streams(2),
        policy(profile).with_backend(Backend::Soft),
    ];
    let all = every_profile.chain(options);
    all.map(|policy| policy.with_rtcp_window(64)).collect()
}

/// Sessions twice: what one half does in batches, the other does one by one.
struct Twins {
    senders: [Vec<Sender>; 2],
    receivers: [Vec<Receiver>; 2],
}

type Outcome<T, E> = (Result<T, E>, Vec<u8>);

impl Twins {
    fn new() -> Self {
        let make = || -> (Vec<Sender>, Vec<Receiver>) {
            let pairs = policies().into_iter().map(|policy| {
                let profile = policy.profile();
                let (mut sender, mut receiver) = pair_with_mki(policy, &[1]);
                sender.add_key(mki(&[2]), key(profile, 2)).unwrap();
                receiver.add_key(mki(&[2]), key(profile, 2)).unwrap();
                (sender, receiver)
            });
            pairs.unzip()
        };
        let (first, second) = (make(), make());
        Self {
            senders: [first.0, second.0],
            receivers: [first.1, second.1],
        }
    }

    /// Protects the packets, and gives those that were protected.
    fn protect(&mut self, control: bool, packets: &[(usize, Vec<u8>)]) -> Vec<(usize, Vec<u8>)> {
        let room = self.senders[0]
            .iter()
            .map(Sender::max_trailer_len)
            .max()
            .unwrap();
        let mut bufs = with_room(packets, room);
        let mut batch = batch_of(packets, &mut bufs);
        let run = if control {
            protect_rtcp_batch
        } else {
            protect_rtp_batch
        };
        run(&mut self.senders[0][..], &mut batch);
        let results: Vec<_> = batch.into_iter().map(|p| p.result.unwrap()).collect();
        let together = outcomes(results, &bufs, packets, |len| *len);

        let mut bufs = with_room(packets, room);
        let results = packets
            .iter()
            .zip(&mut bufs)
            .map(|((session, packet), buf)| {
                let sender = &mut self.senders[1][*session];
                match control {
                    true => sender.protect_rtcp(buf, packet.len()),
                    false => sender.protect_rtp(buf, packet.len()),
                }
            });
        let results: Vec<_> = results.collect();
        let apart: Vec<Outcome<usize, ProtectError>> =
            outcomes(results, &bufs, packets, |len| *len);
        assert_eq!(together, apart);
        self.compare();
        let protected = apart.into_iter().zip(packets);
        let protected = protected.filter(|((result, _), _)| result.is_ok());
        protected
            .map(|((_, octets), (session, _))| (*session, octets))
            .collect()
    }

    fn unprotect(&mut self, packets: &[(usize, Vec<u8>)]) -> usize {
        let mut bufs = with_room(packets, 0);
        let mut batch = batch_of(packets, &mut bufs);
        unprotect_rtp_batch(&mut self.receivers[0][..], &mut batch);
        let results: Vec<_> = batch.into_iter().map(|p| p.result.unwrap()).collect();
        let together = outcomes(results, &bufs, packets, |opened: &Unprotected| opened.len);

        let mut bufs = with_room(packets, 0);
        let results = packets
            .iter()
            .zip(&mut bufs)
            .map(|((session, packet), buf)| {
                self.receivers[1][*session].unprotect_rtp(buf, packet.len())
            });
        let results: Vec<_> = results.collect();
        let apart = outcomes(results, &bufs, packets, |opened: &Unprotected| opened.len);
        assert_eq!(together, apart);
        self.compare();
        apart.iter().filter(|(result, _)| result.is_ok()).count()
    }

    fn unprotect_control(&mut self, packets: &[(usize, Vec<u8>)]) -> usize {
        let mut bufs = with_room(packets, 0);
        let mut batch = batch_of(packets, &mut bufs);
        unprotect_rtcp_batch(&mut self.receivers[0][..], &mut batch);
        let results: Vec<_> = batch.into_iter().map(|p| p.result.unwrap()).collect();
        let together = outcomes(results, &bufs, packets, |opened| opened.len);

        let mut bufs = with_room(packets, 0);
        let results = packets
            .iter()
            .zip(&mut bufs)
            .map(|((session, packet), buf)| {
                self.receivers[1][*session].unprotect_rtcp(buf, packet.len())
            });
        let results: Vec<_> = results.collect();
        let apart = outcomes(results, &bufs, packets, |opened| opened.len);
        assert_eq!(together, apart);
        self.compare();
        apart.iter().filter(|(result, _)| result.is_ok()).count()
    }

    /// Everything that can be asked of the two halves is the same.
    fn compare(&mut self) {
        let [first, second] = &mut self.senders;
        for (first, second) in first.iter_mut().zip(second) {
            let ssrcs = |sender: &Sender| {
                let mut ssrcs: Vec<_> = sender.ssrcs().collect();
                ssrcs.sort_unstable();
                ssrcs
            };
            assert_eq!(ssrcs(first), ssrcs(second));
            for ssrc in ssrcs(first) {
                assert_eq!(first.counters(ssrc), second.counters(ssrc));
                assert_eq!(first.roc(ssrc), second.roc(ssrc));
                assert_eq!(first.newest_index(ssrc), second.newest_index(ssrc));
                assert_eq!(first.next_rtcp_index(ssrc), second.next_rtcp_index(ssrc));
            }
            assert_eq!(first.poll_event(), second.poll_event());
        }
        let [first, second] = &mut self.receivers;
        for (first, second) in first.iter_mut().zip(second) {
            // Windows, ROCs and the use of each key.
            assert_eq!(first.snapshot(), second.snapshot());
            for ssrc in first.ssrcs() {
                assert_eq!(first.counters(ssrc), second.counters(ssrc));
            }
            assert_eq!(first.poll_event(), second.poll_event());
        }
    }

    fn each(&mut self, session: usize, act: impl Fn(&mut Sender, &mut Receiver)) {
        for half in 0..2 {
            act(
                &mut self.senders[half][session],
                &mut self.receivers[half][session],
            );
        }
    }
}

fn with_room(packets: &[(usize, Vec<u8>)], room: usize) -> Vec<Vec<u8>> {
    let bufs = packets.iter().map(|(_, packet)| {
        let mut buf = packet.clone();
        buf.resize(buf.len() + room, 0);
        buf
    });
    bufs.collect()
}

fn batch_of<'a, R>(
    packets: &[(usize, Vec<u8>)],
    bufs: &'a mut [Vec<u8>],
) -> Vec<BatchPacket<'a, R>> {
    let pairs = packets.iter().zip(bufs);
    let batch = pairs.map(|((session, packet), buf)| BatchPacket::new(*session, buf, packet.len()));
    batch.collect()
}

/// Each result with the octets that it speaks of.
fn outcomes<T, E>(
    results: Vec<Result<T, E>>,
    bufs: &[Vec<u8>],
    packets: &[(usize, Vec<u8>)],
    len: impl Fn(&T) -> usize,
) -> Vec<Outcome<T, E>> {
    let each = results.into_iter().zip(bufs).zip(packets);
    let each = each.map(|((result, buf), (_, packet))| {
        let len = result.as_ref().map_or(packet.len(), &len);
        let octets = buf[..len].to_vec();
        (result, octets)
    });
    each.collect()
}

/// What a step of a random life does to a session.
#[derive(Clone, Debug)]
enum Step {
    /// Packets of (session, stream, how far from the last, payload).
    Send(Vec<(usize, u8, i16, usize, u8)>),
    /// Delivers packets sent before, some of them damaged.
    Deliver(Vec<(usize, Option<usize>)>),
    Control(Vec<(usize, u8)>),
    DeliverControl(Vec<(usize, Option<usize>)>),
    SetRoc(usize, u8, u32),
    SwitchKey(usize, u8),
    RemoveStream(usize, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let session = 0..policies().len();
    let ahead = prop_oneof![8 => Just(1i16), 2 => -2..3i16, 1 => any::<i16>()];
    let back = prop_oneof![4 => 0..90usize, 1 => 0..400usize];
    let damage = prop_oneof![6 => Just(None), 1 => any::<usize>().prop_map(Some)];
    let damaged = (back, damage);
    let packet = (session.clone(), 0..4u8, ahead, 0..200usize, 0..6u8);
    prop_oneof![
        6 => prop::collection::vec(packet, 1..100).prop_map(Step::Send),
        6 => prop::collection::vec(damaged.clone(), 1..100).prop_map(Step::Deliver),
        2 => prop::collection::vec((session.clone(), 0..4u8), 1..70).prop_map(Step::Control),
        2 => prop::collection::vec(damaged, 1..70).prop_map(Step::DeliverControl),
        1 => (session.clone(), 0..4u8, 0..3u32).prop_map(|(a, b, c)| Step::SetRoc(a, b, c)),
        1 => (session.clone(), 1..3u8).prop_map(|(a, b)| Step::SwitchKey(a, b)),
        1 => (session, 0..4u8).prop_map(|(a, b)| Step::RemoveStream(a, b)),
    ]
}

/// A packet of the kind that `shape` says: with CSRCs, with an extension.
fn shaped(ssrc: u32, seq: u16, payload_len: usize, shape: u8) -> Vec<u8> {
    let mut packet = rtp(ssrc, seq, payload_len + 4);
    match shape {
        3 => packet[0] |= 1,
        4 => {
            packet[0] |= 0x10;
            packet.splice(12..12, [0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
        }
        5 => {
            packet[0] |= 0x11;
            packet.splice(16..16, [0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
        }
        _ => {}
    }
    packet
}

fn picked(wire: &[(usize, Vec<u8>)], picks: Vec<(usize, Option<usize>)>) -> Vec<(usize, Vec<u8>)> {
    let packets = picks.into_iter().filter_map(|(back, damage)| {
        let (session, mut packet) = wire.iter().rev().nth(back).cloned()?;
        if let Some(bit) = damage {
            let bit = bit % (packet.len() * 8);
            packet[bit / 8] ^= 1 << (bit % 8);
        }
        Some((session, packet))
    });
    packets.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]

    #[test]
    fn batches_over_sessions_of_every_profile_give_what_one_by_one_gives(
        steps in prop::collection::vec(step(), 1..12),
    ) {
        let mut twins = Twins::new();
        let mut seqs = vec![[65_500u16, 0, 40_000, 9]; policies().len()];
        let (mut wire, mut control) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Send(packets) => {
                    let packets: Vec<_> = packets
                        .into_iter()
                        .map(|(session, stream, ahead, len, shape)| {
                            let seq = &mut seqs[session][usize::from(stream)];
                            *seq = seq.wrapping_add_signed(ahead);
                            (session, shaped(stream.into(), *seq, len, shape))
                        })
                        .collect();
                    wire.extend(twins.protect(false, &packets));
                }
                Step::Deliver(picks) => {
                    twins.unprotect(&picked(&wire, picks));
                }
                Step::Control(packets) => {
                    let packets: Vec<_> = packets
                        .into_iter()
                        .map(|(session, stream)| (session, rtcp(stream.into(), 7)))
                        .collect();
                    control.extend(twins.protect(true, &packets));
                }
                Step::DeliverControl(picks) => {
                    twins.unprotect_control(&picked(&control, picks));
                }
                Step::SetRoc(session, stream, roc) => twins.each(session, |sender, receiver| {
                    let _ = sender.set_roc(stream.into(), roc);
                    let _ = receiver.set_roc(stream.into(), roc);
                }),
                Step::SwitchKey(session, key) => twins.each(session, |sender, _| {
                    sender.switch_to(&mki(&[key])).unwrap();
                }),
                Step::RemoveStream(session, stream) => twins.each(session, |sender, receiver| {
                    sender.remove_stream(stream.into());
                    receiver.remove_stream(stream.into());
                }),
            }
        }
        // A snapshot has a sender reserve its indexes from then on.
        let [first, second] = &mut twins.senders;
        for (first, second) in first.iter_mut().zip(second) {
            let reservation = Reservation::default();
            prop_assert_eq!(first.snapshot(reservation), second.snapshot(reservation));
        }
    }
}

#[test]
fn a_full_batch_of_every_session_is_sealed_and_opened() {
    // A plain run, sure to be the ordinary case.
    let mut twins = Twins::new();
    let packets: Vec<_> = (0..400u16)
        .map(|n| {
            let session = usize::from(n) % policies().len();
            (session, shaped(0, 1 + n / 20, usize::from(n) % 300, 0))
        })
        .collect();
    let sealed = twins.protect(false, &packets);
    assert!(sealed.len() > 390, "{}", sealed.len());
    assert!(twins.unprotect(&sealed) > 390);
    assert_eq!(twins.unprotect(&sealed), 0);
}

#[test]
fn a_packet_twice_in_a_batch_is_a_replay_and_stays_as_it_came() {
    for profile in authenticating() {
        let (mut sender, mut receiver) = pair(policy(profile));
        let sealed = protect_rtp(&mut sender, &rtp(SSRC, 7, 100)).unwrap();
        let next = protect_rtp(&mut sender, &rtp(SSRC, 8, 100)).unwrap();
        let results = unprotect_together(&[sealed.clone(), sealed, next], |batch| {
            receiver.unprotect_rtp_batch(batch);
        });
        let results: Vec<_> = results.into_iter().map(|r| r.map(|(p, _)| p)).collect();
        let expected = [
            Ok(rtp(SSRC, 7, 100)),
            Err(UnprotectError::Replayed),
            Ok(rtp(SSRC, 8, 100)),
        ];
        assert_eq!(results, expected, "{profile}");
    }
}

#[test]
fn a_sequence_number_twice_in_a_batch_is_protected_once() {
    for &profile in Profile::ALL {
        let (mut sender, _) = pair(policy(profile));
        let room = sender.max_trailer_len();
        let packets = [rtp(SSRC, 7, 100), rtp(SSRC, 7, 60), rtp(SSRC, 8, 100)];
        let results = protect_together(&packets, room, |batch| sender.protect_rtp_batch(batch));
        let lens: Vec<_> = results.into_iter().map(|r| r.map(|p| p.len())).collect();
        let tag_len = profile.rtp_tag_len();
        let whole = Ok(112 + tag_len);
        assert_eq!(lens, [whole, Err(ProtectError::Replayed), whole]);
    }
}

#[test]
fn a_lifetime_ends_inside_of_a_batch_at_the_packet_that_ends_it() {
    let profile = Profile::AesCm128HmacSha1_80;
    let policy = || policy(profile).with_key_lifetime(KeyLifetime::new(10, 10).unwrap());
    let (mut sender, mut receiver) = pair(policy());
    let packets: Vec<_> = (0..16).map(|seq| rtp(SSRC, seq, 50)).collect();
    let room = sender.max_trailer_len();
    let sealed = protect_together(&packets, room, |batch| sender.protect_rtp_batch(batch));
    assert_eq!(sealed.iter().flatten().count(), 10);
    assert!(sealed[..10].iter().all(Result::is_ok));
    let error = ProtectError::KeySpent;
    assert!(sealed[10..].iter().all(|r| *r == Err(error)));

    let sealed: Vec<_> = sealed.into_iter().flatten().collect();
    receiver.set_roc(SSRC, 0).unwrap();
    let opened = unprotect_together(&sealed, |batch| receiver.unprotect_rtp_batch(batch));
    assert!(opened.iter().all(Result::is_ok));
    let (mut sender, _) = pair(Policy::new(profile));
    let beyond = protect_rtp(&mut sender, &rtp(SSRC, 99, 5)).unwrap();
    let refused = unprotect_rtp(&mut receiver, &beyond);
    assert_eq!(refused, Err(UnprotectError::KeySpent));
}

#[test]
fn senders_are_found_behind_references_and_inside_of_connections() {
    struct Connection {
        sender: Sender,
    }
    struct Connections<'a>(&'a mut [Connection]);
    impl std::ops::Index<usize> for Connections<'_> {
        type Output = Sender;
        fn index(&self, n: usize) -> &Sender {
            &self.0[n].sender
        }
    }
    impl std::ops::IndexMut<usize> for Connections<'_> {
        fn index_mut(&mut self, n: usize) -> &mut Sender {
            &mut self.0[n].sender
        }
    }

    let sender = || pair(policy(Profile::AeadAes128Gcm)).0;
    let packet = rtp(SSRC, 1, 20);
    let mut buf = packet.clone();
    buf.resize(packet.len() + 16, 0);
    let (mut one, mut two) = (sender(), sender());
    let mut bufs = [buf.clone(), buf.clone()];
    let mut n = 0;
    let mut batch = bufs.each_mut().map(|buf| {
        n += 1;
        BatchPacket::new(n - 1, buf, packet.len())
    });
    protect_rtp_batch(&mut [&mut one, &mut two][..], &mut batch);
    assert!(batch.iter().all(|p| p.result == Some(Ok(buf.len()))));

    let mut connections = [sender(), sender()].map(|sender| Connection { sender });
    let mut bufs = [buf.clone(), buf.clone()];
    let mut batch = bufs
        .each_mut()
        .map(|buf| BatchPacket::new(1, buf, packet.len()));
    protect_rtp_batch(&mut Connections(&mut connections), &mut batch);
    let results = batch.map(|packet| packet.result.unwrap());
    assert_eq!(results, [Ok(buf.len()), Err(ProtectError::Replayed)]);
    assert_eq!(connections[0].sender.stream_count(), 0);
}

#[test]
fn the_first_wrong_guess_of_a_batch_leads_none_astray() {
    // Nothing is known of the stream before the batch, in which its ROC turns.
    let operations = (0..40).map(|_| Operation::Rtp {
        stream: 0,
        step: 1,
        payload_len: 30,
        csrc_count: 0,
        extension: 99,
    });
    let setting = srtp_operations::judged::Setting::new(Profile::AeadAes128Gcm);
    let mut session = Session::new(setting, 65_520).unwrap();
    session.perform_together(operations.collect());
    let deliveries = (0..40)
        .rev()
        .map(|back| Operation::Deliver { back, flip: None });
    session.perform_together(deliveries.collect());
    assert_eq!(session.delivered, 40);
}
