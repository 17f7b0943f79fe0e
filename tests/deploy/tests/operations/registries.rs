//! `backup.md` and `upgrade.md`: what is in the registries and in the services' folders comes back.

use std::sync::Arc;

use byway_testkit::{Postgres, postgres_or_skip};

use crate::{
    machine::Machine,
    network::{self, CONTROL_PLANE},
};

/// Everything that is in the database.
const EMPTY: &str =
    "psql --quiet \"$DATABASE_URL\" --command 'DROP SCHEMA public CASCADE' --command 'CREATE SCHEMA public'";
/// What a later release than this one leaves in the database.
const MIGRATE_FURTHER: &str = "psql --quiet \"$DATABASE_URL\" --command \"INSERT INTO _sqlx_migrations \
    (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '', 0)\"";

/// A control plane whose registries are on PostgreSQL, with one node that is known to messaging discovery.
struct Scene {
    services: Machine,
    node: Machine,
    /// The node's key in hexadecimal digits, as the database has it.
    subject: String,
    /// It runs for as long as somebody holds it.
    _postgres: Arc<Postgres>,
}

impl Scene {
    /// None where there is no PostgreSQL; the test is skipped then, and says so.
    fn start() -> Option<Self> {
        let postgres = postgres_or_skip()?;
        let url = postgres.url(&postgres.database().unwrap());
        let (mut services, addresses) = network::control_plane(Some(&url));
        services.prefer(postgres.binaries());
        network::start(&services);
        let trusted = network::key(&services.types("byway key show $STATE/setup-node/setup-node.key"));
        let node = network::node(&addresses, &trusted, "");
        node.types("systemctl start byway-node\nbyway wait --ready");
        let forms = node.types("byway key convert $(byway whoami)");
        let subject = forms.lines().find_map(|line| line.strip_prefix("hex")).unwrap().trim().to_owned();
        let scene = Self { services, node, subject, _postgres: postgres };
        scene.the_node_is_known();
        Some(scene)
    }

    /// The node ends; what is known of it later is what was known before.
    fn node_ends(&self) {
        self.node.types("systemctl stop byway-node");
    }

    fn every_service_ends(&self) {
        for service in CONTROL_PLANE {
            self.services.types(&format!("systemctl stop byway-{service}"));
        }
    }

    fn keys(&self) -> Vec<String> {
        let show = |service| self.services.types(&format!("byway key show $STATE/{service}/{service}.key"));
        CONTROL_PLANE.into_iter().map(|service| network::key(&show(service))).collect()
    }

    /// Waits until the node's record is in the database; one that ended left a tombstone in its place.
    fn the_node_is_known(&self) {
        let count = "psql --quiet --no-align --tuples-only \"$DATABASE_URL\" --command";
        let of_node = format!("kind = 0 AND subject = decode('{}', 'hex')", self.subject);
        let query = format!("SELECT COUNT(*) FROM records WHERE {of_node}");
        self.services.types(&format!("until [ \"$({count} \"{query}\")\" = 1 ]; do sleep 0.1; done"));
    }
}

#[test]
fn a_control_plane_that_was_lost_comes_back_from_its_backup_with_its_keys_and_registries() {
    const PAGE: &str = "backup.md";
    let Some(scene) = Scene::start() else { return };
    let keys = scene.keys();
    scene.services.follow(PAGE, "Back up");
    let inside = scene.services.follow(PAGE, "Look into a backup");
    assert!(inside.contains("./setup-node/setup-node.key") && inside.contains("records"), "{inside}");

    scene.node_ends();
    scene.every_service_ends();
    scene.services.types(&format!("rm -r \"$STATE\"/* \"$ETC\"/*\n{EMPTY}"));
    scene.services.follow(PAGE, "Restore");
    assert_eq!(scene.keys(), keys);
    scene.the_node_is_known();
}

#[test]
fn services_are_upgraded_one_after_the_other_and_go_back_from_a_database_that_is_too_new() {
    const PAGE: &str = "upgrade.md";
    let Some(scene) = Scene::start() else { return };
    let keys = scene.keys();
    let checked = scene.services.follow(PAGE, "Before");
    assert_eq!(checked.matches("the configuration is valid").count(), CONTROL_PLANE.len(), "{checked}");
    scene.services.follow(PAGE, "One after the other");
    assert_eq!(scene.keys(), keys);

    scene.node_ends();
    scene.services.types(MIGRATE_FURTHER);
    let refused = scene.services.tries("systemctl restart byway-transport-discovery").unwrap_err();
    assert!(refused.contains("BW-FILE"), "{refused}");
    scene.services.follow(PAGE, "Back");
    scene.the_node_is_known();
}
