//! Lets a saga happen: real calls, real time.

use std::future::Future;

use byway_base::limits::SETUP_STEP_TIMEOUT;
use byway_setup::{Action, CallFailure, Outcome, Saga};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{sleep_until, timeout};

use crate::{NodeCaller, clock::Clock};

/// Drives `saga` to its end, background undo included. `answer` runs as soon as the outcome is known.
///
/// To be run as a task of its own: dropping it midway leaves the rest to the leases.
pub(crate) async fn drive<C, A, F>(saga: &mut Saga, caller: &C, clock: Clock, answer: A)
where
    C: NodeCaller,
    A: FnOnce(Outcome) -> F,
    F: Future<Output = ()>,
{
    let mut answer = Some(answer);
    let mut calls = FuturesUnordered::new();
    loop {
        while let Some(Action::Call { call, node, message }) = saga.poll_action() {
            calls.push(async move {
                let reply = timeout(SETUP_STEP_TIMEOUT, caller.call(node, message)).await;
                (call, reply.unwrap_or(Err(CallFailure::Timeout)))
            });
        }
        if let Some(outcome) = saga.outcome()
            && let Some(answer) = answer.take()
        {
            answer(outcome).await;
        }
        let Some(due) = saga.poll_timeout() else { return };
        tokio::select! {
            Some((call, result)) = calls.next() => saga.handle_reply(clock.now(), call, result),
            () = sleep_until(clock.instant(due)) => saga.handle_timeout(clock.now()),
        }
    }
}
