//! Whether the endpoint as a whole may send.

use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// Open unless a link that moves has no room. quinn asks one question for all of its connections.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    refusing: usize,
    waiting: Option<Waker>,
}

impl Gate {
    /// One more link refuses.
    pub(crate) fn refuse(&self) {
        self.state.lock().refusing += 1;
    }

    /// A link that refused has room again.
    pub(crate) fn admit(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.refusing -= 1;
            if state.refusing == 0 { state.waiting.take() } else { None }
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Ready when no link refuses; otherwise keeps the waker of the latest call.
    pub(crate) fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.refusing == 0 {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}
