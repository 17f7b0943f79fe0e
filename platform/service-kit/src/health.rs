//! Readiness: named checks that the parts of a service keep up to date.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The checks of one service. Clones are the same. Ready: nothing fails and it is not draining; a service without
/// checks is ready.
#[derive(Debug, Clone, Default)]
pub struct Health {
    state: Arc<watch::Sender<State>>,
}

/// One named check. Clones, and checks of the same name, are the same.
#[derive(Debug, Clone)]
pub struct Check {
    name: &'static str,
    state: Arc<watch::Sender<State>>,
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Condition {
    /// As it should be.
    Ok,
    /// Works, but somebody should look.
    Degraded {
        /// What is wrong.
        why: String,
    },
    /// Does not work; the service is not ready.
    Failing {
        /// What is wrong.
        why: String,
    },
}

/// All checks together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Everything is as it should be.
    Ready,
    /// Serves, but a check is degraded.
    Degraded,
    /// A check fails.
    NotReady,
    /// Finishes what is under way and takes nothing new.
    Draining,
}

/// What `/readyz` answers. Fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// All checks together.
    pub status: Readiness,
    /// Each check by its name.
    pub checks: BTreeMap<String, Condition>,
}

#[derive(Debug, Default)]
struct State {
    checks: BTreeMap<&'static str, Condition>,
    draining: bool,
}

impl Health {
    /// No checks: ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The check `name`. A new one fails, saying `starting`, until told otherwise.
    #[must_use]
    pub fn check(&self, name: &'static str) -> Check {
        self.state.send_modify(|state| {
            state.checks.entry(name).or_insert_with(|| Condition::Failing { why: "starting".to_owned() });
        });
        Check { name, state: Arc::clone(&self.state) }
    }

    /// Whether the service should get new work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state.borrow().readiness().is_ready()
    }

    /// Every check as it is now.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        let state = self.state.borrow();
        let checks = state.checks.iter().map(|(name, condition)| ((*name).to_owned(), condition.clone()));
        HealthReport { status: state.readiness(), checks: checks.collect() }
    }

    /// Puts every check where dashboards and alerts look for it: 1 is good, 0.5 degraded, 0 failing.
    pub(crate) fn publish(&self) {
        let HealthReport { status, checks } = self.report();
        metrics::gauge!("byway_ready").set(f64::from(u8::from(status.is_ready())));
        for (name, condition) in checks {
            let value = match condition {
                Condition::Ok => 1.0,
                Condition::Degraded { .. } => 0.5,
                Condition::Failing { .. } => 0.0,
            };
            metrics::gauge!("byway_check", "check" => name).set(value);
        }
    }

    /// Waits until the service is ready. The caller sets the deadline. Cancel safe.
    pub async fn ready(&self) {
        self.wait_for(|state| state.readiness().is_ready()).await;
    }

    /// Ends readiness for good; the service should hand its work over. Repeating it is harmless.
    pub fn drain(&self) {
        let begun = self.state.send_if_modified(|state| !std::mem::replace(&mut state.draining, true));
        if begun {
            tracing::info!("draining: taking nothing new");
        }
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.borrow().draining
    }

    /// Waits for [`drain`](Self::drain). Cancel safe.
    pub async fn draining(&self) {
        self.wait_for(|state| state.draining).await;
    }

    async fn wait_for(&self, condition: impl FnMut(&State) -> bool) {
        let waited = self.state.subscribe().wait_for(condition).await.map(drop);
        waited.expect("the sender lives as long as self");
    }
}

impl State {
    fn readiness(&self) -> Readiness {
        let any = |wanted: fn(&Condition) -> bool| self.checks.values().any(wanted);
        if self.draining {
            Readiness::Draining
        } else if any(|condition| matches!(condition, Condition::Failing { .. })) {
            Readiness::NotReady
        } else if any(|condition| matches!(condition, Condition::Degraded { .. })) {
            Readiness::Degraded
        } else {
            Readiness::Ready
        }
    }
}

impl Readiness {
    /// Whether the service should get new work.
    #[must_use]
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Ready | Self::Degraded)
    }
}

impl Check {
    /// It is as it should be.
    pub fn ok(&self) {
        self.set(Condition::Ok);
    }

    /// It works, but somebody should look: `why` is an observed fact.
    pub fn degraded(&self, why: impl Into<String>) {
        self.set(Condition::Degraded { why: why.into() });
    }

    /// It does not work: `why` is an observed fact.
    pub fn failing(&self, why: impl Into<String>) {
        self.set(Condition::Failing { why: why.into() });
    }

    /// Logs when the kind of condition changes, not when its reason does.
    fn set(&self, new: Condition) {
        let kind = std::mem::discriminant(&new);
        let mut old = None;
        self.state.send_if_modified(|state| {
            let previous = state.checks.insert(self.name, new.clone());
            let changed = previous.as_ref() != Some(&new);
            old = previous;
            changed
        });
        if old.as_ref().map(std::mem::discriminant) == Some(kind) {
            return;
        }
        match &new {
            Condition::Ok => tracing::info!(check = self.name, "check is ok"),
            Condition::Degraded { why } => tracing::warn!(check = self.name, why, "check is degraded"),
            Condition::Failing { why } => tracing::warn!(check = self.name, why, "check fails"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_once_no_check_fails() {
        let health = Health::new();
        assert!(health.is_ready());
        let (mirror, store) = (health.check("mirror"), health.check("store"));
        assert_eq!(health.report().checks["mirror"], Condition::Failing { why: "starting".to_owned() });
        mirror.ok();
        assert!(!health.is_ready());
        store.degraded("one replica of two");
        assert_eq!(health.report().status, Readiness::Degraded);
        assert!(health.is_ready());
        mirror.failing("older than 60 s");
        assert_eq!(health.report().status, Readiness::NotReady);
    }

    #[test]
    fn asking_again_for_a_check_does_not_reset_it() {
        let health = Health::new();
        health.check("store").ok();
        let _again = health.check("store");
        assert!(health.is_ready());
    }

    #[tokio::test]
    async fn draining_ends_readiness_and_wakes_who_waits_for_it() {
        let health = Health::new();
        let waiting = tokio::spawn({
            let health = health.clone();
            async move { health.draining().await }
        });
        health.drain();
        health.drain();
        waiting.await.unwrap();
        assert!(!health.is_ready() && health.is_draining());
    }

    #[tokio::test]
    async fn who_waits_for_readiness_is_woken_by_the_last_check() {
        let health = Health::new();
        let check = health.check("store");
        let waiting = tokio::spawn({
            let health = health.clone();
            async move { health.ready().await }
        });
        check.ok();
        waiting.await.unwrap();
    }
}
