//! The nodes that a wallet sends its transactions to.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes, U256};
use callseal_eims::{
    BlockLog, CallEnd, Head, JsonRpcNode, Node, Receipt, SendError, TransportError,
};
use callseal_registry_client::{HttpTransport, UrlError};

use crate::node_faults::NodeFaults;

/// Several nodes as one. A transaction goes to all of them, and what it leads to is read with proofs; what cannot be
/// proven is a node's word. Where words differ, that is noted, and the one is taken that lets the wallet go on: a node
/// that lies can cost the wallet no more than time.
///
/// A node that does not answer is left alone for a minute, as long as another one does.
pub struct WalletNodes<N = JsonRpcNode> {
    nodes: Vec<Named<N>>,
    chain_id: Option<u64>,
    faults: NodeFaults,
}

struct Named<N> {
    name: String,
    node: N,
    rests_since: Option<Instant>,
}

/// How long a node is left alone that has not answered.
const REST: Duration = Duration::from_secs(60);

/// Why no block is trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// Nobody says which is the newest.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// All are to be trusted, and they say different things.
    #[error(
        "{} and {} have different blocks {block_number}: both are trusted by --trust-node, and one of them is wrong",
        nodes[0],
        nodes[1]
    )]
    Disagreement {
        /// The block's number.
        block_number: u64,
        /// The two.
        nodes: [String; 2],
    },
}

impl WalletNodes {
    /// The nodes at these URLs. Asks nothing yet.
    ///
    /// # Errors
    /// [`UrlError`] names the one that is none.
    pub fn new(urls: &[String], faults: NodeFaults) -> Result<Self, UrlError> {
        let named = |url: &String| {
            let name = HttpTransport::new(url)?.name().to_owned();
            Ok((name, JsonRpcNode::new(url)?))
        };
        let nodes = urls.iter().map(named);
        Ok(Self::of(nodes.collect::<Result<Vec<_>, _>>()?, faults))
    }
}

impl<N: Node> WalletNodes<N> {
    fn of(nodes: Vec<(String, N)>, faults: NodeFaults) -> Self {
        let nodes = nodes.into_iter().map(|(name, node)| Named {
            name,
            node,
            rests_since: None,
        });
        Self {
            nodes: nodes.collect(),
            chain_id: None,
            faults,
        }
    }

    /// Asks no node of another chain any more, as long as there is one of this.
    #[must_use]
    pub fn on_chain(self, chain_id: u64) -> Self {
        Self {
            chain_id: Some(chain_id),
            ..self
        }
    }

    /// The newest block that all nodes have that answer: for those who trust them all.
    ///
    /// # Errors
    /// [`HeadError`].
    pub fn agreed_head(&mut self) -> Result<Head, HeadError> {
        let heads = self.ask_all(N::head)?;
        let oldest = heads.iter().min_by_key(|(_, head)| head.number);
        let Some((place, agreed)) = oldest.cloned() else {
            return Err(nobody().into());
        };
        for (other, head) in heads {
            let same = match head.number == agreed.number {
                true => Some(head.hash),
                false => self.nodes[other].node.block_hash(agreed.number)?,
            };
            if same != Some(agreed.hash) {
                let nodes = [place, other].map(|place| self.nodes[place].name.clone());
                return Err(HeadError::Disagreement {
                    block_number: agreed.number,
                    nodes,
                });
            }
        }
        Ok(agreed)
    }

    /// The first answer.
    fn ask<A>(
        &mut self,
        mut question: impl FnMut(&mut N) -> Result<A, TransportError>,
    ) -> Result<A, TransportError> {
        let mut last = None;
        for place in self.order() {
            match self.answer_of(place, &mut question) {
                Ok(answer) => return Ok(answer),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(nobody))
    }

    /// The answers of all that are not at rest, or of the first that answers of those that are.
    fn ask_all<A>(
        &mut self,
        mut question: impl FnMut(&mut N) -> Result<A, TransportError>,
    ) -> Result<Vec<(usize, A)>, TransportError> {
        let (mut answers, mut last) = (Vec::new(), None);
        for place in self.order() {
            if self.nodes[place].is_at_rest() && !answers.is_empty() {
                break;
            }
            match self.answer_of(place, &mut question) {
                Ok(answer) => answers.push((place, answer)),
                Err(error) => last = Some(error),
            }
        }
        match (answers.is_empty(), last) {
            (true, error) => Err(error.unwrap_or_else(nobody)),
            (false, _) => Ok(answers),
        }
    }

    fn answer_of<A>(
        &mut self,
        place: usize,
        question: impl FnOnce(&mut N) -> Result<A, TransportError>,
    ) -> Result<A, TransportError> {
        let Named {
            node, rests_since, ..
        } = &mut self.nodes[place];
        let answer = question(node);
        *rests_since = answer.is_err().then(Instant::now);
        if let Err(error) = &answer
            && self.nodes.len() > 1
        {
            self.faults.note(error);
        }
        answer
    }

    /// The nodes' places, those at rest last.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|place| self.nodes[*place].is_at_rest());
        order
    }

