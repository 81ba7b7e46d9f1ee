//! One phone's connection: the agreement, the channel, the requests in it.

use core::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Agreement, Shared, lock};
use crate::frames;
use crate::messages::Kind;
use crate::requests::{Clear, Fund, Refusal, Reply, Request, Wait};
use crate::service::places::Place;
use crate::{Agreed, Channel, TokenBook as _};

/// Who is at the other end of a channel.
#[derive(Clone, Copy)]
struct Phone {
    token: [u8; 32],
    number: crate::Number,
}

impl Shared {
    /// One connection, from message 1 to its end. What goes wrong concerns
    /// this phone alone.
    pub(super) async fn converse(
        self: Arc<Self>,
        mut stream: TcpStream,
        place: Place,
    ) -> Option<()> {
        let place = Arc::new(place);
        let _ = stream.set_nodelay(true);
        let agreed = self.agree(&mut stream, &place).await?;
        let (token, patience) = (agreed.token, self.bounds.patience);
        let now = self.now().elapsed;
        let number = agreed.claims.number;
        let channel = Channel::accept(stream, agreed.psk, now, patience).await;
        let mut channel = match channel {
            Ok(channel) => channel,
            Err(error) => {
                tracing::info!(%token, "no channel: {error}");
                return None;
            }
        };
        tracing::info!(%token, ?number, "a phone is connected");
        let phone = Phone {
            token: token.0,
            number,
        };
        while let Ok(Ok(Some(request))) = timeout(self.bounds.idle, channel.receive()).await {
            let reply = Arc::clone(&self).answer(&phone, &request).await;
            timeout(patience, channel.send(&reply.to_bytes()))
                .await
                .ok()?
                .ok()?;
        }
        timeout(patience, channel.close()).await.ok()
    }

    async fn agree(self: &Arc<Self>, stream: &mut TcpStream, place: &Arc<Place>) -> Option<Agreed> {
        let message_1 = self.next(stream, Kind::M1.len()).await?;
        // Anybody can send something to compute on: it waits here, where it
        // ends with its connection.
        let reading = Arc::clone(&self.reading).acquire_owned().await.ok()?;
        let shared = Arc::clone(self);
        let message_2 = tokio::task::spawn_blocking(move || {
            let _reading = reading;
            let now = shared.now();
            let mut agreement = lock(&shared.agreement);
            let Agreement { responder, random } = &mut *agreement;
            responder.receive_message_1(&message_1, now, &shared.store, random.as_mut())
        });
        let message_2 = match message_2.await.ok()? {
            Ok(message_2) => message_2,
            Err(error) => {
                tracing::info!("message 1 is refused: {error}");
                self.refuse(stream, (&error).into()).await;
                return None;
            }
        };
        let patience = self.bounds.patience;
        timeout(patience, frames::send(stream, &message_2))
            .await
            .ok()?
            .ok()?;
        let message_3 = self.next(stream, Kind::M3.len()).await?;
        // The binding is synced to a disk, which may take its time: nobody
        // else waits for it.
        let (shared, place) = (Arc::clone(self), Arc::clone(place));
        let done = tokio::task::spawn_blocking(move || {
            let now = shared.now();
            let opened = lock(&shared.agreement)
                .responder
                .open_message_3(&message_3, now);
            let proven = opened?;
            // Not before: a message 1 that was overheard can be sent again.
            place.keep();
            let standing = shared
                .store
                .clone()
                .bind(&proven.token, &proven.phone_key)?;
            let mut agreement = lock(&shared.agreement);
            agreement.responder.complete(proven, standing, now)
        });
        match done.await.ok()? {
            Ok(agreed) => {
                let proceed = Clear::Proceed.to_bytes();
                timeout(patience, frames::send(stream, &proceed))
                    .await
                    .ok()?
                    .ok()?;
                Some(agreed)
            }
            Err(error) => {
                tracing::info!("message 3 is refused: {error}");
                self.refuse(stream, (&error).into()).await;
                None
            }
        }
    }

    async fn next(&self, stream: &mut TcpStream, max_len: usize) -> Option<Vec<u8>> {
        let next = timeout(self.bounds.patience, frames::receive(stream, max_len)).await;
        match next.ok()? {
            Ok(message) => message,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.refuse(stream, Refusal::Malformed).await;
                None
            }
            Err(_) => None,
        }
    }

    async fn refuse(&self, stream: &mut TcpStream, refusal: Refusal) {
        let refused = Clear::Refused(refusal).to_bytes();
        let told = async {
            frames::send(stream, &refused).await?;
            stream.shutdown().await?;
            // A connection that is closed before all of it was read is reset,
            // and the refusal lost.
            let mut rest = stream.take(frames::MAX_LEN as u64);
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
        };
        let _ = timeout(self.bounds.patience, told).await;
    }

    async fn answer(self: Arc<Self>, phone: &Phone, request: &[u8]) -> Reply {
        let now = self.now();
        if !lock(&self.requests).admit(phone.token, now.elapsed) {
            return Reply::Refused(Refusal::TooMany);
        }
        let request = match Request::from_bytes(request) {
            Ok(request) => request,
            Err(_) => return Reply::Refused(Refusal::Malformed),
        };
        let phone = *phone;
        let answer = tokio::task::spawn_blocking(move || {
            if let Request::Fund(fund) = request {
                self.fund(&phone, &fund, now.unix)?;
                self.told.notify_one();
            }
            let wait = lock(&self.wait).load(Ordering::Relaxed);
            let wait = Wait::of(wait).unwrap_or(Wait::Turn);
            match self.store.status(&crate::TokenHash(phone.token), wait) {
                Ok(Some(status)) => Ok(status),
                Ok(None) => Err(Refusal::OtherToken),
                Err(error) => Err(unavailable(&error)),
            }
        });
        match answer.await {
            Ok(Ok(status)) => Reply::Status(status),
            Ok(Err(refusal)) => Reply::Refused(refusal),
            Err(_) => Reply::Refused(Refusal::Unavailable),
        }
    }

    /// Checks what a phone tells, and records it.
    fn fund(&self, phone: &Phone, fund: &Fund, unix: u64) -> Result<(), Refusal> {
        let claim = &fund.claim;
        if fund.number != phone.number {
            return Err(Refusal::OtherNumber);
        }
        if claim.token_hash.0 != phone.token {
            return Err(Refusal::OtherToken);
        }
        if !claim.is_by_its_key(self.store.operator()) {
            return Err(Refusal::Proof);
        }
        let token = claim.token_hash;
        let told = self
            .store
            .tell(claim, unix, self.terms.payments_per_day)
            .map_err(|error| unavailable(&error))?;
        match &told {
            Ok(()) => tracing::info!(%token, wallet = %claim.wallet, "a phone has told its claim"),
            Err(refusal) => tracing::warn!(%token, "not funded: {refusal}"),
        }
        told
    }
}

fn unavailable(error: &dyn fmt::Display) -> Refusal {
    tracing::error!("{error}");
    Refusal::Unavailable
}
