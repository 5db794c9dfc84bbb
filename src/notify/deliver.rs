//! When is an alert sent, to whom, and what does the answer mean?

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{Either, join_all, select};
use http::{HeaderMap, Request, StatusCode, Uri, header};
use tokio::sync::watch;

use super::event::CONTENT_TYPE;
use super::signature::Key;
use crate::model::Timestamp;
use crate::ports::Clock;
use crate::store::{Store, StoreError, WaitingAlert};

/// From the first byte out to the last byte in. A receiver that has to do more than to note the alert down does it later.
pub const ATTEMPT_MILLIS: u64 = 10_000;
/// Bytes of an answer that are read, and thrown away: the status says everything.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// Pauses after the first, second, … attempt that failed; the last one again and again. A restart of the receiver is over
/// within the first two, an outage costs it one request an hour.
const PAUSES_SECONDS: [u64; 5] = [10, 30, 120, 600, 3_600];
/// No pause is longer, whatever `Retry-After` says: an alert is for today.
const PAUSE_MILLIS_MAX: u64 = 3_600_000;
/// Characters that are kept of what went wrong.
const ERROR_CHARACTERS_MAX: usize = 200;

/// What is known of an attempt that got an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 2xx is taken, everything else is not.
    pub status: StatusCode,
    /// `Retry-After` may be among them.
    pub headers: HeaderMap,
}

/// The door to receivers: one request, one answer. It follows no redirect and tries nothing twice.
pub trait Post {
    /// Sends once; the error is for people, and holds no address.
    fn post(&self, request: Request<Bytes>) -> impl Future<Output = Result<Answer, String>>;
}

/// Somebody who is told.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The name in the configuration, and in the outbox.
    pub name: String,
    /// Where to.
    pub uri: Uri,
    /// Signed with this.
    pub key: Key,
}

/// An attempt that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For people.
    pub why: String,
    /// `Retry-After` in milliseconds.
    pub retry_after: Option<u64>,
}

impl Refused {
    fn because(why: impl Into<String>) -> Self {
        Self { why: why.into().chars().take(ERROR_CHARACTERS_MAX).collect(), retry_after: None }
    }
}

/// How far the sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Alerts come in.
    Open,
    /// No more come in: whoever has nothing due is done.
    Closing,
    /// What is under way is given up.
    Over,
}

/// Tells a delivery that there is something new, or that it is time to end.
#[derive(Debug)]
pub struct Bell(watch::Sender<Phase>);

impl Default for Bell {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Open))
    }
}

impl Bell {
    /// Alerts were put into the outbox.
    pub fn ring(&self) {
        self.0.send_modify(|_| {});
    }
    /// No more alerts come: end when nothing is due.
    pub fn close(&self) {
        self.0.send_replace(Phase::Closing);
    }
    /// End now.
    pub fn stop(&self) {
        self.0.send_replace(Phase::Over);
    }
}

/// Everything that delivering needs. It runs beside a cycle, on the same thread and the same store.
pub struct Delivery<'a, P, C> {
    /// Where alerts wait.
    pub store: &'a Store,
    /// Time.
    pub clock: &'a C,
    /// The way out.
    pub door: &'a P,
    /// Everybody who is configured; what waits for anybody else stays where it is.
    pub receivers: &'a [Receiver],
}

