//! What the chain shows of claims, and their approval.

use alloy_primitives::{Address, Bytes};

use crate::contract::{self, APPROVE_CLIENT_GAS, LoggedClaim};
use crate::node::{CallEnd, Head, Node, TransportError};
use crate::requests::Hold;
use crate::service::points::Purpose;
use crate::service::records::Approved;
use crate::service::store::Due;
use crate::service::worker::sending::Content;
use crate::service::worker::{WorkError, Worker};

impl<N: Node> Worker<N> {
    /// Blocks scanned at a time, at most.
    pub(super) const SCAN: u64 = 2_000;
    /// Claims that are asked for at a block, because no log has shown them.
    const ASKED: usize = 16;

    /// Looks for claims in blocks that are new, or may have changed.
    pub(super) fn scan(&mut self, head: &Head) -> Result<(), WorkError> {
        if self.head.is_some_and(|before| before.hash == head.hash) {
            return Ok(());
        }
        let mut from = match self.store.scanned_to()? {
            // The last blocks may have been replaced by others.
            Some(to) => to.min(head.number).saturating_sub(self.terms.depth),
            None => self.terms.from_block.unwrap_or(head.number),
        };
        let contract = Address::from(self.store.operator().contract);
        while from <= head.number {
            let to = head.number.min(from.saturating_add(self.span - 1));
            let logs = match self.node.logs(contract, LoggedClaim::TOPIC, from, to) {
                Ok(logs) => logs,
                Err(error @ TransportError::Unreachable { .. }) => return Err(error.into()),
                // More logs, or blocks, than the node tells at a time.
                Err(_) if to > from => {
                    self.span = (to - from).div_ceil(2);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            self.span = self.span.saturating_mul(2).min(Self::SCAN);
            let claims: Vec<_> = logs
                .iter()
                .filter(|log| (from..=to).contains(&log.block_number))
                .filter_map(|log| Some((log.block_number, LoggedClaim::of_log(&log.log)?)))
                .collect();
            for (claim, hold) in self.store.scanned(from, to, &claims)? {
                let (token, sender) = (claim.token_hash, claim.sender);
                match hold {
                    Some(hold) => {
                        tracing::info!(%token, %sender, "a claim is left pending: {hold}")
                    }
                    None => tracing::info!(%token, %sender, "the phone's claim is on the chain"),
                }
            }
            from = to + 1;
        }
        self.ask_for_claims()?;
        self.head = Some(*head);
        Ok(())
    }

    /// Asks for claims that phones have told and no log has shown, a few at a
    /// block: the logs of one node may have a gap where another's have none.
    fn ask_for_claims(&mut self) -> Result<(), WorkError> {
        let tokens = self.store.awaited(self.asked, Self::ASKED)?;
        self.asked = tokens
            .last()
            .filter(|_| tokens.len() == Self::ASKED)
            .copied();
        for token in tokens {
            let Some(enrolment) = self.store.enrolment(&token)? else {
                continue;
            };
            let told = enrolment.told.as_ref();
            let Some(claim) = told.and_then(|told| told.expected(token)) else {
                continue;
            };
            if enrolment.approved == Approved::NoClaim
                && !self.store.has_seen(&claim)?
                && self.is_pending(&claim)? == Some(true)
            {
                tracing::info!(%token, "the phone's claim is on the chain, and no log has shown it");
                self.store.found(&token)?;
            }
        }
        Ok(())
    }

    /// Approves the claims that are what phones have told.
    pub(super) fn approve(&mut self, head: &Head) -> Result<(), WorkError> {
        let contract = Address::from(self.store.operator().contract);
        for token in self.store.to_approve()? {
            let Some(enrolment) = self.store.enrolment(&token)? else {
                continue;
            };
            let told = enrolment.told.as_ref();
            let Some(claim) = told.and_then(|told| told.expected(token)) else {
                continue;
            };
            if !enrolment.approved.is_open() {
                // A claim after its approval, or after too many of them.
                self.store.strike(&token)?;
                continue;
            }
            // What is pending now, and not what a log has said some time.
            if self.is_pending(&claim)? != Some(true) {
                // A node that lags, or a claim that was dropped or replaced;
                // where no log shows it any more, a fork has taken it out.
                if !self.store.has_seen(&claim)? {
                    self.store.hold(&token, None)?;
                }
                continue;
            }
            if !self.terms.replacements {
                // An approval of another claim of the number that is not deep
                // in the chain: what comes of it decides about this one.
                if self.store.is_being_approved(claim.number_hash)? {
                    continue;
                }
                let question = contract::ask_client(claim.number_hash);
                let Some(answer) = self.ask(question)? else {
                    continue;
                };
                if !matches!(contract::client(claim.number_hash, &answer), Some(None)) {
                    tracing::warn!(%token, "a claim is left pending: {}", Hold::HasRecord);
                    self.store.hold(&token, Some(Hold::HasRecord))?;
                    continue;
                }
            }
            let content = Content {
                to: contract,
                wei: 0,
                data: claim.approve_client(),
                gas_limit: APPROVE_CLIENT_GAS,
            };
            let due = Due {
                purpose: Purpose::Approve,
                token,
                by_hand: false,
            };
            self.sign_and_send(head, due, content)?;
        }
        Ok(())
    }

    /// Whether exactly this is pending, as the registry says; none where it
    /// says nothing.
    fn is_pending(&mut self, claim: &LoggedClaim) -> Result<Option<bool>, WorkError> {
        let question = contract::ask_pending(claim.number_hash, claim.sender);
        let answer = self.ask(question)?;
        let pending = answer.and_then(|answer| contract::pending(claim.number_hash, &answer));
        Ok(pending.map(|pending| pending.as_ref() == Some(claim)))
    }

    /// What the registry answers.
    fn ask(&mut self, question: Bytes) -> Result<Option<Bytes>, WorkError> {
        let contract = Address::from(self.store.operator().contract);
        match self.node.call(self.account.address(), contract, question)? {
            CallEnd::Returned(answer) => Ok(Some(answer)),
            CallEnd::Reverted(_) => Ok(None),
        }
    }
}
