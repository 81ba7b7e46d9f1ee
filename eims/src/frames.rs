//! Messages on a stream (PROTOCOL.md §4): `u16(length) ‖ message`.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest message either side sends, in octets.
pub(crate) const MAX_LEN: usize = 512;

/// The next message; none where the other side has ended the stream between
/// two messages.
///
/// # Errors
///
/// `InvalidData` for one that is empty or longer than `max_len`, of which
/// nothing is read; `UnexpectedEof` where the stream ends inside of one.
pub(crate) async fn receive<S: AsyncRead + Unpin>(
    stream: &mut S,
    max_len: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    // The first octet by itself: an end before it is no error.
    if stream.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..]).await?;
    let length = usize::from(u16::from_be_bytes(length));
    if length == 0 || length > max_len {
        let why = format!("a message of {length} octets; 1 to {max_len} are taken");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(Some(message))
}

/// Sends a message of at most [`MAX_LEN`] octets, in one write.
pub(crate) async fn send<S: AsyncWrite + Unpin>(stream: &mut S, message: &[u8]) -> io::Result<()> {
    let Ok(length) = u16::try_from(message.len()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut octets = Vec::with_capacity(2 + message.len());
    octets.extend_from_slice(&length.to_be_bytes());
    octets.extend_from_slice(message);
    stream.write_all(&octets).await?;
    stream.flush().await
}
