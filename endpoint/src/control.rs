//! The call's RTCP once it is secured: reports, their schedule, BYE.

use core::time::Duration;
use std::collections::BTreeMap;

use callseal_rtcp_ext::{
    Bandwidth, Builder, Due, NtpTime, Packet, Population, Reception, ReportBlock, Schedule,
    SenderInfo, round_trip,
};

use crate::media::Place;
use crate::rtp::RtpHeader;
use crate::{Report, Statistics, StreamReceived, StreamSent};

/// The least time between two reports on average (RFC 3550 §6.2).
const MINIMUM_INTERVAL: Duration = Duration::from_secs(5);

/// What an SRTCP report adds below itself: UDP and IPv4 headers (RFC 3550
/// §6.2 counts them), index, MKI and tag.
const OVERHEAD_LEN: usize = 28 + 4 + 1 + 10;

/// The RTP clock where no payload type says otherwise, in hertz.
const DEFAULT_CLOCK_RATE: u32 = 8_000;

/// Sources of which reception is kept. The peer is authenticated, and still
/// bounded.
const MAX_SOURCES: usize = 256;

/// Streams, counters and reports of one call.
pub(crate) struct Control {
    cname: String,
    /// Reports come from this SSRC as long as nothing was sent.
    listener_ssrc: u32,
    clock_rates: BTreeMap<u8, u32>,
    bandwidth: Bandwidth,
    schedule: Option<Schedule>,
    started: Duration,
    local: BTreeMap<u32, Local>,
    remote: BTreeMap<u32, Remote>,
    newest_rtcp: BTreeMap<u32, Place>,
    draws: u64,
    counters: Statistics,
}

struct Local {
    packets: u64,
    octets: u64,
    clock_rate: u32,
    last_timestamp: u32,
    last_sent: Duration,
}

struct Remote {
    reception: Reception,
    packets: u64,
    octets: u64,
    newest: Place,
    last_heard: Duration,
}

impl Control {
    pub(crate) fn new(
        now: Duration,
        listener_ssrc: u32,
        cname: String,
        session_bandwidth: u32,
        seed: u64,
        clock_rates: BTreeMap<u8, u32>,
    ) -> Self {
        Self {
            cname,
            listener_ssrc,
            clock_rates,
            bandwidth: Bandwidth::of_session(session_bandwidth),
            schedule: None,
            started: now,
            local: BTreeMap::new(),
            remote: BTreeMap::new(),
            newest_rtcp: BTreeMap::new(),
            draws: seed,
            counters: Statistics::default(),
        }
    }

    /// The call is secured: reports begin.
    pub(crate) fn start(&mut self, now: Duration) {
        if self.schedule.is_none() {
            let random = self.draw();
            let first_len = self.report_len();
            self.schedule = Some(Schedule::new(
                now,
                self.bandwidth,
                MINIMUM_INTERVAL,
                first_len,
                random,
            ));
        }
    }

    pub(crate) fn rtp_sent(&mut self, now: Duration, header: &RtpHeader) {
        let clock_rate = self.clock_rate(header.payload_type);
        let local = self.local.entry(header.ssrc).or_insert(Local {
            packets: 0,
            octets: 0,
            clock_rate,
            last_timestamp: 0,
            last_sent: now,
        });
        local.packets = local.packets.saturating_add(1);
        local.octets = local.octets.saturating_add(header.payload_len as u64);
        local.clock_rate = clock_rate;
        local.last_timestamp = header.timestamp;
        local.last_sent = now;
        self.count_members(now);
    }

    /// Counts an authenticated packet. True if it is the newest of its
    /// stream, so that its source address is the peer's latest.
    pub(crate) fn rtp_received(&mut self, now: Duration, header: &RtpHeader, place: Place) -> bool {
        let clock_rate = self.clock_rate(header.payload_type);
        if !self.remote.contains_key(&header.ssrc) && self.remote.len() >= MAX_SOURCES {
            return false;
        }
        let known = self.remote.len();
        let remote = self.remote.entry(header.ssrc).or_insert_with(|| Remote {
            reception: Reception::authenticated(header.ssrc, clock_rate, header.sequence_number),
            packets: 0,
            octets: 0,
            newest: place,
            last_heard: now,
        });
        remote
            .reception
            .rtp(now, header.sequence_number, header.timestamp);
        let newest = remote.packets == 0 || place > remote.newest;
        remote.newest = remote.newest.max(place);
        remote.packets = remote.packets.saturating_add(1);
        remote.octets = remote.octets.saturating_add(header.payload_len as u64);
        remote.last_heard = now;
        if self.remote.len() != known {
            self.count_members(now);
        }
        newest
    }

