//! Which of the routes between two ends carry the session.
//!
//! The source's group holds one active route, or several if the session is striped, and spares. It probes them all,
//! replaces an active route that ends, falls silent or gets clearly worse than a spare, and says when routes are missing.
//! The destination's group answers over the routes on which the source's data comes.

mod event;
mod follow;
mod hold;
mod member;
mod probing;
mod quality;
mod spread;
mod switching;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use byway_base::{Moment, RouteId, limits::ROUTE_STRIPES};

use crate::RouteKey;

pub use event::{Cause, GroupEvent, MemberView};
pub use spread::Choice;

use follow::Follow;
use hold::Hold;
use member::Member;
use probing::Attention;

/// Which end of the routes this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupRole {
    /// Chose the routes, keeps them.
    Source,
    /// Follows the source.
    Destination,
}

/// The routes of one group.
///
/// A source's shell calls [`Self::poll_probes`] at [`Self::poll_timeout`], and takes [`Self::pop_event`] until there is
/// none after any call. A destination's group has neither timeouts nor events.
#[derive(Debug)]
pub struct RouteGroup {
    role: GroupRole,
    /// Routes that carry the session at once.
    stripes: usize,
    members: Vec<Member>,
    events: VecDeque<GroupEvent>,
    next_token: u64,
    attention: Attention,
    hold: Hold,
    follow: Follow,
    /// Bytes that came from the other end, over all routes.
    received: u64,
}

impl RouteGroup {
    /// A group without routes, whose session goes over up to `stripes` routes at once (from 1 to [`ROUTE_STRIPES`]; others
    /// count as these). A destination follows its source, whatever it says.
    #[must_use]
    pub fn new(role: GroupRole, stripes: usize) -> Self {
        Self {
            role,
            stripes: stripes.clamp(1, usize::from(ROUTE_STRIPES)),
            members: Vec::new(),
            events: VecDeque::new(),
            next_token: 0,
            attention: Attention::default(),
            hold: Hold::default(),
            follow: Follow::default(),
            received: 0,
        }
    }

    /// The route that carries the session; the first one of them if it is striped.
    #[must_use]
    pub fn active(&self) -> Option<RouteKey> {
        self.carriers().next()
    }

    /// The routes that carry the session.
    pub fn carriers(&self) -> impl Iterator<Item = RouteKey> {
        self.members.iter().filter(|member| member.active).map(|member| member.key)
    }

    /// How many routes the group has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether the group has no route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether `key` is one of the group's routes.
    #[must_use]
    pub fn contains(&self, key: RouteKey) -> bool {
        self.find(key).is_some()
    }

    /// The keys of all routes.
    pub fn keys(&self) -> impl Iterator<Item = RouteKey> {
        self.members.iter().map(|member| member.key)
    }

    /// The routes, the active ones first.
    #[must_use]
    pub fn view(&self) -> Vec<MemberView> {
        let mut views: Vec<_> = self.members.iter().map(Member::view).collect();
        views.sort_by_key(|view| !view.active);
        views
    }

    /// How many routes to install, if `wanted` are to work. Silent ones count as missing, but only so many are replaced
    /// before they are given up.
    #[must_use]
    pub fn missing(&self, wanted: usize) -> usize {
        let silent = self.members.iter().filter(|member| member.is_silent()).count();
        let working = self.members.len() - silent;
        wanted.saturating_sub(working).min((2 * wanted).saturating_sub(self.members.len()))
    }

    /// Adds an installed route of `hops` hops, by which the source knows how much its own data may delay it. It becomes active while fewer are than may be, and a spare otherwise; at
    /// the source it is probed at once.
    pub fn add(&mut self, now: Moment, route: RouteId, key: RouteKey, hops: usize) {
        self.members.push(Member::new(now, route, key, hops));
        if self.role == GroupRole::Source {
            self.fill();
            if self.find(key).is_some_and(|member| !member.active) {
                self.events.push_back(GroupEvent::SpareReady { route });
            }
        } else if self.members.len() == 1 {
            self.members[0].active = true;
        }
    }

    /// A route is gone. If it was active, a spare takes its place.
    pub fn route_ended(&mut self, key: RouteKey, cause: Cause) {
        let Some(position) = self.members.iter().position(|member| member.key == key) else { return };
        let gone = self.members.remove(position);
        match self.role {
            GroupRole::Source => self.replace_ended(&gone, cause),
            GroupRole::Destination => self.follow_without(gone.active),
        }
    }

    /// `bytes` of session data arrived over a route. The destination answers there from now on; to the source it shows
    /// that the route lives. True if other routes carry the session from now on: who waits for room may try again.
    pub fn received(&mut self, now: Moment, key: RouteKey, bytes: usize) -> bool {
        self.received += bytes as u64;
        match self.role {
            GroupRole::Source => {
                self.heard(key);
                false
            }
            GroupRole::Destination => self.follow(now, key),
        }
    }

    /// Takes the next event.
    pub fn pop_event(&mut self) -> Option<GroupEvent> {
        self.events.pop_front()
    }

    fn find(&self, key: RouteKey) -> Option<&Member> {
        self.members.iter().find(|member| member.key == key)
    }

    fn find_mut(&mut self, key: RouteKey) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.key == key)
    }
}
