//! A worked example as a file: every input and every intermediate value, in
//! hexadecimal unless its name says otherwise.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Example {
    pub(crate) about: String,
    pub(crate) source: String,
    pub(crate) inputs: Inputs,
    pub(crate) intermediate: Intermediate,
    pub(crate) messages: Messages,
    /// In the order in which they are sent; nothing is lost or repeated.
    pub(crate) datagrams: Vec<Datagram>,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inputs {
    pub(crate) caller: Side,
    pub(crate) callee: Side,
    pub(crate) nonce: String,
    pub(crate) reveal: String,
    /// In the caller's order of preference.
    pub(crate) suites_offered: Vec<String>,
    /// In the callee's order of preference.
    pub(crate) suites_accepted: Vec<String>,
    /// The call that the two already have, if they have one.
    pub(crate) running: Option<RunningCall>,
    /// Whether M1 names that call.
    pub(crate) renews: bool,
    /// With which the callee demands a cookie, if it does.
    pub(crate) cookie_secret: Option<String>,
    /// What the callee decides.
    pub(crate) status: u8,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Side {
    pub(crate) number: String,
    pub(crate) identity_secret: String,
    pub(crate) session: String,
    pub(crate) ephemeral_secret: String,
    /// An address and a port as text.
    pub(crate) address: String,
    pub(crate) ssrc: String,
    /// Text.
    pub(crate) cname: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunningCall {
    pub(crate) session_hash: String,
    /// The epoch as the caller has it.
    pub(crate) callers_epoch: u8,
    /// The epoch as the callee has it.
    pub(crate) callees_epoch: u8,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intermediate {
    pub(crate) callers_identity: String,
    pub(crate) callees_identity: String,
    pub(crate) callers_share: String,
    pub(crate) callees_share: String,
    pub(crate) z: String,
    pub(crate) commitment: String,
    pub(crate) th_1: String,
    pub(crate) th_2: String,
    pub(crate) prk: String,
    pub(crate) k2: String,
    pub(crate) n2: String,
    pub(crate) m2_signed: String,
    pub(crate) m2_signature: String,
    pub(crate) m2_plaintext: String,
    pub(crate) th_3: String,
    pub(crate) k3: String,
    pub(crate) n3: String,
    pub(crate) m3_signed: String,
    pub(crate) m3_signature: String,
    pub(crate) m3_plaintext: String,
    pub(crate) th_4: String,
    pub(crate) k4: String,
    pub(crate) n4: String,
    pub(crate) km: String,
    pub(crate) mac: String,
    pub(crate) m4_plaintext: String,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Messages {
    pub(crate) challenge: Option<String>,
    pub(crate) m1: String,
    pub(crate) m2: String,
    pub(crate) m3: String,
    pub(crate) m4: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Datagram {
    /// `caller` or `callee`.
    pub(crate) from: String,
    pub(crate) message: String,
    pub(crate) message_tag: String,
    pub(crate) cookie: Option<String>,
    pub(crate) octets: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    pub(crate) suite: String,
    pub(crate) epoch: u8,
    /// What both sides hold; nothing if the callee refuses.
    pub(crate) call: Option<Call>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) caller_to_callee_key: String,
    pub(crate) caller_to_callee_salt: String,
    pub(crate) callee_to_caller_key: String,
    pub(crate) callee_to_caller_salt: String,
    pub(crate) session_hash: String,
    pub(crate) authentication_string: String,
}
