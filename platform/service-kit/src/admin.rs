//! The admin listener: is it alive, is it ready, what does it count. For an internal network.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use byway_base::{Code, Problem, limits};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{Health, metrics};

/// Pause after an accept that failed, most often because the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound admin listener: `GET /livez`, `GET /readyz`, `GET /metrics`, `POST /drain`. One request a connection, at
/// most [`limits::ADMIN_CONNECTIONS`] at once, each within [`limits::HTTP_TIMEOUT`].
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
    health: Health,
    further: Router,
}

impl Admin {
    /// Binds to `address`, a `host:port`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`Code::Bind`] if the address cannot be bound.
    pub async fn bind(address: &str, health: Health) -> Result<Self, Problem> {
        let failed = |error: io::Error| {
            Problem::new(Code::Bind, format!("cannot open the admin listener on {address}"), error)
                .with_hint("choose another `admin_listen`, or \"off\"")
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, health, further: Router::new() })
    }

    /// Answers further routes.
    #[must_use]
    pub fn with(mut self, routes: Router) -> Self {
        self.further = self.further.merge(routes);
        self
    }

    /// The address it is bound to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`, then finishes what is under way.
    pub async fn serve(self, stop: CancellationToken) {
        let router = router(self.health).merge(self.further);
        let permits = Arc::new(Semaphore::new(limits::ADMIN_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let permit = Arc::clone(&permits).acquire_owned();
            let Some(permit) = stop.run_until_cancelled(permit).await else { break };
            let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await else { break };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, peer)) => {
                    let answered = answer(router.clone(), stream, peer.ip());
                    connections.spawn(async move {
                        answered.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin listener cannot accept");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

async fn answer(router: Router, stream: TcpStream, peer: IpAddr) {
    let service = TowerToHyperService::new(router.layer(Extension(Peer(peer.to_canonical()))));
    let mut http = http1::Builder::new();
    http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(limits::HTTP_TIMEOUT);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    match timeout(limits::HTTP_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "admin connection failed"),
        Err(_) => tracing::debug!(%peer, "admin connection took too long"),
    }
}

fn router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(async || Json(serde_json::json!({ "status": "alive" }))))
        .route("/readyz", get(ready))
        .route("/metrics", get(scraped))
        .route("/drain", post(drain))
        .with_state(health)
}

async fn ready(State(health): State<Health>) -> Response {
    let report = health.report();
    let status = if report.status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

async fn scraped(State(health): State<Health>) -> impl IntoResponse {
    health.publish();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render())
}

/// Draining is for whoever is on this machine. A web page open on it is not: browsers name the page in `Origin`.
async fn drain(
    State(health): State<Health>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    if !peer.0.is_loopback() || headers.contains_key(header::ORIGIN) {
        let problem =
            Problem::new(Code::Denied, "cannot drain the service", "the request is not from this machine")
                .with_hint("send it from the machine or container itself, or stop the service with SIGTERM");
        return (StatusCode::FORBIDDEN, Json(problem)).into_response();
    }
    health.drain();
    (StatusCode::ACCEPTED, Json(health.report())).into_response()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    struct Served {
        address: SocketAddr,
        health: Health,
        stop: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    async fn served() -> Served {
        let health = Health::new();
        let admin = Admin::bind("127.0.0.1:0", health.clone()).await.unwrap();
        let (address, stop) = (admin.address(), CancellationToken::new());
        let task = tokio::spawn(admin.serve(stop.clone()));
        Served { address, health, stop, task }
    }

    async fn request(address: SocketAddr, head: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{head}\r\nHost: admin\r\n\r\n").as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    #[tokio::test]
    async fn readyz_names_each_check_and_answers_503_until_all_are_well() {
        let served = served().await;
        let (mirror, store) = (served.health.check("mirror"), served.health.check("store"));
        store.ok();
        mirror.failing("no snapshot yet");
        let (status, body) = request(served.address, "GET /readyz HTTP/1.1").await;
        let report: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &report["status"]), (503, &"not-ready".into()));
        assert_eq!(report["checks"]["mirror"]["why"], "no snapshot yet");
        assert_eq!(report["checks"]["store"]["status"], "ok");
        mirror.ok();
        assert_eq!(request(served.address, "GET /readyz HTTP/1.1").await.0, 200);
    }

    #[tokio::test]
    async fn livez_and_metrics_answer_whatever_the_checks_say() {
        let served = served().await;
        served.health.check("store").failing("gone");
        assert_eq!(request(served.address, "GET /livez HTTP/1.1").await.0, 200);
        let (status, body) = request(served.address, "GET /metrics HTTP/1.1").await;
        assert_eq!(status, 200);
        assert!(!cfg!(target_os = "linux") || body.contains("process_open_fds"));
    }

    #[tokio::test]
    async fn draining_ends_readiness_and_only_this_machine_may_ask_for_it() {
        let served = served().await;
        let from_a_page = "POST /drain HTTP/1.1\r\nOrigin: https://example.org";
        assert_eq!(request(served.address, from_a_page).await.0, 403);
        assert_eq!(request(served.address, "GET /drain HTTP/1.1").await.0, 405);
        assert!(served.health.is_ready());
        assert_eq!(request(served.address, "POST /drain HTTP/1.1").await.0, 202);
        served.health.draining().await;
        assert_eq!(request(served.address, "GET /readyz HTTP/1.1").await.0, 503);
        assert_eq!(request(served.address, "GET /livez HTTP/1.1").await.0, 200);
    }

    #[tokio::test]
    async fn a_request_from_elsewhere_cannot_drain() {
        let health = Health::new();
        let elsewhere = Extension(Peer([192, 0, 2, 1].into()));
        let reply = drain(State(health.clone()), elsewhere, HeaderMap::new()).await;
        assert_eq!(reply.status(), StatusCode::FORBIDDEN);
        assert!(!health.is_draining());
    }

    #[tokio::test]
    async fn stopping_ends_the_listener() {
        let served = served().await;
        served.stop.cancel();
        served.task.await.unwrap();
        assert!(TcpStream::connect(served.address).await.is_err());
    }

    #[tokio::test]
    async fn an_address_in_use_is_a_problem_with_its_own_code() {
        let served = served().await;
        let problem = Admin::bind(&served.address.to_string(), Health::new()).await.unwrap_err();
        assert_eq!(problem.code, Code::Bind);
    }
}
