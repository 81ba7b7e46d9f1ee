//! Whether two final blocks are of one history.

use alloy_primitives::B256;

use crate::light::beacon::Beacon;
use crate::light::header::BeaconHeader;

/// What the blocks' headers show of two blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kinship {
    /// One descends from the other, or is it.
    SameHistory,
    /// Neither does: both cannot be final.
    Apart,
    /// Nobody gave the headers between them.
    Unproven,
}

/// Goes from the later block to its parents until the earlier one is met, or its slot is passed. Each header has the
/// root that its child names, so it does not matter who gives it; the node in this place, which is doubted, is asked
/// where no other one gives it.
pub(crate) fn kinship<B: Beacon>(
    one: &BeaconHeader,
    other: &BeaconHeader,
    beacons: &mut [B],
    doubted: usize,
) -> Kinship {
    let (earlier, later) = match one.slot <= other.slot {
        true => (one, other),
        false => (other, one),
    };
    let wanted = earlier.root();
    let mut at = *later;
    for _ in 0..MAX_STEPS {
        if at.slot <= earlier.slot {
            return match at.root() == wanted {
                true => Kinship::SameHistory,
                false => Kinship::Apart,
            };
        }
        if at.parent_root == wanted {
            return Kinship::SameHistory;
        }
        match header(at.parent_root, at.slot, beacons, doubted) {
            Some(parent) => at = parent,
            None => return Kinship::Unproven,
        }
    }
    Kinship::Unproven
}

/// The most headers that are asked for: an hour of the main network's, and some.
const MAX_STEPS: usize = 330;

fn header<B: Beacon>(
    root: B256,
    child: u64,
    beacons: &mut [B],
    doubted: usize,
) -> Option<BeaconHeader> {
    let others = (0..beacons.len()).filter(|at| *at != doubted);
    others.chain([doubted]).find_map(|at| {
        let header = beacons.get_mut(at)?.block_header(root).ok()?;
        (header.root() == root && header.slot < child).then_some(header)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::light::objects::{Bootstrap, Update};
    use crate::transport::TransportError;

    /// A node that has some headers, and says any of them for any root.
    #[derive(Default)]
    struct Node {
        headers: BTreeMap<B256, BeaconHeader>,
        asked: usize,
    }

    impl Beacon for Node {
        fn name(&self) -> String {
            "node".into()
        }

        fn bootstrap(&mut self, _: B256) -> Result<Bootstrap, TransportError> {
            Err(self.nothing())
        }

        fn update(&mut self, _: u64) -> Result<Update, TransportError> {
            Err(self.nothing())
        }

        fn finality_update(&mut self) -> Result<Update, TransportError> {
            Err(self.nothing())
        }

        fn block_header(&mut self, root: B256) -> Result<BeaconHeader, TransportError> {
            self.asked += 1;
            let header = self.headers.get(&root).copied();
            header.ok_or_else(|| self.nothing())
        }
    }

    impl Node {
        fn nothing(&self) -> TransportError {
            TransportError::Refused {
                node: self.name(),
                message: "nothing".into(),
            }
        }

        /// The headers of a history of so many blocks, one in every other slot.
        fn with_chain(&mut self, seed: u64, len: u64) -> Vec<BeaconHeader> {
            let mut parent_root = B256::ZERO;
            let made = (1..=len).map(|place| {
                let header = BeaconHeader {
                    slot: 2 * place,
                    proposer_index: seed,
                    parent_root,
                    ..BeaconHeader::default()
                };
                parent_root = header.root();
                self.headers.insert(parent_root, header);
                header
            });
            made.collect()
        }
    }

    #[test]
    fn headers_decide_whether_two_blocks_are_of_one_history() {
        let mut node = Node::default();
        let [ours, theirs] = [1, 2].map(|seed| node.with_chain(seed, 9));
        let mut nodes = [node];
        for [early, late] in [[0, 8], [3, 4], [8, 8]] {
            for (one, other) in [(early, late), (late, early)] {
                let same = kinship(&ours[one], &ours[other], &mut nodes, 0);
                assert_eq!(same, Kinship::SameHistory, "{one} {other}");
                let apart = kinship(&ours[one], &theirs[other], &mut nodes, 0);
                assert_eq!(apart, Kinship::Apart, "{one} {other}");
            }
        }
        // In a slot that the other history leaves empty.
        let between = BeaconHeader { slot: 7, ..ours[3] };
        assert_eq!(kinship(&between, &ours[8], &mut nodes, 0), Kinship::Apart);
    }

    #[test]
    fn a_header_with_another_root_shows_nothing() {
        let mut node = Node::default();
        let [ours, theirs] = [1, 2].map(|seed| node.with_chain(seed, 9));
        // Asked for a block of our history, it gives one of the other.
        node.headers.insert(ours[7].parent_root, theirs[6]);
        let mut nodes = [node];
        assert_eq!(
            kinship(&ours[0], &ours[8], &mut nodes, 0),
            Kinship::Unproven
        );
        // Another node's header is taken all the same.
        let mut honest = Node::default();
        honest.with_chain(1, 9);
        let [liar] = nodes;
        let mut nodes = [liar, honest];
        assert_eq!(
            kinship(&ours[0], &ours[8], &mut nodes, 0),
            Kinship::SameHistory
        );
    }

    #[test]
    fn the_node_that_is_doubted_is_asked_for_what_no_other_one_gives() {
        let mut node = Node::default();
        let ours = node.with_chain(1, 9);
        let mut other = Node::default();
        other.with_chain(1, 9);
        other.headers.remove(&ours[6].parent_root);
        let mut nodes = [node, other];
        let same = kinship(&ours[0], &ours[8], &mut nodes, 0);
        assert_eq!(same, Kinship::SameHistory);
        assert_eq!((nodes[0].asked, nodes[1].asked), (1, 7));
    }

    #[test]
    fn no_more_headers_are_asked_for_than_an_hour_has() {
        let mut node = Node::default();
        let chain = node.with_chain(1, 400);
        let mut nodes = [node];
        assert_eq!(
            kinship(&chain[0], &chain[399], &mut nodes, 0),
            Kinship::Unproven
        );
        assert!(nodes[0].asked <= MAX_STEPS);
    }
}
