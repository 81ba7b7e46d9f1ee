//! Nothing is written but the packet and the trailer that the interface tells
//! of, whatever stands in a packet and whatever its length is said to be.

#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the whole file plays the part of a C program"
)]

mod program;

use std::ffi::{c_int, c_uint, c_void};

use program::{ANY_INBOUND, ANY_OUTBOUND, Owned, SUITES};
use proptest::prelude::*;
use srtp2::Session;
use srtp2::exports::batches::*;
use srtp2::exports::packets::*;
use srtp2::exports::sessions::*;
use srtp2::status::Status;
use srtp2::types::PacketOfBatch;

const CANARY: u8 = 0xc5;
const MARGIN: usize = 200;

/// An entry point, with the MKI that it is to use.
#[derive(Clone, Copy, Debug)]
enum Entry {
    Protect { is_rtcp: bool, in_batch: bool },
    ProtectWithMki { is_rtcp: bool, key: c_uint },
    Unprotect { is_rtcp: bool, in_batch: bool },
    UnprotectWithMki { is_rtcp: bool },
}

impl Entry {
    fn protects(self) -> bool {
        matches!(self, Self::Protect { .. } | Self::ProtectWithMki { .. })
    }

    /// What the interface says that it adds.
    fn trailer_len(self, session: *mut Session) -> usize {
        let mut len = 0;
        let status = match self {
            Self::Protect { is_rtcp: false, .. } => unsafe {
                srtp_get_protect_trailer_length(session, 0, 0, &mut len)
            },
            Self::Protect { is_rtcp: true, .. } => unsafe {
                srtp_get_protect_rtcp_trailer_length(session, 0, 0, &mut len)
            },
            Self::ProtectWithMki {
                is_rtcp: false,
                key,
            } => unsafe { srtp_get_protect_trailer_length(session, 1, key, &mut len) },
            Self::ProtectWithMki { is_rtcp: true, key } => unsafe {
                srtp_get_protect_rtcp_trailer_length(session, 1, key, &mut len)
            },
            _ => Status::Ok,
        };
        assert_eq!(status, Status::Ok);
        len as usize
    }

    fn call(self, session: *mut Session, packet: *mut c_void, len: &mut c_int) -> Status {
        unsafe {
            let entry = match self {
                Self::ProtectWithMki {
                    is_rtcp: false,
                    key,
                } => {
                    return srtp_protect_mki(session, packet, len, 1, key);
                }
                Self::ProtectWithMki { is_rtcp: true, key } => {
                    return srtp_protect_rtcp_mki(session, packet, len, 1, key);
                }
                Self::UnprotectWithMki { is_rtcp: false } => {
                    return srtp_unprotect_mki(session, packet, len, 1);
                }
                Self::UnprotectWithMki { is_rtcp: true } => {
                    return srtp_unprotect_rtcp_mki(session, packet, len, 1);
                }
                Self::Protect {
                    is_rtcp,
                    in_batch: false,
                } => match is_rtcp {
                    false => return srtp_protect(session, packet, len),
                    true => return srtp_protect_rtcp(session, packet, len),
                },
                Self::Unprotect {
                    is_rtcp,
                    in_batch: false,
                } => match is_rtcp {
                    false => return srtp_unprotect(session, packet, len),
                    true => return srtp_unprotect_rtcp(session, packet, len),
                },
                Self::Protect { is_rtcp: false, .. } => callseal_srtp_protect_batch,
                Self::Protect { is_rtcp: true, .. } => callseal_srtp_protect_rtcp_batch,
                Self::Unprotect { is_rtcp: false, .. } => callseal_srtp_unprotect_batch,
                Self::Unprotect { is_rtcp: true, .. } => callseal_srtp_unprotect_rtcp_batch,
            };
            let mut one = PacketOfBatch {
                packet,
                len: *len,
                status: 77,
            };
            let status = entry(session, &mut one, 1);
            assert_eq!(one.status, status as c_uint);
            *len = one.len;
            status
        }
    }

    /// Calls it with canaries on both sides of what it may write to.
    fn keeps_within(self, session: &Owned, packet: &[u8]) -> (Status, Vec<u8>) {
        let trailer_len = self.trailer_len(session.0);
        let mut room = vec![CANARY; MARGIN + packet.len() + trailer_len + MARGIN];
        let (start, end) = (MARGIN, MARGIN + packet.len());
        room[start..end].copy_from_slice(packet);
        let mut len = packet.len() as c_int;
        let status = self.call(session.0, room[start..].as_mut_ptr().cast(), &mut len);
        let outside = [&room[..start], &room[end + trailer_len..]].concat();
        assert!(outside.iter().all(|&octet| octet == CANARY), "{self:?}");
        if status != Status::Ok {
            assert_eq!(len as usize, packet.len());
        }
        let is_refused_whole = status != Status::Ok && !self.protects();
        if is_refused_whole {
            assert_eq!(room[start..end], *packet, "{self:?} {status:?}");
        }
        assert!(len >= 0 && len as usize <= packet.len() + trailer_len);
        (status, room[start..start + len as usize].to_vec())
    }
}

