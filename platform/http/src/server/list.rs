//! From a type-level list of endpoints to routes.

use std::sync::Arc;

use axum::{Router, extract::Request, response::Response, routing::MethodFilter};
use byway_api::{AuthClass, Endpoint, Fed, Method, Once, Watched};
use byway_base::Problem;

use super::{
    Context, Feed, Handle, Watch,
    answer::{accept, problem_response, reply},
    events, lines,
};
use crate::signature::ReplyContext;

/// Handles every endpoint of a list; implemented for whatever implements [`Handle`], [`Watch`] or
/// [`Feed`] for each.
pub trait HandleAll<List>: Send + Sync + 'static {
    /// Adds a route for each endpoint of the list.
    #[doc(hidden)]
    fn add(self: Arc<Self>, router: Router, context: &Arc<Context>) -> Router;
}

impl<H: Send + Sync + 'static> HandleAll<()> for H {
    fn add(self: Arc<Self>, router: Router, _: &Arc<Context>) -> Router {
        router
    }
}

impl<H, E, Rest> HandleAll<(Once<E>, Rest)> for H
where
    E: Endpoint,
    H: Handle<E> + HandleAll<Rest>,
{
    fn add(self: Arc<Self>, router: Router, context: &Arc<Context>) -> Router {
        let (handler, shared) = (self.clone(), context.clone());
        let router = route::<E, _>(router, move |request| {
            let (handler, shared) = (handler.clone(), shared.clone());
            async move {
                let call = accept::<E>(request, &shared).await?;
                let audited = E::AUDITED.then(|| E::Auth::signer(&call.caller)).flatten();
                let pending = audited.map(|by| shared.audit.begin::<E>(by, &call.path));
                let result = handler.handle(call).await;
                if let Some(pending) = pending {
                    pending.ended(&result);
                }
                reply(&result?)
            }
        });
        HandleAll::<Rest>::add(self, router, context)
    }
}

impl<H, E, Rest> HandleAll<(Watched<E>, Rest)> for H
where
    E: Endpoint,
    H: Watch<E> + HandleAll<Rest>,
{
    fn add(self: Arc<Self>, router: Router, context: &Arc<Context>) -> Router {
        let (handler, shared) = (self.clone(), context.clone());
        let router = route::<E, _>(router, move |request| {
            let (handler, shared) = (handler.clone(), shared.clone());
            async move {
                let call = accept::<E>(request, &shared).await?;
                let permit = events::permit(&shared)?;
                Ok(events::respond(handler.watch(call).await?, permit, &shared))
            }
        });
        HandleAll::<Rest>::add(self, router, context)
    }
}

impl<H, E, Rest> HandleAll<(Fed<E>, Rest)> for H
where
    E: Endpoint,
    H: Feed<E> + HandleAll<Rest>,
{
    fn add(self: Arc<Self>, router: Router, context: &Arc<Context>) -> Router {
        let (handler, shared) = (self.clone(), context.clone());
        let router = route::<E, _>(router, move |request| {
            let (handler, shared) = (handler.clone(), shared.clone());
            async move {
                let (parts, body) = request.into_parts();
                let asked = ReplyContext::of(&parts);
                let call = accept::<E>(Request::from_parts(parts, body), &shared).await?;
                let permit = events::permit(&shared)?;
                Ok(lines::respond(handler.feed(call).await?, asked, permit, &shared))
            }
        });
        HandleAll::<Rest>::add(self, router, context)
    }
}

fn route<E, F>(router: Router, answer: impl Fn(Request) -> F + Clone + Send + Sync + 'static) -> Router
where
    E: Endpoint,
    F: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    let method = match E::METHOD {
        Method::Get => MethodFilter::GET,
        Method::Put => MethodFilter::PUT,
        Method::Post => MethodFilter::POST,
        Method::Delete => MethodFilter::DELETE,
    };
    let handler = move |request: Request| {
        let answer = answer(request);
        async move { answer.await.unwrap_or_else(problem_response) }
    };
    router.route(E::PATH, axum::routing::on(method, handler))
}
