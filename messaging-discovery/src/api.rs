//! The endpoints.

use byway_api::{
    Page,
    messaging_discovery::{
        GetRecord, GetRecordStats, ListServers, LookUpRecords, LookUpReply, PutRecord, RecordStats,
        ServersQuery,
    },
    page_limit,
};
use byway_base::{Code, Problem, UnixTime};
use byway_clock::Clock;
use byway_http::server::{Call, Handle};
use byway_store::{
    Store, StoreError,
    records::{ServerCursor, ServerFilter},
};
use byway_wire::{RecordBody, SignedRecord, decode_whole, encode, record::RecordError};

/// What every handler shares.
#[derive(Debug)]
pub(crate) struct Api {
    store: Store,
    clock: Clock,
}

impl Api {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }
}

impl Handle<PutRecord> for Api {
    async fn handle(&self, call: Call<PutRecord>) -> Result<(), Problem> {
        const WHAT: &str = "cannot publish the record";
        let (signed, now) = (call.body, self.clock.now());
        if signed.record.subject != call.caller || call.path.key != call.caller {
            return Err(Problem::new(Code::Denied, WHAT, "only its subject publishes a record"));
        }
        check_record(&signed, now).map_err(|(code, why)| Problem::new(code, WHAT, why))?;
        let stored = self.store.records().put(&signed, now).await;
        let new = stored.map_err(|error| match error {
            StoreError::Conflict { newer } => {
                let sequence = signed.record.sequence;
                let why = format!("its sequence number is {sequence}, the present one is {newer}");
                let hint = format!("sign the record anew with a sequence number above {newer}");
                Problem::new(Code::Conflict, WHAT, why).with_hint(hint)
            }
            other => Problem::from(other).while_doing(WHAT),
        })?;
        if new {
            metrics::counter!("byway_records_published_total").increment(1);
        }
        Ok(())
    }
}

/// What holds for a record whoever brings it.
fn check_record(signed: &SignedRecord, now: UnixTime) -> Result<(), (Code, String)> {
    signed.verify(now).map_err(|error| {
        let code = match error {
            RecordError::Signature => Code::BadSignature,
            RecordError::Expired | RecordError::TooLong => Code::ClockSkew,
            RecordError::TooMany => Code::TooLarge,
        };
        (code, error.to_string())
    })?;
    if let RecordBody::Server { region, .. } = &signed.record.body {
        check_region(region)?;
    }
    // What is signed is the binary form; whatever does not fit into it is not signed, and not kept.
    match decode_whole(&encode(&signed.record)) {
        Ok(read) if signed.record == read => Ok(()),
        _ => Err((Code::TooLarge, "a text in the record is longer than its binary form allows".to_owned())),
    }
}

/// A region is a line of text. A database may refuse others, which would look like a failure of the service.
fn check_region(region: &str) -> Result<(), (Code, String)> {
    if region.chars().any(char::is_control) {
        return Err((Code::Usage, "a region has no control characters".to_owned()));
    }
    Ok(())
}

impl Handle<GetRecord> for Api {
    async fn handle(&self, call: Call<GetRecord>) -> Result<SignedRecord, Problem> {
        const WHAT: &str = "cannot show the record";
        let key = call.path.key;
        self.store.records().get(&key, self.clock.now()).await.map_err(|error| match error {
            StoreError::NotFound => Problem::new(
                Code::NotFound,
                WHAT,
                format!("{} has no record, or it has expired", key.short()),
            ),
            other => Problem::from(other).while_doing(WHAT),
        })
    }
}

impl Handle<LookUpRecords> for Api {
    async fn handle(&self, call: Call<LookUpRecords>) -> Result<LookUpReply, Problem> {
        let records = self.store.records().get_many(&call.body.keys, self.clock.now()).await?;
        Ok(LookUpReply { records })
    }
}

impl Handle<ListServers> for Api {
    async fn handle(&self, call: Call<ListServers>) -> Result<Page<SignedRecord>, Problem> {
        const WHAT: &str = "cannot list servers";
        let after = call.query.cursor.as_deref().map(|text| {
            read_cursor(text).ok_or_else(|| {
                Problem::new(Code::Usage, WHAT, "the cursor is not one of this service")
                    .with_hint("give `next` of the page before, or no cursor")
            })
        });
        let ServersQuery { region, near, limit, .. } = call.query;
        for region in region.iter().chain(&near) {
            check_region(region).map_err(|(code, why)| Problem::new(code, WHAT, why))?;
        }
        let filter = ServerFilter { region, near, after: after.transpose()? };
        let page = self.store.records().servers(&filter, page_limit(limit), self.clock.now()).await;
        let page = page.map_err(|error| Problem::from(error).while_doing(WHAT))?;
        Ok(Page { items: page.servers, next: page.next.as_ref().map(write_cursor) })
    }
}

impl Handle<GetRecordStats> for Api {
    async fn handle(&self, _: Call<GetRecordStats>) -> Result<RecordStats, Problem> {
        Ok(self.store.records().stats(self.clock.now()).await?)
    }
}

fn write_cursor(cursor: &ServerCursor) -> String {
    let [draining, far] = [cursor.draining, cursor.far].map(u8::from);
    format!("{draining}.{far}.{}.{}", cursor.load, cursor.subject)
}

fn read_cursor(text: &str) -> Option<ServerCursor> {
    let mut parts = text.split('.');
    let mut flag = || match parts.next()? {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    let (draining, far) = (flag()?, flag()?);
    let cursor = ServerCursor {
        draining,
        far,
        load: parts.next()?.parse().ok()?,
        subject: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(cursor)
}
