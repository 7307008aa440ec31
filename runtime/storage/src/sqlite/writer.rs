//! The one thread that writes: what is asked while a commit is under way goes into the next one.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Instant;

use flow_runtime_api::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::SqliteOptions;
use super::connection::{identity, open_writer};
use super::error::of_sqlite;
use super::lock::patiently;

/// Jobs that wait for the thread at most; who comes later waits to be let in.
const QUEUE_MAX: usize = 4096;
/// Jobs in one transaction at most.
const BATCH_MAX: usize = 1024;

/// A handle of the thread, which starts with the first job.
pub(super) struct Writer {
    path: PathBuf,
    options: SqliteOptions,
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
        Writer { path, options, thread: Mutex::new(None) }
    }

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

    fn jobs(&self) -> Result<mpsc::Sender<Box<dyn Job>>, StoreError> {
        let mut thread = self.thread.lock().unwrap_or_else(|poison| poison.into_inner());
        if let Some(running) = &*thread {
            return Ok(running.jobs.clone());
        }
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let store = Thread { path: self.path.clone(), options: self.options.clone(), db: None, file: None };
        let handle = std::thread::Builder::new()
            .name(String::from("flow-store"))
            .spawn(move || store.serve(queue))
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

struct Thread {
    path: PathBuf,
    options: SqliteOptions,
    db: Option<Connection>,
    /// The file that was written last. What is written to a deleted one is lost, so that nothing more is.
    file: Option<(u64, u64)>,
}

impl Thread {
    fn serve(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch = Vec::new();
        while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            match self.commit(&mut batch) {
                Ok(()) => batch.drain(..).for_each(Job::committed),
                // One job may be too large where the others fit: each for itself.
                Err(_) if batch.len() > 1 => {
                    for job in batch.drain(..) {
                        self.alone(job);
                    }
                }
                Err(error) => batch.drain(..).for_each(|job| job.failed(error.clone())),
            }
        }
    }

    fn alone(&mut self, job: Box<dyn Job>) {
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
            None if self.file.is_none() => open_writer(&self.path, &self.options)?,
            None => self.open_again()?,
        };
        let file = identity(&self.path);
        if self.file.is_some() && self.file != file {
            return Err(self.taken_away());
        }
        self.file = file;
        let done = transact(&db, batch).map_err(|error| of_sqlite(&self.path, &error));
        // After any other error the next batch begins with a fresh connection.
        if matches!(done, Ok(()) | Err(StoreError::Locked(_))) {
            self.db = Some(db);
        }
        done
    }

    /// Opens the same file as before, and no other in its place.
    fn open_again(&self) -> Result<Connection, StoreError> {
        match identity(&self.path) == self.file {
            true => open_writer(&self.path, &self.options),
            false => Err(self.taken_away()),
        }
    }

    fn taken_away(&self) -> StoreError {
        let at = self.path.display();
        StoreError::Corrupt(format!(
            "the store {at} was deleted, moved or replaced while it was in use, and what it held is not there any more; put it back"
        ))
    }
}

fn transact(db: &Connection, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    // Immediate: the lock is waited for here, and never asked for halfway.
    db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = batch
        .iter_mut()
        .try_for_each(|job| job.attempt(db))
        .and_then(|()| db.prepare_cached("COMMIT")?.execute([]).map(drop));
    if done.is_err() && !db.is_autocommit() {
        // The first error is the one to tell.
        let _ = db.execute_batch("ROLLBACK");
    }
    done
}
