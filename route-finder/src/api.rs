//! The endpoints.
//!
//! Who may ask for what: `paths:find` answers a node about its own paths only. That is no matter of secrecy, since anyone
//! can read the graph from transport discovery. But the answer is made to be acted upon, and only its source can have a
//! route installed; a foreign `from` there is a mistake (a wrong key, a proxy that mixes callers up), and is better
//! named here than by a setup node later. `paths:explain` and `paths:batch` serve people who look into the network, and
//! may ask any member's question.

use std::{sync::Arc, time::Instant};

use byway_api::route_finder::{
    BatchAnswer, BatchReply, ExplainPath, ExplainReply, FindPaths, FindPathsBatch, FindReply, FindRequest,
    FinderStats, GetFinderStats,
};
use byway_base::{Code, Problem, PublicKey, limits::SEARCHES_WAITING};
use byway_http::server::{Call, Handle};
use byway_route_graph::{Csr, Scratch};
use futures_util::{StreamExt, stream};

use crate::{
    answer::{self, Failure},
    latest::{Latest, View},
    searches::Searches,
    tally::Tally,
};

/// What every handler shares.
pub(crate) struct Api {
    latest: Arc<Latest>,
    searches: Searches,
    tally: Arc<Tally>,
    /// How many queries of one batch are searched for at once. The others of it take no place from anybody.
    batch_width: usize,
}

impl Api {
    pub(crate) fn new(latest: Arc<Latest>, workers: usize) -> Self {
        let searches = Searches::new(workers, SEARCHES_WAITING);
        Self { latest, searches, tally: Arc::default(), batch_width: workers }
    }

    /// The view to answer from, as it is when the query arrives.
    fn view(&self) -> Result<Arc<View>, Problem> {
        self.latest.view().inspect_err(|_| Tally::refused("not-ready"))
    }

    /// Answers one query on a worker.
    async fn search<T: Send + 'static>(
        &self,
        view: &Arc<View>,
        (from, to): (PublicKey, PublicKey),
        answer: impl FnOnce(&Csr, &mut Scratch) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Problem> {
        let (searched, tally) = (view.clone(), self.tally.clone());
        let searching = self.searches.run(move |scratch| {
            let began = Instant::now();
            let answered = answer(&searched.csr, scratch);
            tally.count(&answered, began.elapsed());
            answered
        });
        let answered = searching.await.inspect_err(|_| Tally::refused("busy"))?;
        answered.map_err(|failure| failure.into_problem(&from, &to))
    }

    async fn find(&self, view: &Arc<View>, request: FindRequest) -> Result<FindReply, Problem> {
        let ends = (request.from, request.to);
        let found = self.search(view, ends, move |csr, scratch| answer::find(csr, scratch, &request)).await?;
        Ok(FindReply { paths: found.paths, reasons: found.reasons, mirror: self.latest.mirror(view) })
    }
}

impl Handle<FindPaths> for Api {
    async fn handle(&self, call: Call<FindPaths>) -> Result<FindReply, Problem> {
        if call.body.from != call.caller {
            Tally::refused("denied");
            let why = format!("`from` is {}, but {} asks", call.body.from.short(), call.caller.short());
            return Err(Problem::new(Code::Denied, "cannot find paths", why).with_hint(
                "ask for paths from the key that signs; paths:explain and paths:batch take any `from`",
            ));
        }
        self.find(&self.view()?, call.body).await
    }
}

impl Handle<ExplainPath> for Api {
    async fn handle(&self, call: Call<ExplainPath>) -> Result<ExplainReply, Problem> {
        let request = call.body;
        let (view, ends) = (self.view()?, (request.from, request.to));
        let judged =
            self.search(&view, ends, move |csr, scratch| answer::explain(csr, scratch, &request)).await?;
        let answer::Judgement { allowed, path, best, reasons } = judged;
        Ok(ExplainReply { allowed, path, best, reasons, mirror: self.latest.mirror(&view) })
    }
}

impl Handle<FindPathsBatch> for Api {
    async fn handle(&self, call: Call<FindPathsBatch>) -> Result<BatchReply, Problem> {
        // One view for all, so that the answers fit each other.
        let view = self.view()?;
        let queries = stream::iter(call.body.queries.into_vec()).map(|query| self.find(&view, query));
        let answers = queries.buffered(self.batch_width).map(|answer| match answer {
            Ok(reply) => BatchAnswer::Found(reply),
            Err(problem) => BatchAnswer::Failed(problem.into()),
        });
        Ok(BatchReply { answers: answers.collect().await })
    }
}

impl Handle<GetFinderStats> for Api {
    async fn handle(&self, _: Call<GetFinderStats>) -> Result<FinderStats, Problem> {
        let view = self.latest.view()?;
        let (nodes, transports) = (view.counts.nodes as u64, view.counts.usable as u64);
        let mirror = self.latest.mirror(&view);
        Ok(self.tally.fill(FinderStats { mirror, nodes, transports, ..FinderStats::default() }))
    }
}
