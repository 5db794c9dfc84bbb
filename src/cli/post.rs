//! How do alerts leave, beside a cycle and without holding it up?

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, join, join_all, select};
use http::{HeaderMap, Request, StatusCode};
use tokio::sync::{oneshot, watch};

use super::check::count;
use super::clock::SystemClock;
use super::output::complain;
use super::{Exit, session};
use crate::config::{Config, Webhook};
use crate::graph::{HttpTransport, Limits, Transport, TransportErrorKind};
use crate::notify::deliver::{ANSWER_BYTES_MAX, ATTEMPT_MILLIS, send};
use crate::notify::{Alert, Answer, Bell, Delivery, Event, Key, Post, Receiver};
use crate::store::Store;

/// How long a run that is over waits for its alerts to be taken. What is not taken by then goes out with the next run.
const PATIENCE: Duration = Duration::from_secs(5);

/// The door to receivers, over the same client that speaks to tenants: no redirects, no second tries.
pub(super) struct Door(HttpTransport);

impl Post for Door {
    async fn post(&self, request: Request<Bytes>) -> Result<Answer, String> {
        let limits = Limits { body_bytes_max: ANSWER_BYTES_MAX, deadline: Duration::from_millis(ATTEMPT_MILLIS) };
        match self.0.send(request, limits).await {
            Ok(answer) => Ok(Answer { status: answer.status(), headers: answer.headers().clone() }),
            // Only a success is refused for its length: it was taken, and what it says is nothing to us.
            Err(error) if error.kind == TransportErrorKind::TooLarge => {
                Ok(Answer { status: StatusCode::OK, headers: HeaderMap::new() })
            }
            Err(error) => Err(error.message),
        }
    }
}

/// Everybody who is told, and the way there. Without a webhook there is nothing to it.
pub(super) struct Outgoing<P = Door> {
    open: Option<(P, Vec<Receiver>)>,
}

impl Outgoing {
    /// The way to every webhook of the configuration.
    pub(super) fn open(config: &Config) -> Result<Self, Exit> {
        let hooks: Vec<&Webhook> = config.notify.webhooks.values().collect();
        Self::to(&hooks)
    }

    /// The way to these webhooks. A secret that is not to be had is a configuration error.
    pub(super) fn to(hooks: &[&Webhook]) -> Result<Self, Exit> {
        if hooks.is_empty() {
            return Ok(Self { open: None });
        }
        let receivers = hooks.iter().map(|hook| receiver(hook)).collect::<Vec<_>>();
        let receivers = receivers.into_iter().collect::<Result<_, Exit>>()?;
        Ok(Self { open: Some((Door(HttpTransport::new().map_err(session::failed)?), receivers)) })
    }
}

impl<P: Post> Outgoing<P> {
    /// Is nobody to be told of anything?
    pub(super) fn is_closed(&self) -> bool {
        self.open.is_none()
    }

    /// Sends what is due, and what becomes due, until nothing is once the bell was closed, or until `stop`. It runs beside
    /// the engine, on the same thread and the same store; whoever puts alerts into the outbox rings the bell.
    pub(super) async fn deliver_until(
        &self,
        store: &Store,
        clock: &SystemClock,
        bell: &Bell,
        stop: impl Future<Output = ()>,
    ) {
        let Some((door, receivers)) = &self.open else { return };
        let delivery = Delivery { store, clock, door, receivers };
        let mut delivered = pin!(delivery.deliver(bell));
        let ended = match select(delivered.as_mut(), pin!(stop)).await {
            Either::Left((ended, _)) => ended,
            Either::Right(((), _)) => {
                bell.stop();
                delivered.await
            }
        };
        if let Err(error) = ended {
            complain(format_args!("alerts were not all sent: {error}"));
        }
    }

    /// Runs `work` with the delivery beside it; whoever puts alerts into the outbox meanwhile rings the bell. When the work is done the delivery has a little longer, and no time at all
    /// once somebody asked us to stop; then it is said what waits.
    pub(super) async fn beside<T>(
        &self,
        store: &Store,
        clock: &SystemClock,
        bell: &Bell,
        mut stop: watch::Receiver<bool>,
        work: impl Future<Output = T>,
    ) -> T {
        if self.is_closed() {
            return work.await;
        }
        let (done, finished) = oneshot::channel();
        let work = async {
            let worked = work.await;
            // Nobody listens any more where the store failed the delivery.
            let _ = done.send(());
            worked
        };
        let over = async {
            if finished.await.is_ok() {
                bell.close();
            }
            let stopped = pin!(async {
                if stop.wait_for(|stop| *stop).await.is_err() {
                    std::future::pending::<()>().await;
                }
            });
            select(stopped, pin!(tokio::time::sleep(PATIENCE))).await;
        };
        let (worked, ()) = join(work, self.deliver_until(store, clock, bell, over)).await;
        self.tell_what_waits(store);
        worked
    }

