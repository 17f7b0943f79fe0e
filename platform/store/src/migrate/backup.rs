//! Copies of what a migration is about to change.
//!
//! An SQLite file is copied beside itself, `FILE.schema-N.backup`; tables of PostgreSQL into a schema of the same database,
//! `byway_backup_N`, N being the version that they are of. A copy that a former attempt left is made anew. Nothing removes
//! the last one but the operator, who knows when it is not needed any more.

use std::{
    fmt::Display,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use sqlx::{AssertSqlSafe, PgPool};

use crate::{
    OpenError,
    db::{Db, query},
};

/// Copies the file if its schema is older than `newest`.
pub(super) async fn copy_file(db: &Db, file: &Path, newest: i64) -> Result<(), OpenError> {
    let Some(applied) = applied_lite(db).await?.filter(|applied| *applied < newest) else { return Ok(()) };
    let copy = file_for(file, applied);
    match std::fs::remove_file(&copy) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&error)),
        _ => {}
    }
    let path = copy.to_str().ok_or_else(|| failed(&"the path is not UTF-8"))?;
    db.fetch(query("VACUUM INTO $1").bind(path)).await.map_err(|error| failed(&error))?;
    tracing::info!(copy = %copy.display(), "backed up the registry before its migration");
    Ok(())
}

/// Copies every table, as of one moment, if the schema is older than `newest`.
pub(super) async fn copy_tables(pool: &PgPool, newest: i64) -> Result<(), OpenError> {
    let copied = async {
        let Some(applied) = applied_pg(pool).await?.filter(|applied| *applied < newest) else {
            return Ok(None);
        };
        let schema = format!("byway_backup_{applied}");
        let mut tx = pool.begin().await?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *tx).await?;
        let copies = "SELECT format('CREATE TABLE %I.%I AS TABLE %I.%I', $1, tablename, schemaname, tablename) \
            FROM pg_tables WHERE schemaname = current_schema()";
        let copies: Vec<String> = sqlx::query_scalar(copies).bind(&schema).fetch_all(&mut *tx).await?;
        let make = [format!("DROP SCHEMA IF EXISTS {schema} CASCADE"), format!("CREATE SCHEMA {schema}")];
        for statement in make.into_iter().chain(copies) {
            // A name of ours, and names that the database has quoted.
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(Some(schema))
    };
    if let Some(schema) = copied.await.map_err(|error: sqlx::Error| failed(&error))? {
        tracing::info!(schema, "backed up the registry before its migration");
    }
    Ok(())
}

/// The version that the database is at, `None` if it is empty.
async fn applied_lite(db: &Db) -> Result<Option<i64>, OpenError> {
    let unavailable = |error: crate::StoreError| OpenError::Unavailable(error.to_string());
    let known = "SELECT COUNT(*) AS n FROM sqlite_master WHERE name = '_sqlx_migrations'";
    let known = db.fetch(query(known)).await.map_err(unavailable)?;
    if known.first().map(|row| row.int("n")).transpose().map_err(unavailable)? != Some(1) {
        return Ok(None);
    }
    let newest = "SELECT version FROM _sqlx_migrations ORDER BY version DESC LIMIT 1";
    let newest = db.fetch(query(newest)).await.map_err(unavailable)?;
    newest.first().map(|row| row.int("version")).transpose().map_err(unavailable)
}

/// The version that the database is at, `None` if it is empty.
async fn applied_pg(pool: &PgPool) -> Result<Option<i64>, sqlx::Error> {
    let known = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
    if !sqlx::query_scalar(known).fetch_one(pool).await? {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(pool).await
}

fn file_for(file: &Path, version: i64) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".schema-{version}.backup"));
    name.into()
}

fn failed(error: &dyn Display) -> OpenError {
    OpenError::Backup(error.to_string())
}
