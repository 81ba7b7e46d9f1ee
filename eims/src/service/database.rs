//! An embedded database of an operator's own, whose every change is synced
//! before anything follows from it.

use core::ops::Bound;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::{
    ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition,
    WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::OperatorId;
use crate::service::backends::{Backends, Erased, PrivateFile};
use crate::service::points::{Point, Points, Stopped, Write};

/// Why the records cannot be read or written. Whatever was to be written is
/// not, and what follows from it is not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database, or the disk below it.
    #[error("the records {place} cannot be used: {cause}")]
    Database {
        /// Where they are.
        place: String,
        /// What the database says.
        cause: String,
    },
    /// The records are another operator's.
    #[error("the records {place} are of operator {found}, not of {expected}")]
    OtherOperator {
        /// Where they are.
        place: String,
        /// Whose they are.
        found: String,
        /// Whose they are to be.
        expected: OperatorId,
    },
    /// The records are of an earlier or later version.
    #[error(
        "the records {place} have format {found}, and this version knows format {FORMAT} alone: let the version that made them settle what is out, and begin new ones"
    )]
    Format {
        /// Where they are.
        place: String,
        /// Theirs.
        found: u64,
    },
    /// A record cannot be read: it is damaged, or a later version's.
    #[error("a record in {place} cannot be read: {cause}")]
    Record {
        /// Where it is.
        place: String,
        /// What is wrong.
        cause: String,
    },
    /// A test has stopped the service.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Tables of values in JSON, of one operator. Of those who change them each is
/// alone; who reads waits for nobody's change to be synced.
pub(crate) struct Database {
    place: String,
    backends: Box<dyn Backends>,
    operator: OperatorId,
    tables: &'static [Table<'static>],
    points: Box<dyn Points>,
    /// None after a failure: opened again at the next use.
    open: RwLock<Option<redb::Database>>,
}

pub(crate) type Table<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// Name → number or text; also whose tables they are.
pub(crate) const META: Table<'_> = TableDefinition::new("meta");
const OPERATOR: &[u8] = b"operator";
const FORMAT_KEY: &[u8] = b"format";

/// Of the records. The first had no number.
const FORMAT: u64 = 2;

/// The most memory that the database takes for what it has read, in octets.
const CACHE_LEN: usize = 1024 * 1024;

