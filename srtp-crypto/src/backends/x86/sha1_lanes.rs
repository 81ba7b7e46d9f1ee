//! SHA-1 on the lanes of a vector, a message each.

/// The 80 rounds of FIPS 180-4 §6.1.2 over the words of a block: no function,
/// since the words are to stay in registers. With `$first`, twenty rounds from
/// that one on, which have one f and one K.
macro_rules! sha1_rounds {
    ($states:ident, $w:ident) => {
        let [mut a, mut b, mut c, mut d, mut e] = $states;

        sha1_rounds!($w, [a, b, c, d, e], choose, 0x5a82_7999, 0);
        sha1_rounds!($w, [a, b, c, d, e], parity, 0x6ed9_eba1, 20);
        sha1_rounds!($w, [a, b, c, d, e], majority, 0x8f1b_bcdc, 40);
        sha1_rounds!($w, [a, b, c, d, e], parity, 0xca62_c1d6, 60);

        for (state, word) in $states.iter_mut().zip([a, b, c, d, e]) {
            *state = add(*state, word);
        }
    };
    ($w:ident, $state:tt, $f:ident, $k:literal, $first:literal) => {
        let k = splat($k);
        sha1_rounds!(@ $w $state $f k, $first + 0, $first + 1, $first + 2, $first + 3);
        sha1_rounds!(@ $w $state $f k, $first + 4, $first + 5, $first + 6, $first + 7);
        sha1_rounds!(@ $w $state $f k, $first + 8, $first + 9, $first + 10, $first + 11);
        sha1_rounds!(@ $w $state $f k, $first + 12, $first + 13, $first + 14, $first + 15);
        sha1_rounds!(@ $w $state $f k, $first + 16, $first + 17, $first + 18, $first + 19);
    };
    (@ $w:ident $state:tt $f:ident $k:ident, $($t:expr),+) => {
        $(sha1_rounds!(round $w $state $f $k $t);)+
    };
    (round $w:ident [$a:ident, $b:ident, $c:ident, $d:ident, $e:ident] $f:ident $k:ident $t:expr) => {
        if $t >= 16 {
            let xored = parity($w[($t + 13) % 16], $w[($t + 8) % 16], $w[($t + 2) % 16]);
            $w[$t % 16] = rotated::<1, 31>(xor(xored, $w[$t % 16]));
        }
        let added = add(add($e, $k), $w[$t % 16]);
        let sum = add(add($f($b, $c, $d), added), rotated::<5, 27>($a));
        ($a, $b, $c, $d, $e) = (sum, $a, rotated::<30, 2>($b), $c, $d);
    };
}

