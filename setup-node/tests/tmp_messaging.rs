use std::{collections::BTreeMap, sync::Arc, time::{Duration, Instant}};
use byway_base::*;
use byway_base::limits::ROUTE_REQUEST_TTL;
use byway_messaging_client::{ALPN_SETUP, HttpDirectory, MessagingClient};
use byway_service_kit::{Loader, Service, Shutdown};
use byway_setup::{Quotas, RuleBook, Surroundings, Effect};
use byway_wire::{Hop, RouteRequest, route_request::path_digest, setup::{NodeMessage, Reply, SourceMessage, decode_message, encode_message}};
use byway_setup_node::SetupNode;

struct Any(u32);
impl Surroundings for Any {
    fn has_transport(&self, _: TransportId) -> bool { true }
    fn has_listener(&self, _: Port) -> bool { true }
    fn was_used(&self, _: RouteId) -> bool { true }
    fn draw(&mut self) -> u32 { self.0 += 1; self.0 }
}
async fn start<S: Service>(flags: &[(&str, String)], dir: &std::path::Path) -> (BTreeMap<&'static str, String>, Option<PublicKey>, byway_service_kit::Health, Shutdown, tokio::task::JoinHandle<Result<(), Problem>>) {
    let mut l = Loader::new(S::NAME).flag("data_dir", dir.join(S::NAME).display().to_string());
    for (k, v) in flags { l = l.flag(*k, v.clone()); }
    let loaded = l.load::<S::Raw>().unwrap();
    let s = S::bind(S::configure(loaded.config, &loaded.common).unwrap()).await.unwrap();
    let (a, k, h) = (s.addresses().into_iter().collect(), s.identity(), s.health());
    let sd = Shutdown::new(Duration::from_secs(5));
    let sd2 = sd.clone();
    (a, k, h, sd, tokio::spawn(async move { s.serve(sd2).await }))
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_real_messaging() {
    let dir = tempfile::tempdir().unwrap();
    let (a, ..) = start::<byway_messaging_discovery::MessagingDiscovery>(&[("listen", "127.0.0.1:0".into())], dir.path()).await;
    let url = format!("http://{}", a["http"]);
    let _s = start::<byway_messaging_server::MessagingServer>(&[("listen", "127.0.0.1:0".into()), ("messaging_discovery", url.clone())], dir.path()).await;
    let (_, key, health, shutdown, task) = start::<SetupNode>(&[("listen", "127.0.0.1:0".into()), ("messaging_discovery", url.clone())], dir.path()).await;
    let setup = key.unwrap();
    let t = Instant::now();
    health.ready().await;
    println!("setup node ready after {:?}", t.elapsed());
    let origin = Instant::now();
    let now = move || Moment::from_origin(origin.elapsed());
    let unix = || UnixTime(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs());
    let mut nodes = Vec::new();
    let token = tokio_util::sync::CancellationToken::new();
    for seed in 1..=4u8 {
        let secret = SecretKey::from_seed([seed; 32]);
        let mut c = byway_messaging_client::Config::new(secret.clone());
        c.directory = Some(Arc::new(HttpDirectory::new(&[url.clone()], &secret).unwrap()));
        c.alpns = vec![ALPN_SETUP];
        let client = MessagingClient::start(c, token.clone()).unwrap();
        let book = Arc::new(std::sync::Mutex::new((RuleBook::new(secret.public(), [setup], Quotas::default()), 0usize)));
        let mut conns = client.accept(ALPN_SETUP).unwrap();
        let b = book.clone();
        tokio::spawn(async move {
            while let Some(acc) = conns.recv().await {
                let b = b.clone();
                tokio::spawn(async move {
                    while let Ok((mut tx, mut rx)) = acc.connection.accept_bi().await {
                        let bytes = rx.read_to_end(16384).await.unwrap();
                        let m: NodeMessage = decode_message(&bytes).unwrap();
                        let reply = { let mut g = b.lock().unwrap(); let (r, e) = g.0.handle(now(), unix(), acc.peer, m, &mut Any(0));
                            for e in e { match e { Effect::Install(_) => g.1 += 1, Effect::Remove{..} => g.1 -= 1, _ => {} } } r };
                        tx.write_all(&encode_message(&reply)).await.unwrap(); tx.finish().unwrap();
                    }
                });
            }
        });
        nodes.push((secret, client, book));
    }
    for n in &nodes { n.1.ready().await; }
    let tcp = TransportType::new("tcp").unwrap();
    let hops: Vec<Hop> = nodes.windows(2).map(|p| { let (f, t) = (p[0].0.public(), p[1].0.public()); Hop { transport: TransportId::derive(&f, &t, &tcp), from: f, to: t } }).collect();
    let ask = async |i: u16, by: usize| {
        let mut id = [0; 16]; id[..2].copy_from_slice(&i.to_be_bytes());
        let request = RouteRequest { route: RouteId::from_bytes(id), source: OverlayAddress { key: nodes[0].0.public(), port: Port(4) }, destination: OverlayAddress { key: nodes[3].0.public(), port: Port(80) }, path: path_digest(&hops), expires: unix().plus(ROUTE_REQUEST_TTL) }.sign(&nodes[0].0);
        nodes[0].2.lock().unwrap().0.expect(now(), request.clone(), hops[0].transport);
        let conn = nodes[by].1.connect(setup, ALPN_SETUP).await.unwrap();
        let (mut tx, mut rx) = conn.open_bi().await.unwrap();
        tx.write_all(&encode_message(&SourceMessage::Establish { request, hops: hops.clone() })).await.unwrap();
        tx.finish().unwrap();
        decode_message::<Reply>(&rx.read_to_end(16384).await.unwrap()).unwrap()
    };
    let mut times = Vec::new();
    for i in 0..30 {
        let t = Instant::now();
        let r = ask(i, 0).await;
        times.push(t.elapsed());
        assert_eq!(r, Reply::Done {}, "{i}");
    }
    println!("first {:?}", times[0]); times.sort(); println!("p50 {:?} max {:?}", times[15], times[29]);
    let t = Instant::now();
    let asks = (100..600u16).map(|i| { let ask = &ask; async move { ask(i, 0).await } });
    let rs: Vec<_> = futures_util::StreamExt::collect(futures_util::StreamExt::buffer_unordered(futures_util::stream::iter(asks), 16)).await;
    println!("500 setups 16 at once: {:?}", t.elapsed());
    assert!(rs.iter().all(|r| *r == Reply::Done {}), "{:?}", rs.iter().find(|r| **r != Reply::Done {}));
    println!("stranger: {:?}", ask(700, 1).await);
    println!("rules {:?}", nodes.iter().map(|n| n.2.lock().unwrap().1).collect::<Vec<_>>());
    // a node restarts: the setup node's warm connection is stale
    let t = Instant::now();
    shutdown.begin();
    task.await.unwrap().unwrap();
    println!("drained in {:?}", t.elapsed());
    let n = std::fs::read_to_string(dir.path().join("setup-node/routes.jsonl")).unwrap().lines().count();
    println!("journal lines {n}");
}
