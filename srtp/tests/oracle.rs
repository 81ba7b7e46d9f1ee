//! Sequences of operations, judged by the slow reference: equal octets and
//! equal verdicts, whatever the order, loss, repetition or forgery.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod drawn;
#[expect(unreachable_pub, reason = "the fuzz target includes the same file")]
#[expect(dead_code, reason = "the fuzz target's entry is not called here")]
#[path = "fuzz/srtp_operations.rs"]
mod srtp_operations;

use callseal_srtp::Profile;
use drawn::{operation, setting};
use proptest::prelude::*;
use srtp_operations::judged::Setting;
use srtp_operations::{Operation, SSRCS, Session};

proptest! {
    // PROPTEST_CASES says how many, for a longer run.
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn every_sequence_of_operations_gives_the_references_octets_and_verdicts(
        setting in setting(),
        start in prop_oneof![Just(65_520u16), Just(0), any::<u16>()],
        operations in prop::collection::vec(operation(), 1..160),
    ) {
        let mut session = Session::new(setting, start).unwrap();
        for operation in operations {
            session.perform(operation);
        }
    }
}

#[test]
fn a_call_with_loss_reordering_and_repetition_is_received_as_the_reference_receives_it() {
    // A plain run, sure to wrap, to rekey, and to deliver most of what it sends.
    let setting = Setting {
        mki_len: 1,
        ..Setting::new(Profile::AesCm128HmacSha1_32)
    };
    let mut session = Session::new(setting, 65_450).unwrap();
    let deliver = |back| Operation::Deliver { back, flip: None };
    for n in 0..600usize {
        session.perform(Operation::Rtp {
            stream: n % 3,
            step: 1,
            payload_len: n % 60,
            csrc_count: (n % 2) as u8,
            extension: n % 9,
        });
        // Nine of ten arrive, one of seven out of order, one of eleven twice.
        if n % 10 != 0 {
            session.perform(deliver(if n % 7 == 0 { 4 } else { 0 }));
        }
        if n % 11 == 0 {
            session.perform(deliver(0));
        }
        if n % 100 == 50 {
            session.perform(Operation::Rtcp {
                stream: n % 3,
                words: 7,
            });
            session.perform(deliver(0));
            session.perform(Operation::Rekey);
        }
    }
    assert!(session.delivered > 450, "{} delivered", session.delivered);
    assert_eq!(session.judged.receiver.roc(SSRCS[0]), Some(1));
}