    /// Counts an authenticated SRTCP packet of `len` octets. True if it is
    /// the newest of its sender: each SSRC counts its own.
    pub(crate) fn rtcp_received(&mut self, ssrc: u32, place: Place, len: usize) -> bool {
        if let Some(schedule) = &mut self.schedule {
            schedule.received(len.saturating_add(OVERHEAD_LEN));
        }
        if !self.newest_rtcp.contains_key(&ssrc) && self.newest_rtcp.len() >= MAX_SOURCES {
            return false;
        }
        let before = self.newest_rtcp.insert(ssrc, place);
        let newest = before.is_none_or(|before| place > before);
        if let Some(before) = before.filter(|_| !newest) {
            self.newest_rtcp.insert(ssrc, before);
        }
        newest
    }

    /// Takes an authenticated report; gives back what it says of our
    /// streams.
    pub(crate) fn report_received(&mut self, now: Duration, packet: &Packet<'_>) -> Vec<Report> {
        let blocks = match packet {
            Packet::SenderReport(report) => {
                if let Some(remote) = self.remote.get_mut(&report.ssrc) {
                    remote.reception.sender_report(now, report);
                }
                report.blocks.iter().collect::<Vec<_>>()
            }
            Packet::ReceiverReport(report) => report.blocks.iter().collect(),
            _ => return Vec::new(),
        };
        let arrival = self.wall_clock(now).middle();
        let mut reports = Vec::new();
        for block in blocks {
            if !self.local.contains_key(&block.ssrc) {
                continue;
            }
            let round_trip = round_trip(arrival, block.last_sr, block.delay_since_last_sr);
            if round_trip.is_some() {
                self.counters.round_trip = round_trip;
            }
            reports.push(Report {
                ssrc: block.ssrc,
                fraction_lost: block.fraction_lost,
                cumulative_lost: block.cumulative_lost,
                jitter: block.jitter,
                round_trip,
            });
        }
        reports
    }

    pub(crate) fn rejected(&mut self) {
        self.counters.rejected = self.counters.rejected.saturating_add(1);
    }

    pub(crate) fn replayed(&mut self) {
        self.counters.replayed = self.counters.replayed.saturating_add(1);
    }

    pub(crate) fn ignored(&mut self) {
        self.counters.ignored = self.counters.ignored.saturating_add(1);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.schedule.as_ref()?.poll_timeout()
    }

    /// The datagrams in clear that are due now; to be protected before they
    /// are sent.
    pub(crate) fn handle_timeout(&mut self, now: Duration) -> Vec<Vec<u8>> {
        self.count_members(now);
        let random = self.draw();
        let due = self
            .schedule
            .as_mut()
            .map_or(Due::Nothing, |schedule| schedule.due(now, random));
        if due != Due::Report {
            return Vec::new();
        }
        self.report(now)
    }

    /// A report in clear, out of its turn; to be protected before it is sent.
    pub(crate) fn report(&mut self, now: Duration) -> Vec<Vec<u8>> {
        let reports = self.reports(now);
        let len = reports.iter().map(Builder::len).sum::<usize>();
        let random = self.draw();
        if let Some(schedule) = &mut self.schedule {
            schedule.sent(now, len.saturating_add(OVERHEAD_LEN), random);
        }
        reports.into_iter().map(Builder::finish).collect()
    }

