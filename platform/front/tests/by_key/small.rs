//! A small service, to see what a front does with its requests.

use std::sync::Arc;

use byway_api::service;
use byway_base::{Problem, PublicKey};
use byway_front::Front;
use byway_http::server::{Call, Handle, Server};
use byway_messaging_client::Messaging;
use byway_service_kit::{Health, Readiness};
use byway_testkit::wait::until;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, secret};

service! {
    /// Echoes.
    pub(crate) Echoes = "echoes" {
        /// Answers with the caller and what it said.
        Echo: POST "/v1/echo", signed, body Said, reply Heard, codes [];
        /// Answers once the gate is open.
        Wait: GET "/v1/wait", open, reply Said, codes [];
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Said {
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Heard {
    pub(crate) from: PublicKey,
    pub(crate) text: String,
}

pub(crate) struct Api {
    pub(crate) entered: Notify,
    pub(crate) gate: Semaphore,
}

impl Handle<Echo> for Api {
    async fn handle(&self, call: Call<Echo>) -> Result<Heard, Problem> {
        Ok(Heard { from: call.caller, text: call.body.text })
    }
}

impl Handle<Wait> for Api {
    async fn handle(&self, _: Call<Wait>) -> Result<Said, Problem> {
        self.entered.notify_one();
        let _open = self.gate.acquire().await;
        Ok(said("at last"))
    }
}

pub(crate) fn said(text: &str) -> Said {
    Said { text: text.to_owned() }
}

/// The service at work.
pub(crate) struct Small {
    pub(crate) key: PublicKey,
    pub(crate) api: Arc<Api>,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
}

impl Small {
    pub(crate) async fn start(seed: u8, messaging: &Messaging) -> Self {
        let secret = secret(seed);
        let health = Health::new();
        let front = Front::bind("127.0.0.1:0".parse().unwrap(), None, secret.clone()).await.unwrap();
        let front = front.join(messaging.client(&secret).unwrap(), &health).unwrap();
        let api = Arc::new(Api { entered: Notify::new(), gate: Semaphore::new(0) });
        let stop = CancellationToken::new();
        let served = tokio::spawn(front.serve(Server::<Echoes>::new(api.clone()), stop.clone()));
        let joined = async || {
            let report = health.report();
            if report.status == Readiness::Ready { Ok(()) } else { Err(format!("{:?}", report.checks)) }
        };
        until("messaging", PATIENCE, joined).await;
        Self { key: secret.public(), api, stop, served }
    }
}
