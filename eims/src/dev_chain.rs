//! The embedded chain as a node, honest and otherwise.

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use callseal_devchain::{DevChain, Outcome};

use crate::{BlockLog, CallEnd, Head, Node, Receipt, SendError, TransportError};

impl Node for DevChain {
    fn chain_id(&mut self) -> Result<u64, TransportError> {
        Ok(self.id())
    }

    fn head(&mut self) -> Result<Head, TransportError> {
        let hash = Self::head(self);
        let header = self.header_of(hash).unwrap();
        Ok(Head {
            number: header.number,
            hash,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas.unwrap().into(),
        })
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, TransportError> {
        Ok(Self::block_hash(self, number))
    }

    fn nonce(&mut self, account: Address) -> Result<u64, TransportError> {
        Ok(Self::nonce(self, account))
    }

    fn balance(&mut self, account: Address) -> Result<U256, TransportError> {
        Ok(Self::balance(self, account))
    }

    fn tip(&mut self) -> Result<u128, TransportError> {
        Ok(1)
    }

    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<CallEnd, TransportError> {
        Ok(match Self::call(self, from, to, data).unwrap() {
            Outcome::Returned(data) => CallEnd::Returned(data),
            Outcome::Reverted(data) => CallEnd::Reverted(data),
            other => panic!("{other:?}"),
        })
    }

    fn send(&mut self, raw: &[u8]) -> Result<(), SendError> {
        match self.send_raw(raw) {
            Ok(_) => Ok(()),
            Err(error) => SendError::of_words(&error.to_string()).map_or(Ok(()), Err),
        }
    }

    fn receipt(&mut self, transaction: B256) -> Result<Option<Receipt>, TransportError> {
        let receipt = Self::receipt(self, transaction);
        Ok(receipt.map(|receipt| Receipt {
            block_number: receipt.block_number,
            block_hash: receipt.block_hash,
            succeeded: receipt.succeeded(),
        }))
    }

    fn logs(
        &mut self,
        contract: Address,
        topic: B256,
        from: u64,
        to: u64,
    ) -> Result<Vec<BlockLog>, TransportError> {
        let logs = Self::logs(self, contract, topic, from, to).into_iter();
        let block_log = |(block_number, log): (u64, Log)| BlockLog { block_number, log };
        Ok(logs.map(block_log).collect())
    }
}

/// The chain as a wallet sees it, and how it misbehaves.
pub(crate) struct DevNode {
    pub(crate) chain: DevChain,
    pub(crate) sent: usize,
    /// How often it says that too little is offered.
    pub(crate) underpriced: usize,
    /// How often it takes no transaction.
    pub(crate) full: usize,
    /// How often it says that a transaction did not arrive, which it did.
    pub(crate) loses_answers: usize,
    /// It shows the chain as it was before the wallet's first transaction.
    pub(crate) is_behind: bool,
}

impl DevNode {
    /// One that is honest.
    pub(crate) fn of(chain: &DevChain) -> Self {
        Self {
            chain: chain.clone(),
            sent: 0,
            underpriced: 0,
            full: 0,
            loses_answers: 0,
            is_behind: false,
        }
    }
}

impl Node for DevNode {
    fn chain_id(&mut self) -> Result<u64, TransportError> {
        Node::chain_id(&mut self.chain)
    }

    fn head(&mut self) -> Result<Head, TransportError> {
        Node::head(&mut self.chain)
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
        Node::tip(&mut self.chain)
    }

    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<CallEnd, TransportError> {
        if self.is_behind {
            return Ok(CallEnd::Reverted(Bytes::new()));
        }
        Node::call(&mut self.chain, from, to, data)
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
        let sent = Node::send(&mut self.chain, raw);
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
        Node::receipt(&mut self.chain, transaction)
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
