//! Verified reads of the subscriber registry on Ethereum: nothing is believed without a Merkle proof.
#![forbid(unsafe_code)]
