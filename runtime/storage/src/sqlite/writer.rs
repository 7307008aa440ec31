//! The one connection that writes. What is asked while a commit is under way goes into the next one, on a thread that
//! waits for other processes and for the disk. A run that writes alone commits where it stands: handing a small
//! transaction to a thread and back takes longer than the transaction.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flow_runtime_api::{RunId, StoreError};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connection::{identity, open_writer, silent_wait};
use super::error::of_sqlite;
use super::lock::patiently;
use super::{SqliteOptions, Synchronous};

/// Jobs that wait for the thread at most; who comes later waits to be let in.
const QUEUE_MAX: usize = 4096;
/// Jobs in one transaction at most.
const BATCH_MAX: usize = 1024;
/// Pages of the WAL from which on it is copied into the file, which waits for the disk.
const WAL_PAGES_MAX: i32 = 1000;

/// A handle of the connection and of its thread, which starts with the first job.
pub(super) struct Writer {
    file: Arc<Mutex<Store>>,
    thread: Mutex<Option<Running>>,
}

struct Running {
    jobs: mpsc::Sender<Box<dyn Job>>,
    handle: JoinHandle<()>,
}

/// Something to be done in a transaction. It may be tried more than once, and is answered once.
trait Job: Send {
    /// Does it; an error rolls the transaction back.
    fn attempt(&mut self, db: &Connection) -> rusqlite::Result<()>;
    /// Whether anybody waits for the answer.
    fn is_wanted(&self) -> bool;
    /// The transaction was committed.
    fn committed(self: Box<Self>);
    /// It could not be.
    fn failed(self: Box<Self>, error: StoreError);
}

struct Asked<T, F> {
    job: F,
    answer: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Asked<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> rusqlite::Result<Result<T, StoreError>> + Send,
{
    fn attempt(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.answer = Some((self.job)(db)?);
        Ok(())
    }

    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn committed(self: Box<Self>) {
        let answer = self.answer.expect("a job is attempted before its transaction is committed");
        // Whoever asked may have gone; the commit stands.
        let _ = self.reply.send(answer);
    }

    fn failed(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error));
    }
}

impl Writer {
    pub(super) fn new(path: PathBuf, options: SqliteOptions) -> Writer {
        let store =
            Store { path, options, db: None, file: None, pages: Arc::default(), is_calm: false, last: None };
        Writer { file: Arc::new(Mutex::new(store)), thread: Mutex::new(None) }
    }

    /// Does a job on the thread, together with what others ask at the same time.
    pub(super) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<Result<T, StoreError>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Asked { job, answer: None, reply });
        let gone = || StoreError::Unavailable(String::from("the store's writer has stopped; start again"));
        self.jobs()?.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Does a small job of a run: here and now if that run was the last to ask and nothing has to be waited for, else on
    /// the thread.
    pub(super) async fn run_of<T, F>(&self, run: &RunId, mut job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<Result<T, StoreError>> + Send + 'static,
    {
        match self.at_once(run, &mut job) {
            Some(answer) => answer,
            None => self.run(job).await,
        }
    }

    fn at_once<T, F>(&self, run: &RunId, job: &mut F) -> Option<Result<T, StoreError>>
    where
        F: FnMut(&Connection) -> rusqlite::Result<Result<T, StoreError>>,
    {
        let mut store = match self.file.try_lock() {
            Ok(store) => store,
            Err(TryLockError::Poisoned(poison)) => poison.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if store.last.as_ref() != Some(run) {
            // Runs that write by turns are better off in one transaction.
            store.last = Some(run.clone());
            return None;
        }
        let mut answer = None;
        store.commit_at_once(|db| {
            answer = Some(job(db)?);
            Ok(())
        })?;
        answer
    }

    fn jobs(&self) -> Result<mpsc::Sender<Box<dyn Job>>, StoreError> {
        let mut thread = self.thread.lock().unwrap_or_else(|poison| poison.into_inner());
        if let Some(running) = &*thread {
            return Ok(running.jobs.clone());
        }
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let file = self.file.clone();
        let handle = std::thread::Builder::new()
            .name(String::from("flow-store"))
            .spawn(move || serve(&file, queue))
            .map_err(|error| {
                StoreError::Unavailable(format!("no thread for the store: {error}; free some resources"))
            })?;
        *thread = Some(Running { jobs: jobs.clone(), handle });
        Ok(jobs)
    }
}

impl Drop for Writer {
    /// Closes the file: what is in the WAL goes into it.
    fn drop(&mut self) {
        let thread = self.thread.get_mut().unwrap_or_else(|poison| poison.into_inner());
        if let Some(Running { jobs, handle }) = thread.take() {
            drop(jobs);
            // A panic of the thread was already answered: every job of it failed.
            let _ = handle.join();
        }
    }
}

fn serve(file: &Mutex<Store>, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::new();
    while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let mut store = lock(file);
        match store.commit(&mut batch) {
            Ok(()) => batch.drain(..).for_each(Job::committed),
            // One job may be too large where the others fit: each for itself.
            Err(_) if batch.len() > 1 => {
                for job in batch.drain(..) {
                    store.commit_alone(job);
                }
            }
            Err(error) => batch.drain(..).for_each(|job| job.failed(error.clone())),
        }
        store.shorten();
    }
}

