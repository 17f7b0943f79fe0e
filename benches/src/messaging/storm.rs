//! All clients of a server lose it at the same moment and come back.

use anyhow::Result;
use tokio::{
    task::JoinHandle,
    time::{Duration, Instant, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Extent,
    server::{self, Clients},
};
use crate::{
    Options, process,
    role::{
        client::{ClientCommand, ClientPlan},
        node::now_us,
    },
    stats::{median, percentile},
    target::Line,
};

/// Processes that the clients are spread over.
const PROCESSES: usize = 4;
/// How often it is looked how many came.
const STEP: Duration = Duration::from_millis(100);
/// Whoever is not back by then counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// One storm.
struct Storm {
    /// Between the kill and the moment when the server serves again, seconds.
    away: f64,
    /// When each client was back, seconds after that moment.
    back: Vec<f64>,
    lost: usize,
    /// TCP connections that reached the server, in each step.
    arrivals: Vec<u64>,
    server_cpu: f64,
}

pub(super) async fn measure(extent: Extent, options: Options) -> Result<Vec<Line>> {
    let mut storms = Vec::new();
    for _ in 0..options.runs {
        storms.push(storm(extent.storm).await?);
    }
    let of = |part: fn(&Storm) -> f64| median(storms.iter().map(part));
    let clients = extent.storm;
    let what = |what: &str| format!("{clients} clients, server killed: {what}");
    Ok(vec![
        Line::new(what("all back after"), "s", of(|storm| percentile(&storm.back, 1.0)))
            .beside("half of them after", of(|storm| percentile(&storm.back, 0.5)))
            .beside("server away", of(|storm| storm.away)),
        Line::new(what("most attempts in 100 ms"), "attempts", of(|storm| storm.peak() as f64))
            .beside("in all", of(|storm| storm.arrivals.iter().sum::<u64>() as f64))
            .beside("steps of 100 ms that hold 90 %", of(Storm::width)),
        Line::new(what("processor time of the server"), "s", of(|storm| storm.server_cpu))
            .beside("ms per client", of(|storm| storm.server_cpu * 1e3) / clients as f64),
        Line::new(what("not back after 60 s"), "clients", of(|storm| storm.lost as f64)),
    ])
}

impl Storm {
    fn peak(&self) -> u64 {
        self.arrivals.iter().copied().max().unwrap_or(0)
    }

    /// The fewest steps in which nine of ten attempts came.
    fn width(&self) -> f64 {
        let mut steps = self.arrivals.clone();
        steps.sort_unstable_by(|left, right| right.cmp(left));
        let most = steps.iter().sum::<u64>() * 9 / 10;
        let so_far = steps.iter().scan(0, |sum, step| {
            *sum += step;
            Some(*sum)
        });
        (so_far.take_while(|sum| *sum < most).count() + 1) as f64
    }
}

async fn storm(count: usize) -> Result<Storm> {
    let server = server::start().await?;
    let plan = ClientPlan { servers: vec![server.place], quic: false, discovery: None, confined: false };
    let mut processes = Vec::new();
    for process in 0..PROCESSES {
        let share = (count + process) / PROCESSES;
        processes.push(Clients::start(plan.clone(), share).await?);
    }
    let killed = Instant::now();
    let arrivals = Arrivals::watch();
    let server = server.restart().await?;
    let (away, serves_us) = (killed.elapsed().as_secs_f64(), now_us());
    // What its start took is not the storm's.
    let before = server.cpu()?;
    let mut back = Vec::new();
    while back.len() < count && killed.elapsed() < PATIENCE {
        sleep(STEP).await;
        back.clear();
        for process in &mut processes {
            back.extend(process.ask(ClientCommand::Returns).await?.happened_us);
        }
    }
    let server_cpu = server.cpu()? - before;
    let arrivals = arrivals.stop().await?;
    let seconds = |us: &u64| us.saturating_sub(serves_us) as f64 / 1e6;
    let lost = count.saturating_sub(back.len());
    Ok(Storm { away, back: back.iter().map(seconds).collect(), lost, arrivals, server_cpu })
}

/// Counts connections, step by step, until it is stopped.
struct Arrivals {
    stop: CancellationToken,
    steps: JoinHandle<Result<Vec<u64>>>,
}

impl Arrivals {
    fn watch() -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let steps = tokio::spawn(async move {
            let (mut steps, mut before) = (Vec::new(), process::tcp_accepted()?);
            let mut ticks = interval(STEP);
            while stopped.run_until_cancelled(ticks.tick()).await.is_some() {
                let after = process::tcp_accepted()?;
                steps.push(after - before);
                before = after;
            }
            Ok(steps)
        });
        Self { stop, steps }
    }

    async fn stop(self) -> Result<Vec<u64>> {
        self.stop.cancel();
        self.steps.await?
    }
}
