//! What can go wrong with a store, by what a caller would do about it.

use byway_base::{Code, Problem};

/// Why an operation was not done. Nothing of it was, except where [`Self::Unavailable`] says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or not in time. Try again later; if it was lost while a write was being
    /// committed, the write may have been done.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The store holds something newer.
    #[error("the store holds a newer one: {newer}")]
    Conflict {
        /// What the newer thing is dated or numbered; whatever replaces it must exceed this.
        newer: u64,
    },
    /// The same message was taken before, or one that its sender signed later.
    #[error("it was taken before, or a later one was")]
    Replayed,
    /// The store holds no such thing.
    #[error("the store holds no such thing")]
    NotFound,
    /// The subject has as many as it may have.
    #[error("the limit of {limit} is reached")]
    Full {
        /// How many it may have.
        limit: usize,
    },
    /// The database holds or answers what this program never wrote.
    #[error("the database is corrupt: {0}")]
    Corrupt(String),
}

/// Why a store could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The URL is none of the three forms. The text never repeats the URL, which may hold a password.
    #[error("a store is postgres://USER@HOST/DATABASE, sqlite:PATH or sqlite::memory: ({0})")]
    Url(String),
    /// The database does not answer, or its file cannot be opened.
    #[error("the database cannot be opened: {0}")]
    Unavailable(String),
    /// A newer release has migrated the database, or someone changed a migration that had run.
    #[error("the database's schema is not one of this release: {0}")]
    Schema(String),
    /// The copy that precedes a migration could not be made; nothing was migrated.
    #[error("the database cannot be backed up before its migration: {0}")]
    Backup(String),
}

impl StoreError {
    /// Whether trying again later may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<StoreError> for Problem {
    /// `Conflict` and `NotFound` are better said by whoever knows what was asked for; this is the fallback.
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) => Code::NotReady,
            StoreError::Conflict { .. } => Code::Conflict,
            StoreError::Replayed => Code::Replayed,
            StoreError::NotFound => Code::NotFound,
            StoreError::Full { .. } => Code::Limit,
            StoreError::Corrupt(_) => Code::Internal,
        };
        Self::new(code, "cannot use the registry", error)
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        let code = match &error {
            OpenError::Url(_) => Code::Config,
            OpenError::Unavailable(_) => Code::NotReady,
            OpenError::Schema(_) | OpenError::Backup(_) => Code::File,
        };
        Self::new(code, "cannot open the registry", error)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let environment = match &error {
            sqlx::Error::Database(database) => is_environmental(database.code().as_deref().unwrap_or("")),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            _ => false,
        };
        if environment { Self::Unavailable(error.to_string()) } else { Self::Corrupt(error.to_string()) }
    }
}

/// Whether an error code of PostgreSQL (five characters, by class) or SQLite (a number whose low byte is the class)
/// says that the database could not do it, rather than that the statement was wrong.
fn is_environmental(code: &str) -> bool {
    if code.len() == 5 {
        // Connection, authorisation, rollback, resources, operator, system; object not in the right state; limits.
        return ["08", "28", "40", "53", "55", "57", "58", "25"].iter().any(|class| code.starts_with(class));
    }
    // PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 3 | 5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15))
}
