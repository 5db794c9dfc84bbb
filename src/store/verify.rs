//! Is the whole change log what it was when it was written?
//!
//! Rows are read one after the other; what needs no other row than itself and the hash before it is checked meanwhile on
//! other cores, a batch of rows at a time.

use std::borrow::Cow;

use rusqlite::Row;
use serde::Deserialize;

use super::codec::{self, unsigned};
use super::erasures::{self, NO_TENANT, THERE_AGAIN, TakenOut, Tombstone};
use super::log::{COLUMNS, GENESIS, HEAD, hash, parse_head};
use super::{Store, StoreError, run_facts};
use crate::cores::{Line, in_order};
use crate::model::{ActionKind, Timestamp};

/// Rows that are checked in one go: a quarter of a megabyte, so that handing them over costs nothing.
const BATCH_ROWS: usize = 256;
/// Batches that are read and not judged yet: 4 MB.
const BATCHES_MAX: usize = 16;
/// Threads that check. One does about as fast as rows are read; beyond two the reader is what all wait for.
const CHECKERS_MAX: usize = 2;

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Whole, up to this entry.
    Whole {
        /// How many entries.
        entries: u64,
        /// The last one's hash; the same as kept elsewhere means the same log.
        head: String,
    },
    /// The first entry that does not follow from the ones before.
    Broken {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// What [`LogEntry`](super::LogEntry) says of its place and its columns, read without a copy: a verification passes over millions.
#[derive(Deserialize)]
struct Frame<'b> {
    seq: u64,
    at: &'b str,
    run: u64,
    #[serde(borrow)]
    route: Cow<'b, str>,
    action: ActionKind,
    outcome: &'b str,
    #[serde(default)]
    facts: Option<&'b str>,
    previous: &'b str,
}

/// Number of the first entry that does not follow from the ones before, and what is wrong with it.
type Fault = (u64, String);

/// Rows of writes, one after the other, in one piece of memory.
#[derive(Default)]
struct Batch {
    /// The hash of the row before the first.
    previous: String,
    /// Home, target, action, outcome, text and hash of each.
    text: String,
    rows: Vec<Lifted>,
}

/// The numbers of a row, and where in [`Batch::text`] each of its texts ends.
struct Lifted {
    seq: u64,
    at: Timestamp,
    run: u64,
    ends: [usize; 6],
}

/// What became of a batch, which is empty again.
struct Checked {
    batch: Batch,
    fault: Option<Fault>,
    /// Which facts of which run are named, each time that others are, and by which entry.
    named: Vec<(u64, Option<String>, u64)>,
}

impl Batch {
    fn lift(&mut self, row: &Row<'_>, previous: &str) -> Result<(), StoreError> {
        if self.rows.is_empty() {
            self.previous.push_str(previous);
        }
        let mut ends = [0; 6];
        for (end, column) in ends.iter_mut().zip(3..) {
            self.text.push_str(codec::text(row, column)?);
            *end = self.text.len();
        }
        let (seq, at, run) = (unsigned(row.get(0)?), Timestamp(unsigned(row.get(1)?)), unsigned(row.get(2)?));
        self.rows.push(Lifted { seq, at, run, ends });
        Ok(())
    }

    fn checked(mut self) -> Checked {
        let (mut begin, mut previous, mut fault) = (0, self.previous.as_str(), None);
        let mut named: Vec<(u64, Option<String>, u64)> = Vec::new();
        for row in &self.rows {
            let texts = row.ends.map(|end| {
                let text = self.text.get(begin..end).unwrap_or_default();
                begin = end;
                text
            });
            match frame(row, texts, previous) {
                Ok(frame) => {
                    if named.last().is_none_or(|(_, facts, run)| facts.as_deref() != frame.facts || *run != frame.run) {
                        named.push((row.seq, frame.facts.map(str::to_owned), frame.run));
                    }
                }
                Err(what) => {
                    fault = Some((row.seq, what.to_owned()));
                    break;
                }
            }
            previous = texts[5];
        }
        self.previous.clear();
        self.text.clear();
        self.rows.clear();
        Checked { batch: self, fault, named }
    }
}

/// What one row says, or what is wrong with it, given the hash of the row before.
fn frame<'b>(row: &Lifted, texts: [&'b str; 6], previous: &str) -> Result<Frame<'b>, &'static str> {
    let [home, target, action, outcome, body, hashed] = texts;
    if hash(body) != hashed {
        return Err("its text does not have its hash");
    }
    let Ok(entry) = serde_json::from_str::<Frame<'_>>(body) else { return Err("its text is no entry") };
    if entry.previous != previous {
        return Err("it does not follow from the entry before");
    }
    let same = entry.seq == row.seq
        && entry.at == row.at.rfc3339()
        && entry.run == row.run
        && entry.route.split_once("->") == Some((home, target))
        && entry.action.as_str() == action
        && entry.outcome == outcome;
    if same { Ok(entry) } else { Err("its columns do not say what its text says") }
}

/// The reader's end: batches on their way, in the order of the log.
struct Checking<'s, 'l> {
    facts: run_facts::Checked<'s>,
    line: &'s mut Line<'l, Batch, Checked>,
    filling: Batch,
    spare: Vec<Batch>,
    /// The first that has come to light.
    fault: Option<Fault>,
}

impl Checking<'_, '_> {
    /// Has the row of a write checked, given the hash of the row before. Answers whether it is worth while to go on.
    fn take(&mut self, row: &Row<'_>, previous: &str) -> Result<bool, StoreError> {
        self.filling.lift(row, previous)?;
        if self.filling.rows.len() < BATCH_ROWS { Ok(true) } else { self.send() }
    }

