//! Route setup: how long a dial takes, how many routes a setup node installs, and what each costs it.
//!
//! The setup node and every node are processes of their own; the rest of the control plane runs in this one. All
//! messages go through a messaging server, as always.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use byway_base::{PublicKey, TransportId, TransportType};
use byway_cli::demo::services::Services;
use byway_wire::Hop;
use futures_util::future::try_join_all;
use tempfile::TempDir;
use tokio::time::{Duration, sleep};

use crate::{
    Options,
    child::Child,
    progress,
    role::{
        Answer, Command,
        node::{NodeCommand, NodePlan},
        server::Program,
        source::RequestPlan,
    },
    service::ServiceProcess,
    stats::{median, percentile},
    target::Line,
};

/// Sources that ask at once.
const SOURCES: usize = 8;
/// Requests that each has under way: as many as it may.
const AT_ONCE: usize = 32;
/// Requests of each source per run. All of them together stay below every quota.
const REQUESTS: u32 = 250;
/// Requests one after the other, for their time.
const ALONE: u32 = 200;
/// Whole dials.
const DIALS: u32 = 16;
/// How often, and after which pause, something is tried that services learn of a moment later.
const TRIES: (u32, Duration) = (200, Duration::from_millis(50));

pub(crate) async fn measure(options: Options) -> Result<Vec<Line>> {
    progress("starting a control plane and nodes in a row");
    let mut scene = Scene::start().await?;
    let (mut rates, mut cpu_ms, mut busy_ms) = (vec![], vec![], vec![]);
    progress("measuring whole dials, and requests one after the other");
    let dials = scene.dial().await?;
    let alone = scene.ask_alone().await?;
    for _ in 0..options.runs {
        progress("measuring requests at once");
        let run = scene.ask_at_once().await?;
        rates.push(run.per_second);
        cpu_ms.push(run.cpu_ms);
        busy_ms.push(run.p50_ms);
    }
    scene.stop().await;
    let ms = |times_us: &[f64], part| percentile(times_us, part) / 1e3;
    Ok(vec![
        Line::new("dial over 3 hops, p50", "ms", ms(&dials, 0.5))
            .target(10.0, 4.0)
            .known("107", "–", "–")
            .beside("the request in it, p50", ms(&alone, 0.5))
            .beside("the request in it, p99", ms(&alone, 0.99)),
        Line::new("routes over 3 hops set up per second", "/s", median(rates))
            .target(500.0, 1_500.0)
            .known("18", "–", "–")
            .beside("p50 of a request among all these, ms", median(busy_ms)),
        Line::new("setup node's processor time per route over 3 hops", "ms", median(cpu_ms))
            .target(1.0, 0.4)
            .known("29", "–", "–"),
    ])
}

/// A row `source – first – second – destination`, with more sources beside the first.
struct Scene {
    services: Services,
    setup_node: ServiceProcess,
    setup_key: PublicKey,
    /// Destination, second and first node.
    row: Vec<Member>,
    sources: Vec<Member>,
    _directory: TempDir,
}

/// A node in a process of its own.
struct Member {
    key: PublicKey,
    address: SocketAddr,
    child: Child,
}

/// What many requests at once showed.
struct Run {
    per_second: f64,
    cpu_ms: f64,
    p50_ms: f64,
}

impl Scene {
    async fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let services = Services::start(directory.path()).await?;
        let settings = [("messaging_discovery".to_owned(), services.messaging_discovery.url())];
        let setup_node = ServiceProcess::start(Program::SetupNode, &settings).await?;
        let setup_key = setup_node.place.key.context("the setup node has no key")?;

