//! Phones over TCP: a whole enrolment, and those who would be in its way.

use core::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::requests::Clear;
use crate::service::trial::{Disk, Seeded, Subscriber, TrialNode, World};
use crate::service::{Bounds, Server, Store, Terms, Worker};
use crate::{
    Approval, Begin, Client, Clock, ConnectError, Fund, Payment, Refusal, RequestError,
    ResponderKeys, Status, TokenSigners, frames,
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
        let begin = Begin {
            token: &person.token,
            phone_key: &person.phone_key,
            operator: self.world.operator,
            sealing_key: self.world.sealing.public(),
        };
        let stream = TcpStream::connect(self.address).await?;
        Client::connect(stream, begin, &Clock::start(), &mut Seeded(seed)).await
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
