//! Offers and answers (RFC 3264, RFC 4568) put side by side: whose key is
//! whose.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use callseal_srtp::sdes::{CryptoAttribute, SdesFault};

use super::tcp::Flows;
use super::{Media, Message, Sdp};
use crate::capture::{Frame, tcp_in, udp_in};
use crate::replay::{KeySet, PayloadTypes, Suite};

/// Sets of keys that are found in a capture, at most.
const MAX_SETS: usize = 65_536;

/// Parties to a call: with forking there are more than two.
const MAX_PARTIES: usize = 16;

/// Keys of one media of one party, over time and as alternatives.
const MAX_KEYS: usize = 64;

/// The addresses of one media of one party, over time.
const MAX_ADDRESSES: usize = 64;

/// Lines that could not be read and are told, the first ones.
const MAX_UNREADABLE: usize = 10;

/// Looks for keys in SIP.
///
/// The key of an `a=crypto` line is the one that the line's sender sends with
/// (RFC 4568 §5.1.1): from the addresses of its own `m=` line, as a rule, and
/// in any case to those of the other parties' `m=` lines in the same place.
#[derive(Debug, Default)]
pub struct SdesFinder {
    calls: Vec<Call>,
    places: HashMap<String, usize>,
    sets: usize,
    flows: Flows,
    unreadable: Vec<Unreadable>,
    messages: u64,
}

/// An `a=crypto` line that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the SDP in packet {number}: a=crypto: {what}")]
pub struct Unreadable {
    /// The packet's number, counted from 1.
    pub number: u64,
    /// What is wrong with it, without any key.
    pub what: String,
}

#[derive(Debug, Default)]
struct Call {
    parties: Vec<Party>,
}

#[derive(Debug)]
struct Party {
    tag: String,
    user: String,
    media: Vec<PartyMedia>,
}

/// What a party has said of one `m=` line, over time.
#[derive(Debug, Default)]
struct PartyMedia {
    kind: String,
    addresses: Vec<SocketAddr>,
    keys: Vec<KeySet>,
    payload_types: PayloadTypes,
}

impl SdesFinder {
    /// Looks at a frame: SIP over UDP and over TCP.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        if let Ok(datagram) = udp_in(frame.link_type, frame.bytes) {
            self.datagram(frame.number, &frame.bytes[datagram.payload]);
        } else if let Some(segment) = tcp_in(frame.link_type, frame.bytes) {
            let mut flows = std::mem::take(&mut self.flows);
            let payload = &frame.bytes[segment.payload.clone()];
            let way = (segment.from, segment.to);
            flows.segment(way, segment.sequence_number, payload, |message| {
                self.datagram(frame.number, message);
            });
            self.flows = flows;
        }
    }

    /// Looks at a datagram; `number` is its packet's.
    pub fn datagram(&mut self, number: u64, octets: &[u8]) {
        let Some(message) = Message::parse(octets) else {
            return;
        };
        self.messages += 1;
        let sdp = Sdp::parse(message.body);
        if sdp.media.is_empty() {
            return;
        }
        let Some(place) = self.party(&message) else {
            return;
        };
        for (index, media) in sdp.media.iter().enumerate() {
            let mut found = Vec::new();
            for line in &media.crypto_lines {
                match attribute(line) {
                    Ok(set) => found.push(set),
                    Err(what) if self.unreadable.len() < MAX_UNREADABLE => {
                        self.unreadable.push(Unreadable { number, what });
                    }
                    Err(_) => {}
                }
            }
            let (call, party) = place;
            let Some(party) = self.calls[call].parties.get_mut(party) else {
                return;
            };
            party
                .media
                .resize_with(party.media.len().max(index + 1), Default::default);
            let room = MAX_SETS.saturating_sub(self.sets);
            self.sets += party.media[index].take(media, found, room);
        }
    }

    /// SIP messages that have been seen.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// The lines that could not be used, the first ones.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Keys that have been found.
    pub fn len(&self) -> usize {
        self.sets
    }

    /// Whether no key has been found.
    pub fn is_empty(&self) -> bool {
        self.sets == 0
    }

    /// The keys, each with whom it is for, in the order in which they were
    /// said.
    pub fn into_sets(self) -> Vec<KeySet> {
        let mut sets = Vec::with_capacity(self.sets);
        for call in self.calls {
            for (number, party) in call.parties.iter().enumerate() {
                for (index, media) in party.media.iter().enumerate() {
                    let others = call.parties.iter().enumerate();
                    let others = others.filter(|(other, _)| *other != number);
                    let others: Vec<_> = others
                        .filter_map(|(_, other)| other.media.get(index))
                        .collect();
                    sets.extend(media.sets(&party.user, &others));
                }
            }
        }
        sets
    }

    /// The place of the call, and in it of the party, that says a message.
    fn party(&mut self, message: &Message<'_>) -> Option<(usize, usize)> {
        let call = match self.places.get(message.call_id) {
            Some(&place) => place,
            None if self.calls.len() >= MAX_SETS => return None,
            None => {
                self.places
                    .insert(message.call_id.to_owned(), self.calls.len());
                self.calls.push(Call::default());
                self.calls.len() - 1
            }
        };
        let parties = &mut self.calls[call].parties;
        let known = parties.iter().position(|party| party.tag == message.party);
        match known {
            Some(party) => Some((call, party)),
            None if parties.len() == MAX_PARTIES => None,
            None => {
                parties.push(Party {
                    tag: message.party.to_owned(),
                    user: message.user.to_owned(),
                    media: Vec::new(),
                });
                Some((call, parties.len() - 1))
            }
        }
    }
}

