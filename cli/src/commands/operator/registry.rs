//! What an operator's own node says of its registry.

use alloy_primitives::{Address, Bytes};
use anyhow::{Context, Result, bail, ensure};
use callseal_eims::contract::{self, LoggedOperator};
use callseal_eims::{CallEnd, Node};

use crate::operator_keys::OperatorKeys;

/// The keys that the registry names; they have to be these.
pub(super) fn check_keys(
    node: &mut dyn Node,
    address: Address,
    keys: &OperatorKeys,
) -> Result<LoggedOperator> {
    let named = present(node, address)?;
    ensure!(
        is_of(&named, keys),
        "the registry at {address} names other keys than these: those of the account {}",
        named.account
    );
    Ok(named)
}

/// The keys that the registry named before, and until when they are good
/// (Unix seconds); they have to be these.
pub(super) fn check_previous_keys(
    node: &mut dyn Node,
    address: Address,
    keys: &OperatorKeys,
) -> Result<u64> {
    let answer = ask(node, address, contract::ask_previous_operator())?;
    let (named, until) = contract::previous_operator(&answer)
        .with_context(|| format!("the contract at {address} is not a registry"))?;
    ensure!(
        is_of(&named, keys),
        "the previous keys are not those that the registry at {address} named before"
    );
    Ok(until)
}

/// The keys that the registry names.
pub(super) fn present(node: &mut dyn Node, address: Address) -> Result<LoggedOperator> {
    let answer = ask(node, address, contract::ask_operator())?;
    contract::operator(&answer).with_context(|| format!("there is no registry at {address}"))
}

/// The registry's answer to a question.
pub(super) fn ask(node: &mut dyn Node, address: Address, question: Bytes) -> Result<Bytes> {
    match node.call(Address::ZERO, address, question)? {
        CallEnd::Returned(answer) => Ok(answer),
        CallEnd::Reverted(_) => bail!("there is no registry at {address}"),
    }
}

fn is_of(named: &LoggedOperator, keys: &OperatorKeys) -> bool {
    named.signing_key == *keys.signing.public().as_bytes()
        && named.sealing_key == keys.sealing.public().0
        && named.account == keys.account.address()
}
