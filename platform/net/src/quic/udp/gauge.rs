//! What a connection's congestion controller tells the one who feeds the connection.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use quinn::congestion::{Controller, ControllerFactory};

use super::bottleneck::Bottleneck;

/// The state of a connection's congestion control, as of the last acknowledgement. Shared by all paths that the
/// connection moves over.
#[derive(Debug, Default)]
pub struct Gauge {
    window: AtomicU64,
    rate: AtomicU64,
    starved: AtomicU64,
}

impl Gauge {
    /// Bytes that may be in flight.
    #[must_use]
    pub fn window(&self) -> u64 {
        self.window.load(Ordering::Relaxed)
    }

    /// Bytes per second that the path was seen to carry; zero before the first measurement.
    #[must_use]
    pub fn rate(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }

    /// How often an acknowledgement came while there was nothing to send.
    #[must_use]
    pub fn starved(&self) -> u64 {
        self.starved.load(Ordering::Relaxed)
    }

    fn set(&self, model: &Bottleneck) {
        self.window.store(model.window(), Ordering::Relaxed);
        self.rate.store(model.rate(), Ordering::Relaxed);
    }
}

/// Makes controllers that report to one gauge.
pub(super) struct Gauged(pub(super) Arc<Gauge>);

impl ControllerFactory for Gauged {
    fn build(self: Arc<Self>, _: Instant, mtu: u16) -> Box<dyn Controller> {
        let model = Bottleneck::new(mtu);
        self.0.set(&model);
        Box::new(Reporting { model, first: mtu, gauge: self.0.clone() })
    }
}

/// A model of the bottleneck in the place of quinn's controllers.
#[derive(Clone)]
struct Reporting {
    model: Bottleneck,
    first: u16,
    gauge: Arc<Gauge>,
}

impl Controller for Reporting {
    fn on_sent(&mut self, now: Instant, _bytes: u64, _last_packet_number: u64) {
        self.model.sent(now);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        _: &quinn_proto::RttEstimator,
    ) {
        self.model.acknowledged(now, sent, bytes, app_limited);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _: Option<u64>) {
        self.model.acknowledged_all(now, in_flight);
        self.gauge.set(&self.model);
        if app_limited {
            self.gauge.starved.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, persistent: bool, lost: u64) {
        self.model.lost(lost, persistent);
        self.gauge.set(&self.model);
    }

    fn on_mtu_update(&mut self, mtu: u16) {
        self.model.set_mtu(mtu);
    }

    fn window(&self) -> u64 {
        self.model.window()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        Bottleneck::new(self.first).window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
