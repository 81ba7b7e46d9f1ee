//! A forwarding server between `recvmmsg` and `sendmmsg`: it opens what a
//! thousand callers send, seals it under the keys of whom they call, and sends
//! it on.
//!
//! The kernel hands over up to 64 datagrams at a time. The server opens and
//! seals them in batches, and then, with everything else the same, one by one.
//! What it prints is packets per second of one core's time, all told and for
//! SRTP alone, as the two thread clocks have it; what its load generator takes
//! on another core is not in it.
//!
//! Run it with `cargo run --release -p callseal-srtp --example forward`, and a
//! number of seconds behind `--` for a shorter run. It fails if a packet is
//! refused on its way, or if what comes out is not what went in.

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("recvmmsg and sendmmsg are Linux's");
}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(5), |word| word.parse())?;
    linux::compare(std::time::Duration::from_secs(seconds))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::io::{IoSlice, IoSliceMut};
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use callseal_srtp::{
        Backend, BatchPacket, MasterKey, Policy, Profile, Receiver, Sender, protect_rtp_batch,
        unprotect_rtp_batch,
    };
    use nix::errno::Errno;
    use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, sendmmsg};
    use nix::time::{ClockId, clock_gettime};

    const PROFILE: Profile = Profile::AesCm128HmacSha1_80;
    const CALLS: usize = 1_000;
    /// 20 ms of PCMU.
    const PAYLOAD_LEN: usize = 160;
    const PLAIN_LEN: usize = 12 + PAYLOAD_LEN;
    /// Datagrams of one system call.
    const AT_A_TIME: usize = 64;

    type Datagram = [u8; 256];

    #[derive(Clone, Copy, PartialEq)]
    enum Mode {
        Batch,
        OneByOne,
    }

    pub(crate) fn compare(time: Duration) -> Result<(), Box<dyn Error>> {
        println!(
            "{CALLS} calls, {PROFILE}, {PAYLOAD_LEN} octets of payload, {}",
            Backend::detected().name()
        );
        println!("packets per second of one core   with the kernel   SRTP alone");
        for (name, mode) in [("in batches", Mode::Batch), ("one by one", Mode::OneByOne)] {
            let forwarded = run(mode, time)?;
            let rate = |spent: Duration| forwarded.packets as f64 / spent.as_secs_f64();
            println!(
                "{name:<30} {:>16.0} {:>14.0}   ({} packets, {:.1} at a time)",
                rate(forwarded.in_all),
                rate(forwarded.in_srtp),
                forwarded.packets,
                forwarded.packets as f64 / forwarded.calls as f64
            );
        }
        Ok(())
    }

    struct Forwarded {
        packets: u64,
        /// Of `recvmmsg`.
        calls: u64,
        /// The server thread's time on its core.
        in_all: Duration,
        in_srtp: Duration,
    }

    fn run(mode: Mode, time: Duration) -> Result<Forwarded, Box<dyn Error>> {
        let server = UdpSocket::bind("127.0.0.1:0")?;
        let callers = UdpSocket::bind("127.0.0.1:0")?;
        let called = UdpSocket::bind("127.0.0.1:0")?;
        callers.connect(server.local_addr()?)?;
        let onward = UdpSocket::bind("127.0.0.1:0")?;
        onward.connect(called.local_addr()?)?;
        server.set_read_timeout(Some(Duration::from_millis(50)))?;
        called.set_nonblocking(true)?;

        let stop = AtomicBool::new(false);
        let forwarded = thread::scope(|scope| {
            let load = scope.spawn(|| generate(&callers, &stop).map_err(|error| error.to_string()));
            let forwarded = forward(mode, time, &server, &onward);
            stop.store(true, Ordering::Relaxed);
            match load.join() {
                Ok(generated) => generated?,
                Err(_) => return Err("the load generator panicked".into()),
            }
            forwarded
        })?;
        check(&called)?;
        Ok(forwarded)
    }

    /// The server.
    fn forward(
        mode: Mode,
        time: Duration,
        server: &UdpSocket,
        onward: &UdpSocket,
    ) -> Result<Forwarded, Box<dyn Error>> {
        let mut receivers = (0..CALLS)
            .map(|call| Ok(Receiver::new(Policy::new(PROFILE), key(call, 0)?)?))
            .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let mut senders = senders(1)?;
        let mut bufs: Vec<Datagram> = vec![[0; 256]; AT_A_TIME];
        let (mut headers_in, mut headers_out) = (headers(), headers());
        let mut forwarded = Forwarded {
            packets: 0,
            calls: 0,
            in_all: Duration::ZERO,
            in_srtp: Duration::ZERO,
        };
        let (began, began_on_core) = (Instant::now(), thread_time()?);
        while began.elapsed() < time {
            let lens = match receive(server, &mut headers_in, &mut bufs) {
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                received => received?,
            };

            let before = thread_time()?;
            // Who sends from where is known from the signalling; here the SSRC
            // is the call's number.
            let calls = bufs.iter().zip(&lens).map(|(buf, _)| call_of(buf));
            let calls = calls.collect::<Result<Vec<_>, _>>()?;
            let lens = match mode {
                Mode::Batch => {
                    let mut batch: Vec<_> = packets(&mut bufs, &calls, &lens).collect();
                    unprotect_rtp_batch(&mut receivers[..], &mut batch);
                    let opened = batch.iter().flat_map(|packet| &packet.result);
                    let plain = opened.map(|opened| opened.map(|opened| opened.len));
                    let plain = plain.collect::<Result<Vec<_>, _>>()?;

                    let mut batch: Vec<_> = packets(&mut bufs, &calls, &plain).collect();
                    protect_rtp_batch(&mut senders[..], &mut batch);
                    let sealed = batch.into_iter().flat_map(|packet| packet.result);
                    sealed.collect::<Result<Vec<_>, _>>()?
                }
                Mode::OneByOne => {
                    let mut sealed = Vec::with_capacity(lens.len());
                    for ((buf, &call), &len) in bufs.iter_mut().zip(&calls).zip(&lens) {
                        let plain = receivers[call].unprotect_rtp(buf, len)?;
                        sealed.push(senders[call].protect_rtp(buf, plain.len)?);
                    }
                    sealed
                }
            };
            forwarded.in_srtp += thread_time()?.saturating_sub(before);

            send(onward, &mut headers_out, &bufs, &lens)?;
            forwarded.packets += lens.len() as u64;
            forwarded.calls += 1;
        }
        forwarded.in_all = thread_time()?.saturating_sub(began_on_core);
        Ok(forwarded)
    }

    fn packets<'a, R>(
        bufs: &'a mut [Datagram],
        calls: &'a [usize],
        lens: &'a [usize],
    ) -> impl Iterator<Item = BatchPacket<'a, R>> {
        let each = bufs.iter_mut().zip(calls).zip(lens);
        each.map(|((buf, &call), &len)| BatchPacket::new(call, buf, len))
    }

    /// The callers, each a packet in turn.
    fn generate(socket: &UdpSocket, stop: &AtomicBool) -> Result<(), Box<dyn Error>> {
        let mut senders = senders(0)?;
        let mut bufs: Vec<Datagram> = vec![[0; 256]; AT_A_TIME];
        let mut headers = headers();
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            let mut calls = Vec::with_capacity(AT_A_TIME);
            for buf in &mut bufs {
                let (call, seq) = (sent % CALLS, (sent / CALLS) as u16);
                buf[..PLAIN_LEN].copy_from_slice(&packet(call, seq));
                calls.push(call);
                sent += 1;
            }
            let lens = [PLAIN_LEN; AT_A_TIME];
            let mut batch: Vec<_> = packets(&mut bufs, &calls, &lens).collect();
            protect_rtp_batch(&mut senders[..], &mut batch);
            let sealed = batch.into_iter().flat_map(|packet| packet.result);
            let lens = sealed.collect::<Result<Vec<_>, _>>()?;
            send(socket, &mut headers, &bufs, &lens)?;
        }
        Ok(())
    }

    /// Opens what has come to the called ones, as far as the kernel still has
    /// it.
    fn check(called: &UdpSocket) -> Result<(), Box<dyn Error>> {
        let mut checked = 0;
        let mut buf: Datagram = [0; 256];
        while let Ok(len) = called.recv(&mut buf) {
            let call = call_of(&buf)?;
            let mut receiver = Receiver::new(Policy::new(PROFILE), key(call, 1)?)?;
            let opened = receiver.unprotect_rtp(&mut buf, len)?;
            if buf[..opened.len] != packet(call, opened.index.seq()) {
                return Err("what came out is not what went in".into());
            }
            checked += 1;
        }
        match checked {
            0 => Err("nothing came out".into()),
            _ => Ok(()),
        }
    }

    fn packet(call: usize, seq: u16) -> [u8; PLAIN_LEN] {
        let mut packet = [call as u8; PLAIN_LEN];
        packet[..2].copy_from_slice(&[0x80, 0]);
        packet[2..4].copy_from_slice(&seq.to_be_bytes());
        packet[8..12].copy_from_slice(&(call as u32).to_be_bytes());
        packet
    }

    fn call_of(buf: &Datagram) -> Result<usize, Box<dyn Error>> {
        let [_, _, _, _, _, _, _, _, ssrc @ ..] = *buf.first_chunk::<12>().ok_or("no RTP")?;
        let call = u32::from_be_bytes(ssrc) as usize;
        (call < CALLS)
            .then_some(call)
            .ok_or("an unknown caller".into())
    }

    fn senders(leg: u8) -> Result<Vec<Sender>, Box<dyn Error>> {
        let senders =
            (0..CALLS).map(|call| Ok(Sender::new(Policy::new(PROFILE), key(call, leg)?)?));
        senders.collect()
    }

    /// Two legs of a call have nothing in common.
    fn key(call: usize, leg: u8) -> Result<MasterKey, Box<dyn Error>> {
        let mut octets = [leg; 16];
        octets[..8].copy_from_slice(&(call as u64).to_be_bytes());
        Ok(MasterKey::new(PROFILE, &octets, &[leg; 14])?)
    }

    fn headers() -> MultiHeaders<()> {
        MultiHeaders::preallocate(AT_A_TIME, None)
    }

    /// Waits for a datagram, and takes what there is besides.
    fn receive(
        socket: &UdpSocket,
        headers: &mut MultiHeaders<()>,
        bufs: &mut [Datagram],
    ) -> Result<Vec<usize>, Errno> {
        let slices = bufs.iter_mut().map(|buf| [IoSliceMut::new(buf)]);
        let mut slices: Vec<_> = slices.collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let received = recvmmsg(socket.as_raw_fd(), headers, &mut slices, flags, None)?;
        Ok(received.map(|message| message.bytes).collect())
    }

    fn send(
        socket: &UdpSocket,
        headers: &mut MultiHeaders<()>,
        bufs: &[Datagram],
        lens: &[usize],
    ) -> Result<(), Errno> {
        let slices = bufs.iter().zip(lens);
        let slices: Vec<_> = slices
            .map(|(buf, &len)| [IoSlice::new(&buf[..len])])
            .collect();
        let to = [None; AT_A_TIME];
        sendmmsg(
            socket.as_raw_fd(),
            headers,
            &slices,
            to,
            [],
            MsgFlags::empty(),
        )?;
        Ok(())
    }

    /// How long this thread has been on a core.
    fn thread_time() -> Result<Duration, Errno> {
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from)
    }
}
