//! What is offered for gas.

use alloy_primitives::U256;

use crate::Fees;

/// What a wallet with `balance` offers for so much gas; none where it cannot
/// pay the next block's fee.
pub(crate) fn offered(balance: U256, gas: u64, base_fee: u128, tip: u128) -> Option<Fees> {
    let affordable = balance / U256::from(gas);
    let affordable = u128::try_from(affordable).unwrap_or(u128::MAX);
    let least = base_fee.saturating_add(tip);
    // Twice the base fee is good for six full blocks in a row.
    let max_per_gas = base_fee
        .saturating_mul(2)
        .saturating_add(tip)
        .min(affordable);
    (max_per_gas >= least).then_some(Fees {
        max_per_gas,
        tip_per_gas: tip,
    })
}

/// What is offered in place of `earlier`: at least an eighth more of each,
/// which every node takes for a replacement.
pub(crate) fn bumped(earlier: Fees, base_fee: u128, tip: u128) -> Fees {
    let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
    let tip_per_gas = more(earlier.tip_per_gas).max(tip);
    let enough = base_fee.saturating_mul(2).saturating_add(tip_per_gas);
    Fees {
        max_per_gas: more(earlier.max_per_gas).max(enough),
        tip_per_gas,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_offers_what_it_has_and_no_less_than_the_next_block_costs() {
        let offer = |balance: u64| offered(U256::from(balance), 10, 100, 7);
        let max = |balance| offer(balance).map(|fees| fees.max_per_gas);
        assert_eq!(max(u64::MAX), Some(207));
        assert_eq!(max(1_500), Some(150));
        assert_eq!(max(1_070), Some(107));
        assert_eq!(max(1_069), None);
        // Nothing overflows.
        assert!(offered(U256::MAX, 1, u128::MAX, 1).is_some());
    }

    #[test]
    fn a_replacement_offers_an_eighth_more_of_each() {
        let earlier = Fees {
            max_per_gas: 800,
            tip_per_gas: 80,
        };
        let calm = bumped(earlier, 1, 1);
        assert_eq!((calm.max_per_gas, calm.tip_per_gas), (901, 91));
        let busy = bumped(earlier, 1_000, 100);
        assert_eq!((busy.max_per_gas, busy.tip_per_gas), (2_100, 100));
    }
}
