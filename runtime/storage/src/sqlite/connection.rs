//! Opening a file: its rights, whose it is, its schema.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use flow_runtime_api::StoreError;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::{of_io, of_sqlite};
use super::lock::SILENT_MS;
use super::{SqliteOptions, Synchronous};

mod embedded {
    refinery::embed_migrations!("src/sqlite/migrations");
}

/// The schema that this program writes; older ones are migrated, newer ones refused.
pub const SCHEMA_VERSION: u32 = 6;

/// `flow` in ASCII; says that a SQLite file is ours.
const APPLICATION_ID: i64 = 0x666c_6f77;

/// The header of every SQLite file that isn't empty.
const HEADER_BYTES: u64 = 100;

/// What a file is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// As this program writes it.
    Current,
    /// Empty, or of an older program.
    Behind,
}

/// Opens for writing: creates file and folders for their owner only, and brings the schema up to date.
pub(super) fn open_writer(path: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    create(path)?;
    let mut db = open(path, options, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let fail = |error: rusqlite::Error| of_sqlite(path, &error);
    db.pragma_update(
        None,
        "synchronous",
        match options.synchronous {
            Synchronous::Normal => "NORMAL",
            Synchronous::Full => "FULL",
        },
    )
    .map_err(fail)?;
    if let Some(pages) = options.pages_max {
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(fail)?;
    }
    if schema(&db, path)? == Schema::Behind {
        migrate(&mut db, path)?;
    }
    Ok(db)
}

/// Tells whether a store could be written here, without making one: a file that is there is opened and locked for a
/// moment, where there is none its folder takes a file.
pub(super) fn probe(path: &Path, options: &SqliteOptions) -> Result<(), StoreError> {
    if path.try_exists().map_err(|error| of_io(path, "looked at", &error))? {
        let db = open_writer(path, options)?;
        return db.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(|error| of_sqlite(path, &error));
    }
    let mut nearest = folder(path).unwrap_or(Path::new("."));
    while !nearest.exists() {
        nearest = folder(nearest).unwrap_or(Path::new("."));
    }
    takes_files(nearest)
}

/// Which file a path leads to; `None` where there is none, or the system has no such numbers.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Opens for reading; `None` if there is no such file.
pub(super) fn open_reader(
    path: &Path,
    options: &SqliteOptions,
) -> Result<Option<(Connection, Schema)>, StoreError> {
    if !path.try_exists().map_err(|error| of_io(path, "looked at", &error))? {
        return Ok(None);
    }
    let reader = |db: Connection| {
        db.pragma_update(None, "query_only", true).map_err(|error| of_sqlite(path, &error))?;
        let schema = schema(&db, path)?;
        Ok(Some((db, schema)))
    };
    // Readers of a WAL write its index, so read-only is asked of statements, not of the file.
    let opened = open(path, options, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(reader);
    match (opened, unchanging(path)) {
        // Nobody can write here, so that nothing changes: then it can be read without an index.
        (Err(StoreError::Unavailable(_)), Some(name)) => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            open_as(Path::new(&name), path, options, flags).and_then(reader)
        }
        (opened, _) => opened,
    }
}

/// Returns the name under which a file is read as one that nobody changes; `None` if its folder can be written, or if it
/// was left with commits that aren't in the file itself.
fn unchanging(path: &Path) -> Option<String> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    if std::fs::metadata(&wal).is_ok_and(|wal| wal.len() > 0)
        || takes_files(folder(path).unwrap_or(Path::new("."))).is_ok()
    {
        return None;
    }
    let name = path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Some(format!("file:{name}?immutable=1"))
}

/// Tells whether a file can be made in a folder.
fn takes_files(folder: &Path) -> Result<(), StoreError> {
    let trial = folder.join(format!(".flow-{}", std::process::id()));
    let made = File::options().write(true).create_new(true).open(&trial);
    made.map_err(|error| of_io(&trial, "created", &error))?;
    std::fs::remove_file(&trial).map_err(|error| of_io(&trial, "removed", &error))
}

fn open(path: &Path, options: &SqliteOptions, flags: OpenFlags) -> Result<Connection, StoreError> {
    open_as(path, path, options, flags)
}