impl Database {
    /// Opens or makes an operator's tables in a file that its owner alone can
    /// read.
    pub(crate) fn in_file(
        file: &Path,
        operator: OperatorId,
        tables: &'static [Table<'static>],
    ) -> Result<Self, StoreError> {
        let place = format!("in {}", file.display());
        let backends = Box::new(PrivateFile::at(file));
        Self::open(place, backends, operator, tables, Box::new(()))
    }

    /// The same wherever `backends` has them; `points` is told of every
    /// change.
    pub(crate) fn on(
        backends: Box<dyn Backends>,
        operator: OperatorId,
        tables: &'static [Table<'static>],
        points: Box<dyn Points>,
    ) -> Result<Self, StoreError> {
        let place = "of this process".into();
        Self::open(place, backends, operator, tables, points)
    }

    pub(crate) fn operator(&self) -> OperatorId {
        self.operator
    }

    /// Where it is, in words.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn reach(&self, point: Point) -> Result<(), Stopped> {
        self.points.reach(point)
    }

    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        table: Table<'_>,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        let opened = self.opened()?;
        let read = |database: &redb::Database| -> Result<Option<Vec<u8>>, redb::Error> {
            let table = database.begin_read()?.open_table(table)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        };
        let value = opened.with(read).map_err(|error| self.failed(&error))?;
        value.map(|value| self.record(&value)).transpose()
    }

    pub(crate) fn keys<T>(
        &self,
        table: Table<'_>,
        most: usize,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.keys_after(table, &[], most, read)
    }

    /// The first few keys that are greater than this one.
    pub(crate) fn keys_after<T>(
        &self,
        table: Table<'_>,
        after: &[u8],
        most: usize,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let opened = self.opened()?;
        let keys = |database: &redb::Database| -> Result<Vec<T>, redb::Error> {
            let table = database.begin_read()?.open_table(table)?;
            let mut keys = Vec::new();
            let greater = (Bound::Excluded(after), Bound::Unbounded);
            for entry in table.range::<&[u8]>(greater)?.take(most) {
                keys.extend(read(entry?.0.value()));
            }
            Ok(keys)
        };
        opened.with(keys).map_err(|error| self.failed(&error))
    }

    pub(crate) fn write<T>(
        &self,
        name: Write,
        change: impl FnOnce(&Change<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.points.reach(Point::BeforeWrite(name))?;
        let changed = {
            let opened = self.opened()?;
            let written = opened.with(|database| -> Result<_, redb::Error> {
                let transaction = database.begin_write()?;
                let changed = change(&Change {
                    database: self,
                    transaction: &transaction,
                });
                match changed {
                    // Synced when this returns.
                    Ok(_) => transaction.commit()?,
                    Err(_) => transaction.abort()?,
                }
                Ok(changed)
            });
            written.map_err(|error| self.failed(&error))??
        };
        self.points.reach(Point::AfterWrite(name))?;
        Ok(changed)
    }

    fn open(
        place: String,
        backends: Box<dyn Backends>,
        operator: OperatorId,
        tables: &'static [Table<'static>],
        points: Box<dyn Points>,
    ) -> Result<Self, StoreError> {
        let database = Self {
            place,
            backends,
            operator,
            tables,
            points,
            open: RwLock::new(None),
        };
        drop(database.opened()?);
        Ok(database)
    }

    /// The database, opened if it is not.
    fn opened(&self) -> Result<Opened<'_>, StoreError> {
        loop {
            // Whoever panicked has left the database as it was synced.
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            if open.is_some() {
                return Ok(Opened { open, of: self });
            }
            drop(open);
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            if open.is_none() {
                let database = self.opened_anew().map_err(|error| self.failed(&error))?;
                self.claim_for_operator(&database)?;
                *open = Some(database);
            }
        }
    }

    fn opened_anew(&self) -> Result<redb::Database, redb::Error> {
        let mut builder = redb::Database::builder();
        builder.set_cache_size(CACHE_LEN);
        Ok(builder.create_with_backend(Erased(self.backends.open()?))?)
    }

    /// Makes all tables, and sees that the records are the operator's.
    fn claim_for_operator(&self, database: &redb::Database) -> Result<(), StoreError> {
        let made = || -> Result<Option<(Vec<u8>, u64)>, redb::Error> {
            let transaction = database.begin_write()?;
            for table in std::iter::once(&META).chain(self.tables) {
                transaction.open_table(*table)?;
            }
            let found = {
                let mut meta = transaction.open_table(META)?;
                let operator = meta.get(OPERATOR)?.map(|value| value.value().to_vec());
                let format = meta.get(FORMAT_KEY)?.map(|value| value.value().to_vec());
                let format = format.and_then(|format| serde_json::from_slice(&format).ok());
                if operator.is_none() {
                    meta.insert(OPERATOR, &self.operator.to_bytes()[..])?;
                    meta.insert(FORMAT_KEY, FORMAT.to_string().as_bytes())?;
                }
                operator.map(|operator| (operator, format.unwrap_or(1)))
            };
            transaction.commit()?;
            Ok(found)
        };
        let found = made().map_err(|error| self.failed(&error))?;
        match found {
            Some((found, _)) if found != self.operator.to_bytes() => {
                Err(StoreError::OtherOperator {
                    place: self.place.clone(),
                    found: OperatorId::from_bytes(&found)
                        .map_or("unknown".into(), |found| found.to_string()),
                    expected: self.operator,
                })
            }
            Some((_, found)) if found != FORMAT => Err(StoreError::Format {
                place: self.place.clone(),
                found,
            }),
            _ => Ok(()),
        }
    }

    fn failed(&self, error: &redb::Error) -> StoreError {
        StoreError::Database {
            place: self.place.clone(),
            cause: error.to_string(),
        }
    }

    fn unreadable(&self, error: &serde_json::Error) -> StoreError {
        StoreError::Record {
            place: self.place.clone(),
            cause: error.to_string(),
        }
    }

    fn record<T: DeserializeOwned>(&self, value: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(value).map_err(|error| self.unreadable(&error))
    }
}

/// The database while somebody has it; closed where it fails, since it takes
/// nothing more then.
struct Opened<'a> {
    open: RwLockReadGuard<'a, Option<redb::Database>>,
    of: &'a Database,
}

impl Opened<'_> {
    fn with<T, E>(self, work: impl FnOnce(&redb::Database) -> Result<T, E>) -> Result<T, E> {
        let Some(database) = &*self.open else {
            unreachable!("it was opened with this");
        };
        let done = work(database);
        if done.is_err() {
            drop(self.open);
            let open = &self.of.open;
            *open.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        done
    }
}

/// A change in the making.
pub(crate) struct Change<'a> {
    database: &'a Database,
    transaction: &'a WriteTransaction,
}