        let mut scene = Self {
            services,
            setup_node,
            setup_key,
            row: Vec::new(),
            sources: Vec::new(),
            _directory: directory,
        };
        for _ in 0..3 {
            let member = scene.join(scene.row.last()).await?;
            scene.row.push(member);
        }
        for _ in 0..SOURCES {
            let member = scene.join(scene.row.last()).await?;
            scene.sources.push(member);
        }
        // Everybody knows everybody, and connections are warm.
        for at in 0..SOURCES {
            let plan = scene.plan(at, 1, 1);
            until(&mut scene.sources[at], || Command::Requests(plan())).await?;
        }
        Ok(scene)
    }

    async fn join(&self, neighbour: Option<&Member>) -> Result<Member> {
        let dial = neighbour.map(|member| ("tcp".to_owned(), member.key, Some(member.address)));
        let plan = NodePlan {
            transport_discovery: self.services.transport_discovery.url(),
            route_finder: self.services.route_finder.url(),
            messaging_discovery: self.services.messaging_discovery.url(),
            setup_node: self.setup_key,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            dial: dial.into_iter().collect(),
        };
        let mut child = Child::start()?;
        let answer = child.ask(&Command::Node(NodeCommand::Start(Box::new(plan)))).await?;
        let key = answer.key.context("the node has no key")?;
        let peers = neighbour.map(|member| member.key).into_iter().collect();
        child.ask(&Command::Node(NodeCommand::AwaitTransports { peers })).await?;
        Ok(Member { key, address: answer.address.parse()?, child })
    }

    /// What a source is to ask for.
    fn plan(&self, source: usize, count: u32, at_once: usize) -> impl Fn() -> RequestPlan + use<> {
        let tcp = TransportType::new("tcp").expect("a valid name");
        let nodes: Vec<_> = std::iter::once(&self.sources[source])
            .chain(self.row.iter().rev())
            .map(|member| member.key)
            .collect();
        let hop = |pair: &[PublicKey]| Hop {
            transport: TransportId::derive(&pair[0], &pair[1], &tcp),
            from: pair[0],
            to: pair[1],
        };
        let (setup_node, hops): (_, Vec<_>) = (self.setup_key, nodes.windows(2).map(hop).collect());
        move || RequestPlan { setup_node, hops: hops.clone(), count, at_once }
    }

    async fn dial(&mut self) -> Result<Vec<f64>> {
        let (to, policy) = (self.row[0].key, "hops>=3".to_owned());
        let dial = |count| Command::Node(NodeCommand::Dial { to, policy: policy.clone(), count });
        let source = &mut self.sources[0];
        until(source, || dial(1)).await?;
        Ok(source.child.ask(&dial(DIALS)).await?.times_us)
    }

    async fn ask_alone(&mut self) -> Result<Vec<f64>> {
        let plan = self.plan(0, ALONE, 1);
        Ok(self.sources[0].child.ask(&Command::Requests(plan())).await?.times_us)
    }

    async fn ask_at_once(&mut self) -> Result<Run> {
        let plans: Vec<_> = (0..SOURCES).map(|source| self.plan(source, REQUESTS, AT_ONCE)).collect();
        let before = self.setup_node.cpu()?;
        let started = std::time::Instant::now();
        let asking = self
            .sources
            .iter_mut()
            .zip(plans)
            .map(async |(source, plan)| source.child.ask(&Command::Requests(plan())).await);
        let answers: Vec<Answer> = try_join_all(asking).await?;
        let seconds = started.elapsed().as_secs_f64();
        let used = self.setup_node.cpu()? - before;
        let times: Vec<f64> = answers.into_iter().flat_map(|answer| answer.times_us).collect();
        let count = times.len() as f64;
        Ok(Run {
            per_second: count / seconds,
            cpu_ms: used * 1e3 / count,
            p50_ms: percentile(&times, 0.5) / 1e3,
        })
    }

    /// Ends the nodes and the setup node, then the services.
    async fn stop(self) {
        drop((self.sources, self.row, self.setup_node));
        self.services.stop().await;
    }
}

/// Has it done again until it can be done.
async fn until(member: &mut Member, what: impl Fn() -> Command) -> Result<()> {
    let (tries, pause) = TRIES;
    let mut last = None;
    for _ in 0..tries {
        match member.child.ask(&what()).await {
            Ok(_) => return Ok(()),
            Err(error) => last = Some(error),
        }
        sleep(pause).await;
    }
    Err(last.context("nothing was tried")?)
}