/// Defines `hmac` over the vectors that the file has operations for: `Vector`
/// of `LANES` words, and [`Lanes`](super::lanes::Lanes) as many.
macro_rules! sha1_lanes {
    ($features:literal) => {
        /// The tags of at most `W` messages.
        #[inline]
        #[target_feature(enable = $features)]
        pub(super) fn hmac<M: HmacMessage, const W: usize>(
            messages: &[M],
            tags: &mut [[u8; HMAC_SHA1_LEN]; W],
        ) {
            if messages.len() < WORTH_IT {
                hmac_of_few(messages, tags);
                return;
            }
            let mut tails = Tails::<W>::none();
            tails.fill(messages);
            let order: [u8; W] = match tails.are_of_one_length() {
                true => core::array::from_fn(|n| n as u8),
                false => longest_first(messages),
            };
            let mut left = &order[..messages.len()];
            while let Some(group) = of_one_length(messages, &tails, left) {
                hmac_side_by_side(messages, &tails, group, tags);
                left = &left[group.len()..];
            }
            if !left.is_empty() {
                hmac_in_turn(messages, &tails, left, tags);
            }
        }

        /// The next messages of `order` that fill the lanes, or are all that is
        /// left, where they have the same number of blocks.
        #[inline]
        #[target_feature(enable = $features)]
        fn of_one_length<'o, M: HmacMessage, const W: usize>(
            messages: &[M],
            tails: &Tails<W>,
            order: &'o [u8],
        ) -> Option<&'o [u8]> {
            let group = &order[..order.len().min(LANES)];
            let mut blocks = group.iter().map(|n| messages[usize::from(*n)].blocks());
            let first = blocks.next()?;
            let equal = tails.are_of_one_length() || blocks.all(|blocks| blocks == first);
            (group.len() >= WORTH_IT && equal).then_some(group)
        }

        /// The tags of messages that have the same number of blocks, a lane each;
        /// a lane without a message does the first one's again.
        #[inline]
        #[target_feature(enable = $features)]
        fn hmac_side_by_side<M: HmacMessage, const W: usize>(
            messages: &[M],
            tails: &Tails<W>,
            group: &[u8],
            tags: &mut [[u8; HMAC_SHA1_LEN]; W],
        ) {
            let first = &messages[usize::from(group[0])];
            let mut inner = [&first.key().inner; LANES];
            let mut outer = [&first.key().outer; LANES];
            let mut bodies = [first.body(); LANES];
            let mut tail_blocks = [tails.get(usize::from(group[0])); LANES];
            let mut shortest = first.body().len();
            for (lane, position) in group.iter().enumerate() {
                let message = &messages[usize::from(*position)];
                inner[lane] = &message.key().inner;
                outer[lane] = &message.key().outer;
                bodies[lane] = message.body();
                tail_blocks[lane] = tails.get(usize::from(*position));
                shortest = shortest.min(message.body().len());
            }
            let mut states = load_states(&inner);
            compress(&mut states, &bodies, shortest);
            // Of as many blocks, one may be the body's last or the tail's first.
            if bodies.iter().any(|body| body.len() > shortest) {
                for (body, tail) in bodies.iter_mut().zip(&mut tail_blocks) {
                    *body = match body.split_at(shortest).1 {
                        [] => {
                            let first;
                            (first, *tail) = tail.split_at(1);
                            first
                        }
                        rest => rest,
                    };
                }
                compress(&mut states, &bodies, 1);
            }
            compress(&mut states, &tail_blocks, tail_blocks[0].len());
            let hashes = outer_hashes(&outer, &states);
            put_tags(&hashes, group.iter().copied(), tags);
        }

        /// The tags of messages of different lengths, in this order: whenever a
        /// lane's message ends, the next one takes its place.
        #[inline(never)]
        #[target_feature(enable = $features)]
        fn hmac_in_turn<M: HmacMessage, const W: usize>(
            messages: &[M],
            tails: &Tails<W>,
            order: &[u8],
            tags: &mut [[u8; HMAC_SHA1_LEN]; W],
        ) {
            let mut digests = Digests::<W>::NONE;
            let mut lanes = Lanes::<M, W, LANES>::start(messages, tails, order);
            let mut states = inner_states(&lanes);
            while let Some(run) = lanes.run() {
                if lanes.none_waits() && lanes.active().count_ones() <= few::AT_MOST {
                    few::finish(lanes, &words_of(&states), &mut digests);
                    break;
                }
                compress(&mut states, lanes.segments(), run);
                let finished = lanes.advance(run);
                if finished == ALL {
                    // Straight on from the registers.
                    let mut keys = [lanes.outer(0); LANES];
                    for (lane, key) in keys.iter_mut().enumerate() {
                        *key = lanes.outer(lane);
                    }
                    let outer = outer_hashes(&keys, &states);
                    put_tags(&outer, (0..LANES).map(|lane| lanes.position(lane)), tags);
                    if lanes.refill(finished) != 0 {
                        states = inner_states(&lanes);
                    }
                } else if finished != 0 {
                    let places = digests.push_all(bits(finished).map(|lane| lanes.position(lane)));
                    put_lanes(places, &states, finished);
                    for lane in bits(lanes.refill(finished)) {
                        set_lane(&mut states, lane, lanes.inner(lane));
                    }
                }
            }
            for (group, positions) in digests.positions().chunks(LANES).enumerate() {
                if positions.len() <= few::AT_MOST as usize {
                    few::outer_tags(messages, &digests, group * LANES, tags);
                    return;
                }
                let mut inner = [splat(0); 5];
                for (word, inner) in inner.iter_mut().enumerate() {
                    *inner = load(digests.column(word, group * LANES));
                }
                let mut keys = [&messages[0].key().outer; LANES];
                for (key, position) in keys.iter_mut().zip(positions) {
                    *key = &messages[usize::from(*position)].key().outer;
                }
                let outer = outer_hashes(&keys, &inner);
                put_tags(&outer, positions.iter().copied(), tags);
            }
        }

        const ALL: u32 = u32::MAX >> (32 - LANES);

        #[inline]
        #[target_feature(enable = $features)]
        fn inner_states<M: HmacMessage, const W: usize>(
            lanes: &Lanes<'_, M, W, LANES>,
        ) -> [Vector; 5] {
            let mut keys = [lanes.inner(0); LANES];
            for (lane, key) in keys.iter_mut().enumerate() {
                *key = lanes.inner(lane);
            }
            load_states(&keys)
        }

        /// Takes the lanes over the first `run` blocks of their segments.
        #[target_feature(enable = $features)]
        fn compress(states: &mut [Vector; 5], segments: &[&[Block]; LANES], run: usize) {
            let mut starts = [core::ptr::null(); LANES];
            for (start, segment) in starts.iter_mut().zip(segments) {
                *start = segment[..run].as_ptr();
            }
            let mut vectors = *states;
            for index in 0..run {
                // SAFETY: `index` is below `run`, and every segment was found
                // to have that many blocks.
                let mut w = unsafe { columns(&starts, index) };
                sha1_rounds!(vectors, w);
            }
            *states = vectors;
        }

        /// The outer hashes over the inner ones.
        #[inline]
        #[target_feature(enable = $features)]
        fn outer_hashes(keys: &[&PaddedState; LANES], inner: &[Vector; 5]) -> [Vector; 5] {
            let mut w = [splat(0); 16];
            w[..5].copy_from_slice(inner);
            w[5] = splat(0x8000_0000);
            w[15] = splat(const { bit_len(HMAC_SHA1_LEN) as u32 });
            let mut states = load_states(keys);
            sha1_rounds!(states, w);
            states
        }

        /// The lanes' hashes as tags at their positions.
        #[inline]
        #[target_feature(enable = $features)]
        fn put_tags<const W: usize>(
            states: &[Vector; 5],
            positions: impl Iterator<Item = u8>,
            tags: &mut [[u8; HMAC_SHA1_LEN]; W],
        ) {
            let words = words_of(states);
            for (lane, position) in positions.enumerate() {
                let tag = &mut tags[usize::from(position)];
                for (octets, words) in tag.as_chunks_mut().0.iter_mut().zip(&words) {
                    *octets = words[lane].to_be_bytes();
                }
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn words_of(states: &[Vector; 5]) -> [[u32; LANES]; 5] {
            let mut words = [[0; LANES]; 5];
            for (words, state) in words.iter_mut().zip(states) {
                store(words, *state);
            }
            words
        }
    };
}
