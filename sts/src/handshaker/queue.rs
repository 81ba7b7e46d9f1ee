//! What waits to be polled.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;

use super::event::{Event, SessionHandle, Transmit};
use crate::carriage::{COOKIE_LEN, message_tag};
use crate::messages::MessageKind;

/// Messages and events that nobody has polled yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

/// A message that can be sent many times.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) kind: MessageKind,
    pub(super) message: Arc<[u8]>,
    tag: u32,
}

// Where nobody polls, more is lost as it would be on the wire.
const MAX_TRANSMITS: usize = 1_024;
const MAX_TIMELINE: usize = 1_024;

impl Flight {
    pub(super) fn new(kind: MessageKind, message: Vec<u8>) -> Self {
        Self {
            kind,
            tag: message_tag(&message),
            message: message.into(),
        }
    }
}

impl Queue {
    /// Sends a message of a session.
    pub(super) fn send(
        &mut self,
        session: SessionHandle,
        to: SocketAddr,
        flight: &Flight,
        cookie: Option<[u8; COOKIE_LEN]>,
        repeated: bool,
    ) {
        self.send_alone(to, flight, cookie);
        self.tell(Event::MessageSent {
            session,
            kind: flight.kind,
            repeated,
        });
    }

    /// Sends a message that belongs to no session.
    pub(super) fn send_alone(
        &mut self,
        to: SocketAddr,
        flight: &Flight,
        cookie: Option<[u8; COOKIE_LEN]>,
    ) {
        if self.transmits.len() < MAX_TRANSMITS {
            self.transmits.push_back(Transmit {
                to,
                message: Arc::clone(&flight.message),
                message_tag: flight.tag,
                cookie,
            });
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        let for_the_timeline = matches!(
            event,
            Event::MessageSent { .. }
                | Event::MessageAccepted { .. }
                | Event::MessageIgnored { .. }
                | Event::Abandoned { .. }
        );
        if !for_the_timeline || self.events.len() < MAX_TIMELINE {
            self.events.push_back(event);
        }
    }

    pub(super) fn next_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.transmits.len() + self.events.len()
    }
}