impl<P: Post, C: Clock> Delivery<'_, P, C> {
    /// Sends what is due, and what becomes due, until the bell says that it is enough: each receiver's alerts in their
    /// order, all receivers at once. An attempt that is given up in the end counts as one that failed.
    ///
    /// # Errors
    /// The store's. The other receivers are served to the end all the same.
    pub async fn deliver(&self, bell: &Bell) -> Result<(), StoreError> {
        let all = self.receivers.iter().map(|receiver| self.serve(receiver, bell.0.subscribe()));
        join_all(all).await.into_iter().collect()
    }

    async fn serve(&self, receiver: &Receiver, mut bell: watch::Receiver<Phase>) -> Result<(), StoreError> {
        loop {
            // Before the look at the outbox: whatever is put in after it rings again.
            let phase = *bell.borrow_and_update();
            if phase == Phase::Over {
                return Ok(());
            }
            let (first, now) = (self.store.first_alert(&receiver.name)?, self.clock.now());
            match first {
                Some(alert) if is_due(&alert, now) => {
                    self.attempt(receiver, &alert, &mut bell).await?;
                    continue;
                }
                _ if phase == Phase::Closing => return Ok(()),
                _ => {}
            }
            let pause = async {
                match first {
                    Some(alert) => self.clock.sleep_until(alert.next_at).await,
                    None => std::future::pending().await,
                }
            };
            if let Either::Left((Err(_), _)) = select(pin!(bell.changed()), pin!(pause)).await {
                return Ok(());
            }
        }
    }

    /// One attempt at one alert, and the note of what came of it.
    async fn attempt(
        &self,
        receiver: &Receiver,
        alert: &WaitingAlert,
        bell: &mut watch::Receiver<Phase>,
    ) -> Result<(), StoreError> {
        let sent = pin!(send(self.door, self.clock, receiver, &alert.event, &alert.body));
        let over = pin!(bell.wait_for(|phase| *phase == Phase::Over));
        let outcome = match select(sent, over).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(Refused::because("no answer yet when this process had to go on")),
        };
        let (webhook, event, tries) = (receiver.name.as_str(), alert.event.as_str(), alert.tries.saturating_add(1));
        match outcome {
            Ok(status) => {
                tracing::info!(webhook, event, tries, status = status.as_u16(), "an alert was taken");
                self.store.alert_delivered(alert.id)
            }
            Err(refused) => {
                let again = self.clock.now().plus_millis(pause_millis(alert.tries, refused.retry_after));
                let (why, next) = (refused.why.as_str(), again.rfc3339());
                tracing::warn!(webhook, event, tries, why, next, "an alert was not taken: it is sent again");
                self.store.alert_put_off(alert.id, again, &refused.why)
            }
        }
    }
}

/// Signs and sends once. The status where it was taken.
///
/// # Errors
/// It was not, or nobody can tell.
pub async fn send<P: Post, C: Clock>(
    door: &P,
    clock: &C,
    receiver: &Receiver,
    id: &str,
    body: &str,
) -> Result<StatusCode, Refused> {
    let now = clock.now();
    let seconds = now.0 / 1000;
    let request = Request::post(receiver.uri.clone())
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", receiver.key.sign(id, seconds, body.as_bytes()))
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .map_err(|error| Refused::because(format!("not a request: {error}")))?;
    let late = pin!(clock.sleep_until(now.plus_millis(ATTEMPT_MILLIS)));
    match select(pin!(door.post(request)), late).await {
        Either::Left((Ok(answer), _)) => judge(&answer, clock.now()),
        Either::Left((Err(why), _)) => Err(Refused::because(why)),
        Either::Right(_) => Err(Refused::because(format!("no answer within {} s", ATTEMPT_MILLIS / 1000))),
    }
}

/// What an answer means.
fn judge(answer: &Answer, now: Timestamp) -> Result<StatusCode, Refused> {
    let status = answer.status;
    if status.is_success() {
        return Ok(status);
    }
    let more = if status.is_redirection() { "; redirects are not followed" } else { "" };
    let refused = Refused::because(format!("answered {}{more}", status.as_u16()));
    Err(Refused { retry_after: retry_after(&answer.headers, now), ..refused })
}

/// `Retry-After` in milliseconds: seconds, or a date. Anything else counts as absent.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let wish = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !wish.is_empty() && wish.bytes().all(|b| b.is_ascii_digit()) {
        return Some(wish.parse().unwrap_or(u64::MAX).saturating_mul(1000));
    }
    let date = chrono::DateTime::parse_from_rfc2822(wish).ok()?;
    Some(Timestamp(u64::try_from(date.timestamp_millis()).ok()?).millis_since(now))
}

/// How long to wait after an attempt that failed, with so many failed ones before it. A receiver may ask for more, within
/// bounds, and not for less.
pub fn pause_millis(failed_before: u32, retry_after: Option<u64>) -> u64 {
    let last = PAUSES_SECONDS.len() - 1;
    let at = usize::try_from(failed_before).unwrap_or(last).min(last);
    let usual = PAUSES_SECONDS.get(at).map_or(PAUSE_MILLIS_MAX, |seconds| seconds * 1000);
    usual.max(retry_after.unwrap_or(0)).min(PAUSE_MILLIS_MAX)
}

/// An instant further off than any pause was written under a clock that went wrong since, or had been.
fn is_due(alert: &WaitingAlert, now: Timestamp) -> bool {
    alert.next_at <= now || alert.next_at.millis_since(now) > PAUSE_MILLIS_MAX
}
