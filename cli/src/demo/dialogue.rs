//! What one side says, and whether exactly that is heard on the other.

use std::collections::HashMap;
use std::time::Duration;

use crate::leg_driver::Happening;
use crate::rtp::RtpView;
use crate::session::Observer;
use crate::speech::SpeechPacket;

/// Differences that are put into words; the others are counted.
const MAX_WORDS: usize = 10;

/// Compares what is heard with what is said, packet by packet.
#[derive(Debug)]
pub struct Listener {
    said: Vec<Vec<u8>>,
    place: HashMap<(u32, u16), usize>,
    is_heard: Vec<bool>,
    differences: u64,
    words: Vec<String>,
}

impl Listener {
    /// A listener to somebody who says `speech`.
    pub fn new(speech: &[SpeechPacket]) -> Self {
        let said: Vec<Vec<u8>> = speech.iter().map(|packet| packet.packet.clone()).collect();
        let place = said
            .iter()
            .enumerate()
            .filter_map(|(index, packet)| {
                let rtp = RtpView::parse(packet)?;
                Some(((rtp.ssrc, rtp.sequence_number), index))
            })
            .collect();
        Self {
            is_heard: vec![false; said.len()],
            said,
            place,
            differences: 0,
            words: Vec::new(),
        }
    }

    /// Takes a packet that was heard.
    pub fn hear(&mut self, packet: &[u8]) {
        let Some(rtp) = RtpView::parse(packet) else {
            return self.differs("a packet that is no RTP was delivered".to_owned());
        };
        let name = format!("packet {} of {:08x}", rtp.sequence_number, rtp.ssrc);
        let Some(&index) = self.place.get(&(rtp.ssrc, rtp.sequence_number)) else {
            return self.differs(format!("{name} was delivered, which nobody said"));
        };
        if self.said[index] != packet {
            return self.differs(format!("{name} was delivered with other octets"));
        }
        if std::mem::replace(&mut self.is_heard[index], true) {
            self.differs(format!("{name} was delivered twice"));
        }
    }

    /// Packets that were said and not heard.
    pub fn missing(&self) -> u64 {
        self.is_heard.iter().filter(|heard| !**heard).count() as u64
    }

    /// Packets that were heard and must not have been.
    pub fn differences(&self) -> u64 {
        self.differences
    }

    /// The first differences in words.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    fn differs(&mut self, words: String) {
        self.differences += 1;
        if self.words.len() < MAX_WORDS {
            self.words.push(words);
        }
    }
}

impl Observer for Listener {
    fn happened(&mut self, _: Duration, happening: &Happening) {
        if let Happening::Rtp { packet } = happening {
            self.hear(packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::{Codec, Speaker, embedded};

    #[test]
    fn exactly_what_was_said_is_no_difference() {
        let speech = embedded(Speaker::Alice, &[Codec::Pcmu]).unwrap();
        let mut listener = Listener::new(&speech);
        for packet in speech.iter().rev() {
            listener.hear(&packet.packet);
        }
        assert_eq!((listener.missing(), listener.differences()), (0, 0));
    }

    #[test]
    fn every_difference_is_found() {
        let speech = embedded(Speaker::Alice, &[Codec::Pcmu]).unwrap();
        let mut listener = Listener::new(&speech);
        listener.hear(b"no RTP");
        let mut packet = speech[0].packet.clone();
        listener.hear(&packet);
        listener.hear(&packet);
        *packet.last_mut().unwrap() ^= 1;
        listener.hear(&packet);
        packet[8] ^= 1;
        listener.hear(&packet);
        assert_eq!(listener.differences(), 4);
        assert_eq!(listener.missing(), speech.len() as u64 - 1);
    }
}