    /// Takes note that two have said different things.
    fn differ(&self, what: &str, [one, other]: [(usize, String); 2]) {
        let name = |place: usize| &self.nodes[place].name;
        self.faults.note(format!(
            "{} says {what} {}, {} says {}: one of them lags or lies",
            name(one.0),
            one.1,
            name(other.0),
            other.1
        ));
    }

    /// The one of several answers that `choose` prefers to every other.
    fn chosen<A: Copy + PartialEq + ToString>(
        &self,
        what: &str,
        answers: &[(usize, A)],
        choose: impl Fn(A, A) -> A,
    ) -> Option<A> {
        let &(first, said) = answers.first()?;
        if let Some(&(other, otherwise)) = answers.iter().find(|(_, answer)| *answer != said) {
            let said = [(first, said), (other, otherwise)];
            self.differ(
                what,
                said.map(|(place, answer)| (place, answer.to_string())),
            );
        }
        answers.iter().map(|(_, answer)| *answer).reduce(choose)
    }
}

impl<N> Named<N> {
    fn is_at_rest(&self) -> bool {
        self.rests_since.is_some_and(|since| since.elapsed() < REST)
    }
}

impl<N: Node> Node for WalletNodes<N> {
    fn chain_id(&mut self) -> Result<u64, TransportError> {
        let said = self.ask_all(N::chain_id)?;
        let expected = self.chain_id.or(said.first().map(|(_, chain)| *chain));
        let is_foreign = |(_, chain): &&(usize, u64)| Some(*chain) != expected;
        let mut foreign: Vec<_> = said.iter().filter(is_foreign).copied().collect();
        foreign.sort_unstable();
        if foreign.len() == said.len() {
            return said.first().map(|(_, chain)| *chain).ok_or_else(nobody);
        }
        for (place, chain) in foreign.into_iter().rev() {
            let Named { name, .. } = self.nodes.remove(place);
            self.faults.note(format!(
                "{name}: it serves chain {chain}, and is not asked any more"
            ));
        }
        expected.ok_or_else(nobody)
    }

