//! The channel between a phone and its operator: TLS 1.3 with the key that the
//! two have just agreed on (PROTOCOL.md §5).
//!
//! TLS is s2n-tls's. Here is what it is allowed to do: version 1.3 alone, an
//! external pre-shared key with an ephemeral Diffie–Hellman exchange
//! (`psk_dhe_ke`) alone, no certificate, no ticket, no early data. The key goes
//! in once, by the side that it was made for.

use core::fmt;
use std::io;
use std::time::Duration;

use hkdf::Hkdf;
use s2n_tls::config::Config;
use s2n_tls::connection::{Builder, Connection};
use s2n_tls::enums::{Mode, PskHmac, Version};
use s2n_tls::security::Policy;
use s2n_tls_tokio::{TlsAcceptor, TlsConnector, TlsStream};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::{Psk, PskExpired, PskIdentity, PskRole, PskSecret, frames};

/// An authenticated, encrypted stream of messages of at most 512 octets.
///
/// [`Client`](crate::Client) makes one for a phone.
pub struct Channel<S: AsyncRead + AsyncWrite + Unpin> {
    tls: TlsStream<S, Connection>,
}

/// Why there is no channel.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The key was made for the other side: a phone calls, an operator
    /// answers.
    #[error("the key is for the other side of a connection")]
    Role,
    /// The key's ten minutes are over.
    #[error(transparent)]
    Expired(#[from] PskExpired),
    /// The other side does not have the key, or somebody has changed what was
    /// said, or it is not TLS.
    #[error("the other side could not be authenticated")]
    Authentication,
    /// It took too long.
    #[error("the other side did not answer in time")]
    TimedOut,
    /// The library cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Library(String),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    /// Calls, as a phone. `now` is on the clock that the agreement was given.
    ///
    /// # Errors
    ///
    /// [`ChannelError`]; the key is spent whatever happens.
    pub async fn connect(
        stream: S,
        psk: Psk,
        now: Duration,
        patience: Duration,
    ) -> Result<Self, ChannelError> {
        let keyed = Keyed::new(psk, PskRole::Client, now)?;
        // No name is sent: the key says who is meant.
        let connector = TlsConnector::new(&keyed);
        let handshake = timeout(patience, connector.connect("", stream)).await;
        Self::checked(handshake, &keyed)
    }

    /// Answers, as an operator.
    ///
    /// # Errors
    ///
    /// [`ChannelError`]; the key is spent whatever happens.
    pub async fn accept(
        stream: S,
        psk: Psk,
        now: Duration,
        patience: Duration,
    ) -> Result<Self, ChannelError> {
        let keyed = Keyed::new(psk, PskRole::Server, now)?;
        let acceptor = TlsAcceptor::new(&keyed);
        let handshake = timeout(patience, acceptor.accept(stream)).await;
        Self::checked(handshake, &keyed)
    }

    /// Sends a message of at most 512 octets.
    ///
    /// # Errors
    ///
    /// What the network says.
    pub async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        frames::send(&mut self.tls, message).await
    }

    /// The next message; none at the end of the channel.
    ///
    /// # Errors
    ///
    /// What the network says; `InvalidData` for a message that is empty or too
    /// long.
    pub async fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        frames::receive(&mut self.tls, frames::MAX_LEN).await
    }

    /// Ends the channel, so that the other side sees an end and no break. One
    /// that the other side has ended already is ended.
    pub async fn close(mut self) {
        let _ = self.tls.shutdown().await;
    }

    fn checked(
        handshake: Result<Result<TlsStream<S, Connection>, s2n_tls::error::Error>, Elapsed>,
        keyed: &Keyed,
    ) -> Result<Self, ChannelError> {
        let tls = handshake
            .map_err(|_| ChannelError::TimedOut)?
            .map_err(|_| ChannelError::Authentication)?;
        // The configuration lets nothing else through; that it did not is not
        // left to a library's defaults.
        let connection = tls.as_ref();
        let mut identity = [0; Imported::IDENTITY_LEN];
        let keyed_by = connection.negotiated_psk_identity_length().ok() == Some(identity.len())
            && connection.negotiated_psk_identity(&mut identity).is_ok()
            && identity == keyed.identity;
        if connection.actual_protocol_version().ok() != Some(Version::TLS13) || !keyed_by {
            return Err(ChannelError::Authentication);
        }
        Ok(Self { tls })
    }
}