fn lock(file: &Mutex<Store>) -> MutexGuard<'_, Store> {
    file.lock().unwrap_or_else(|poison| poison.into_inner())
}

/// The connection, and what is known of its file.
struct Store {
    path: PathBuf,
    options: SqliteOptions,
    db: Option<Connection>,
    /// The file that was written last. What is written to a deleted one is lost, so that nothing more is.
    file: Option<(u64, u64)>,
    /// Pages of the WAL after the last commit.
    pages: Arc<AtomicI32>,
    /// Whether a commit waits for no disk: the WAL is short, and the thread has begun it.
    is_calm: bool,
    /// The run that wrote last.
    last: Option<RunId>,
}

impl Store {
    fn commit_alone(&mut self, job: Box<dyn Job>) {
        let mut batch = vec![job];
        let result = self.commit(&mut batch);
        for job in batch {
            match &result {
                Ok(()) => job.committed(),
                Err(error) => job.failed(error.clone()),
            }
        }
    }

    /// Commits a batch or nothing of it, waiting for other processes while anybody waits for an answer.
    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let began = Instant::now();
        match self.attempt(batch) {
            Err(StoreError::Locked(_)) => {}
            done => return done,
        }
        let (path, options) = (self.path.clone(), self.options.clone());
        let batch = RefCell::new(batch);
        let is_wanted = || batch.borrow().iter().any(|job| job.is_wanted());
        patiently(&path, &options, began, is_wanted, || self.attempt(&mut batch.borrow_mut()))
    }

    fn attempt(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let db = match self.db.take() {
            Some(db) => db,
            None => self.open()?,
        };
        let file = identity(&self.path);
        if self.file.is_some() && self.file != file {
            return Err(self.taken_away());
        }
        self.file = file;
        let done = transact(&db, || batch.iter_mut().try_for_each(|job| job.attempt(&db)));
        let done = done.map_err(|error| of_sqlite(&self.path, &error));
        self.is_calm = done.is_ok() && self.options.synchronous == Synchronous::Normal;
        // After any other error the next batch begins with a fresh connection.
        if matches!(done, Ok(()) | Err(StoreError::Locked(_))) {
            self.db = Some(db);
        }
        done
    }

    /// Commits without waiting for anything; `None` if that can't be, and then nothing is written.
    fn commit_at_once(&mut self, mut job: impl FnMut(&Connection) -> rusqlite::Result<()>) -> Option<()> {
        if !self.is_calm || self.pages.load(Ordering::Relaxed) >= WAL_PAGES_MAX {
            return None;
        }
        let db = self.db.take()?;
        // A file that is gone, or can't be written: the thread says so.
        let is_there = self.file.is_some() && self.file == identity(&self.path);
        let done = is_there
            && db.busy_timeout(Duration::ZERO).is_ok()
            && match transact(&db, || job(&db)) {
                Ok(()) => true,
                Err(error) if matches!(of_sqlite(&self.path, &error), StoreError::Locked(_)) => false,
                Err(_) => return None,
            };
        if db.busy_timeout(silent_wait(&self.options)).is_ok() {
            self.db = Some(db);
        }
        done.then_some(())
    }

    /// Copies a WAL that has grown long into the file; whoever has asked until now knows of the commit already.
    fn shorten(&mut self) {
        if self.pages.load(Ordering::Relaxed) < WAL_PAGES_MAX {
            return;
        }
        // The next commit begins the WAL anew, and waits for the disk once more: that is the thread's, too.
        self.is_calm = false;
        if let Some(db) = &self.db {
            // What can't be copied now, as somebody reads it or the disk is full, is copied after a later commit.
            let _ = db
                .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
                .and_then(|mut checkpoint| checkpoint.query_row([], |_| Ok(())));
        }
    }

    /// Opens the file; after the first time the same as before, and no other in its place.
    fn open(&self) -> Result<Connection, StoreError> {
        if self.file.is_some() && identity(&self.path) != self.file {
            return Err(self.taken_away());
        }
        let mut db = open_writer(&self.path, &self.options)?;
        let pages = self.pages.clone();
        // In place of SQLite's own checkpoint, which would be a part of the commit.
        db.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count| {
            pages.store(count, Ordering::Relaxed);
            Ok(())
        }))
        .map_err(|error| of_sqlite(&self.path, &error))?;
        Ok(db)
    }

    fn taken_away(&self) -> StoreError {
        let at = self.path.display();
        StoreError::Corrupt(format!(
            "the store {at} was deleted, moved or replaced while it was in use, and what it held is not there any more; put it back"
        ))
    }
}

fn transact(db: &Connection, work: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    // Immediate: the lock is waited for here, and never asked for halfway.
    db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = work().and_then(|()| db.prepare_cached("COMMIT")?.execute([]).map(drop));
    if done.is_err() && !db.is_autocommit() {
        // The first error is the one to tell.
        let _ = db.execute_batch("ROLLBACK");
    }
    done
}
