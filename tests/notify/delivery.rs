//! Does every alert reach its receiver, in order, however it answers? Under simulated time, on a real store.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use crosstie::model::Timestamp;
use crosstie::notify::deliver::pause_millis;
use crosstie::notify::{Answer, Bell, Delivery, Key, Post, Receiver};
use crosstie::ports::Clock;
use crosstie::store::{HookStatus, NewAlert, Store, WaitingAlert};
use futures_util::future::{join, select};
use http::{HeaderMap, Request, StatusCode};
use proptest::prelude::*;
use secrecy::SecretSlice;

const START: u64 = 1_795_392_000_000;

/// Time as tokio tells it, which the tests stop.
struct Virtual(tokio::time::Instant);

impl Virtual {
    fn start() -> Self {
        Self(tokio::time::Instant::now())
    }
}
impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(START).plus_millis(u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
    async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(Duration::from_millis(at.millis_since(self.now()))).await;
    }
}

/// How a receiver takes one attempt.
#[derive(Clone, Debug)]
enum Reply {
    Status(u16),
    RetryAfter(&'static str),
    Broken,
    Hang,
    /// Takes it, and says so so many milliseconds later.
    Late(u64),
}

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    seconds: u64,
    id: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// Receivers by name; each answers 204 when its list is at an end.
struct Receivers<'a> {
    clock: &'a Virtual,
    replies: RefCell<BTreeMap<String, VecDeque<Reply>>>,
    seen: RefCell<BTreeMap<String, Vec<Seen>>>,
    taken: RefCell<BTreeMap<String, Vec<String>>>,
}

impl<'a> Receivers<'a> {
    fn new(clock: &'a Virtual, replies: &[(&str, &[Reply])]) -> Self {
        let replies = replies.iter().map(|(name, list)| ((*name).to_owned(), list.iter().cloned().collect())).collect();
        Self { clock, replies: RefCell::new(replies), seen: RefCell::default(), taken: RefCell::default() }
    }
    fn seen(&self, name: &str) -> Vec<Seen> {
        self.seen.borrow().get(name).cloned().unwrap_or_default()
    }
    fn seconds(&self, name: &str) -> Vec<u64> {
        self.seen(name).iter().map(|s| s.seconds).collect()
    }
    fn ids(&self, name: &str) -> Vec<String> {
        self.seen(name).into_iter().map(|s| s.id).collect()
    }
}

impl Post for Receivers<'_> {
    async fn post(&self, request: Request<Bytes>) -> Result<Answer, String> {
        let name = request.uri().host().unwrap().trim_end_matches(".example").to_owned();
        let text = |v: &http::HeaderValue| v.to_str().unwrap().to_owned();
        let headers: BTreeMap<String, String> =
            request.headers().iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect();
        let (id, seconds) = (headers["webhook-id"].clone(), (self.clock.now().0 - START) / 1000);
        let body = String::from_utf8(request.into_body().to_vec()).unwrap();
        self.seen.borrow_mut().entry(name.clone()).or_default().push(Seen { seconds, id: id.clone(), headers, body });
        let reply = self.replies.borrow_mut().get_mut(&name).and_then(VecDeque::pop_front);
        let take = || self.taken.borrow_mut().entry(name.clone()).or_default().push(id.clone());
        let (status, wish) = match reply.unwrap_or(Reply::Status(204)) {
            Reply::Status(status) => (status, None),
            Reply::RetryAfter(wish) => (503, Some(wish)),
            Reply::Broken => return Err("the connection was reset".to_owned()),
            Reply::Hang => std::future::pending().await,
            Reply::Late(millis) => {
                take();
                tokio::time::sleep(Duration::from_millis(millis)).await;
                return Ok(Answer { status: StatusCode::OK, headers: HeaderMap::new() });
            }
        };
        if status < 300 {
            take();
        }
        let headers =
            wish.map(|w| (http::header::RETRY_AFTER, http::HeaderValue::from_static(w))).into_iter().collect();
        Ok(Answer { status: StatusCode::from_u16(status).unwrap(), headers })
    }
}

