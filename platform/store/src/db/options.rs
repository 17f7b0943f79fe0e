//! From a URL to open pools.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use byway_base::limits::{STORE_CONNECTIONS, STORE_TIMEOUT};
use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::Db;
use crate::OpenError;

/// Where a store is.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Pg(Box<PgConnectOptions>),
    File(PathBuf),
    Memory,
}

impl FromStr for Target {
    type Err = OpenError;

    fn from_str(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url)
                .map_err(|_| OpenError::Url("the part after postgres:// is not understood".into()))?;
            return Ok(Self::Pg(Box::new(with_deadlines(options))));
        }
        match url.strip_prefix("sqlite:") {
            Some(":memory:") => Ok(Self::Memory),
            Some(path) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(OpenError::Url("the path is empty".into())),
                path => Ok(Self::File(path.into())),
            },
            None => Err(OpenError::Url("it starts with neither".into())),
        }
    }
}

/// The server gives up in time too, so that a statement nobody waits for any more does not keep its locks.
fn with_deadlines(options: PgConnectOptions) -> PgConnectOptions {
    let ms = STORE_TIMEOUT.as_millis().to_string();
    options.application_name("byway").options([
        ("statement_timeout", ms.clone()),
        ("lock_timeout", ms.clone()),
        ("idle_in_transaction_session_timeout", ms),
        // A plan kept since the tables were small would scan them when they are large. Planning costs a tenth of a
        // millisecond, which a statement for many rows does not notice.
        ("plan_cache_mode", "force_custom_plan".to_owned()),
    ])
}

impl Target {
    /// Opens the pools; proves that the database answers.
    pub(crate) async fn open(&self) -> Result<Db, OpenError> {
        let opened = match self {
            Self::Pg(options) => {
                let pool =
                    PgPoolOptions::new().max_connections(STORE_CONNECTIONS).acquire_timeout(STORE_TIMEOUT);
                pool.connect_with((**options).clone()).await.map(Db::Pg)
            }
            Self::File(path) => open_file(path).await,
            Self::Memory => open_memory().await,
        };
        opened.map_err(|error| OpenError::Unavailable(error.to_string()))
    }
}

async fn open_file(path: &Path) -> Result<Db, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged write survives a power cut, not only the end of the process.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(STORE_TIMEOUT);
    let writer = lite_pool(1).connect_with(options.clone()).await?;
    let readers = lite_pool(STORE_CONNECTIONS).connect_with(options).await?;
    Ok(Db::Lite { writer, readers })
}

/// A database in memory lives as long as its one connection, which therefore never is closed for being idle or old.
async fn open_memory() -> Result<Db, sqlx::Error> {
    let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
    let pool = lite_pool(1).min_connections(1).connect_with(options).await?;
    Ok(Db::Lite { writer: pool.clone(), readers: pool })
}

fn lite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(STORE_TIMEOUT)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_the_three_forms_are_understood() {
        assert!(matches!("postgres://byway@db/byway".parse(), Ok(Target::Pg(_))));
        assert!(matches!("sqlite::memory:".parse(), Ok(Target::Memory)));
        for url in ["sqlite:/var/lib/r.db", "sqlite:///var/lib/r.db"] {
            assert!(
                matches!(url.parse(), Ok(Target::File(path)) if path == Path::new("/var/lib/r.db")),
                "{url}"
            );
        }
    }

    #[test]
    fn an_error_about_a_url_does_not_repeat_the_password_in_it() {
        for url in ["postgres://u:hunter2@[bad/db", "mysql://u:hunter2@db/x", "sqlite:"] {
            let error = url.parse::<Target>().map(|_| ()).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
