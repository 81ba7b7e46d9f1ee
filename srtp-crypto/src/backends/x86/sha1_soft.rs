//! SHA-1 where eight lanes are too many: by RustCrypto, one message at a time.

use super::lanes::Lanes;
use super::window::Digests;
use crate::backends::message::HmacMessage;
use crate::backends::soft;
use crate::hmac_sha1::{HMAC_SHA1_LEN, five_words};

/// Where so few lanes of a vector are left, they go on here.
pub(super) const AT_MOST: u32 = 1;

/// The tags of at most `W` messages.
pub(super) fn hmac<M: HmacMessage, const W: usize>(
    messages: &[M],
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    for (message, tag) in messages.iter().zip(tags) {
        *tag = soft::hmac(message);
    }
}

/// Goes on with the one lane that is left of many; `words` has its state.
pub(super) fn finish<M: HmacMessage, const W: usize, const L: usize>(
    lanes: Lanes<'_, M, W, L>,
    words: &[[u32; L]; 5],
    digests: &mut Digests<W>,
) {
    let (mut lanes, [from]) = lanes.narrow::<1>();
    let mut state = words.map(|words| words[from]);
    while let Some(run) = lanes.run() {
        soft::compress(&mut state, lanes.segments()[0]);
        if lanes.advance(run) != 0 {
            digests.push(lanes.position(0), state);
        }
    }
}

/// The tags over the hashes from place `from` on.
pub(super) fn outer_tags<M: HmacMessage, const W: usize>(
    messages: &[M],
    digests: &Digests<W>,
    from: usize,
    tags: &mut [[u8; HMAC_SHA1_LEN]; W],
) {
    for (place, position) in digests.positions().iter().enumerate().skip(from) {
        let position = usize::from(*position);
        let outer = five_words(&messages[position].key().outer);
        tags[position] = soft::outer_hash(outer, &digests.at(place));
    }
}
