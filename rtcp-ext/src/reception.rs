//! One source as its receiver reports it.

use core::time::Duration;

use crate::{Arrival, Jitter, NtpShort, ReportBlock, SenderReport, Sequence};

/// What a receiver keeps of one source between two reports, and the report
/// block it becomes (RFC 3550 §6.4.1).
///
/// ```
/// use core::time::Duration;
/// use callseal_rtcp_ext::Reception;
///
/// let mut reception = Reception::authenticated(0xcafe, 8_000, 1);
/// for number in [1, 2, 4_u16] {
///     let now = Duration::from_millis(20) * u32::from(number);
///     reception.rtp(now, number, u32::from(number) * 160);
/// }
/// let block = reception.take_report(Duration::from_secs(1));
/// assert_eq!((block.fraction_lost, block.cumulative_lost, block.jitter), (64, 1, 0));
/// ```
#[derive(Clone, Debug)]
pub struct Reception {
    ssrc: u32,
    clock_rate: u32,
    sequence: Sequence,
    jitter: Jitter,
    last_sr: Option<(NtpShort, Duration)>,
}

impl Reception {
    /// A source whose packets are authenticated; `first` is the first
    /// sequence number seen, `clock_rate` its RTP clock's, in hertz.
    pub fn authenticated(ssrc: u32, clock_rate: u32, first: u16) -> Self {
        Self {
            ssrc,
            clock_rate,
            sequence: Sequence::authenticated(first),
            jitter: Jitter::new(),
            last_sr: None,
        }
    }

    /// An RTP packet has arrived.
    pub fn rtp(&mut self, now: Duration, sequence_number: u16, timestamp: u32) -> Arrival {
        let arrival = self.sequence.update(sequence_number);
        if arrival == Arrival::Counted {
            self.jitter
                .update(Jitter::arrival_units(now, self.clock_rate), timestamp);
        }
        arrival
    }

    /// A sender report of the source has arrived.
    pub fn sender_report(&mut self, now: Duration, report: &SenderReport<'_>) {
        self.last_sr = Some((report.info.ntp_timestamp.middle(), now));
    }

    /// The block for a report sent now; its fraction lost is of the time
    /// since the last one taken.
    pub fn take_report(&mut self, now: Duration) -> ReportBlock {
        let (last_sr, delay_since_last_sr) = match self.last_sr {
            Some((middle, at)) => (middle, NtpShort::from_duration(now.saturating_sub(at))),
            None => Default::default(),
        };
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: self.sequence.take_fraction_lost(),
            cumulative_lost: self.sequence.cumulative_lost(),
            extended_highest_sequence: self.sequence.extended_highest(),
            jitter: self.jitter.value(),
            last_sr,
            delay_since_last_sr,
        }
    }

    /// The source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What is known of its sequence numbers.
    pub fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// Interarrival jitter, in units of the RTP clock.
    pub fn jitter(&self) -> u32 {
        self.jitter.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, NtpTime, Packet, SenderInfo, SizeRule, parse, round_trip};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn before_a_sender_report_nothing_is_said_about_one() {
        let block = Reception::authenticated(7, 8_000, 1).take_report(90 * MS);
        assert_eq!(block.last_sr, NtpShort::default());
        assert_eq!(block.delay_since_last_sr, NtpShort::default());
    }

    #[test]
    fn a_report_and_its_answer_give_the_round_trip() {
        // The sender's wall clock and the receiver's have nothing in common.
        let wall = Duration::from_secs(1_790_000_000);
        let info = SenderInfo {
            ntp_timestamp: NtpTime::from_unix(wall),
            ..SenderInfo::default()
        };
        let datagram = Builder::sender_report(7, &info, &[], "LPvhGs9EtQ1yzJnV")
            .unwrap()
            .finish();
        let mut reception = Reception::authenticated(7, 8_000, 1);
        let there = 5_000 * MS;
        for packet in &parse(&datagram, SizeRule::Compound).unwrap() {
            if let Packet::SenderReport(report) = packet {
                reception.sender_report(there, &report);
            }
        }
        let block = reception.take_report(there + 700 * MS);
        let arrival = NtpTime::from_unix(wall + (60 + 700 + 60) * MS).middle();
        let found = round_trip(arrival, block.last_sr, block.delay_since_last_sr);
        assert!(found.unwrap().abs_diff(120 * MS) < MS);
    }

    #[test]
    fn a_stray_packet_moves_no_jitter() {
        let mut reception = Reception::authenticated(7, 8_000, 1);
        reception.rtp(20 * MS, 1, 160);
        reception.rtp(40 * MS, 2, 320);
        assert_eq!(reception.rtp(60 * MS, 30_000, 99_999), Arrival::Jumped);
        assert_eq!(reception.rtp(60 * MS, 3, 480), Arrival::Counted);
        assert_eq!(reception.jitter(), 0);
    }
}