impl Change<'_> {
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        table: Table<'_>,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        let read = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = self.transaction.open_table(table)?;
            let value = table.get(key)?.map(|value| value.value().to_vec());
            Ok(value)
        };
        let value = read().map_err(|error| self.database.failed(&error))?;
        value.map(|value| self.database.record(&value)).transpose()
    }

    pub(crate) fn put(
        &self,
        table: Table<'_>,
        key: &[u8],
        value: &impl Serialize,
    ) -> Result<(), StoreError> {
        let value = serde_json::to_vec(value).map_err(|error| self.database.unreadable(&error))?;
        let write = || -> Result<(), redb::Error> {
            let mut table = self.transaction.open_table(table)?;
            table.insert(key, &value[..])?;
            Ok(())
        };
        write().map_err(|error| self.database.failed(&error))
    }

    pub(crate) fn remove(&self, table: Table<'_>, key: &[u8]) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let mut table = self.transaction.open_table(table)?;
            table.remove(key)?;
            Ok(())
        };
        write().map_err(|error| self.database.failed(&error))
    }

    /// How many entries there are.
    pub(crate) fn len(&self, table: Table<'_>) -> Result<u64, StoreError> {
        let read = || -> Result<u64, redb::Error> {
            let table = self.transaction.open_table(table)?;
            Ok(table.len()?)
        };
        read().map_err(|error| self.database.failed(&error))
    }

    /// The first few keys that are this one or greater.
    pub(crate) fn keys_from(
        &self,
        table: Table<'_>,
        from: &[u8],
        most: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let read = || -> Result<Vec<Vec<u8>>, redb::Error> {
            let table = self.transaction.open_table(table)?;
            let mut keys = Vec::new();
            for entry in table.range::<&[u8]>(from..)?.take(most) {
                keys.push(entry?.0.value().to_vec());
            }
            Ok(keys)
        };
        read().map_err(|error| self.database.failed(&error))
    }

    /// Removes the first entry that is meant.
    pub(crate) fn remove_first(
        &self,
        table: Table<'_>,
        is_meant: impl Fn(&[u8]) -> bool,
    ) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let mut table = self.transaction.open_table(table)?;
            let mut meant = None;
            for entry in table.iter()? {
                let (key, _) = entry?;
                if is_meant(key.value()) {
                    meant = Some(key.value().to_vec());
                    break;
                }
            }
            if let Some(key) = meant {
                table.remove(&key[..])?;
            }
            Ok(())
        };
        write().map_err(|error| self.database.failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn records_are_not_used_before_their_name_is_on_the_disk() {
        let folder = std::env::temp_dir();
        let file = folder.join(format!("callseal-eims-name-{}.redb", std::process::id()));
        let refuses = PrivateFile {
            file: file.clone(),
            sync_name: |file| {
                assert!(file.exists());
                Err(io::Error::other("the folder is not synced"))
            },
        };
        let operator = OperatorId {
            chain_id: 1,
            contract: [0xaa; 20],
        };
        let opened = Database::open(
            "here".into(),
            Box::new(refuses),
            operator,
            &[],
            Box::new(()),
        );
        std::fs::remove_file(&file).unwrap();
        let Err(error) = opened else {
            panic!("the name may be lost");
        };
        assert!(
            error.to_string().contains("the folder is not synced"),
            "{error}"
        );
    }

    #[test]
    fn records_that_somebody_has_open_are_nobody_elses() {
        let folder = std::env::temp_dir();
        let file = folder.join(format!("callseal-eims-{}.redb", std::process::id()));
        let operator = OperatorId {
            chain_id: 1,
            contract: [0xaa; 20],
        };
        let open = || Database::in_file(&file, operator, &[]);
        let first = open().unwrap();
        assert!(matches!(open(), Err(StoreError::Database { .. })));
        drop(first);
        let second = open();
        std::fs::remove_file(&file).unwrap();
        assert!(second.is_ok());
    }

    #[test]
    fn records_of_another_version_are_refused_by_name() {
        let folder = std::env::temp_dir();
        let file = folder.join(format!("callseal-eims-format-{}.redb", std::process::id()));
        let operator = OperatorId {
            chain_id: 1,
            contract: [0xaa; 20],
        };
        let open = || Database::in_file(&file, operator, &[]);
        let first = open().unwrap();
        first
            .write(Write::Scan, |change| change.remove(META, FORMAT_KEY))
            .unwrap();
        drop(first);
        let second = open();
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(second, Err(StoreError::Format { found: 1, .. })));
    }
}
