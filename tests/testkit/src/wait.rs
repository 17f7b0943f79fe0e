//! Waiting for a state that nobody announces: it is looked at again and again, until a deadline.

use std::{fmt::Display, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};

/// How often a state is looked at. The only pause in tests of processes; none of them depends on its length.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Looks until `look` succeeds and returns what it found.
///
/// # Panics
/// After `within`, with `what` was waited for and why the last look did not find it.
#[track_caller]
pub fn until<T, E: Display>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + within;
        let mut last = "the first look did not end".to_owned();
        loop {
            match timeout_at(deadline, look()).await {
                Ok(Ok(found)) => return found,
                Ok(Err(why)) => last = why.to_string(),
                Err(_) => {}
            }
            assert!(Instant::now() < deadline, "{caller}: no {what} within {within:?}: {last}");
            sleep(LOOK_AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_state_is_looked_at_until_it_is_there() {
        let mut looks = 0;
        let look = async || {
            looks += 1;
            if looks < 3 { Err("too early") } else { Ok(looks) }
        };
        assert_eq!(until("third look", Duration::from_secs(60), look).await, 3);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "no miracle within 1s: not today")]
    async fn the_deadline_ends_the_wait_and_tells_the_last_reason() {
        until::<(), _>("miracle", Duration::from_secs(1), async || Err("not today")).await;
    }
}
