//! An enrolment in words, for a person.

use alloy_primitives::{B256, U256};
use callseal_eims::{
    ConnectError, EnrolError, Payment, Refusal, RequestError, Step, Wait, Waiting,
};
use callseal_registry_client::{LookUpError, NodesError};

use super::reader::ReadError;
use super::{AroundError, ConnectionError, EnrolFailure};

/// No line that a person is shown is longer.
const WIDTH: usize = 80;

/// What is done.
pub fn step_in_words(step: &Step) -> String {
    match step {
        Step::Begun => "ready to begin".to_owned(),
        Step::Announced => "the operator knows what will be claimed".to_owned(),
        Step::Signed(signed) => format!("claim signed and kept: {}", short(&signed.hash)),
        Step::Claimed(_) => "the claim is in a block".to_owned(),
        Step::Approved { .. } => "the operator has approved it".to_owned(),
        Step::Enrolled { block_number, .. } => {
            format!("own record read, as block {block_number} proves")
        }
        _ => "under way".to_owned(),
    }
}

/// What is waited for.
pub fn waiting_in_words(waiting: &Waiting) -> String {
    match waiting {
        Waiting::Funds { payment, .. } => format!("fee money: {}", payment_in_words(payment)),
        Waiting::Fees { balance } => {
            format!("lower fees: the wallet has {} ether", in_ether(*balance))
        }
        Waiting::Block { transaction } => {
            format!("a block with the claim, {}", short(transaction))
        }
        Waiting::Approval => "the operator's approval".to_owned(),
        Waiting::Held(hold) => format!("the operator's people: {hold}"),
        Waiting::Record => "a final block with the record".to_owned(),
        Waiting::OtherRecord { holder } => {
            format!("a final block with the record; so far it is {holder}'s")
        }
        Waiting::Successor { valid_since } => {
            format!("Unix time {valid_since}, when the record replaces an earlier one")
        }
        _ => "something else".to_owned(),
    }
}

/// What a person may do about a failure.
pub fn advice(failure: &EnrolFailure) -> Option<&'static str> {
    let refusal = match failure {
        EnrolError::Surroundings(AroundError::Operator(
            ConnectionError::Connect(ConnectError::Refused(refusal))
            | ConnectionError::Request(RequestError::Refused(refusal)),
        )) => refusal,
        EnrolError::Surroundings(AroundError::Operator(ConnectionError::Connect(
            ConnectError::Message2(_) | ConnectError::NotAnOperator | ConnectError::Channel(_),
        ))) => {
            return Some("whoever listens at --operator is not the operator of the registry");
        }
        EnrolError::Surroundings(AroundError::Read(ReadError::LookUp(NodesError::Registry(
            LookUpError::NoContract { .. },
        )))) => {
            return Some(
                "the address is another's, or the registry is so new that no final block has it: \
                 then try again in a quarter of an hour",
            );
        }
        _ => return None,
    };
    match refusal {
        Refusal::SealingKey => Some(
            "the registry names another key than whoever listens at --operator has: either \
             that is not the operator, or it has just changed its keys; then try again in a \
             quarter of an hour",
        ),
        Refusal::UsedToken => Some("ask the operator for a new token"),
        Refusal::OtherPhone => {
            Some("if that phone is not yours, tell the operator: the token was stolen")
        }
        Refusal::OtherClaim => Some("use the key file of the first try"),
        Refusal::Clock => Some("set this machine's clock"),
        _ => None,
    }
}

/// The same text in lines that are no longer than a terminal's.
pub fn wrapped(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + 8);
    for line in text.lines() {
        let mut column = 0;
        for word in line.split(' ') {
            let len = word.chars().count();
            if column > 0 && column + 1 + len > WIDTH {
                lines.push('\n');
                column = 0;
            } else if column > 0 {
                lines.push(' ');
                column += 1;
            }
            lines.push_str(word);
            column += len;
        }
        lines.push('\n');
    }
    lines.pop();
    lines
}

fn payment_in_words(payment: &Payment) -> &'static str {
    match payment {
        Payment::Queued(Wait::Funds) => "the operator has not enough ether",
        Payment::Queued(Wait::Node) => "the operator's node does not answer",
        Payment::Queued(Wait::Turn) => "the operator pays it soon",
        Payment::Sent(_) => "it is on its way",
        Payment::Settled(_) => "it is paid, but fees have risen since",
        Payment::Lost(_) => "it was lost; ask the operator",
        _ => "the operator does not say",
    }
}

fn short(hash: &B256) -> String {
    let text = hash.to_string();
    format!("{}…{}", &text[..10], &text[text.len() - 8..])
}

fn in_ether(wei: U256) -> String {
    format!("{:.6}", f64::from(wei) / 1e18)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use callseal_eims::{Hold, Sent};

    #[test]
    fn a_person_is_told_what_is_waited_for_in_one_line() {
        let sent = Sent {
            transaction: B256::repeat_byte(0xab),
            wei: u128::MAX,
        };
        let balance = U256::from(1_500_000_000_000_000_u64);
        let funds = |payment| Waiting::Funds { payment, balance };
        for waiting in [
            funds(Payment::Queued(Wait::Funds)),
            funds(Payment::Queued(Wait::Node)),
            funds(Payment::Queued(Wait::Turn)),
            funds(Payment::Sent(sent)),
            funds(Payment::Settled(sent)),
            funds(Payment::Lost(sent)),
            funds(Payment::NotAsked),
            Waiting::Fees { balance },
            Waiting::Block {
                transaction: sent.transaction,
            },
            Waiting::Approval,
            Waiting::Record,
            Waiting::Successor {
                valid_since: u64::from(u32::MAX),
            },
        ] {
            let words = format!("⠁  12s  waits for {}", waiting_in_words(&waiting));
            assert!(words.chars().count() <= WIDTH, "{words}");
        }
        let held = waiting_in_words(&Waiting::Held(Hold::OtherWallet));
        assert!(held.contains("another wallet"), "{held}");
        assert_eq!(
            waiting_in_words(&funds(Payment::Queued(Wait::Funds))),
            "fee money: the operator has not enough ether"
        );
        assert_eq!(
            waiting_in_words(&Waiting::Fees { balance }),
            "lower fees: the wallet has 0.001500 ether"
        );
        let other = waiting_in_words(&Waiting::OtherRecord {
            holder: Address::ZERO,
        });
        assert!(other.contains("0x0000"), "{other}");
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_and_no_word_is_lost() {
        let text = "not enrolled: ".to_owned() + &"a word or two, ".repeat(20);
        let lines = wrapped(&text);
        assert!(lines.lines().all(|line| line.chars().count() <= WIDTH));
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&lines), words(&text));
        assert_eq!(wrapped("one\ntwo"), "one\ntwo");
    }
}