    /// Sends this once, past an outbox that cannot be written: better than silence, and all that is left.
    pub(super) async fn directly(&self, clock: &SystemClock, config: &Config, alert: &Alert) {
        let Some((door, receivers)) = &self.open else { return };
        let one = async |receiver: &Receiver| {
            let wanted = config.notify.webhooks.get(&receiver.name).is_some_and(|h| h.events.contains(&alert.kind));
            let Ok(body) = alert.event.body() else { return };
            if !wanted {
                return;
            }
            let sent = send(door, clock, receiver, &alert.event.id, &body);
            let why = match tokio::time::timeout(PATIENCE, sent).await {
                Ok(Ok(_)) => return,
                Ok(Err(refused)) => refused.why,
                Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
            };
            complain(format_args!("webhook {} was not told: {why}", receiver.name));
        };
        join_all(receivers.iter().map(one)).await;
    }

    fn tell_what_waits(&self, store: &Store) {
        let Some((_, receivers)) = &self.open else { return };
        // Where the store cannot be read, that was said already.
        let Ok(status) = store.outbox_status() else { return };
        for hook in status {
            let (name, alerts) = (&hook.webhook, count(usize::try_from(hook.waiting).unwrap_or(usize::MAX), "alert"));
            if receivers.iter().any(|r| r.name == *name) {
                complain(format_args!(
                    "webhook {name}: {alerts} still to be sent, with a later run\nhint: crosstie notify list says what it \
                     answered"
                ));
            } else {
                complain(format_args!(
                    "webhook {name} is not configured: {alerts} still to be sent\nhint: configure it again, or forget them: \
                     crosstie notify drop --webhook {name}"
                ));
            }
        }
    }

    /// Sends one event to everybody, now; what each receiver answered.
    pub(super) async fn try_out(&self, clock: &SystemClock, event: &Event) -> Vec<(String, Result<u16, String>)> {
        let (Some((door, receivers)), Ok(body)) = (&self.open, event.body()) else { return Vec::new() };
        let (id, body) = (event.id.as_str(), body.as_str());
        let one = async |receiver: &Receiver| {
            let sent = send(door, clock, receiver, id, body).await;
            (receiver.name.clone(), sent.map(|status| status.as_u16()).map_err(|refused| refused.why))
        };
        join_all(receivers.iter().map(one)).await
    }
}

fn receiver(hook: &Webhook) -> Result<Receiver, Exit> {
    let unusable = |error: &dyn std::fmt::Display| {
        complain(format_args!("webhook {}: {error}", hook.name));
        Exit::Usage
    };
    let secret = hook.key().map_err(|e| unusable(&e))?;
    let key = Key::new(&secret).map_err(|e| unusable(&e))?;
    let uri = hook.url.as_str().parse().map_err(|e: http::uri::InvalidUri| unusable(&e))?;
    Ok(Receiver { name: hook.name.clone(), uri, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Clock;
    use crate::store::NewAlert;
    use secrecy::SecretSlice;

    /// Answers after so many seconds.
    struct Slow(u64);
    impl Post for Slow {
        async fn post(&self, _: Request<Bytes>) -> Result<Answer, String> {
            tokio::time::sleep(Duration::from_secs(self.0)).await;
            Ok(Answer { status: StatusCode::NO_CONTENT, headers: HeaderMap::new() })
        }
    }

    /// A cycle of a minute that ends with two alerts, and somebody who asks to stop after so many seconds: how many seconds
    /// it all takes, and how many alerts are left.
    async fn seconds(answers_after: u64, stops_after: u64) -> (u64, u64) {
        let key = Key::new(&SecretSlice::from(vec![7; 24])).unwrap();
        let ops = Receiver { name: "ops".to_owned(), uri: "https://ops.example/".parse().unwrap(), key };
        let outgoing = Outgoing { open: Some((Slow(answers_after), vec![ops])) };
        let (store, clock) = (Store::in_memory().unwrap(), SystemClock::start());
        let alert = |event: &str| NewAlert { hook: "ops".to_owned(), event: event.to_owned(), body: "{}".to_owned() };
        let begun = clock.now();
        let (stop, stopped) = watch::channel(false);
        let work = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            store.enqueue_alerts(&[alert("1"), alert("2")], clock.now()).unwrap();
            7
        };
        let stopping = async {
            tokio::time::sleep(Duration::from_secs(stops_after)).await;
            let _ = stop.send(true);
            std::future::pending::<()>().await;
        };
        let bell = Bell::default();
        let all = pin!(outgoing.beside(&store, &clock, &bell, stopped, work));
        let Either::Left((7, _)) = select(all, pin!(stopping)).await else { panic!("the work's own result") };
        let left = store.outbox_status().unwrap().iter().map(|hook| hook.waiting).sum();
        (clock.now().seconds_since(begun), left)
    }

    const NEVER: u64 = 1_000_000;

    #[tokio::test(start_paused = true)]
    async fn a_run_waits_for_its_receivers_no_longer_than_they_take_and_never_long() {
        assert_eq!(seconds(0, NEVER).await, (60, 0));
        assert_eq!(seconds(2, NEVER).await, (64, 0));
        assert_eq!(seconds(4, NEVER).await, (65, 1));
        assert_eq!(seconds(NEVER, NEVER).await, (65, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_to_stop_waits_for_no_receiver() {
        assert_eq!(seconds(NEVER, 30).await, (60, 2));
        assert_eq!(seconds(NEVER, 62).await, (62, 2));
    }
}
