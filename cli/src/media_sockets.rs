//! The UDP sockets of a call leg: one for RTP and RTCP each, or one for both.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use callseal_endpoint::{Port, Transmit};
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

/// The longest datagram that UDP can carry, in octets.
const MAX_DATAGRAM_LEN: usize = 65_535;

/// Tries for two free ports that are neighbours.
const MAX_PAIR_TRIES: usize = 64;

const RTP_TOKEN: Token = Token(0);
const RTCP_TOKEN: Token = Token(1);

/// A leg's local sockets.
#[derive(Debug)]
pub struct MediaSockets {
    rtp: UdpSocket,
    /// `None` where RTP and RTCP share one socket (RFC 5761).
    rtcp: Option<UdpSocket>,
    /// Read from one socket, and kept while the other is asked once more.
    held: Option<Received>,
    buffer: Vec<u8>,
}

/// A datagram that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The socket it came in by.
    pub port: Port,
    /// Where it came from.
    pub from: SocketAddr,
    /// Its octets.
    pub bytes: Vec<u8>,
}

/// Why there are no sockets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address is taken, or not ours.
    #[error("cannot bind {address}; is another process using it? Name another with --bind")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// RTCP would need port 65,536.
    #[error("{0} leaves no higher port for RTCP; name another, or use --mux")]
    NoHigherPort(SocketAddr),
    /// No two neighbouring ports were free.
    #[error("no two neighbouring free ports were found at {}", .0.ip())]
    NoPair(SocketAddr),
}

impl MediaSockets {
    /// One socket at `address` for RTP and RTCP both.
    ///
    /// # Errors
    /// [`BindError`] names the address.
    pub fn muxed(address: SocketAddr) -> Result<Self, BindError> {
        Ok(Self::new(bind(address)?, None))
    }

    /// RTP at `address`, RTCP at the next higher port (RFC 3550 §11). For
    /// port 0 an even port is found whose neighbour is free too.
    ///
    /// # Errors
    /// [`BindError`] names the address.
    pub fn pair(address: SocketAddr) -> Result<Self, BindError> {
        if address.port() != 0 {
            return Self::exact_pair(address);
        }
        for _ in 0..MAX_PAIR_TRIES {
            let probe = bind(address)?;
            let Ok(mut found) = probe.local_addr() else {
                continue;
            };
            drop(probe);
            found.set_port(found.port() & !1);
            if let Ok(sockets) = Self::exact_pair(found) {
                return Ok(sockets);
            }
        }
        Err(BindError::NoPair(address))
    }

    fn exact_pair(address: SocketAddr) -> Result<Self, BindError> {
        let mut above = address;
        above.set_port(
            address
                .port()
                .checked_add(1)
                .ok_or(BindError::NoHigherPort(address))?,
        );
        Ok(Self::new(bind(address)?, Some(bind(above)?)))
    }

    fn new(rtp: UdpSocket, rtcp: Option<UdpSocket>) -> Self {
        Self {
            rtp,
            rtcp,
            held: None,
            buffer: vec![0; MAX_DATAGRAM_LEN],
        }
    }

    /// Whether RTP and RTCP share one socket.
    pub fn is_muxed(&self) -> bool {
        self.rtcp.is_none()
    }

