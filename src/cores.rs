//! How is work spread over the machine's cores, with the answers in the order in which it was handed over?

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

type Job<J, A> = (J, Sender<A>);

/// Jobs on their way, as whoever hands them over sees them.
pub struct Line<'w, J, A> {
    work: &'w (dyn Fn(J) -> A + Sync),
    /// `None`: nobody else works.
    jobs: Option<SyncSender<Job<J, A>>>,
    under_way: VecDeque<Receiver<A>>,
}

/// Runs `lead`, which hands over jobs, while up to `helpers` other threads do them; one core stays with `lead`. What they
/// cannot take at once is done on the spot, and so is everything where there is one core or no thread to be had. So the
/// answers never hang on how many cores there are, only the time does.
///
/// # Panics
/// Where `work` does.
pub fn in_order<J: Send, A: Send, R>(
    helpers: usize,
    work: impl Fn(J) -> A + Sync,
    lead: impl FnOnce(&mut Line<'_, J, A>) -> R,
) -> R {
    let others = thread::available_parallelism().map_or(1, NonZero::get) - 1;
    let helpers = helpers.min(others);
    // One job waits for each: whoever has done one finds the next.
    let (jobs, waiting) = sync_channel(helpers);
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        let start = || thread::Builder::new().spawn_scoped(scope, || help(&work, &waiting)).is_ok();
        let is_helped = (0..helpers).filter(|_| start()).count() > 0;
        lead(&mut Line { work: &work, jobs: is_helped.then_some(jobs), under_way: VecDeque::new() })
    })
}

fn help<J, A>(work: impl Fn(J) -> A, waiting: &Mutex<Receiver<Job<J, A>>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((job, answer)) = next else { return };
        // Nobody listens any more where the leader has given up.
        let _ = answer.send(work(job));
    }
}

impl<J, A> Line<'_, J, A> {
    /// Hands over one job.
    pub fn hand_over(&mut self, job: J) {
        let (answer, answered) = channel();
        self.under_way.push_back(answered);
        let left = match &self.jobs {
            Some(jobs) => jobs.try_send((job, answer)).err(),
            None => Some(TrySendError::Full((job, answer))),
        };
        if let Some(TrySendError::Full((job, answer)) | TrySendError::Disconnected((job, answer))) = left {
            let _ = answer.send((self.work)(job));
        }
    }

    /// Jobs of which no answer was taken yet.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// The next answer, where it is there.
    pub fn ready(&mut self) -> Option<A> {
        let answer = self.under_way.front()?.try_recv().ok()?;
        self.under_way.pop_front();
        Some(answer)
    }

    /// The next answer, as soon as it is there; `None`: every job is answered. (Or a thread has panicked, and so will whoever
    /// began this: nothing more is to be asked for.)
    pub fn next_answer(&mut self) -> Option<A> {
        self.under_way.pop_front()?.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn answers_come_in_order_whatever_takes_how_long(jobs in proptest::collection::vec(0u64..400, 0..60), helpers in 0usize..4) {
            let slow = |rounds: u64| {
                (0..rounds * 100).for_each(|n| _ = std::hint::black_box(n));
                rounds * 2
            };
            let answers = in_order(helpers, slow, |line| {
                let mut answers = Vec::new();
                for job in &jobs {
                    line.hand_over(*job);
                    answers.extend(line.ready());
                }
                answers.extend(std::iter::from_fn(|| line.next_answer()));
                answers
            });
            prop_assert_eq!(answers, jobs.iter().map(|rounds| rounds * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn whoever_gives_up_waits_for_nobodys_answers() {
        let first = in_order(
            2,
            |n: u32| n + 1,
            |line| {
                (0..50).for_each(|n| line.hand_over(n));
                line.next_answer()
            },
        );
        assert_eq!(first, Some(1));
    }

    #[test]
    #[should_panic(expected = "panicked")]
    fn a_panic_at_work_is_one_of_the_leader() {
        in_order(
            1,
            |n: u32| assert!(n < 3, "panicked"),
            |line| {
                (0..9).for_each(|n| line.hand_over(n));
                while line.next_answer().is_some() {}
            },
        );
    }
}