impl PartyMedia {
    /// Takes in what is new, and says how many keys were.
    fn take(&mut self, media: &Media<'_>, found: Vec<KeySet>, room: usize) -> usize {
        self.kind = media.kind.to_owned();
        for address in &media.addresses {
            if !self.addresses.contains(address) && self.addresses.len() < MAX_ADDRESSES {
                self.addresses.push(*address);
            }
        }
        for (number, encoding) in &media.payload_types {
            self.payload_types.insert(*number, encoding.clone());
        }
        let before = self.keys.len();
        for set in found {
            // Said again, as with every repetition, a key goes on.
            let is_new = !self.keys.iter().any(|known| known.has_keys_of(&set));
            let has_room = self.keys.len() < MAX_KEYS && self.keys.len() - before < room;
            if is_new && has_room {
                self.keys.push(set);
            }
        }
        self.keys.len() - before
    }

    /// The keys, for what goes from here to the others.
    fn sets(&self, user: &str, others: &[&Self]) -> Vec<KeySet> {
        let mut to = Vec::new();
        let mut payload_types = self.payload_types.clone();
        for other in others {
            for address in &other.addresses {
                if !to.contains(address) {
                    to.push(*address);
                }
            }
            // A party names what it wants to be sent (RFC 3264 §5.1).
            payload_types.extend(other.payload_types.clone());
        }
        let payload_types = Arc::new(payload_types);
        let who = match user.is_empty() {
            true => self.kind.clone(),
            false => format!("{user} {}", self.kind),
        };
        let named = self.keys.iter().zip(1..).map(|(set, number)| {
            let mut set = set.clone();
            set.name = match self.keys.len() {
                1 => who.clone(),
                _ => format!("{who}, key {number}"),
            };
            set.from.clone_from(&self.addresses);
            set.to.clone_from(&to);
            set.payload_types = payload_types.clone();
            set
        });
        named.collect()
    }
}

