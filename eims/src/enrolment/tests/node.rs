//! The embedded chain as a phone's nodes show it, and how they misbehave.

use alloy_primitives::{Address, B256, Bytes, U256};
use callseal_devchain::{DevChain, Outcome};
use callseal_registry_client::{RawProof, Transport, TransportError};

use crate::{BlockLog, CallEnd, Head, Node, Receipt, SendError};

/// The chain as a wallet sees it, and how it misbehaves.
pub(super) struct DevNode {
    pub(super) chain: DevChain,
    pub(super) sent: usize,
    /// How often it says that too little is offered.
    pub(super) underpriced: usize,
    /// How often it takes no transaction.
    pub(super) full: usize,
    /// How often it says that a transaction did not arrive, which it did.
    pub(super) loses_answers: usize,
    /// It shows the chain as it was before the wallet's first transaction.
    pub(super) is_behind: bool,
}

impl Node for DevNode {
    fn chain_id(&mut self) -> Result<u64, TransportError> {
        Ok(self.chain.id())
    }

    fn head(&mut self) -> Result<Head, TransportError> {
        let hash = self.chain.head();
        let header = self.chain.header_of(hash).unwrap();
        Ok(Head {
            number: header.number,
            hash,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas.unwrap().into(),
        })
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, TransportError> {
        Ok(self.chain.block_hash(number))
    }

    fn nonce(&mut self, account: Address) -> Result<u64, TransportError> {
        match self.is_behind {
            true => Ok(0),
            false => Ok(self.chain.nonce(account)),
        }
    }

    fn balance(&mut self, account: Address) -> Result<U256, TransportError> {
        Ok(self.chain.balance(account))
    }

    fn tip(&mut self) -> Result<u128, TransportError> {
        Ok(1)
    }

    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<CallEnd, TransportError> {
        if self.is_behind {
            return Ok(CallEnd::Reverted(Bytes::new()));
        }
        Ok(match self.chain.call(from, to, data).unwrap() {
            Outcome::Returned(octets) => CallEnd::Returned(octets),
            Outcome::Reverted(octets) => CallEnd::Reverted(octets),
            other => panic!("{other:?}"),
        })
    }

    fn send(&mut self, raw: &[u8]) -> Result<(), SendError> {
        self.sent += 1;
        if self.underpriced > 0 {
            self.underpriced -= 1;
            return Err(SendError::of_words("transaction underpriced").unwrap());
        }
        if self.full > 0 {
            self.full -= 1;
            let message = "txpool is full".into();
            return Err(SendError::Refused { message });
        }
        let sent = match self.chain.send_raw(raw) {
            Ok(_) => Ok(()),
            Err(error) => SendError::of_words(&error.to_string()).map_or(Ok(()), Err),
        };
        if self.loses_answers > 0 {
            self.loses_answers -= 1;
            return Err(SendError::Transport(TransportError::Unreachable {
                node: "the node".into(),
                cause: "connection reset".into(),
            }));
        }
        sent
    }

    fn receipt(&mut self, transaction: B256) -> Result<Option<Receipt>, TransportError> {
        if self.is_behind {
            return Ok(None);
        }
        Ok(self.chain.receipt(transaction).map(|receipt| Receipt {
            block_number: receipt.block_number,
            block_hash: receipt.block_hash,
            succeeded: receipt.succeeded(),
        }))
    }

    fn logs(
        &mut self,
        _: Address,
        _: B256,
        _: u64,
        _: u64,
    ) -> Result<Vec<BlockLog>, TransportError> {
        unreachable!("a phone reads no logs")
    }
}

/// Proofs, with the last bit of the first word changed.
pub(super) struct Liar(pub(super) DevChain);

impl Transport for Liar {
    fn header(&mut self, block_hash: B256) -> Result<alloy_consensus::Header, TransportError> {
        self.0.header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let mut proof = self.0.proof(contract, slots, block_hash)?;
        let last = proof.slots.first_mut().and_then(|nodes| nodes.last_mut());
        if let Some(octet) = last.and_then(|node| node.last_mut()) {
            *octet ^= 1;
        }
        Ok(proof)
    }
}