    /// Sends off the batch that is being filled, and hears what became of earlier ones. Answers whether it is worth while to
    /// go on.
    fn send(&mut self) -> Result<bool, StoreError> {
        if self.filling.rows.is_empty() {
            return Ok(true);
        }
        let batch = std::mem::replace(&mut self.filling, self.spare.pop().unwrap_or_default());
        self.line.hand_over(batch);
        while let Some(checked) = self.line.ready() {
            self.judge(checked)?;
        }
        // Where one checker is held up, the reader waits for it, and does not fill the memory meanwhile.
        if self.line.under_way() > BATCHES_MAX
            && let Some(checked) = self.line.next_answer()
        {
            self.judge(checked)?;
        }
        Ok(self.fault.is_none())
    }

    /// Waits for whatever is under way. Answers the first fault.
    fn end(&mut self) -> Result<Option<Fault>, StoreError> {
        self.send()?;
        while let Some(checked) = self.line.next_answer() {
            self.judge(checked)?;
        }
        Ok(self.fault.take())
    }

    /// Batches come in the order of the log: of two faults the first is told.
    fn judge(&mut self, Checked { batch, fault, named }: Checked) -> Result<(), StoreError> {
        self.spare.push(batch);
        if self.fault.is_some() {
            return Ok(());
        }
        for (seq, facts, run) in named {
            if let Some(what) = self.facts.fault(facts.as_deref(), run)? {
                self.fault = Some((seq, what));
                return Ok(());
            }
        }
        self.fault = fault;
        Ok(())
    }
}

impl Store {
    /// Walks the whole chain.
    ///
    /// # Errors
    /// SQLite's. A broken chain is an answer, not an error.
    pub fn verify_log(&self) -> Result<Verified, StoreError> {
        Ok(self.walk_log()?.0)
    }

    /// Walks the whole chain. Answers also what tombstones say, and of a whole chain the tombstones.
    ///
    /// # Errors
    /// SQLite's. A broken chain is an answer, not an error.
    pub fn walk_log(&self) -> Result<(Verified, TakenOut, Vec<Tombstone>), StoreError> {
        // One moment of the file: entries and the record of their end are read apart, and a sync may write in between.
        let _moment = self.connection.unchecked_transaction()?;
        // What a tombstone says comes after the entries that it speaks of. Where there is none, as nearly always, one walk does.
        let (nothing, mut met) = (TakenOut::default(), false);
        let verified = self.walk(&nothing, &mut met)?;
        if !met && matches!(verified, Verified::Whole { .. }) {
            return Ok((verified, nothing, Vec::new()));
        }
        let taken_out = self.taken_out()?;
        let verified = self.walk(&taken_out, &mut met)?;
        let is_whole = matches!(verified, Verified::Whole { .. });
        Ok((verified, taken_out, if is_whole { self.tombstones()? } else { Vec::new() }))
    }

    /// `met`: there is a tombstone.
    fn walk(&self, taken_out: &TakenOut, met: &mut bool) -> Result<Verified, StoreError> {
        in_order(CHECKERS_MAX, Batch::checked, |line| {
            let mut checking = Checking {
                facts: run_facts::Checked::new(&self.connection),
                line,
                filling: Batch::default(),
                spare: Vec::new(),
                fault: None,
            };
            let read = self.read_log(taken_out, met, &mut checking);
            // Whatever stopped the reader, an entry before may be broken.
            if let Some((seq, what)) = checking.end()? {
                return Ok(Verified::Broken { seq, what });
            }
            read
        })
    }

    /// Reads the log to its end, or to the first row that does not fit, and has the rows of writes checked.
    fn read_log(
        &self,
        taken_out: &TakenOut,
        met: &mut bool,
        checking: &mut Checking<'_, '_>,
    ) -> Result<Verified, StoreError> {
        let broken = |seq, what: String| Ok(Verified::Broken { seq, what });
        let mut statement = self.connection.prepare(&format!("SELECT {COLUMNS} FROM log ORDER BY seq"))?;
        let mut rows = statement.query([])?;
        let (mut entries, mut head) = taken_out.beginning().unwrap_or((0, GENESIS.to_owned()));
        while let Some(row) = rows.next()? {
            let seq = unsigned(row.get(0)?);
            let is_tombstone = row.get_ref(3)?.as_str().is_ok_and(|home| home == NO_TENANT);
            *met |= is_tombstone;
            if taken_out.holds(seq) {
                return broken(seq, THERE_AGAIN.to_owned());
            }
            if seq != entries + 1 {
                return broken(entries + 1, format!("entry {} is missing", entries + 1));
            }
            // Whoever is checked here and now has the hash of the row before from it; a batch has its own.
            let goes_on = match taken_out.fault(row, &head)? {
                Some(None) => checking.send()?,
                Some(Some(what)) => return broken(seq, what),
                None if is_tombstone => match erasures::fault(row, &head)? {
                    Some(what) => return broken(seq, what),
                    None => checking.send()?,
                },
                None => checking.take(row, &head)?,
            };
            entries = seq;
            head.clear();
            head.push_str(codec::text(row, 8)?);
            if !goes_on {
                break;
            }
        }
        match Self::meta(&self.connection, HEAD)?.as_deref().map(parse_head) {
            None if entries > 0 => broken(entries, "the record of the log's end is missing".to_owned()),
            Some(None) => broken(entries, "the record of the log's end is no such record".to_owned()),
            Some(Some((end, _))) if end > entries => {
                broken(entries + 1, format!("the log ends here, but was written up to entry {end}"))
            }
            Some(Some((end, _))) if end < entries => {
                broken(end + 1, format!("it was not written by us: the log was written up to entry {end}"))
            }
            Some(Some((_, known))) if known != head => {
                broken(entries, "it is not the entry that was written last".to_owned())
            }
            _ => Ok(Verified::Whole { entries, head }),
        }
    }
}
