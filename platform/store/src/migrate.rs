//! Versioned, embedded migrations. An SQLite file is copied before it is migrated.

use std::path::{Path, PathBuf};

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::{
    OpenError,
    db::{Db, query},
};

/// Every migration in order. Rows are added, never changed: databases out there have run them.
pub(crate) const MIGRATIONS: &[(i64, &str, &str)] =
    &[(1, "registries", include_str!("../migrations/0001_registries.sql"))];

/// Brings the database to the present schema. `file` is the SQLite file, if it is one.
pub(crate) async fn migrate(
    db: &Db,
    file: Option<&Path>,
    migrations: &[(i64, &'static str, &'static str)],
) -> Result<(), OpenError> {
    if let Some(file) = file {
        back_up(db, file, migrations).await?;
    }
    let migrations = migrations.iter().map(|&(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, AssertSqlSafe(sql).into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    let result = match db {
        Db::Pg(pool) => migrator.run(pool).await,
        Db::Lite { writer, .. } => migrator.run(writer).await,
    };
    result.map_err(|error| match error {
        MigrateError::Execute(error) => OpenError::Unavailable(error.to_string()),
        other => OpenError::Schema(other.to_string()),
    })
}

/// Copies the database if it holds something that a migration is about to change.
async fn back_up(db: &Db, file: &Path, migrations: &[(i64, &str, &str)]) -> Result<(), OpenError> {
    let failed = |error: &dyn std::fmt::Display| OpenError::Backup(error.to_string());
    let Some(applied) = applied(db).await? else { return Ok(()) };
    if migrations.iter().all(|&(version, ..)| version <= applied) {
        return Ok(());
    }
    let copy = backup_path(file, applied);
    // A copy that a former attempt left behind holds the same data: migrations are transactions.
    match std::fs::remove_file(&copy) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&error)),
        _ => {}
    }
    let path = copy.to_str().ok_or_else(|| failed(&"the path is not UTF-8"))?;
    db.fetch(query("VACUUM INTO $1").bind(path)).await.map_err(|error| failed(&error))?;
    tracing::info!(copy = %copy.display(), "backed up the registry before its migration");
    Ok(())
}

/// The version that the database is at, `None` if it is empty.
async fn applied(db: &Db) -> Result<Option<i64>, OpenError> {
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

fn backup_path(file: &Path, version: i64) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".schema-{version}.backup"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Target;

    const SECOND: (i64, &str, &str) = (2, "more", "CREATE TABLE more (x BIGINT)");

    async fn open(file: &Path) -> Db {
        Target::File(file.to_owned()).open().await.unwrap()
    }

    #[tokio::test]
    async fn a_file_is_copied_before_a_later_migration_and_only_then() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("registry.db");
        let copy = backup_path(&file, 1);
        let db = open(&file).await;
        migrate(&db, Some(&file), MIGRATIONS).await.unwrap();
        migrate(&db, Some(&file), MIGRATIONS).await.unwrap();
        assert!(!copy.exists(), "nothing was migrated that had held anything");

        let mut tx = db.begin().await.unwrap();
        tx.execute(query("UPDATE counters SET value = 7")).await.unwrap();
        tx.commit().await.unwrap();
        migrate(&db, Some(&file), &[MIGRATIONS[0], SECOND]).await.unwrap();
        let old = open(&copy).await;
        let kept = old.fetch(query("SELECT value FROM counters")).await.unwrap();
        assert_eq!(kept[0].int("value"), Ok(7));
        assert!(old.fetch(query("SELECT x FROM more")).await.is_err());
        assert!(db.fetch(query("SELECT x FROM more")).await.is_ok());
    }

    #[tokio::test]
    async fn a_failing_migration_changes_nothing_and_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("registry.db");
        let db = open(&file).await;
        migrate(&db, Some(&file), MIGRATIONS).await.unwrap();
        let broken = (2, "broken", "CREATE TABLE half (x BIGINT); CREATE TABLE half (x BIGINT)");
        let error = migrate(&db, Some(&file), &[MIGRATIONS[0], broken]).await.unwrap_err();
        assert!(matches!(error, OpenError::Schema(_)), "{error}");
        assert!(db.fetch(query("SELECT x FROM half")).await.is_err());
        migrate(&db, Some(&file), &[MIGRATIONS[0], SECOND]).await.unwrap();
    }

    #[tokio::test]
    async fn a_database_of_a_newer_release_is_refused() {
        let db = Target::Memory.open().await.unwrap();
        migrate(&db, None, &[MIGRATIONS[0], SECOND]).await.unwrap();
        assert!(matches!(migrate(&db, None, MIGRATIONS).await, Err(OpenError::Schema(_))));
    }
}
