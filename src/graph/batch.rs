//! How are many small questions asked at once? In batches of twenty; each item has its own answer, error and tries.

use bytes::Bytes;

use crate::ports::{Clock, DirectoryError};

use super::client::{Call, GraphClient};
use super::error::{Answer, Asking, GraphError};
use super::load::{resource_units_text, throttle_text};
use super::origin::GraphPath;
use super::retry::retry_after_text;
use super::transport::Transport;
use super::units::read_units;
use super::wire::{BatchReply, batch_body, batch_replies};

/// Graph's own limit of a batch.
const BATCH_ITEMS_MAX: usize = 20;

/// One item's answer: its body and the id of the request that brought it.
pub(super) type Item = Result<(Bytes, String), DirectoryError>;

impl<T: Transport, C: Clock> GraphClient<T, C> {
    /// Reads each address, in the order asked. One alone is asked plainly.
    pub(super) async fn read_many(&self, asking: Asking, urls: &[GraphPath]) -> Vec<Item> {
        if let [url] = urls {
            return vec![self.read(asking, url.clone()).await];
        }
        let mut answers: Vec<Option<Item>> = urls.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..urls.len()).collect();
        let mut try_number = 1;
        while !open.is_empty() {
            let mut again = Vec::new();
            // The longest wish of any item; a throttled item speaks for the tenant.
            let mut wish: Option<DirectoryError> = None;
            for chunk in open.chunks(BATCH_ITEMS_MAX) {
                let chunk_urls: Vec<&GraphPath> = chunk.iter().map(|at| &urls[*at]).collect();
                for (at, item) in chunk.iter().zip(self.batch_once(asking, &chunk_urls).await) {
                    if let Err(error) = &item
                        && matches!(error.retry, crate::ports::Retry::Again { .. })
                    {
                        again.push(*at);
                        wish = Some(longer(wish, error.clone()));
                    }
                    answers[*at] = Some(item);
                }
            }
            let Some(error) = wish else { break };
            if !self.pause(try_number, &error).await {
                break;
            }
            try_number += 1;
            open = again;
        }
        let unasked = || Err(self.told(GraphError::NotAsked("an item that was not asked"), asking, ""));
        answers.into_iter().map(|answer| answer.unwrap_or_else(unasked)).collect()
    }

    /// One batch, one try. What befalls the whole befalls each.
    async fn batch_once(&self, asking: Asking, urls: &[&GraphPath]) -> Vec<Item> {
        let id = self.next_id();
        let units: Vec<u32> = urls.iter().map(|url| read_units(url.as_str())).collect();
        let answer = self.post_batch(urls, units.iter().sum(), &id).await;
        let replies = answer.as_ref().map_err(Clone::clone).and_then(|body| batch_replies(body, urls.len()));
        let replies = match replies {
            Ok(replies) => replies,
            // A server without batches, or one that refuses this one as a whole: one by one then.
            Err(GraphError::Answer(refusal)) if matches!(refusal.status, 400 | 404 | 405 | 501) => {
                let mut items = Vec::with_capacity(urls.len());
                for url in urls {
                    items.push(self.read(asking, (*url).clone()).await);
                }
                return items;
            }
            Err(error) => return urls.iter().map(|_| Err(self.told(error.clone(), asking, &id))).collect(),
        };
        let told = |(reply, reckoned): (&Result<BatchReply<'_>, _>, &u32)| {
            let units = reply.as_ref().ok().and_then(|r: &BatchReply<'_>| r.resource_units.as_deref());
            units.and_then(resource_units_text).unwrap_or(*reckoned)
        };
        self.share.correct(units.iter().sum(), replies.iter().zip(&units).map(told).sum());
        let item = |reply: Result<BatchReply<'_>, _>| match reply {
            Ok(reply) if (200..300).contains(&reply.status) => Ok((Bytes::copy_from_slice(reply.body), id.clone())),
            Ok(reply) => Err(self.told(self.refusal(&reply), asking, &id)),
            Err(error) => Err(self.told(GraphError::Page(error), asking, &id)),
        };
        replies.into_iter().map(item).collect()
    }

    async fn post_batch(&self, urls: &[&GraphPath], units: u32, id: &str) -> Result<Bytes, GraphError> {
        let body = batch_body(urls.iter().copied());
        let body = body.ok_or(GraphError::NotAsked("an address that a batch cannot name"))?;
        let url = self.origin().build(&["$batch"], &[])?;
        Ok(self.once(&Call::batch(url, body, units), id).await?.into_body())
    }

    fn refusal(&self, reply: &BatchReply<'_>) -> GraphError {
        let wish = reply.retry_after.as_deref().and_then(|wish| retry_after_text(wish, self.clock.now()));
        let throttle = reply.throttle_scope.as_deref().and_then(throttle_text);
        let refusal = Answer::new(reply.status, reply.body, wish, throttle);
        self.heed_item(&refusal);
        GraphError::Answer(refusal)
    }
}

/// The error whose pause is the longer one.
fn longer(a: Option<DirectoryError>, b: DirectoryError) -> DirectoryError {
    let not_before = |e: &DirectoryError| match e.retry {
        crate::ports::Retry::Again { not_before } => not_before,
        _ => None,
    };
    match a {
        Some(a) if not_before(&a) >= not_before(&b) => a,
        _ => b,
    }
}
