//! Reads replies in lines.

use byway_api::{Endpoint, JSON_LINES, Line, Seal};
use byway_base::{Code, Problem, limits::HTTP_EVENT_MAX};
use futures_util::{StreamExt, stream, stream::BoxStream};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::{Client, STREAM_SILENCE, reply::not_of_form};
use crate::signature::{CONTENT_DIGEST, ContentDigest, ReplyContext};

/// The parts of a reply in lines. They are the whole, and the service's, only if the end came without an error.
pub type Parts<T> = BoxStream<'static, Result<T, Problem>>;

/// A reply that is being read; holds one line at most.
struct Reading {
    client: Client,
    response: Response,
    reply: Option<ReplyContext>,
    lines: Lines,
    digest: ContentDigest,
}

impl Client {
    /// Calls an endpoint whose reply comes in lines.
    ///
    /// Cancel safety: dropping the parts closes the connection.
    ///
    /// # Errors
    /// As [`Self::call`]; so do the parts, the last of which is an error if the reply was cut off, altered, or ended with a
    /// problem of the service. A reply that is silent for too long fails with `BW-TIMEOUT`.
    pub async fn feed<E: Endpoint<Request = ()>>(
        &self,
        path: E::Path,
        query: E::Query,
    ) -> Result<Parts<E::Reply>, Problem> {
        let (response, reply) = self.open::<E>(&path, &query, JSON_LINES, None).await?;
        let (client, lines, digest) = (self.clone(), Lines::default(), ContentDigest::default());
        let reading = Reading { client, response, reply, lines, digest };
        let parts = stream::unfold(Some(reading), async |reading| {
            let mut reading = reading?;
            match reading.next().await {
                Ok(Some(part)) => Some((Ok(part), Some(reading))),
                Ok(None) => None,
                Err(problem) => Some((Err(problem), None)),
            }
        });
        Ok(parts.boxed())
    }
}

impl Reading {
    /// The next part; `None` after the last, once the whole was checked.
    async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Problem> {
        let line = self.line().await?;
        match serde_json::from_slice(&line).map_err(not_of_form)? {
            Line::Part(part) => {
                self.digest.update(&line);
                Ok(Some(part))
            }
            Line::End { seal } => self.check(seal).map(|()| None),
            Line::Problem(details) => Err(details.into()),
        }
    }

    /// The next line with its end.
    async fn line(&mut self) -> Result<Vec<u8>, Problem> {
        loop {
            if let Some(line) = self.lines.next()? {
                return Ok(line);
            }
            let chunk = self.client.chunk(&mut self.response);
            let Some(chunk) = self.client.in_time(STREAM_SILENCE, chunk).await? else {
                let what = format!("cannot read the reply of {}", self.client.base);
                return Err(Problem::new(Code::ServiceUnreachable, what, "it ended before its last line"));
            };
            self.lines.feed(&chunk);
        }
    }

    /// Checks that the service vouches for all parts, if its key is known.
    fn check(&mut self, seal: Option<Seal>) -> Result<(), Problem> {
        let mut headers = HeaderMap::new();
        if let Some(Seal { content_digest, signature_input, signature }) = seal {
            for (name, text) in [
                (CONTENT_DIGEST, content_digest),
                (HeaderName::from_static("signature-input"), signature_input),
                (HeaderName::from_static("signature"), signature),
            ] {
                headers.insert(name, HeaderValue::try_from(text).map_err(not_of_form)?);
            }
        }
        let digest = std::mem::take(&mut self.digest).finish();
        self.client.check(self.reply.as_ref(), self.response.status(), &headers, Some(&digest))
    }
}

/// Cuts bytes into lines.
#[derive(Debug, Default)]
struct Lines {
    held: Vec<u8>,
    /// Before this there is no end of a line.
    searched: usize,
}

impl Lines {
    fn feed(&mut self, chunk: &[u8]) {
        self.held.extend_from_slice(chunk);
    }

    /// The next line with its end; `None` if more is needed.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let end = self.held[self.searched..].iter().position(|byte| *byte == b'\n');
        let line = end.map(|end| self.searched + end + 1);
        if line.unwrap_or(self.held.len()) > HTTP_EVENT_MAX {
            let why = format!("a line has more than {HTTP_EVENT_MAX} bytes");
            return Err(Problem::new(Code::TooLarge, "cannot read the reply", why));
        }
        let Some(line) = line else {
            self.searched = self.held.len();
            return Ok(None);
        };
        self.searched = 0;
        let rest = self.held.split_off(line);
        Ok(Some(std::mem::replace(&mut self.held, rest)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b"one\ntwo\n\nthree\n";

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_bytes_are_cut(cuts in prop::collection::vec(0..TEXT.len(), 0..8)) {
            let (mut cuts, mut lines, mut found, mut from) = (cuts, Lines::default(), Vec::new(), 0);
            cuts.sort_unstable();
            for cut in cuts.into_iter().chain([TEXT.len()]) {
                lines.feed(&TEXT[from..cut]);
                from = cut;
                while let Some(line) = lines.next().unwrap() {
                    found.push(line);
                }
            }
            prop_assert_eq!(found.concat(), TEXT);
            prop_assert_eq!(found.len(), 4);
        }
    }

    #[test]
    fn a_line_beyond_its_bound_is_refused_before_it_is_whole() {
        let mut lines = Lines::default();
        lines.feed(&vec![b'x'; HTTP_EVENT_MAX]);
        assert_eq!(lines.next().unwrap(), None);
        lines.feed(b"x");
        assert_eq!(lines.next().unwrap_err().code, Code::TooLarge);
    }
}
