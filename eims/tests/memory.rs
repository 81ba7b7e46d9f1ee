//! However many phones have enrolled, the service takes no more memory than
//! before: what it has to know of them is on the disk.
#![cfg(feature = "service")]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

#[path = "../examples/enrolments/stand_in.rs"]
mod stand_in;

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use callseal_eims::service::{Backends, Store};
use callseal_eims::{
    Approval, Fund, Random as _, SealingPublicKey, Standing, TokenBook as _, TokenHash,
};
use callseal_testkit::{Allocations, CountingAllocator};
use redb::backends::FileBackend;
use redb::{DatabaseError, StorageBackend};
use stand_in::{Operator, Seeded, Service};
use tempfile::NamedTempFile;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// So many tokens' records are more than the database keeps in memory.
const BOUND_BEFORE: usize = 10_000;

/// Enrolments between two looks at the memory.
const BATCH: u32 = 20;

/// The looks that are compared, at the beginning and in the end: of each the one
/// in the middle, since now and then the database lets go of much at once.
const LOOKS: usize = 7;

/// Enrolments from the first looks to the last ones, in batches.
const BETWEEN: usize = 16;

/// What an enrolment may leave, in octets: no more than four hashes are.
const MOST_LEFT: i64 = 128;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_leaves_nothing_in_memory() {
    let operator = Operator::new().unwrap();
    let mut store = Store::on(Unsynced::new(), (), operator.id).unwrap();
    let mut random = Seeded::new(2);
    for _ in 0..BOUND_BEFORE {
        let mut token = [0; 32];
        random.fill(&mut token);
        let phone = SealingPublicKey([7; 32]);
        let standing = store.bind(&TokenHash(token), &phone).unwrap();
        assert_eq!(standing, Standing::Bound(phone));
    }
    let poll = Duration::from_millis(20);
    let service = Service::start(operator, store, poll).await.unwrap();
    // What is known of those who came for ten minutes is known of twenty of them, from here on.
    enrol(&service, 0..2 * BATCH, &mut random).await;
    let mut looks = Vec::new();
    for batch in 2..2 + (BETWEEN + LOOKS) as u32 {
        enrol(&service, batch * BATCH..(batch + 1) * BATCH, &mut random).await;
        looks.push(look().await);
    }
    let (first, last) = (middle(&looks[..LOOKS]), middle(&looks[BETWEEN..]));
    let most = MOST_LEFT * BETWEEN as i64 * i64::from(BATCH);
    println!("{} of {most}", last - first);
    assert!(last - first < most, "{looks:?}");
    service.stop().await.unwrap();
}

/// The least of a while: the service may still be about to let go of the last connection.
async fn look() -> i64 {
    let mut least = i64::MAX;
    for _ in 0..20 {
        least = least.min(Allocations::live_len_of_all_threads());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    least
}

fn middle(looks: &[i64]) -> i64 {
    let mut sorted = looks.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

async fn enrol(service: &Service, indexes: Range<u32>, random: &mut Seeded) {
    for index in indexes.clone() {
        service.wait(30);
        let phone = service.subscriber(index, random).unwrap();
        let mut client = service.connect(&phone, random).await.unwrap();
        let (number, claim) = (phone.number, service.claim_of(&phone));
        let mut status = client.fund(Fund { number, claim }).await.unwrap();
        service.send(&claim);
        // With the last one's, all approvals before it are settled.
        let is_last = index + 1 == indexes.end;
        while is_last && !matches!(status.approval, Approval::Settled(_)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            status = client.status().await.unwrap();
        }
        client.close().await;
    }
}

/// A file whose changes are not synced: this is not about what survives, and a
/// disk may take its time. Removed in the end.
#[derive(Clone)]
struct Unsynced(Arc<NamedTempFile>);

impl Unsynced {
    fn new() -> Self {
        Self(Arc::new(NamedTempFile::new().unwrap()))
    }
}

impl Backends for Unsynced {
    fn open(&self) -> Result<Box<dyn StorageBackend>, DatabaseError> {
        let file = FileBackend::new(self.0.reopen()?)?;
        Ok(Box::new(Handle(file)))
    }
}

#[derive(Debug)]
struct Handle(FileBackend);

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.0.write(offset, data)
    }
}