/// Opens the file at `path` under another name of it.
fn open_as(
    name: &Path,
    path: &Path,
    options: &SqliteOptions,
    flags: OpenFlags,
) -> Result<Connection, StoreError> {
    if path.is_dir() {
        return Err(StoreError::Unavailable(format!(
            "{} is a folder, not a run store; name a file in it",
            path.display()
        )));
    }
    // SQLite takes what is too short for its header for an empty file, and would write over it.
    if std::fs::metadata(path).is_ok_and(|file| (1..HEADER_BYTES).contains(&file.len())) {
        return Err(StoreError::Corrupt(format!(
            "{} is no whole run store; move it away or name another with `--store`",
            path.display()
        )));
    }
    let fail = |error: rusqlite::Error| of_sqlite(path, &error);
    let db = Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fail)?;
    db.busy_timeout(silent_wait(options)).map_err(fail)?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

/// How long SQLite itself waits for a lock.
pub(super) fn silent_wait(options: &SqliteOptions) -> Duration {
    Duration::from_millis(options.busy_ms.min(SILENT_MS))
}

/// Creates an empty file, and the folders above it, for their owner only.
fn create(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = folder(path) {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| of_io(folder, "created", &error))?;
    }
    let mut open = File::options();
    open.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    match open.open(path) {
        Ok(_) => Ok(()),
        // Another process was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(of_io(path, "created", &error)),
    }
}

fn folder(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty())
}

/// Tells what a file is; fails if it is another program's, or a newer one's.
fn schema(db: &Connection, path: &Path) -> Result<Schema, StoreError> {
    let fail = |error: rusqlite::Error| of_sqlite(path, &error);
    // One transaction: what another process commits meanwhile is seen whole or not at all.
    let seen = db.unchecked_transaction().map_err(fail)?;
    let facts = facts(&seen).map_err(fail)?;
    drop(seen);
    let at = path.display();
    match facts {
        // Empty: just created, or the disk was full before there was anything in it.
        Facts { application: 0 | APPLICATION_ID, version: 0, tables: 0 } => Ok(Schema::Behind),
        Facts { application: APPLICATION_ID, version, .. } => match u32::try_from(version) {
            Ok(SCHEMA_VERSION) => Ok(Schema::Current),
            Ok(version) if version < SCHEMA_VERSION => Ok(Schema::Behind),
            _ => Err(StoreError::Unavailable(format!(
                "the store {at} was written by a newer flowc (schema {version}, this one knows {SCHEMA_VERSION}); update flowc or name another store with `--store`"
            ))),
        },
        _ => Err(StoreError::Corrupt(format!(
            "{at} is the database of another program; name another store with `--store`"
        ))),
    }
}

/// What tells whose a file is.
struct Facts {
    application: i64,
    version: i64,
    /// Tables and indexes, without refinery's own table: it stands alone in files whose creation was cut short.
    tables: i64,
}

fn facts(db: &Connection) -> rusqlite::Result<Facts> {
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(Facts {
        application: number("application_id")?,
        version: number("user_version")?,
        tables: db.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'refinery_schema_history'",
            [],
            |row| row.get(0),
        )?,
    })
}

/// Brings the schema up to date, one process at a time.
fn migrate(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    // The lock is on the folder: closing any handle of the file itself would drop SQLite's own locks on it. Where a
    // folder can't be locked, SQLite's lock on the file keeps the order.
    let lock = File::open(folder(path).unwrap_or(Path::new("."))).ok();
    let _locked = lock.as_ref().map(File::lock);
    if schema(db, path)? == Schema::Current {
        return Ok(());
    }
    let fail = |error: rusqlite::Error| of_sqlite(path, &error);
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(fail)?;
    apply_migrations(db).map_err(fail)?;
    match schema(db, path)? {
        Schema::Current => Ok(()),
        Schema::Behind => Err(StoreError::Corrupt(format!(
            "the schema of {} is not what its migrations make; move it away to begin a new one",
            path.display()
        ))),
    }
}

/// Applies what the file lacks in one transaction, so that no crash and no full disk leaves a part of it. A migration
/// sets `user_version` to its number, and the first one `application_id`.
fn apply_migrations(db: &mut Connection) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = facts(&transaction)?.version;
    for migration in embedded::migrations::runner().get_migrations() {
        if i64::from(migration.version()) > version {
            transaction.execute_batch(migration.sql().unwrap_or_default())?;
        }
    }
    transaction.commit()
}