    /// The local address of a socket.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self, port: Port) -> io::Result<SocketAddr> {
        self.socket(port).local_addr()
    }

    /// Registers both sockets to be woken by.
    ///
    /// # Errors
    /// What the system says.
    pub fn register(&mut self, registry: &Registry) -> io::Result<()> {
        registry.register(&mut self.rtp, RTP_TOKEN, Interest::READABLE)?;
        match &mut self.rtcp {
            Some(rtcp) => registry.register(rtcp, RTCP_TOKEN, Interest::READABLE),
            None => Ok(()),
        }
    }

    /// The next datagram that has come; `None` where there is none now.
    ///
    /// Two sockets have no common order. A datagram is handed out only after
    /// the socket that goes `first` has been found empty once more, so that
    /// what was sent there before it is handed out before it: the handshake's
    /// last message before the media that it opens, the media before the BYE.
    ///
    /// # Errors
    /// What the system says.
    pub fn receive(&mut self, first: Port) -> io::Result<Option<Received>> {
        if self.rtcp.is_none() {
            return self.receive_from(Port::Rtp);
        }
        let second = match first {
            Port::Rtp => Port::Rtcp,
            Port::Rtcp => Port::Rtp,
        };
        if let Some(held) = self.held.take_if(|held| held.port == first) {
            return Ok(Some(held));
        }
        if self.held.is_none() {
            if let Some(received) = self.receive_from(first)? {
                return Ok(Some(received));
            }
            self.held = self.receive_from(second)?;
        }
        if let Some(received) = self.receive_from(first)? {
            return Ok(Some(received));
        }
        Ok(self.held.take())
    }

    /// Sends a datagram, waiting a little where the system's buffer is full.
    ///
    /// # Errors
    /// What the system says; the datagram is lost then, as UDP allows.
    pub fn send(&self, transmit: &Transmit) -> io::Result<()> {
        const MAX_WAITS: usize = 50;
        let socket = self.socket(transmit.port);
        for _ in 0..MAX_WAITS {
            match socket.send_to(&transmit.bytes, transmit.to) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn receive_from(&mut self, port: Port) -> io::Result<Option<Received>> {
        let socket = match (port, &self.rtcp) {
            (Port::Rtcp, Some(rtcp)) => rtcp,
            _ => &self.rtp,
        };
        loop {
            match socket.recv_from(&mut self.buffer) {
                Ok((len, from)) => {
                    return Ok(Some(Received {
                        port,
                        from,
                        bytes: self.buffer[..len].to_vec(),
                    }));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(None),
                    // An ICMP answer to something that was sent before.
                    io::ErrorKind::Interrupted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionRefused => {}
                    _ => return Err(error),
                },
            }
        }
    }

    fn socket(&self, port: Port) -> &UdpSocket {
        match (port, &self.rtcp) {
            (Port::Rtcp, Some(rtcp)) => rtcp,
            _ => &self.rtp,
        }
    }
}

fn bind(address: SocketAddr) -> Result<UdpSocket, BindError> {
    UdpSocket::bind(address).map_err(|source| BindError::Bind { address, source })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as StdSocket;

    use super::*;

    const ANY: &str = "127.0.0.1:0";

    #[test]
    fn a_pair_is_an_even_port_and_its_neighbour() {
        let sockets = MediaSockets::pair(ANY.parse().unwrap()).unwrap();
        let rtp = sockets.local_address(Port::Rtp).unwrap();
        let rtcp = sockets.local_address(Port::Rtcp).unwrap();
        assert_eq!(rtp.port() % 2, 0);
        assert_eq!(rtcp.port(), rtp.port() + 1);
    }

    #[test]
    fn an_address_in_use_is_named() {
        let taken = StdSocket::bind(ANY).unwrap();
        let address = taken.local_addr().unwrap();
        let error = MediaSockets::muxed(address).unwrap_err();
        assert!(error.to_string().contains(&address.to_string()));
        let last = "127.0.0.1:65535".parse().unwrap();
        assert!(matches!(
            MediaSockets::pair(last),
            Err(BindError::NoHigherPort(_))
        ));
    }

    #[test]
    fn the_first_socket_is_emptied_before_the_second_is_heard() {
        let mut sockets = MediaSockets::pair(ANY.parse().unwrap()).unwrap();
        let peer = StdSocket::bind(ANY).unwrap();
        let send = |port: Port, bytes: &[u8], sockets: &MediaSockets| {
            let to = sockets.local_address(port).unwrap();
            peer.send_to(bytes, to).unwrap();
        };
        send(Port::Rtp, b"media 1", &sockets);
        send(Port::Rtcp, b"control", &sockets);
        send(Port::Rtp, b"media 2", &sockets);
        let order: Vec<Vec<u8>> =
            std::iter::from_fn(|| sockets.receive(Port::Rtcp).unwrap().map(|one| one.bytes))
                .collect();
        assert_eq!(order, [&b"control"[..], b"media 1", b"media 2"]);

        send(Port::Rtcp, b"control", &sockets);
        send(Port::Rtp, b"media", &sockets);
        assert_eq!(sockets.receive(Port::Rtp).unwrap().unwrap().bytes, b"media");
        assert_eq!(
            sockets.receive(Port::Rtp).unwrap().unwrap().bytes,
            b"control"
        );
        assert_eq!(sockets.receive(Port::Rtp).unwrap(), None);
    }
}
