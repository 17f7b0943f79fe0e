//! Versioned, embedded migrations. What a database holds is copied before it is migrated.

mod backup;

use std::path::Path;

use byway_base::limits::STORE_MIGRATION;
use sqlx::{
    AssertSqlSafe, PgPool, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    postgres::PgPoolOptions,
};

use crate::{OpenError, db::Db};

/// One of the schema's versions: its number, its name, and what leads to it from the one before.
type Step = (i64, &'static str, &'static str);

/// All replicas take this lock, so that one of them copies and migrates while the others wait.
const LOCK: i64 = 0x62_79_77_61_79;

/// Every migration in order. Rows are added, never changed: databases out there have run them.
pub(crate) const MIGRATIONS: &[Step] = &[
    (1, "registries", include_str!("../migrations/0001_registries.sql")),
    (2, "scale", include_str!("../migrations/0002_scale.sql")),
];

/// Brings the database to the present schema. `file` is the SQLite file, if it is one.
pub(crate) async fn migrate(db: &Db, file: Option<&Path>, migrations: &[Step]) -> Result<(), OpenError> {
    let steps = migrations.iter().map(|&(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, AssertSqlSafe(sql).into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(steps.collect());
    let newest = migrations.iter().map(|(version, ..)| *version).max().unwrap_or_default();
    let result = match db {
        Db::Pg(pool) => {
            let alone = lock(pool).await.map_err(|error| OpenError::Unavailable(error.to_string()))?;
            backup::copy_tables(&alone, newest).await?;
            let result = migrator.run(&alone).await;
            alone.close().await;
            result
        }
        Db::Lite { writer, .. } => {
            if let Some(file) = file {
                backup::copy_file(db, file, newest).await?;
            }
            migrator.run(writer).await
        }
    };
    result.map_err(|error| match error {
        MigrateError::Execute(error) => OpenError::Unavailable(error.to_string()),
        other => OpenError::Schema(other.to_string()),
    })
}

/// A pool of one connection, which holds the lock until it is closed, and whose statements may take long: millions of rows
/// are copied and indexed.
async fn lock(pool: &PgPool) -> Result<PgPool, sqlx::Error> {
    let ms = STORE_MIGRATION.as_millis().to_string();
    let settings = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
    let options = (*pool.connect_options()).clone().options(settings.map(|setting| (setting, &ms)));
    let alone = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let alone = alone.connect_with(options).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&alone).await?;
    Ok(alone)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use byway_testkit::postgres_or_skip;

    use super::*;
    use crate::db::{Target, query};

    const FIRST: &[Step] = &[MIGRATIONS[0]];
    const LATER: Step = (2, "more", "CREATE TABLE more (x BIGINT)");

    async fn open(file: &Path) -> Db {
        Target::File(file.to_owned()).open().await.unwrap()
    }

    #[tokio::test]
    async fn a_file_is_copied_before_a_later_migration_and_only_then() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("registry.db");
        let copy = PathBuf::from(format!("{}.schema-1.backup", file.display()));
        let db = open(&file).await;
        migrate(&db, Some(&file), FIRST).await.unwrap();
        migrate(&db, Some(&file), FIRST).await.unwrap();
        assert!(!copy.exists(), "nothing was migrated that had held anything");

        let mut tx = db.begin().await.unwrap();
        tx.execute(query("UPDATE counters SET value = 7")).await.unwrap();
        tx.commit().await.unwrap();
        migrate(&db, Some(&file), &[MIGRATIONS[0], LATER]).await.unwrap();
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
        migrate(&db, Some(&file), FIRST).await.unwrap();
        let broken = (2, "broken", "CREATE TABLE half (x BIGINT); CREATE TABLE half (x BIGINT)");
        let error = migrate(&db, Some(&file), &[MIGRATIONS[0], broken]).await.unwrap_err();
        assert!(matches!(error, OpenError::Schema(_)), "{error}");
        assert!(db.fetch(query("SELECT x FROM half")).await.is_err());
        migrate(&db, Some(&file), &[MIGRATIONS[0], LATER]).await.unwrap();
    }

    #[tokio::test]
    async fn a_database_of_a_newer_release_is_refused() {
        let db = Target::Memory.open().await.unwrap();
        migrate(&db, None, &[MIGRATIONS[0], LATER]).await.unwrap();
        assert!(matches!(migrate(&db, None, FIRST).await, Err(OpenError::Schema(_))));
    }

    #[tokio::test]
    async fn tables_of_a_server_are_copied_before_a_later_migration_whichever_replica_makes_it() {
        let Some(server) = postgres_or_skip() else { return };
        let target: Target = server.url(&server.database().unwrap()).parse().unwrap();
        let (one, other) = (target.open().await.unwrap(), target.open().await.unwrap());
        migrate(&one, None, FIRST).await.unwrap();
        let mut tx = one.begin().await.unwrap();
        tx.execute(query("INSERT INTO nodes (node, renewed, live) VALUES ('\\x01', 7, TRUE)")).await.unwrap();
        tx.commit().await.unwrap();
        assert!(
            one.fetch(query("SELECT * FROM byway_backup_1.nodes")).await.is_err(),
            "nothing was at stake"
        );

        let both = tokio::join!(migrate(&one, None, MIGRATIONS), migrate(&other, None, MIGRATIONS));
        assert_eq!(both, (Ok(()), Ok(())));
        let kept = one.fetch(query("SELECT * FROM byway_backup_1.nodes")).await.unwrap();
        assert_eq!((kept.len(), kept[0].int("renewed")), (1, Ok(7)));
        assert!(kept[0].int("changed").is_err(), "as it was");
        let counted = one.fetch(query("SELECT value FROM counters WHERE name = 'nodes'")).await.unwrap();
        assert_eq!(counted[0].int("value"), Ok(1), "and the registry has what it had");

        // As docs/howto/restore-a-registry.md says.
        let tell = async |statement| {
            let mut tx = one.begin().await.unwrap();
            tx.execute(query(statement)).await.unwrap();
            tx.commit().await.unwrap();
        };
        tell("ALTER SCHEMA public RENAME TO newer").await;
        tell("CREATE SCHEMA public").await;
        migrate(&one, None, FIRST).await.unwrap();
        tell(
            "DO $$ DECLARE name text; BEGIN \
                FOR name IN SELECT tablename FROM pg_tables \
                    WHERE schemaname = 'byway_backup_1' AND tablename <> '_sqlx_migrations' LOOP \
                    EXECUTE format('TRUNCATE public.%I', name); \
                    EXECUTE format('INSERT INTO public.%I SELECT * FROM byway_backup_1.%I', name, name); \
                END LOOP; \
            END $$",
        )
        .await;
        let restored = one.fetch(query("SELECT * FROM nodes")).await.unwrap();
        assert_eq!((restored.len(), restored[0].int("renewed")), (1, Ok(7)));
    }

    #[tokio::test]
    async fn what_a_release_before_wrote_is_counted_and_served() {
        let db = Target::Memory.open().await.unwrap();
        migrate(&db, None, FIRST).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for (id, up) in [(1, true), (2, true), (3, false)] {
            let insert = "INSERT INTO transports VALUES ($1, $1, $1, 'tcp', 1, $1, $1, $2, 1, 1, \
                TRUE, 1, 0, 0, 0, $2, 1, 0, 0, 0)";
            tx.execute(query(insert).bind(vec![id]).bind(up)).await.unwrap();
        }
        tx.commit().await.unwrap();
        migrate(&db, None, MIGRATIONS).await.unwrap();
        let counts = db.fetch(query("SELECT up, n FROM transport_counts ORDER BY up")).await.unwrap();
        let counts: Vec<_> =
            counts.iter().map(|row| (row.bool("up").unwrap(), row.int("n").unwrap())).collect();
        assert_eq!(counts, [(false, 1), (true, 2)]);
    }
}