/// The keys of a line, whose suite may have a name that is in use and not
/// registered.
fn attribute(line: &str) -> Result<KeySet, String> {
    let parsed = match CryptoAttribute::parse(line) {
        Err(error) if error.fault == SdesFault::Suite => {
            let mut words = line.splitn(3, ' ');
            let (tag, suite, rest) = (words.next(), words.next(), words.next());
            let (Some(tag), Some(suite), Some(rest)) = (tag, suite, rest) else {
                return Err(error.to_string());
            };
            let known: Suite = suite
                .parse()
                .map_err(|_| format!("the crypto-suite \"{suite}\" is not known"))?;
            CryptoAttribute::parse(&format!("{tag} {} {rest}", known.profile))
        }
        parsed => parsed,
    };
    let parsed = parsed.map_err(|error| error.to_string())?;
    let set = KeySet::of_sdes(&parsed);
    match set.receiver() {
        Ok(_) => Ok(set),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 4] = [
        "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR",
        "yk2DMuuWvaMreTnEqu+F7ValuxG3aZQ6GM8dZ6qC",
        "UPjhbZKe9B5vuQ+KgA3E/qApCX3m8TuPyvGP7I6N",
        "RvIsbODuCRikT31EGj4ZiMumoyLkKcZNVBrccxAB",
    ];

    fn message(start: &str, tags: (&str, &str), media: &[(u16, &str)]) -> String {
        let (from, to) = tags;
        let mut text = format!(
            "{start}\r\nFrom: <sip:alice@h>;tag={from}\r\nTo: <sip:bob@h>;tag={to}\r\n\
             Call-ID: c\r\n\r\nv=0\r\nc=IN IP4 192.0.2.1\r\n"
        );
        for (port, lines) in media {
            text.push_str(&format!("m=audio {port} RTP/SAVP 0\r\n{lines}"));
        }
        text
    }

    fn line(tag: u8, suite: &str, key: usize) -> String {
        format!("a=crypto:{tag} {suite} inline:{}\r\n", KEYS[key])
    }

    fn found(messages: &[String]) -> SdesFinder {
        let mut finder = SdesFinder::default();
        for (message, number) in messages.iter().zip(1..) {
            finder.datagram(number, message.as_bytes());
        }
        finder
    }

    const CM: &str = "AES_CM_128_HMAC_SHA1_80";

    #[test]
    fn a_key_goes_from_who_said_it_to_the_same_line_of_the_other() {
        let offer = [(4000, &*line(1, CM, 0)), (4002, &*line(1, CM, 1))];
        let answer = [(5000, &*line(1, CM, 2)), (5002, &*line(1, CM, 3))];
        let sets = found(&[
            message("INVITE sip:bob@h SIP/2.0", ("a", ""), &offer),
            message("SIP/2.0 200 OK", ("a", "b"), &answer),
        ])
        .into_sets();
        let shown: Vec<_> = sets
            .iter()
            .map(|set| (set.name.as_str(), set.from[0].port(), set.to[0].port()))
            .collect();
        assert_eq!(
            shown,
            [
                ("alice audio", 4000, 5000),
                ("alice audio", 4002, 5002),
                ("bob audio", 5000, 4000),
                ("bob audio", 5002, 4002),
            ]
        );
    }

    #[test]
    fn what_is_said_again_is_one_key_and_what_is_new_another() {
        let first = message(
            "INVITE sip:bob@h SIP/2.0",
            ("a", ""),
            &[(4000, &line(1, CM, 0))],
        );
        let again = message(
            "INVITE sip:bob@h SIP/2.0",
            ("a", "b"),
            &[(4100, &line(1, CM, 0))],
        );
        let rekeyed = message(
            "INVITE sip:bob@h SIP/2.0",
            ("a", "b"),
            &[(4100, &line(1, CM, 1))],
        );
        let sets = found(&[first.clone(), first, again, rekeyed]).into_sets();
        assert_eq!(sets.len(), 2);
        assert_eq!(sets[0].name, "alice audio, key 1");
        // A moved party is found by both addresses.
        let ports: Vec<_> = sets[0].from.iter().map(SocketAddr::port).collect();
        assert_eq!(ports, [4000, 4001, 4100, 4101]);
    }

    #[test]
    fn a_callees_own_reinvite_is_the_callees() {
        let sets = found(&[
            message("INVITE sip:bob@h SIP/2.0", ("a", ""), &[(4000, "")]),
            message("SIP/2.0 200 OK", ("a", "b"), &[(5000, "")]),
            message(
                "INVITE sip:alice@h SIP/2.0",
                ("b", "a"),
                &[(5000, &line(1, CM, 0))],
            ),
        ])
        .into_sets();
        assert_eq!(sets[0].from[0].port(), 5000);
        assert_eq!(sets[0].to[0].port(), 4000);
    }

    #[test]
    fn names_that_are_in_use_are_read_and_unknown_ones_told() {
        let key = format!("{}AAAAAAAAAAAAAAAAAAAAAA==", KEYS[0]);
        let lines = format!(
            "a=crypto:1 AES_CM_256_HMAC_SHA1_80 inline:{key}\r\na=crypto:2 ROT13 inline:{key}\r\n\
             a=crypto:3 {CM} inline:{key}\r\n"
        );
        let finder = found(&[message(
            "INVITE sip:b@h SIP/2.0",
            ("a", ""),
            &[(4000, &lines)],
        )]);
        assert_eq!(finder.len(), 1);
        let told: Vec<_> = finder
            .unreadable()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            told[0].contains("packet 1") && told[0].contains("ROT13"),
            "{told:?}"
        );
        assert!(told[1].contains("not as long"), "{told:?}");
        assert!(!told.join("").contains("AAAAAA"), "{told:?}");
    }

    #[test]
    fn a_flood_of_calls_is_bounded() {
        let mut finder = SdesFinder::default();
        let text = message("INVITE sip:b@h SIP/2.0", ("a", ""), &[(4000, "")]);
        for number in 0..70_000 {
            let text = text.replace("Call-ID: c", &format!("Call-ID: {number}"));
            finder.datagram(1, text.as_bytes());
        }
        assert_eq!(finder.calls.len(), MAX_SETS);
    }
}
