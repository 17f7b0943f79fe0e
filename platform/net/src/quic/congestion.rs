//! How much a connection keeps in flight.

use std::{any::Any, sync::Arc, time::Instant};

use quinn::congestion::{Controller, ControllerFactory, CubicConfig};

/// What limits the bytes in flight on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Congestion {
    /// The path drops what exceeds its capacity, as a messaging server does: CUBIC (RFC 9438) finds the rate, starting
    /// from this window in bytes.
    Cubic {
        /// First congestion window, bytes. At least a few packets, since a window smaller than one packet sends none.
        initial_window: u64,
    },
    /// The path refuses what exceeds its capacity and loses nothing otherwise, as a route group does. Loss then means a
    /// broken route, not congestion, so that slowing down would only delay the repair: flow control and the path's own
    /// back-pressure are the limits.
    BackPressure,
}

impl Congestion {
    pub(super) fn factory(self) -> Arc<dyn ControllerFactory + Send + Sync> {
        match self {
            Self::Cubic { initial_window } => {
                let mut cubic = CubicConfig::default();
                cubic.initial_window(initial_window);
                Arc::new(cubic)
            }
            Self::BackPressure => Arc::new(Unlimited),
        }
    }
}

/// A window that is never the limit.
#[derive(Debug, Clone, Copy)]
struct Unlimited;

/// Above `u32::MAX` quinn paces no more. Pacing spreads bursts for the sake of queues that drop; here it would only
/// cost timers.
const UNPACED: u64 = 1 << 40;

impl ControllerFactory for Unlimited {
    fn build(self: Arc<Self>, _now: Instant, _mtu: u16) -> Box<dyn Controller> {
        Box::new(*self)
    }
}

impl Controller for Unlimited {
    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, _persistent: bool, _lost: u64) {}

    fn on_mtu_update(&mut self, _mtu: u16) {}

    fn window(&self) -> u64 {
        UNPACED
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }

    fn initial_window(&self) -> u64 {
        UNPACED
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
