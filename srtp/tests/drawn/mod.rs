//! Settings and operations to draw, for the tests that the reference judges.

use callseal_srtp::{Cryptex, Profile, RocCarryingMode};
use proptest::prelude::*;

use crate::srtp_operations::judged::{Extra, Setting};
use crate::srtp_operations::{Operation, SSRCS};

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    (
        prop::sample::select(Profile::ALL),
        prop::sample::select(&[0, 1, 4, 128]),
        prop_oneof![Just(64), 64..400u64, Just(32_768)],
        prop_oneof![Just(64), 64..400u64],
        (prop::bool::weighted(0.9), prop::bool::weighted(0.8)),
        (prop::bool::weighted(0.9), prop::bool::weighted(0.1)),
        (prop::bool::weighted(0.2), prop::bool::weighted(0.3)),
        prop::option::weighted(0.2, prop::sample::select(Profile::ALL)),
        prop::collection::vec(extra(), 0..4),
    )
        .prop_map(
            |(
                profile,
                mki_len,
                rtp_window,
                rtcp_window,
                (encrypt_rtp, encrypt_rtcp),
                (rtp_authenticated, rtcp_tag_short),
                (repeat_allowed, ranged),
                rtcp_profile,
                extras,
            )| Setting {
                profile,
                mki_len,
                rtp_window,
                rtcp_window,
                encrypt_rtp,
                encrypt_rtcp,
                repeat_allowed,
                ranged,
                rtp_authenticated,
                rtcp_tag_short,
                rtcp_profile,
                extras,
            },
        )
        .prop_filter("the policy holds together", Setting::holds_together)
}

fn extra() -> impl Strategy<Value = Extra> {
    let mode = prop::sample::select(&[
        RocCarryingMode::One,
        RocCarryingMode::Two,
        RocCarryingMode::Three,
    ]);
    prop_oneof![
        2 => (0..=24u8).prop_map(Extra::KeyDerivationRate),
        1 => (1..60u64, 1..6u64).prop_map(|(rtp, rtcp)| Extra::Lifetime(rtp, rtcp)),
        2 => (mode, 1..9u16).prop_map(|(mode, rate)| Extra::RocCarrying(mode, rate)),
        1 => Just(Extra::NeighbouringRocs),
        2 => Just(Extra::EncryptedExtensions),
        2 => prop::sample::select(&[Cryptex::On, Cryptex::Required]).prop_map(Extra::Cryptex),
        1 => (0..=0x7fff_ffffu32).prop_map(Extra::FirstRtcpIndex),
    ]
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let stream = 0..SSRCS.len();
    let step = prop_oneof![
        8 => Just(1),
        2 => -3..4i32,
        1 => -140..140i32,
        1 => -40_000..40_000i32,
    ];
    let back = prop_oneof![4 => 0..6usize, 1 => 0..200usize];
    let flip = prop_oneof![5 => Just(None), 1 => any::<usize>().prop_map(Some)];
    let roc = prop_oneof![0..4u32, Just(u32::MAX)];
    prop_oneof![
        10 => (stream.clone(), step, 0..70usize, 0..3u8, 0..12usize).prop_map(
            |(stream, step, payload_len, csrc_count, extension)| {
                Operation::Rtp { stream, step, payload_len, csrc_count, extension }
            }
        ),
        1 => (stream.clone(), prop_oneof![0..20u32, Just(0x7fff_ffff)])
            .prop_map(|(stream, index)| Operation::SetRtcpIndex { stream, index }),
        3 => (stream.clone(), 2..20u16)
            .prop_map(|(stream, words)| Operation::Rtcp { stream, words }),
        14 => (back, flip).prop_map(|(back, flip)| Operation::Deliver { back, flip }),
        1 => (0..10usize, any::<usize>())
            .prop_map(|(back, cut)| Operation::DeliverCut { back, cut }),
        1 => (stream, roc, any::<bool>(), any::<bool>()).prop_map(
            |(stream, roc, at_sender, at_receiver)| {
                Operation::SetRoc { stream, roc, at_sender, at_receiver }
            }
        ),
        1 => (0..SSRCS.len(), 0..3u32)
            .prop_map(|(stream, roc)| Operation::Start { stream, roc }),
        1 => Just(Operation::Rekey),
        1 => prop_oneof![
            Just(Operation::RemoveOldestKey),
            (0..9usize).prop_map(Operation::SwitchKey),
            (0..9usize).prop_map(Operation::RemoveSendersKey),
        ],
        1 => prop_oneof![
            2 => (prop_oneof![0..200u16, 0..=u16::MAX], 0..20u16, prop::bool::weighted(0.8)).prop_map(
                |(rtp, rtcp, is_stored)| Operation::SaveSender { rtp, rtcp, is_stored }
            ),
            1 => Just(Operation::RestoreSender),
            1 => Just(Operation::SaveReceiver),
            1 => Just(Operation::RestoreReceiver),
        ],
    ]
}
