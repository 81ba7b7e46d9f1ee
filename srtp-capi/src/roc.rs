//! What a ROC that was set comes to when the next packet is there.

/// Where a ROC that was set, with the packet's sequence number, leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// So far behind the newest packet that the stream's indexes would go back.
    Behind,
    /// As far as the packet would have led to by itself.
    Same,
    /// Further ahead than a sequence number tells.
    Ahead,
}

/// Half of the sequence numbers: what RFC 3711 §3.3.1 tells apart by itself.
const HALF: u64 = 1 << 15;

/// Judges a ROC that was set against the newest index, 0 before the first.
pub(crate) fn judge(newest: Option<u64>, roc: u32, seq: u16) -> Pending {
    let index = u64::from(roc) << 16 | u64::from(seq);
    let newest = newest.unwrap_or(0);
    match index.abs_diff(newest) {
        0..=HALF => Pending::Same,
        _ if index > newest => Pending::Ahead,
        _ => Pending::Behind,
    }
}

/// The ROC of a packet with this sequence number, as four octets (RFC 3711
/// §3.3.1 and appendix A).
pub(crate) fn estimate(newest: Option<u64>, pending: Option<u32>, seq: u16) -> [u8; 4] {
    let newest = newest.unwrap_or(0);
    if let Some(roc) = pending
        && judge(Some(newest), roc, seq) == Pending::Ahead
    {
        return roc.to_be_bytes();
    }
    let (roc, newest_seq) = ((newest >> 16) as u32, (newest & 0xffff) as u16);
    let (seq, newest_seq) = (i32::from(seq), i32::from(newest_seq));
    let half = HALF as i32;
    let roc = if newest_seq < half {
        if seq - newest_seq > half {
            roc.saturating_sub(1)
        } else {
            roc
        }
    } else if newest_seq - half > seq {
        roc.wrapping_add(1)
    } else {
        roc
    };
    roc.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roc_further_than_half_the_numbers_away_is_ahead_or_behind() {
        assert_eq!(judge(None, 1, 0), Pending::Ahead);
        assert_eq!(judge(Some(0xfff0), 1, 5), Pending::Same);
        assert_eq!(judge(Some(0x5_0000), 3, 0xffff), Pending::Behind);
        assert_eq!(judge(Some(0x5_0000), 5, 0x8000), Pending::Same);
        assert_eq!(judge(Some(0x5_0000), 5, 0x8001), Pending::Ahead);
    }

    #[test]
    fn sequence_numbers_lead_to_the_nearest_roc() {
        let roc = |newest, seq| u32::from_be_bytes(estimate(Some(newest), None, seq));
        assert_eq!(roc(0xfff0, 5), 1);
        assert_eq!(roc(0x1_0005, 0xfff0), 0);
        assert_eq!(roc(0x5, 0xfff0), 0);
        assert_eq!(roc(0x2_8000, 0), 2);
        assert_eq!(u32::from_be_bytes(estimate(None, Some(9), 1)), 9);
    }
}
