//! One route request taken through its steps by a setup node.
//!
//! Drive it so: carry out every [`Saga::poll_action`], report each call's end with [`Saga::handle_reply`], call
//! [`Saga::handle_timeout`] when [`Saga::poll_timeout`] has come, answer the source as soon as there is a
//! [`Saga::outcome`], and drop the saga when it [`Saga::is_finished`].

mod member;
mod step;

use std::{collections::VecDeque, fmt};

use byway_base::{
    Code, Moment, PublicKey, RouteId, RoutingId, UnixTime,
    limits::{SETUP_STEP_TIMEOUT, SETUP_TIMEOUT},
};
use byway_wire::{
    Hop, SignedRouteRequest,
    route_request::RequestError,
    setup::{Failure, NodeMessage, Reply},
};

use crate::Initiators;
use member::{Call, Member};
pub use step::Step;

/// A route request as it came to a setup node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The key that the session proved.
    pub caller: PublicKey,
    /// What it signed.
    pub request: SignedRouteRequest,
    /// The path.
    pub hops: Vec<Hop>,
    /// The source's own label, for packets that come back.
    pub label_in: RoutingId,
}

/// Names one call of one saga, so that a late reply cannot be taken for the answer to a later call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(u32);

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send `message` to `node` and report the end of it under the same id. The saga gives up on the call by itself
    /// after [`SETUP_STEP_TIMEOUT`].
    Call {
        /// Names the call.
        call: CallId,
        /// Whom to ask.
        node: PublicKey,
        /// What to ask.
        message: NodeMessage,
    },
}

/// Why a call brought no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// The node could not be reached, or the connection broke.
    #[error("it could not be reached")]
    Unreachable,
    /// It did not answer in time.
    #[error("it did not answer in time")]
    Timeout,
    /// It answered something that is no reply.
    #[error("its answer is not a reply of this protocol")]
    Malformed,
}

/// How a saga ended, for its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every node but the source has its rules.
    Established {
        /// The label of the first of them, for the packets of the source.
        label_out: RoutingId,
    },
    /// The route is not there, and every node that could be reached has given back what it held; leases cover the others.
    Failed(Failure),
}

/// One route request on its way through the steps. Deterministic: the same inputs give the same actions.
///
/// # Undo
/// After a failure every node that may hold something is told to undo, all in parallel, each as soon as no other call to
/// it is under way, so that the undo overtakes nothing. A call that timed out may still arrive after the undo. It does
/// little harm: its rules lapse with their lease. A failed undo is sent once more; after that the leases do the work.
///
/// Every node that was asked may hold something, unless it refused. That one is left alone: it may have refused because
/// the id names a route that it already has, and whoever asks for a second route under the id of a first must not get
/// the first one undone.
///
/// # Deadlines
/// Each call has [`SETUP_STEP_TIMEOUT`]. The source is answered when all have obeyed, or after a failure when every node
/// has undone or let one undo pass: within two calls, well before it gives up ([`SETUP_TIMEOUT`]). The second undo may
/// go on after the answer.
#[derive(Debug)]
pub struct Saga {
    request: SignedRouteRequest,
    members: Vec<Member>,
    label_out: RoutingId,
    step: Step,
    failed_in: Option<Step>,
    failure: Option<Failure>,
    established: bool,
    next_call: u32,
    actions: VecDeque<Action>,
}

const _: () = assert!(SETUP_TIMEOUT.as_secs() > 2 * SETUP_STEP_TIMEOUT.as_secs());

impl Saga {
    /// Begins with [`Step::Check`]: the caller must be the source; the request must be signed by it, fresh at `clock`, and
    /// about exactly these hops. If not, the saga has already failed, with nobody asked. Nodes count the route under the
    /// tags of `initiators`. `draw` gives uniformly random numbers for labels, which nobody off the path may guess.
    #[must_use]
    pub fn new(
        now: Moment,
        clock: UnixTime,
        asked: &Asked,
        initiators: &Initiators,
        draw: &mut dyn FnMut() -> u32,
    ) -> Self {
        let mut saga = Self {
            request: asked.request.clone(),
            members: Vec::new(),
            label_out: RoutingId::TRANSPORT,
            step: Step::Check,
            failed_in: None,
            failure: None,
            established: false,
            next_call: 0,
            actions: VecDeque::new(),
        };
        match check(clock, asked) {
            Ok(()) => {
                (saga.members, saga.label_out) = Member::along(asked, initiators, draw);
                saga.step = Step::Install;
                (0..saga.members.len()).for_each(|position| saga.call(now, position));
            }
            Err(failure) => saga.fail(now, failure),
        }
        saga
    }

    /// The route that the request asks for.
    #[must_use]
    pub const fn route(&self) -> RouteId {
        self.request.request.route
    }

    /// The step under way; after a failure [`Step::Undo`].
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// The step that failed, if one did.
    #[must_use]
    pub const fn failed_in(&self) -> Option<Step> {
        self.failed_in
    }