    fn head(&mut self) -> Result<Head, TransportError> {
        self.ask(N::head)
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, TransportError> {
        self.ask(|node| node.block_hash(number))
    }

    /// The lowest: one that is too low is refused by honest nodes, one that is too high would wait for ever.
    fn nonce(&mut self, account: Address) -> Result<u64, TransportError> {
        let said = self.ask_all(|node| node.nonce(account))?;
        let nonce = self.chosen(
            "that the wallet's next transaction is number",
            &said,
            u64::min,
        );
        nonce.ok_or_else(nobody)
    }

    /// The highest: nobody takes a transaction of a wallet that has less.
    fn balance(&mut self, account: Address) -> Result<U256, TransportError> {
        let said = self.ask_all(|node| node.balance(account))?;
        let balance = self.chosen("that the wallet has, in wei,", &said, U256::max);
        balance.ok_or_else(nobody)
    }

    fn tip(&mut self) -> Result<u128, TransportError> {
        self.ask(N::tip)
    }

    /// Taken back only where all say so.
    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<CallEnd, TransportError> {
        let said = self.ask_all(|node| node.call(from, to, data.clone()))?;
        let is_taken = |(_, end): &&(usize, CallEnd)| matches!(end, CallEnd::Returned(_));
        let taken = said.iter().find(is_taken);
        let refused = said.iter().find(|end| !is_taken(end));
        if let (Some((one, _)), Some((other, _))) = (taken, refused) {
            let said = [(*one, "took it".to_owned()), (*other, "did not".to_owned())];
            self.differ("that the registry", said);
        }
        let end = taken.or(refused);
        end.map(|(_, end)| end.clone()).ok_or_else(nobody)
    }

    /// To all of them: one that keeps it to itself holds nothing up.
    fn send(&mut self, raw: &[u8]) -> Result<(), SendError> {
        let mut refused = None;
        let sent = self.ask_all(|node| match node.send(raw) {
            Ok(()) => Ok(true),
            Err(SendError::Transport(error)) => Err(error),
            Err(error) => {
                refused.get_or_insert(error);
                Ok(false)
            }
        });
        let sent = sent.map_err(SendError::Transport)?;
        match (sent.iter().any(|(_, is_taken)| *is_taken), refused) {
            (false, Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Of whoever has one.
    fn receipt(&mut self, transaction: B256) -> Result<Option<Receipt>, TransportError> {
        let said = self.ask_all(|node| node.receipt(transaction))?;
        Ok(said.into_iter().find_map(|(_, receipt)| receipt))
    }

    fn logs(
        &mut self,
        contract: Address,
        topic: B256,
        from: u64,
        to: u64,
    ) -> Result<Vec<BlockLog>, TransportError> {
        self.ask(|node| node.logs(contract, topic, from, to))
    }
}

fn nobody() -> TransportError {
    TransportError::Unreachable {
        node: "--rpc".to_owned(),
        cause: "there is no node to ask".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node that says these things.
    #[derive(Clone)]
    struct Said {
        chain_id: u64,
        head: u64,
        /// Of its block of any number.
        octet: u8,
        balance: u64,
        nonce: u64,
        send: Result<(), SendError>,
        is_dead: bool,
        asked: u64,
        sent: u64,
    }

    fn honest() -> Said {
        Said {
            chain_id: 1,
            head: 7,
            octet: 1,
            balance: 5,
            nonce: 2,
            send: Ok(()),
            is_dead: false,
            asked: 0,
            sent: 0,
        }
    }

    fn dead() -> Said {
        Said {
            is_dead: true,
            ..honest()
        }
    }

    fn nodes(said: impl IntoIterator<Item = Said>) -> WalletNodes<Said> {
        let said = said.into_iter().enumerate();
        let named = said.map(|(index, said)| (format!("node {index}"), said));
        WalletNodes::of(named.collect(), NodeFaults::default())
    }

    impl Said {
        fn alive<A>(&mut self, answer: impl FnOnce(&Self) -> A) -> Result<A, TransportError> {
            self.asked += 1;
            match self.is_dead {
                false => Ok(answer(self)),
                true => Err(TransportError::TimedOut {
                    node: "the dead one".to_owned(),
                    limit: Duration::from_secs(10),
                }),
            }
        }
    }

    impl Node for Said {
        fn chain_id(&mut self) -> Result<u64, TransportError> {
            self.alive(|said| said.chain_id)
        }

        fn head(&mut self) -> Result<Head, TransportError> {
            self.alive(|said| Head {
                number: said.head,
                hash: B256::repeat_byte(said.octet),
                timestamp: 0,
                base_fee: 1,
            })
        }

        fn block_hash(&mut self, _: u64) -> Result<Option<B256>, TransportError> {
            self.alive(|said| Some(B256::repeat_byte(said.octet)))
        }

        fn nonce(&mut self, _: Address) -> Result<u64, TransportError> {
            self.alive(|said| said.nonce)
        }

        fn balance(&mut self, _: Address) -> Result<U256, TransportError> {
            self.alive(|said| U256::from(said.balance))
        }

        fn tip(&mut self) -> Result<u128, TransportError> {
            self.alive(|_| 1)
        }

        fn call(&mut self, _: Address, _: Address, _: Bytes) -> Result<CallEnd, TransportError> {
            self.alive(|said| match said.send {
                Ok(()) => CallEnd::Returned(Bytes::new()),
                Err(_) => CallEnd::Reverted(Bytes::new()),
            })
        }

        fn send(&mut self, _: &[u8]) -> Result<(), SendError> {
            self.sent += 1;
            let sent = self.alive(|said| said.send.clone());
            sent.map_err(SendError::Transport)?
        }

        fn receipt(&mut self, _: B256) -> Result<Option<Receipt>, TransportError> {
            self.alive(|said| {
                (said.octet == 1).then_some(Receipt {
                    block_number: said.head,
                    block_hash: B256::repeat_byte(1),
                    succeeded: true,
                })
            })
        }

        fn logs(
            &mut self,
            _: Address,
            _: B256,
            _: u64,
            _: u64,
        ) -> Result<Vec<BlockLog>, TransportError> {
            self.alive(|_| Vec::new())
        }
    }

    #[test]
    fn a_node_that_lets_its_time_run_out_is_asked_once_as_long_as_another_answers() {
        let mut nodes = nodes([dead(), honest()]);
        for _ in 0..3 {
            assert_eq!(nodes.head().unwrap().number, 7);
            assert_eq!(nodes.balance(Address::ZERO).unwrap(), U256::from(5));
            nodes.send(&[]).unwrap();
        }
        assert_eq!(nodes.nodes[0].node.asked, 1);
        assert_eq!(nodes.faults.all().len(), 1);
        // Where nobody else answers, it is asked again.
        nodes.nodes[1].node.is_dead = true;
        nodes.nodes[0].node.is_dead = false;
        assert_eq!(nodes.head().unwrap().number, 7);
        assert_eq!(nodes.nodes[0].node.asked, 2);
    }

    #[test]
    fn where_words_differ_the_wallet_goes_on_and_it_is_told_who_said_what() {
        let poor = Said {
            balance: 0,
            nonce: 90,
            octet: 2,
            send: Err(SendError::Refused {
                message: "no".to_owned(),
            }),
            ..honest()
        };
        for said in [[poor.clone(), honest()], [honest(), poor]] {
            let mut nodes = nodes(said);
            let wallet = Address::ZERO;
            assert_eq!(nodes.balance(wallet).unwrap(), U256::from(5));
            assert_eq!(nodes.nonce(wallet).unwrap(), 2);
            let taken = nodes.call(wallet, wallet, Bytes::new()).unwrap();
            assert!(matches!(taken, CallEnd::Returned(_)));
            assert!(nodes.receipt(B256::ZERO).unwrap().is_some());
            nodes.send(&[]).unwrap();
            assert!(nodes.nodes.iter().all(|named| named.node.sent == 1));
            let faults = nodes.faults.all();
            assert_eq!(faults.len(), 3, "{faults:?}");
            for fault in faults {
                assert!(
                    fault.contains("node 0") && fault.contains("node 1"),
                    "{fault}"
                );
            }
        }
    }

    #[test]
    fn what_no_node_takes_is_refused_in_a_nodes_own_words() {
        let broke = Said {
            send: Err(SendError::Funds {
                message: "too poor".to_owned(),
            }),
            ..honest()
        };
        let refused = nodes([dead(), broke.clone(), broke]).send(&[]).unwrap_err();
        assert!(matches!(refused, SendError::Funds { .. }));
        let unheard = nodes([dead(), dead()]).send(&[]).unwrap_err();
        assert!(matches!(unheard, SendError::Transport(_)));
    }

    #[test]
    fn a_node_of_another_chain_is_named_and_not_asked_any_more() {
        let foreign = Said {
            chain_id: 9,
            ..honest()
        };
        let mut mixed = nodes([foreign.clone(), honest(), foreign.clone()]).on_chain(1);
        assert_eq!(mixed.chain_id().unwrap(), 1);
        assert_eq!(mixed.nodes.len(), 1);
        let faults = mixed.faults.all();
        assert!(
            faults.iter().all(|fault| fault.contains("chain 9")),
            "{faults:?}"
        );
        assert_eq!(faults.len(), 2);
        // With none of the right one, the caller sees which it is.
        assert_eq!(nodes([foreign]).on_chain(1).chain_id().unwrap(), 9);
    }

    #[test]
    fn a_block_is_trusted_where_all_nodes_have_it_and_no_other() {
        let behind = Said {
            head: 4,
            ..honest()
        };
        let agreed = nodes([dead(), honest(), behind]).agreed_head().unwrap();
        assert_eq!(agreed.number, 4);
        for number in [3, 7, 11] {
            let liar = Said {
                head: number,
                octet: 6,
                ..honest()
            };
            let refusal = nodes([liar, honest()]).agreed_head().unwrap_err();
            assert!(
                matches!(refusal, HeadError::Disagreement { .. }),
                "{refusal}"
            );
        }
    }
}
