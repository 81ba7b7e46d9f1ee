//! Other people's libraries, each driven as its documentation says is fastest.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "ipsec-mb")]
mod ipsec_mb;
#[cfg(any(feature = "libsrtp", feature = "libsrtp-openssl"))]
mod libsrtp;
#[cfg(feature = "rtc-srtp")]
mod rtc_srtp;

use std::collections::BTreeMap;

use crate::contender::{Contender, MakeSession};
use crate::load::Load;

/// The peers that are built in and can do the load.
#[must_use]
pub fn peers(load: Load) -> Vec<Box<dyn Contender>> {
    #[allow(unused_mut, reason = "without features there are none")]
    let mut all: Vec<Box<dyn Contender>> = Vec::new();
    #[cfg(any(feature = "libsrtp", feature = "libsrtp-openssl"))]
    all.extend(libsrtp::all(load));
    #[cfg(feature = "rtc-srtp")]
    all.extend(rtc_srtp::all(load));
    #[cfg(feature = "ipsec-mb")]
    all.extend(ipsec_mb::all(load));
    #[cfg(feature = "aws-lc")]
    all.extend(aws_lc::all(load));
    let _ = load;
    all
}

/// This project behind libsrtp's C interface, where it is built in.
#[must_use]
pub(crate) fn drop_in(load: Load) -> Option<Box<dyn Contender>> {
    #[cfg(feature = "libsrtp")]
    return libsrtp::drop_in(load);
    #[cfg(not(feature = "libsrtp"))]
    {
        let _ = load;
        None
    }
}

/// Those of them that have sessions.
pub(crate) fn session_makers(load: Load) -> Vec<(String, MakeSession)> {
    #[allow(unused_mut, reason = "without features there are none")]
    let mut all: Vec<(String, MakeSession)> = Vec::new();
    #[cfg(any(feature = "libsrtp", feature = "libsrtp-openssl"))]
    all.extend(libsrtp::session_makers(load));
    #[cfg(feature = "rtc-srtp")]
    all.push((
        "rtc-srtp".into(),
        Box::new(move || drop(rtc_srtp::all(load))),
    ));
    let _ = load;
    all
}

/// The peers that are built in and their versions.
#[must_use]
pub fn versions() -> BTreeMap<String, String> {
    #[allow(unused_mut, reason = "without features there are none")]
    let mut all = BTreeMap::new();
    #[cfg(any(feature = "libsrtp", feature = "libsrtp-openssl"))]
    all.extend(libsrtp::versions());
    #[cfg(feature = "ipsec-mb")]
    all.insert("ipsec-mb".into(), ipsec_mb::version());
    #[cfg(feature = "rtc-srtp")]
    all.insert("rtc-srtp".into(), locked("rtc-srtp"));
    #[cfg(feature = "aws-lc")]
    all.insert(
        "aws-lc".into(),
        format!("aws-lc-rs {}", locked("aws-lc-rs")),
    );
    all
}

/// The version of a crate in the workspace's lock.
#[cfg(any(feature = "rtc-srtp", feature = "aws-lc"))]
fn locked(name: &str) -> String {
    let lock = include_str!("../../../Cargo.lock");
    let head = format!("name = \"{name}\"\nversion = \"");
    let after = lock.split_once(&head).map(|(_, after)| after);
    let version = after.and_then(|after| after.split_once('"'));
    version.map_or_else(String::new, |(version, _)| version.to_owned())
}