/// An agreed key as TLS takes it: imported (RFC 9258), which binds it to TLS
/// 1.3, to SHA-256 and, in the clear identity, to who is client and server.
struct Imported {
    identity: [u8; Imported::IDENTITY_LEN],
    key: Zeroizing<[u8; 32]>,
}

/// TLS with this key and nothing else.
#[derive(Clone)]
struct Keyed {
    config: Config,
    psk: std::sync::Arc<s2n_tls::psk::Psk>,
    identity: [u8; Imported::IDENTITY_LEN],
}

impl Imported {
    const CONTEXT: &[u8] = b"callseal eims: client phone, server operator";
    const IDENTITY_LEN: usize = 2 + 32 + 2 + Self::CONTEXT.len() + 2 + 2;

    // ImportedIdentity = u16(32) ‖ identity ‖ u16(context length) ‖ context
    //                    ‖ u16(TLS 1.3) ‖ u16(HKDF_SHA256)
    // epskx = HKDF-Extract(0, psk)
    // ipskx = HKDF-Expand-Label(epskx, "derived psk", SHA-256(ImportedIdentity), 32)
    fn new(identity: PskIdentity, secret: &PskSecret) -> Self {
        let mut imported = [0; Self::IDENTITY_LEN];
        let context_len = [0, Self::CONTEXT.len() as u8];
        let fields: [&[u8]; 6] = [
            &[0, 32],
            &identity.0,
            &context_len,
            Self::CONTEXT,
            &[0x03, 0x04],
            &[0x00, 0x01],
        ];
        let mut at = 0;
        for field in fields {
            imported[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        let hash = Sha256::digest(imported);
        let epskx = Hkdf::<Sha256>::new(None, secret.as_bytes());
        let mut key = Zeroizing::new([0; 32]);
        // HkdfLabel (RFC 8446 section 7.1).
        let label = b"tls13 derived psk";
        let info: [&[u8]; 5] = [&[0, 32], &[label.len() as u8], label, &[32], &hash];
        if epskx.expand_multi_info(&info, &mut *key).is_err() {
            unreachable!("32 octets are fewer than 255 blocks");
        }
        Self {
            identity: imported,
            key,
        }
    }
}

impl Keyed {
    fn new(psk: Psk, role: PskRole, now: Duration) -> Result<Self, ChannelError> {
        if psk.role() != role {
            return Err(ChannelError::Role);
        }
        let identity = psk.identity();
        let imported = Imported::new(identity, &psk.spend(now)?);
        let library = |error: s2n_tls::error::Error| ChannelError::Library(error.to_string());
        let mut psk = s2n_tls::psk::Psk::builder().map_err(library)?;
        psk.set_identity(&imported.identity)
            .and_then(|psk| psk.set_secret(&*imported.key))
            .and_then(|psk| psk.set_hmac(PskHmac::SHA256))
            .map_err(library)?;
        Ok(Self {
            config: config().map_err(library)?,
            psk: std::sync::Arc::new(psk.build().map_err(library)?),
            identity: imported.identity,
        })
    }
}

impl Builder for &Keyed {
    type Output = Connection;

    fn build_connection(&self, mode: Mode) -> Result<Connection, s2n_tls::error::Error> {
        let mut connection = self.config.build_connection(mode)?;
        connection.append_psk(&self.psk)?;
        Ok(connection)
    }
}

fn config() -> Result<Config, s2n_tls::error::Error> {
    let mut config = Config::builder();
    // TLS 1.3 alone; X25519 first.
    config.set_security_policy(&Policy::from_version("AWS-CRT-SDK-TLSv1.3")?)?;
    // No certificate is trusted, and none is there to be shown.
    config.with_system_certs(false)?;
    config.wipe_trust_store()?;
    config.enable_session_tickets(false)?;
    // The delay after a failure keeps who tries again and again on one key from
    // measuring; a key is for one try here.
    config.set_max_blinding_delay(0)?;
    config.build()
}

impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Channel<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channel")
    }
}

#[cfg(test)]
mod tests;