fn entries() -> impl Strategy<Value = Entry> {
    prop_oneof![
        any::<(bool, bool)>().prop_map(|(is_rtcp, in_batch)| Entry::Protect { is_rtcp, in_batch }),
        (any::<bool>(), 0..2_u32).prop_map(|(is_rtcp, key)| Entry::ProtectWithMki { is_rtcp, key }),
        any::<(bool, bool)>()
            .prop_map(|(is_rtcp, in_batch)| Entry::Unprotect { is_rtcp, in_batch }),
        any::<bool>().prop_map(|is_rtcp| Entry::UnprotectWithMki { is_rtcp }),
    ]
}

/// Headers that could be, with CSRCs and extensions that may be longer than
/// the packet; or anything.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![3 => Just(0x80_u8), 2 => 0x80..0xc0_u8, 1 => any::<u8>()];
    let plausible = (first, prop::collection::vec(0..4_u8, 0..120)).prop_map(|(first, rest)| {
        let mut packet = vec![first];
        packet.extend(rest);
        packet
    });
    prop_oneof![4 => plausible, 1 => prop::collection::vec(any::<u8>(), 0..120)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_written_outside_of_packet_and_trailer(
        suite in prop::sample::select(&SUITES[..]),
        mki_lens in (1..128_usize, 1..8_usize),
        cryptex: bool,
        calls in prop::collection::vec((entries(), packets(), any::<bool>()), 1..20),
    ) {
        let mkis: [&[u8]; 2] = [&vec![0x11; mki_lens.0], &vec![0x22; mki_lens.1]];
        let sender = Owned::with_mkis(suite, ANY_OUTBOUND, mkis);
        let receiver = Owned::with_mkis(suite, ANY_INBOUND, mkis);
        unsafe {
            srtp_set_stream_use_cryptex(sender.0, &ANY_OUTBOUND, cryptex.into());
            srtp_set_stream_use_cryptex(receiver.0, &ANY_INBOUND, cryptex.into());
        }
        for (entry, packet, delivers) in calls {
            let (status, sealed) = match entry.protects() {
                true => entry.keeps_within(&sender, &packet),
                false => entry.keeps_within(&receiver, &packet),
            };
            if status != Status::Ok || !entry.protects() || !delivers {
                continue;
            }
            let opens = match entry {
                Entry::ProtectWithMki { is_rtcp, .. } => Entry::UnprotectWithMki { is_rtcp },
                Entry::Protect { is_rtcp, in_batch } => Entry::Unprotect { is_rtcp, in_batch },
                other => other,
            };
            let (status, opened) = opens.keeps_within(&receiver, &sealed);
            if status == Status::Ok {
                prop_assert_eq!(&opened, &packet);
            }
        }
    }
}

#[test]
fn lengths_that_lie_are_refused_by_every_entry_point() {
    let session = Owned::with_mkis(SUITES[0], ANY_INBOUND, [&[1], &[2]]);
    for (is_rtcp, in_batch) in [(false, false), (false, true), (true, false), (true, true)] {
        for entry in [
            Entry::Protect { is_rtcp, in_batch },
            Entry::Unprotect { is_rtcp, in_batch },
            Entry::ProtectWithMki { is_rtcp, key: 0 },
            Entry::UnprotectWithMki { is_rtcp },
        ] {
            for lie in [-1, -1_000, c_int::MIN, 0, 1, 7] {
                let mut packet = [0x80; 64];
                let mut len = lie;
                let status = entry.call(session.0, packet.as_mut_ptr().cast(), &mut len);
                assert_eq!((status, len), (Status::BadParam, lie), "{entry:?}");
                assert_eq!(packet, [0x80; 64]);
            }
        }
    }
    // No key has this number.
    for key in [2, 16, c_uint::MAX] {
        let (mut packet, mut len) = ([0x80; 64], 40);
        let entry = Entry::ProtectWithMki {
            is_rtcp: false,
            key,
        };
        let status = entry.call(session.0, packet.as_mut_ptr().cast(), &mut len);
        assert_eq!((status, len), (Status::BadMki, 40));
    }
}
