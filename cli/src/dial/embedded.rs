//! Through a node within this process.

use std::{collections::BTreeMap, time::Duration};

use byway_api::local::{RouteHop, RouteView};
use byway_base::{Code, OverlayAddress, Policy, Problem, PublicKey};
use byway_node::{HopInfo, Listener, Node, PathChoice, RouteInfo};

use super::{Accept, BoxedStream, Dial, Dialled};
use crate::{choice::Choice, target::Target};

type Petnames = BTreeMap<String, PublicKey>;

impl Dial for Node {
    async fn dial(&self, to: &Target, choice: &Choice) -> Result<Dialled, Problem> {
        let petnames = &self.config().petnames;
        let address = OverlayAddress { key: resolve(petnames, &to.peer)?, port: to.port };
        let choice = match choice {
            Choice::Any => PathChoice::default(),
            Choice::Policy(text) => PathChoice::by_policy(&policy(petnames, text)?),
            Choice::Path(ids) => PathChoice::exactly(ids.clone()),
        };
        let (stream, routes) = self.dial(address, choice).await?;
        let routes = routes.iter().map(|info| view(info, petnames)).collect();
        Ok(Dialled { stream: Box::new(stream), routes })
    }
}

impl Accept for Listener {
    async fn accept(&mut self) -> Result<(OverlayAddress, BoxedStream), Problem> {
        let port = self.port();
        let incoming = self.accept().await.ok_or_else(|| {
            Problem::new(
                Code::NodeUnreachable,
                format!("cannot accept on port {port}"),
                "the node has stopped",
            )
        })?;
        Ok((incoming.from, Box::new(incoming.stream)))
    }
}

fn resolve(petnames: &Petnames, text: &str) -> Result<PublicKey, Problem> {
    let named = petnames.get(text).copied().map_or_else(|| text.parse(), Ok);
    named.map_err(|error| Problem::new(Code::BadKey, format!("cannot tell who '{text}' is"), error))
}

/// A policy whose keys may be petnames.
fn policy(petnames: &Petnames, text: &str) -> Result<Policy, Problem> {
    let keys = |value: &str| {
        let keys = value.split(',').map(|name| Ok(resolve(petnames, name)?.to_string()));
        keys.collect::<Result<Vec<_>, Problem>>().map(|keys| keys.join(","))
    };
    let word = |word: &str| match word.split_once('=') {
        Some((name @ ("via" | "avoid"), value)) => Ok(format!("{name}={}", keys(value)?)),
        _ => Ok(word.to_owned()),
    };
    let words = text.split(' ').map(word).collect::<Result<Vec<_>, Problem>>()?;
    let parsed = words.join(" ").parse();
    parsed.map_err(|error| Problem::new(Code::BadPolicy, format!("cannot read the policy '{text}'"), error))
}

fn view(info: &RouteInfo, petnames: &Petnames) -> RouteView {
    let name_of =
        |key: &PublicKey| petnames.iter().find(|(_, named)| *named == key).map(|(name, _)| name.clone());
    let hop = |hop: &HopInfo| RouteHop {
        transport: hop.transport,
        kind: hop.kind.clone(),
        to: hop.to,
        name: name_of(&hop.to),
        rtt_us: micros(hop.rtt),
    };
    RouteView {
        route: info.route,
        active: info.active,
        rtt_us: info.rtt.map(micros),
        hops: info.hops.iter().map(hop).collect(),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
