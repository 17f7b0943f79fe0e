//! Who changed what: a log of writes that matter, for administrators.

use std::{collections::VecDeque, fmt, sync::Arc};

use axum::Router;
use byway_api::{
    Endpoint, Page,
    admin::{Admin, AuditEvent, AuditOutcome, ListAudit},
    page_limit,
};
use byway_base::{Code, Problem, PublicKey, limits::AUDIT_KEPT};
use byway_clock::unix_now;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::server::{Call, Handle, Server};

/// A service's audit log: the last events in memory, and a line of the process's log for each under the target `audit`, at
/// the level INFO if it was done and DEBUG if not. Clones are the same log.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<Kept>>);

/// Refusals are kept apart, so that nobody pushes out what was done by being refused often.
#[derive(Default)]
struct Kept {
    done: VecDeque<AuditEvent>,
    others: VecDeque<AuditEvent>,
    sequence: u64,
}

impl Audit {
    /// Somebody asked for a write; what came of it is recorded once it is known. A future that is dropped before is
    /// recorded as abandoned.
    pub(crate) fn begin<E: Endpoint>(&self, by: PublicKey, path: &E::Path) -> Pending {
        let subject = serde_json::to_value(path).unwrap_or_default();
        let parts = subject.as_object().into_iter().flatten();
        let parts: Vec<_> = parts
            .map(|(name, value)| {
                format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        let outcome = AuditOutcome::Abandoned;
        Pending { audit: self.clone(), action: E::NAME, by, subject: parts.join(" "), outcome }
    }

    /// Records a write that came another way than by an endpoint.
    pub fn record(&self, action: &str, by: PublicKey, subject: String, outcome: AuditOutcome) {
        let mut kept = self.0.lock();
        kept.sequence += 1;
        let event = AuditEvent {
            sequence: kept.sequence,
            at: unix_now(),
            action: action.to_owned(),
            by,
            subject,
            outcome,
        };
        let AuditEvent { sequence, subject, .. } = &event;
        match outcome {
            AuditOutcome::Done => {
                tracing::info!(target: "audit", sequence, action, %by, subject, outcome = "done");
            }
            AuditOutcome::Refused { code } => {
                tracing::debug!(target: "audit", sequence, action, %by, subject, outcome = "refused", %code);
            }
            AuditOutcome::Abandoned => {
                tracing::debug!(target: "audit", sequence, action, %by, subject, outcome = "abandoned");
            }
        }
        let ring = if outcome == AuditOutcome::Done { &mut kept.done } else { &mut kept.others };
        if ring.len() == AUDIT_KEPT {
            ring.pop_front();
        }
        ring.push_back(event);
    }

    /// At most `limit` events after a sequence number, the oldest first; zero for all.
    #[must_use]
    pub fn since(&self, sequence: u64, limit: usize) -> Vec<AuditEvent> {
        let kept = self.0.lock();
        let after = |ring: &VecDeque<AuditEvent>| {
            let first = ring.partition_point(|event| event.sequence <= sequence);
            ring.range(first..).take(limit).cloned().collect::<Vec<_>>()
        };
        let mut events = [after(&kept.done), after(&kept.others)].concat();
        events.sort_unstable_by_key(|event| event.sequence);
        events.truncate(limit);
        events
    }

    /// The endpoints of [`Admin`] about this log, for an admin listener.
    pub fn router(&self) -> Router {
        Server::<Admin>::new(Arc::new(self.clone())).router(CancellationToken::new())
    }
}

impl Handle<ListAudit> for Audit {
    async fn handle(&self, call: Call<ListAudit>) -> Result<Page<AuditEvent>, Problem> {
        let after = call.query.cursor.as_deref().map_or(Ok(0), str::parse);
        let after = after.map_err(|_| {
            Problem::new(Code::Usage, "cannot list the audit log", "the cursor is not one of this service")
                .with_hint("give `next` of the page before, or no cursor")
        })?;
        let items = self.since(after, page_limit(call.query.limit));
        let next = items.last().map(|event| event.sequence.to_string());
        Ok(Page { items, next })
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("sequence", &self.0.lock().sequence).finish_non_exhaustive()
    }
}

/// A write that is not decided yet; recorded when dropped.
pub(crate) struct Pending {
    audit: Audit,
    action: &'static str,
    by: PublicKey,
    subject: String,
    outcome: AuditOutcome,
}

impl Pending {
    pub(crate) fn ended<T>(mut self, result: &Result<T, Problem>) {
        self.outcome = match result {
            Ok(_) => AuditOutcome::Done,
            Err(problem) => AuditOutcome::Refused { code: problem.code },
        };
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.audit.record(self.action, self.by, std::mem::take(&mut self.subject), self.outcome);
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    fn record(audit: &Audit, subject: u64, outcome: AuditOutcome) {
        audit.record("Test", SecretKey::from_seed([1; 32]).public(), subject.to_string(), outcome);
    }

    #[test]
    fn events_are_listed_in_their_order_whatever_came_of_them_and_page_by_page() {
        let audit = Audit::default();
        for turn in 1..=10 {
            let refused = AuditOutcome::Refused { code: Code::Denied };
            record(&audit, turn, if turn % 3 == 0 { refused } else { AuditOutcome::Done });
        }
        let sequences = |since| audit.since(since, 4).iter().map(|event| event.sequence).collect::<Vec<_>>();
        assert_eq!(
            [sequences(0), sequences(4), sequences(8)],
            [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10]]
        );
        assert!(sequences(10).is_empty());
    }

    #[test]
    fn whoever_is_refused_without_end_pushes_out_no_event_of_what_was_done() {
        let audit = Audit::default();
        record(&audit, 0, AuditOutcome::Done);
        for turn in 0..3 * AUDIT_KEPT as u64 {
            record(&audit, turn, AuditOutcome::Refused { code: Code::Denied });
        }
        let all = audit.since(0, usize::MAX);
        assert_eq!((all[0].outcome, all.len()), (AuditOutcome::Done, AUDIT_KEPT + 1));
    }
}
