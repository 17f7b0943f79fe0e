//! The registries on PostgreSQL or embedded SQLite through sqlx, migrations included.
