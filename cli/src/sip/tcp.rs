//! SIP over TCP: messages put together from segments.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::message;

/// Connections that are followed, each one way.
const MAX_FLOWS: usize = 1_024;

/// The longest message, in octets.
const MAX_MESSAGE_LEN: usize = 65_536;

/// What has come of messages that are not whole yet.
#[derive(Debug, Default)]
pub(super) struct Flows {
    flows: HashMap<(SocketAddr, SocketAddr), Flow>,
}

#[derive(Debug)]
struct Flow {
    next: u32,
    octets: Vec<u8>,
}

impl Flows {
    /// Takes a segment, and hands over the messages that are whole now.
    ///
    /// Segments count in order only; behind a gap the next one that begins as
    /// a message does is a new beginning.
    pub(super) fn segment(
        &mut self,
        way: (SocketAddr, SocketAddr),
        sequence_number: u32,
        payload: &[u8],
        mut whole: impl FnMut(&[u8]),
    ) {
        if payload.is_empty() {
            return;
        }
        let next = sequence_number.wrapping_add(payload.len() as u32);
        match self.flows.get_mut(&way) {
            Some(flow) if flow.next == sequence_number => {
                flow.octets.extend_from_slice(payload);
                flow.next = next;
            }
            // Sent again; the other half of the circle is the past.
            Some(flow) if sequence_number.wrapping_sub(flow.next) >> 31 == 1 => return,
            Some(_) | None if !message::begins_as_sip(payload) => {
                self.flows.remove(&way);
                return;
            }
            _ => {
                if self.flows.len() >= MAX_FLOWS {
                    self.flows.clear();
                }
                let octets = payload.to_vec();
                self.flows.insert(way, Flow { next, octets });
            }
        }
        let Some(flow) = self.flows.get_mut(&way) else {
            return;
        };
        loop {
            // Line ends between messages keep the connection open.
            let fillers = flow
                .octets
                .iter()
                .take_while(|&&octet| matches!(octet, b'\r' | b'\n'));
            let fillers = fillers.count();
            flow.octets.drain(..fillers);
            match message::len_of(&flow.octets) {
                Some(len) if len <= flow.octets.len() => {
                    whole(&flow.octets[..len]);
                    flow.octets.drain(..len);
                }
                Some(len) if len > MAX_MESSAGE_LEN => break,
                None if flow.octets.len() > MAX_MESSAGE_LEN => break,
                _ => {
                    if flow.octets.is_empty() {
                        // Nothing is waited for but the next segment.
                        flow.octets.shrink_to_fit();
                    }
                    return;
                }
            }
        }
        self.flows.remove(&way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(segments: &[(u32, &str)]) -> Vec<String> {
        let way = (
            "192.0.2.1:5060".parse().unwrap(),
            "192.0.2.2:5060".parse().unwrap(),
        );
        let mut flows = Flows::default();
        let mut found = Vec::new();
        for (sequence_number, payload) in segments {
            flows.segment(way, *sequence_number, payload.as_bytes(), |message| {
                found.push(String::from_utf8(message.to_vec()).unwrap());
            });
        }
        found
    }

    const MESSAGE: &str = "SIP/2.0 200 OK\r\nl: 3\r\n\r\nabc";

    #[test]
    fn messages_are_put_together_however_they_were_cut() {
        let stream = format!("{MESSAGE}\r\n\r\n{MESSAGE}");
        for cut in 15..stream.len() {
            let (first, second) = stream.split_at(cut);
            let begin = u32::MAX - 5;
            let behind = begin.wrapping_add(cut as u32);
            let segments = [(begin, first), (begin, first), (behind, second)];
            assert_eq!(whole(&segments), [MESSAGE, MESSAGE], "{cut}");
        }
    }

    #[test]
    fn behind_a_gap_the_next_message_is_found() {
        let found = whole(&[(0, &MESSAGE[..20]), (100, "middle"), (200, MESSAGE)]);
        assert_eq!(found, [MESSAGE]);
    }

    #[test]
    fn a_message_that_never_ends_is_let_go() {
        let long = "x".repeat(1_000);
        let mut segments = vec![(0, "SIP/2.0 200 OK\r\n")];
        segments.extend((0..100).map(|number| (16 + number * 1_000, long.as_str())));
        let behind = 16 + 100_000;
        segments.push((behind, MESSAGE));
        assert_eq!(whole(&segments), [MESSAGE]);
    }
}