    /// The last words in clear: a report and a BYE for all our streams.
    ///
    /// A call has few members, so the BYE goes out at once (RFC 3550
    /// §6.3.7).
    pub(crate) fn bye(&mut self, now: Duration, reason: &str) -> Option<Vec<u8>> {
        let mut ssrcs: Vec<u32> = self.local.keys().copied().take(31).collect();
        if ssrcs.is_empty() {
            ssrcs.push(self.listener_ssrc);
        }
        let reason: String = reason.chars().take(63).collect();
        let reason = (!reason.is_empty()).then_some(reason.as_str());
        self.reports(now)
            .into_iter()
            .next()?
            .bye(&ssrcs, reason)
            .ok()
            .map(Builder::finish)
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics {
            sent: self
                .local
                .iter()
                .map(|(&ssrc, local)| StreamSent {
                    ssrc,
                    packets: local.packets,
                    octets: local.octets,
                })
                .collect(),
            received: self
                .remote
                .iter()
                .map(|(&ssrc, remote)| StreamReceived {
                    ssrc,
                    packets: remote.packets,
                    octets: remote.octets,
                    lost: remote.reception.sequence().cumulative_lost(),
                    jitter: remote.reception.jitter(),
                })
                .collect(),
            ..self.counters.clone()
        }
    }

    /// One compound packet for each stream of ours, each with a sender
    /// report; the first carries the report blocks. A receiver report where
    /// nothing was sent for two intervals (RFC 3550 §6.4).
    fn reports(&mut self, now: Duration) -> Vec<Builder> {
        let blocks: Vec<ReportBlock> = self
            .remote
            .values_mut()
            .map(|remote| remote.reception.take_report(now))
            .collect();
        let wall_clock = self.wall_clock(now);
        let mut reports = Vec::new();
        let mut blocks = blocks.as_slice();
        for (&ssrc, local) in &self.local {
            if !local.is_sending(now) {
                continue;
            }
            let info = SenderInfo {
                ntp_timestamp: wall_clock,
                rtp_timestamp: local.timestamp_at(now),
                // Both count modulo 2^32 (RFC 3550 §6.4.1).
                packet_count: local.packets as u32,
                octet_count: local.octets as u32,
            };
            reports.extend(Builder::sender_report(ssrc, &info, blocks, &self.cname));
            blocks = &[];
        }
        if reports.is_empty() {
            let ssrc = self.local.keys().next().copied();
            let ssrc = ssrc.unwrap_or(self.listener_ssrc);
            reports.extend(Builder::receiver_report(ssrc, blocks, &self.cname));
        }
        reports
    }

    fn count_members(&mut self, now: Duration) {
        let sending = self
            .local
            .values()
            .filter(|local| local.is_sending(now))
            .count();
        let heard = self
            .remote
            .values()
            .filter(|remote| now.saturating_sub(remote.last_heard) < 2 * MINIMUM_INTERVAL)
            .count();
        let members = self.local.len().max(1) + self.remote.len().max(1);
        let population = Population {
            members: u32::try_from(members).unwrap_or(u32::MAX),
            senders: u32::try_from(sending + heard).unwrap_or(u32::MAX),
            we_send: sending > 0,
        };
        if let Some(schedule) = &mut self.schedule {
            schedule.set_population(now, population);
        }
    }

    fn clock_rate(&self, payload_type: u8) -> u32 {
        self.clock_rates
            .get(&payload_type)
            .copied()
            .unwrap_or(DEFAULT_CLOCK_RATE)
    }

    /// Time since the leg's start in place of a wall clock, as RFC 3550
    /// §6.4.1 allows: a leg has no clock of its own.
    fn wall_clock(&self, now: Duration) -> NtpTime {
        // Zero would mean that no sender report was received.
        NtpTime::from_unix(now.saturating_sub(self.started) + Duration::from_secs(1))
    }

    fn report_len(&self) -> usize {
        28 + 28 + 24 + OVERHEAD_LEN
    }

    /// SplitMix64; the spread of report times needs no secrecy.
    fn draw(&mut self) -> u32 {
        self.draws = self.draws.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.draws;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 32) as u32
    }
}

impl Local {
    /// RFC 3550 §6.4: a sender is who has sent since the last report but
    /// one.
    fn is_sending(&self, now: Duration) -> bool {
        self.packets > 0 && now.saturating_sub(self.last_sent) < 2 * MINIMUM_INTERVAL
    }

    /// The stream's timestamp at this moment, which a sender report pairs
    /// with the wall clock.
    fn timestamp_at(&self, now: Duration) -> u32 {
        let since = now.saturating_sub(self.last_sent).as_nanos();
        let units = since.saturating_mul(u128::from(self.clock_rate)) / 1_000_000_000;
        self.last_timestamp.wrapping_add(units as u32)
    }
}