    /// The next thing to do; call until none is left.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Self::handle_timeout`] is due; none once the saga is finished.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.members.iter().filter_map(|member| member.call.map(|call| call.deadline)).min()
    }

    /// Takes the end of a call. One that is no longer under way, because it timed out, is ignored.
    pub fn handle_reply(&mut self, now: Moment, call: CallId, result: Result<Reply, CallFailure>) {
        let ended = |member: &mut Member| member.call.take_if(|under_way| under_way.id == call);
        let ended = self.members.iter_mut().enumerate().find_map(|(at, member)| Some((at, ended(member)?)));
        let Some((position, call)) = ended else { return };
        match (call.step, &result) {
            (Step::Undo, Ok(Reply::Done {})) | (Step::Install, Ok(Reply::Failed { .. })) => {
                self.members[position].holds_nothing();
            }
            _ => {}
        }
        if self.step == Step::Install {
            self.install_answered(now, position, result);
        } else {
            self.undo(now);
        }
    }

    /// Ends the calls whose time is over.
    pub fn handle_timeout(&mut self, now: Moment) {
        let overdue =
            self.members.iter().filter_map(|member| member.call.filter(|call| call.deadline <= now));
        let overdue: Vec<_> = overdue.map(|call| call.id).collect();
        for call in overdue {
            self.handle_reply(now, call, Err(CallFailure::Timeout));
        }
    }

    /// What to tell the source, once that is known.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        if self.established {
            return Some(Outcome::Established { label_out: self.label_out });
        }
        let failure = self.failure.as_ref()?;
        self.members.iter().all(Member::was_told).then(|| Outcome::Failed(failure.clone()))
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.established || (self.failure.is_some() && self.members.iter().all(Member::is_settled))
    }

    /// The nodes that may hold something after a failure because no undo reached them; their leases end it.
    pub fn not_undone(&self) -> impl Iterator<Item = PublicKey> {
        let failed = self.failure.is_some();
        self.members.iter().filter(move |member| failed && member.may_hold()).map(|member| member.key)
    }

    /// Takes the answer of a node to its install.
    fn install_answered(&mut self, now: Moment, position: usize, result: Result<Reply, CallFailure>) {
        let failure = match result {
            Ok(Reply::Done {}) => {
                self.established = self.members.iter().all(|member| member.call.is_none());
                return;
            }
            Ok(Reply::Failed { failure }) => self.blame(position, failure.code, failure.why),
            Ok(_) => self.blame(position, Code::Protocol, "it answered something else than was asked"),
            Err(failure) => self.blame(position, failure_code(failure), failure),
        };
        self.fail(now, failure);
    }

    /// A failure that names the step and the node.
    fn blame(&self, position: usize, code: Code, why: impl fmt::Display) -> Failure {
        let node = self.members[position].key.short();
        Failure { code, why: format!("{} at {node}: {why}", self.step) }
    }

    /// Turns to undoing.
    fn fail(&mut self, now: Moment, failure: Failure) {
        self.failed_in = Some(self.step);
        self.failure = Some(failure);
        self.step = Step::Undo;
        self.undo(now);
    }

    /// Sends undo to every node that may get it now.
    fn undo(&mut self, now: Moment) {
        for position in 0..self.members.len() {
            if self.members[position].wants_undo() {
                self.members[position].undo_begins();
                self.call(now, position);
            }
        }
    }

    /// Asks a node what the present step asks of it.
    fn call(&mut self, now: Moment, position: usize) {
        let id = CallId(self.next_call);
        self.next_call += 1;
        let (step, route) = (self.step, self.route());
        let member = &mut self.members[position];
        let message = match step {
            Step::Undo => NodeMessage::Undo { route },
            Step::Check | Step::Install => member.install.clone(),
        };
        member.asked(Call { id, step, deadline: now + SETUP_STEP_TIMEOUT });
        self.actions.push_back(Action::Call { call: id, node: member.key, message });
    }
}

fn check(clock: UnixTime, asked: &Asked) -> Result<(), Failure> {
    let failure = |code, why: String| Failure { code, why };
    if asked.request.request.source.key != asked.caller {
        return Err(failure(Code::Denied, "only the source of a route may ask for it".to_owned()));
    }
    if asked.label_in == RoutingId::TRANSPORT {
        return Err(failure(Code::Protocol, "zero is no label".to_owned()));
    }
    let verified = asked.request.verify_with_path(clock, &asked.hops);
    verified.map_err(|error| failure(request_code(error), error.to_string()))
}

const fn request_code(error: RequestError) -> Code {
    match error {
        RequestError::Signature => Code::BadSignature,
        RequestError::Expired => Code::ClockSkew,
        RequestError::Digest | RequestError::Path => Code::BadPath,
    }
}

const fn failure_code(failure: CallFailure) -> Code {
    match failure {
        CallFailure::Unreachable => Code::PeerUnreachable,
        CallFailure::Timeout => Code::Timeout,
        CallFailure::Malformed => Code::Protocol,
    }
}
