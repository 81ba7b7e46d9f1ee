//! Phones over TCP: a whole enrolment, and those who would be in its way.

use core::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::requests::Clear;
use crate::service::trial::{Disk, Seeded, Subscriber, TrialNode, World};
use crate::service::{Bounds, Server, Store, Terms, Worker};
use crate::{
    Approval, AwaitMessage2, Begin, Client, Clock, ConnectError, Fund, Payment, Refusal,
    RequestError, ResponderKeys, Status, TokenSigners, frames,
};

/// Ends what hangs; nothing that goes well takes as long, on any machine.
const LONG: Duration = Duration::from_secs(300);
/// What no test waits for.
const FOREVER: Duration = Duration::from_secs(86_400);

struct Running {
    world: World,
    node: TrialNode,
    disk: Disk,
    address: std::net::SocketAddr,
    stop: Box<dyn Fn() + Send + Sync>,
}

async fn run(change: impl FnOnce(&mut Bounds)) -> Running {
    let world = World::new(100);
    let disk = Disk::default();
    let store = Store::on(disk.clone(), (), world.operator).unwrap();
    let terms = Terms {
        depth: 1,
        from_block: Some(0),
        ..Terms::default()
    };
    let mut bounds = Bounds {
        poll: Duration::from_millis(10),
        begun_per_minute: 100_000,
        requests_per_token: 100_000,
        patience: FOREVER,
        idle: FOREVER,
        connection: FOREVER,
        ..Bounds::default()
    };
    change(&mut bounds);
    let node = world.node();
    // Blocks come by themselves, as on a real chain, and no faster than the operator looks.
    node.set(|faults| faults.mines = true);
    let worker = Worker::new(store.clone(), node.clone(), world.account.clone(), terms);
    let signers = TokenSigners::new(world.signing.public());
    let keys = ResponderKeys::new(world.sealing.clone(), signers);
    let server = Server::new(store, keys, terms, bounds, Box::new(Seeded(7)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Box::new(server.stopper());
    tokio::spawn(async move { server.serve(listener, worker).await });
    Running {
        world,
        node,
        disk,
        address,
        stop,
    }
}

impl Running {
    async fn connect(
        &self,
        person: &Subscriber,
        seed: u64,
    ) -> Result<Client<TcpStream>, ConnectError> {
        let (begin, clock) = (self.begin(person), Clock::start());
        let stream = TcpStream::connect(self.address).await?;
        Client::connect(stream, begin, &clock, &mut Seeded(seed)).await
    }

    fn begin<'a>(&self, person: &'a Subscriber) -> Begin<'a> {
        Begin {
            token: &person.token,
            phone_key: &person.phone_key,
            operator: self.world.operator,
            sealing_key: self.world.sealing.public(),
        }
    }

    /// A connection of a phone that has a key, and says nothing under it; none
    /// where that took too long.
    async fn agree(&self, person: &Subscriber, seed: u64) -> Option<TcpStream> {
        let (clock, random) = (Clock::start(), &mut Seeded(seed));
        let (state, message_1) =
            AwaitMessage2::begin(self.begin(person), clock.now(), random).ok()?;
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        frames::send(&mut stream, &message_1).await.ok()?;
        let message_2 = frames::receive(&mut stream, frames::MAX_LEN).await.ok()??;
        let (message_3, _) = state
            .receive(&message_2, clock.now().elapsed, random)
            .ok()?;
        frames::send(&mut stream, &message_3).await.ok()?;
        let answer = frames::receive(&mut stream, frames::MAX_LEN).await.ok()??;
        matches!(Clear::from_bytes(&answer), Some(Clear::Proceed)).then_some(stream)
    }

    async fn enrol(&self, person: &Subscriber, seed: u64) -> Status {
        let mut client = self.connect(person, seed).await.unwrap();
        let fund = Fund {
            number: person.number,
            claim: person.claim,
        };
        let mut status = client.fund(fund).await.unwrap();
        while !matches!(status.approval, Approval::Settled(_)) {
            self.world.claim(person);
            sleep(Duration::from_millis(10)).await;
            status = client.status().await.unwrap();
        }
        client.close().await;
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.disk.stall(false);
        (self.stop)();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_enrols_itself_once() {
    let running = run(|_| {}).await;
    let person = running.world.subscriber(1);
    let status = timeout(LONG, running.enrol(&person, 1)).await.unwrap();
    assert!(matches!(status.payment, Payment::Settled(_)), "{status:?}");
    assert!(running.world.is_approved(&person));
    assert_eq!(running.world.sent(), 2);
    let again = running.connect(&person, 2).await.unwrap_err();
    assert!(
        matches!(again, ConnectError::Refused(Refusal::UsedToken)),
        "{again}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_costs_nothing() {
    let running = run(|_| {}).await;
    let person = running.world.subscriber(1);
    let fund = Fund {
        number: person.number,
        claim: person.claim,
    };
    let mut client = running.connect(&person, 1).await.unwrap();
    client.fund(fund).await.unwrap();
    drop(client);
    timeout(LONG, running.enrol(&person, 2)).await.unwrap();
    assert_eq!(running.world.sent(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_phone_tells_has_to_fit_its_token_and_its_keys() {
    let running = run(|_| {}).await;
    let (person, other) = (running.world.subscriber(1), running.world.subscriber(2));
    let mut client = running.connect(&person, 1).await.unwrap();
    let refused = |done: Result<Status, RequestError>| match done {
        Err(RequestError::Refused(refusal)) => refusal,
        done => panic!("{done:?}"),
    };
    let mut fund = Fund {
        number: other.number,
        claim: person.claim,
    };
    assert_eq!(refused(client.fund(fund).await), Refusal::OtherNumber);
    fund.number = person.number;
    fund.claim.token_hash = other.token.hash();
    assert_eq!(refused(client.fund(fund).await), Refusal::OtherToken);
    fund.claim = person.claim;
    fund.claim.wallet = other.wallet.address();
    assert_eq!(refused(client.fund(fund).await), Refusal::Proof);
    fund.claim = person.claim;
    fund.claim.proof_of_possession[3] ^= 1;
    assert_eq!(refused(client.fund(fund).await), Refusal::Proof);
    assert_eq!(running.world.sent(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_others_or_for_the_node() {
    let running = run(|_| {}).await;
    // Some who say nothing, one who says a little at a time, one who is silent
    // inside of a message.
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(TcpStream::connect(running.address).await.unwrap());
    }
    silent[0].write_all(&[0]).await.unwrap();
    silent[1].write_all(&[1, 39, 1, 1]).await.unwrap();
    running.node.set(|faults| faults.away = true);
    let person = running.world.subscriber(1);
    let fund = Fund {
        number: person.number,
        claim: person.claim,
    };
    let answered = async {
        let mut client = running.connect(&person, 1).await.unwrap();
        client.fund(fund).await.unwrap()
    };
    let status = timeout(LONG, answered).await.unwrap();
    assert!(matches!(status.payment, Payment::Queued(_)), "{status:?}");
    running.node.set(|faults| faults.away = false);
    timeout(LONG, running.enrol(&person, 2)).await.unwrap();
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_not_all_is_given_up() {
    let running = run(|bounds| bounds.patience = Duration::from_millis(50)).await;
    for said in [&[][..], &[0], &[1, 39, 1, 1]] {
        let mut silent = TcpStream::connect(running.address).await.unwrap();
        silent.write_all(said).await.unwrap();
        let mut end = [0; 1];
        let ended = timeout(LONG, silent.read(&mut end)).await.unwrap();
        assert!(matches!(ended, Ok(0) | Err(_)));
    }
}

/// Each octet comes soon after the one before, and the message much too late.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_a_little_at_a_time_is_given_up() {
    // A busy machine may look only when all is there: more patience then.
    for patience in [100, 400, 1_600, 6_400, 25_600].map(Duration::from_millis) {
        let running = run(|bounds| bounds.patience = patience).await;
        let said = [&[1, 39][..], &[9; 295]].concat();
        let stream = TcpStream::connect(running.address).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let drip = tokio::spawn(async move {
            for octet in said {
                sleep(patience / 100).await;
                writing.write_all(&[octet]).await?;
            }
            Ok::<_, std::io::Error>(writing)
        });
        let mut answer = [0; 1];
        let answered = timeout(LONG, reading.read(&mut answer)).await.unwrap();
        drip.abort();
        if matches!(answered, Ok(0) | Err(_)) {
            return;
        }
    }
    panic!("a message was taken that came octet by octet");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_agrees_on_a_key_and_does_not_use_it_is_given_up() {
    // A busy machine may take longer to agree.
    for patience in [500, 2_000, 8_000, 32_000].map(Duration::from_millis) {
        let running = run(|bounds| bounds.patience = patience).await;
        let person = running.world.subscriber(1);
        if let Some(mut stream) = running.agree(&person, 1).await {
            let ended = timeout(LONG, stream.read(&mut [0; 1])).await.unwrap();
            assert!(matches!(ended, Ok(0) | Err(_)));
            return;
        }
    }
    panic!("no time was enough for an agreement");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_asks_nothing_more_is_given_up_and_comes_again() {
    let running = run(|bounds| bounds.idle = Duration::from_millis(50)).await;
    let person = running.world.subscriber(1);
    let silence = async {
        let mut pause = Duration::from_millis(100);
        // On a busy machine the first ones may be taken for short.
        while let Ok(mut client) = running.connect(&person, pause.as_millis() as u64).await {
            sleep(pause).await;
            if client.status().await.is_err() {
                return;
            }
            pause *= 2;
        }
        panic!("a phone was refused");
    };
    timeout(LONG, silence).await.unwrap();
    timeout(LONG, running.connect(&person, 1))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_phone_keeps_a_connection_for_ever() {
    let running = run(|bounds| bounds.connection = Duration::from_secs(1)).await;
    let person = running.world.subscriber(1);
    let asking = async {
        // Asked without end, it is answered as long as it may.
        if let Ok(mut client) = running.connect(&person, 1).await {
            while client.status().await.is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        }
    };
    timeout(LONG, asking).await.unwrap();
}

/// A stranger who keeps coming back, and two phones: with a place for each of
/// three connections.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_keeps_no_phone_out_and_ends_no_phones_connection() {
    let running = run(|bounds| bounds.connections = 3).await;
    let mut silent = Vec::new();
    let mut phones = Vec::new();
    for seed in 1..=2 {
        for _ in 0..8 {
            silent.push(TcpStream::connect(running.address).await.unwrap());
        }
        let person = running.world.subscriber(seed);
        let connected = timeout(LONG, running.connect(&person, seed.into())).await;
        phones.push(connected.unwrap().unwrap());
    }
    for _ in 0..8 {
        silent.push(TcpStream::connect(running.address).await.unwrap());
    }
    for phone in &mut phones {
        timeout(LONG, phone.status()).await.unwrap().unwrap();
    }
}

/// Two threads, as on a machine with two cores: both could be waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_anothers_binding_to_be_on_the_disk() {
    let running = run(|bounds| bounds.patience = 2 * LONG).await;
    let running = std::sync::Arc::new(running);
    let person = running.world.subscriber(1);
    // One request has been answered, and one phone is bound already.
    let mut bound = running.connect(&person, 1).await.unwrap();
    running.disk.stall(true);
    let mut waiting = Vec::new();
    for seed in 2..=5 {
        let running = std::sync::Arc::clone(&running);
        waiting.push(tokio::spawn(async move {
            let person = running.world.subscriber(seed);
            running.connect(&person, seed.into()).await.map(drop)
        }));
    }
    let stalled = async {
        while running.disk.stalled() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, stalled).await.unwrap();
    timeout(LONG, bound.status()).await.unwrap().unwrap();
    let again = timeout(LONG, running.connect(&person, 9)).await.unwrap();
    timeout(LONG, again.unwrap().status())
        .await
        .unwrap()
        .unwrap();
    running.disk.stall(false);
    for waiting in waiting {
        timeout(LONG, waiting).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_by_name_and_ends_the_connection() {
    let running = run(|_| {}).await;
    for said in [
        vec![0, 0],
        vec![0xff, 0xff],
        [&[1, 39][..], &[9; 295]].concat(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(&said).await.unwrap();
        let answer = timeout(LONG, frames::receive(&mut stream, frames::MAX_LEN)).await;
        let answer = answer.unwrap().unwrap().unwrap();
        let refused = Some(Clear::Refused(Refusal::Malformed));
        assert_eq!(Clear::from_bytes(&answer), refused, "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections_and_no_more() {
    let running = run(|bounds| bounds.connections_per_address = 2).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let person = running.world.subscriber(1 + open.len() as u8);
        open.push(running.connect(&person, open.len() as u64).await.unwrap());
    }
    let person = running.world.subscriber(3);
    assert!(running.connect(&person, 9).await.is_err());
    open.pop().unwrap().close().await;
    let again = async {
        while running.connect(&person, 10).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_so_many_requests_and_no_more() {
    let running = run(|bounds| bounds.requests_per_token = 3).await;
    let (person, other) = (running.world.subscriber(1), running.world.subscriber(2));
    let mut client = running.connect(&person, 1).await.unwrap();
    for _ in 0..3 {
        client.status().await.unwrap();
    }
    let refused = client.status().await.unwrap_err();
    assert!(matches!(refused, RequestError::Refused(Refusal::TooMany)));
    let mut client = running.connect(&other, 2).await.unwrap();
    client.status().await.unwrap();
}