fn receiver(name: &str) -> Receiver {
    let key = Key::new(&SecretSlice::from(b"abcdefghijklmnopqrstuvw?".to_vec())).unwrap();
    Receiver { name: name.to_owned(), uri: format!("https://{name}.example/alerts").parse().unwrap(), key }
}

fn alerts(hook: &str, ids: &[&str]) -> Vec<NewAlert> {
    let alert = |id: &&str| NewAlert {
        hook: hook.to_owned(),
        event: (*id).to_owned(),
        body: format!("{{\"id\":\"{id}\",\"for\":\"{hook}\"}}"),
    };
    ids.iter().map(alert).collect()
}

fn waiting(store: &Store) -> Vec<WaitingAlert> {
    let mut all = Vec::new();
    store.waiting_alerts(None, |alert| all.push(alert)).unwrap();
    all
}

fn waiting_ids(store: &Store) -> Vec<String> {
    waiting(store).into_iter().map(|a| a.event).collect()
}

/// Delivers for so long, and stops.
async fn deliver_for(store: &Store, door: &Receivers<'_>, receivers: &[Receiver], seconds: u64) {
    let (bell, delivery) = (Bell::default(), Delivery { store, clock: door.clock, door, receivers });
    let stop = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        bell.stop();
    };
    let (delivered, ()) = join(delivery.deliver(&bell), stop).await;
    delivered.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_is_sent_again_after_growing_pauses_and_keeps_its_id() {
    use Reply::{Broken, Hang, Status};
    let (clock, store) = (Virtual::start(), Store::in_memory().unwrap());
    let replies = [Status(500), Broken, Status(404), Status(302), Status(410), Hang, Status(204)];
    let door = Receivers::new(&clock, &[("ops", &replies)]);
    store.enqueue_alerts(&alerts("ops", &["a", "b"]), clock.now()).unwrap();
    deliver_for(&store, &door, &[receiver("ops")], 4 * 3600).await;
    // 10 s, 30 s, 2 min, 10 min, 1 h, and 1 h again after the ten seconds that nobody answered.
    let expected = [0, 10, 40, 160, 760, 4360, 7970, 7970];
    assert_eq!(door.seconds("ops"), expected);
    assert_eq!(door.ids("ops"), ["a", "a", "a", "a", "a", "a", "a", "b"]);
    assert_eq!(waiting(&store), []);
    for seen in door.seen("ops") {
        let sent = START / 1000 + seen.seconds;
        assert_eq!(seen.headers["webhook-timestamp"], sent.to_string(), "the time of the attempt, not of the event");
        assert_eq!(seen.headers["content-type"], "application/cloudevents+json; charset=utf-8");
        assert_eq!(seen.body, format!("{{\"id\":\"{}\",\"for\":\"ops\"}}", seen.id));
        let signed = receiver("ops").key.sign(&seen.id, sent, seen.body.as_bytes());
        assert_eq!(seen.headers["webhook-signature"], signed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_or_refuses_holds_up_no_other() {
    let (clock, store) = (Virtual::start(), Store::in_memory().unwrap());
    let door = Receivers::new(&clock, &[("hangs", &[Reply::Hang, Reply::Hang]), ("refuses", &[Reply::Status(400)])]);
    for hook in ["hangs", "refuses", "works"] {
        store.enqueue_alerts(&alerts(hook, &["a", "b", "c"]), clock.now()).unwrap();
    }
    let receivers = ["hangs", "refuses", "works"].map(receiver);
    deliver_for(&store, &door, &receivers, 9).await;
    assert_eq!(door.seconds("works"), [0, 0, 0]);
    assert_eq!(door.ids("works"), ["a", "b", "c"]);
    assert_eq!(door.ids("refuses"), ["a"], "what comes after waits for its turn");
    assert_eq!(door.ids("hangs"), ["a"]);
    deliver_for(&store, &door, &receivers, 100).await;
    assert_eq!(door.ids("refuses"), ["a", "a", "b", "c"]);
    assert_eq!(door.ids("hangs"), ["a", "a", "a", "b", "c"]);
    assert_eq!(waiting(&store), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_at_the_end_is_kept_as_an_attempt_that_failed() {
    let (clock, store) = (Virtual::start(), Store::in_memory().unwrap());
    let door = Receivers::new(&clock, &[("ops", &[Reply::Hang])]);
    store.enqueue_alerts(&alerts("ops", &["a", "b"]), clock.now()).unwrap();
    deliver_for(&store, &door, &[receiver("ops")], 5).await;
    let left = waiting(&store);
    assert_eq!(left.iter().map(|a| (a.event.as_str(), a.tries)).collect::<Vec<_>>(), [("a", 1), ("b", 0)]);
    assert_eq!(left[0].next_at, Timestamp(START).plus_seconds(15), "the next run does not hang on it at once");
    assert!(left[0].error.contains("no answer yet"), "{}", left[0].error);
    let status = HookStatus {
        webhook: "ops".to_owned(),
        waiting: 2,
        oldest: Timestamp(START),
        tries: 1,
        next_at: left[0].next_at,
        error: left[0].error.clone(),
    };
    assert_eq!(store.outbox_status().unwrap(), [status]);
}

#[tokio::test(start_paused = true)]
async fn once_closed_it_ends_when_nothing_is_due_and_not_before() {
    let (clock, store) = (Virtual::start(), Store::in_memory().unwrap());
    let slow = [Reply::Late(2_000), Reply::Late(2_000), Reply::Status(500)];
    let door = Receivers::new(&clock, &[("ops", &slow)]);
    store.enqueue_alerts(&alerts("ops", &["a", "b", "c", "d"]), clock.now()).unwrap();
    let (receivers, bell) = ([receiver("ops")], Bell::default());
    bell.close();
    Delivery { store: &store, clock: &clock, door: &door, receivers: &receivers }.deliver(&bell).await.unwrap();
    assert_eq!(clock.now(), Timestamp(START).plus_seconds(4));
    assert_eq!(waiting_ids(&store), ["c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_in_meanwhile_goes_out_when_the_bell_rings() {
    let (clock, store) = (Virtual::start(), Store::in_memory().unwrap());
    let door = Receivers::new(&clock, &[("ops", &[])]);
    let (receivers, bell) = ([receiver("ops")], Bell::default());
    let delivery = Delivery { store: &store, clock: &clock, door: &door, receivers: &receivers };
    let engine = async {
        for (pause, id) in [(60, "a"), (3_000, "b")] {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            store.enqueue_alerts(&alerts("ops", &[id]), clock.now()).unwrap();
            bell.ring();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        bell.stop();
    };
    join(delivery.deliver(&bell), engine).await.0.unwrap();
    assert_eq!(door.seconds("ops"), [60, 3_060]);
    // Nobody rings any more: it ends, and does not wait for ever.
    let bell = Bell::default();
    let work = std::pin::pin!(delivery.deliver(&bell));
    let late = std::pin::pin!(tokio::time::sleep(Duration::from_secs(100_000)));
    assert!(matches!(select(work, late).await, futures_util::future::Either::Right(_)), "it waits for the bell");
}

#[tokio::test(start_paused = true)]
async fn a_wish_for_a_pause_is_granted_within_bounds() {
    let wishes = [
        ("100", 100),
        ("1", 10),
        ("86400", 3600),
        ("99999999999999999999999", 3600),
        ("soon", 10),
        ("-5", 10),
        ("", 10),
        ("Mon, 23 Nov 2026 00:01:40 GMT", 100),
        ("Sun, 22 Nov 2026 00:01:40 GMT", 10),
        ("Mon, 23 Nov 2076 00:01:40 GMT", 3600),
    ];
    for (wish, seconds) in wishes {
        let (clock, store) = (Virtual::start(), Store::in_memory().unwrap());
        let door = Receivers::new(&clock, &[("ops", &[Reply::RetryAfter(wish)])]);
        store.enqueue_alerts(&alerts("ops", &["a"]), clock.now()).unwrap();
        deliver_for(&store, &door, &[receiver("ops")], 7200).await;
        assert_eq!(door.seconds("ops"), [0, seconds], "{wish:?}");
    }
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 4_000_000_000].map(|n| pause_millis(n, None) / 1000),
        [10, 30, 120, 600, 3600, 3600, 3600]
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_wrong_once_does_not_silence_a_receiver() {
    let (clock, store) = (Virtual::start(), Store::in_memory().unwrap());
    let door = Receivers::new(&clock, &[("ops", &[])]);
    store.enqueue_alerts(&alerts("ops", &["a"]), Timestamp(START).plus_seconds(400 * 86_400)).unwrap();
    deliver_for(&store, &door, &[receiver("ops")], 1).await;
    assert_eq!(door.ids("ops"), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_configured_is_sent_nothing_and_keeps_what_waits() {
    let (clock, store) = (Virtual::start(), Store::in_memory().unwrap());
    let door = Receivers::new(&clock, &[]);
    store.enqueue_alerts(&alerts("former", &["a", "b"]), clock.now()).unwrap();
    store.enqueue_alerts(&alerts("ops", &["a"]), clock.now()).unwrap();
    deliver_for(&store, &door, &[receiver("ops")], 7200).await;
    assert_eq!(door.seen("former"), []);
    assert_eq!(waiting_ids(&store), ["a", "b"]);
    assert_eq!(store.drop_alerts("former").unwrap(), 2);
    assert_eq!(waiting(&store), []);
}

fn any_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        4 => Just(Reply::Status(204)),
        1 => Just(Reply::Status(500)),
        1 => Just(Reply::RetryAfter("60")),
        1 => Just(Reply::Broken),
        1 => Just(Reply::Hang),
        2 => (0u64..20_000).prop_map(Reply::Late),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// However receivers answer, and wherever processes end: each receiver takes its own alerts, all of them, in their
    /// order. Only one whose answer was lost comes twice, and then right away.
    #[test]
    fn none_is_lost_and_none_overtakes(
        replies in proptest::collection::vec(proptest::collection::vec(any_reply(), 0..12), 3),
        lives in proptest::collection::vec(0u64..400, 1..6),
        counts in proptest::collection::vec(1usize..5, 3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (clock, store) = (Virtual::start(), Store::in_memory().unwrap());
            let names = ["a", "b", "c"];
            let script: Vec<(&str, &[Reply])> = names.iter().copied().zip(replies.iter().map(Vec::as_slice)).collect();
            let door = Receivers::new(&clock, &script);
            let receivers = names.map(receiver);
            let ids = |n: usize| (0..n).map(|i| format!("e{i}")).collect::<Vec<_>>();
            let mut lives = lives.iter();
            for (name, n) in names.iter().zip(&counts) {
                let ids = ids(*n);
                let all = alerts(name, &ids.iter().map(String::as_str).collect::<Vec<_>>());
                // Twice: the same event is put in once.
                store.enqueue_alerts(&all, clock.now()).unwrap();
                store.enqueue_alerts(&all, clock.now()).unwrap();
                deliver_for(&store, &door, &receivers, lives.next().copied().unwrap_or(0)).await;
            }
            for seconds in lives {
                deliver_for(&store, &door, &receivers, *seconds).await;
            }
            deliver_for(&store, &door, &receivers, 24 * 3600).await;
            assert_eq!(waiting(&store), []);
            for (name, n) in names.iter().zip(&counts) {
                let mut taken = door.taken.borrow().get(*name).cloned().unwrap_or_default();
                taken.dedup();
                assert_eq!(taken, ids(*n), "{name}");
            }
        });
    }
}
