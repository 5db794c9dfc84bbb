//! What do `[schedule]` and a route's own `schedule` say?

use std::str::FromStr;

use chrono_tz::Tz;

use super::Schedule;
use super::cron_fields::Fields;
use super::ticks::Ticks;
use crate::model::Timestamp;
use crate::rules::Diagnostic;
use crate::rules::diagnostic::did_you_mean;
use crate::rules::table::Section;

impl Default for Schedule {
    /// Every five minutes: what admins know from hosted provisioning is forty, and a quiet cycle costs one request a
    /// tenant.
    fn default() -> Self {
        Self { cron: "*/5 * * * *".to_owned(), time_zone: "UTC".to_owned() }
    }
}

/// A moment that any schedule is tried from: whether it ever comes due must not depend on when one asks.
const TRIED_FROM: Timestamp = Timestamp(1_767_225_600_000); // 2026-01-01T00:00:00Z
/// How many pauses between two ticks are looked at for the shortest: more than any expression has that is not made to
/// fool us, such as every minute of the morning.
const PAUSES_TRIED: usize = 64;
/// A cycle that is put off by a day or more begins after the next day's has come due, and one of the two falls away: what
/// is to run every day would not.
const JITTER_SECONDS_MAX: u32 = 86_399;

/// Reads `[schedule]`: when routes are due that say nothing themselves, and the jitter in seconds.
pub(super) fn read(section: &Section<'_>, findings: &mut Vec<Diagnostic>) -> (Schedule, u32) {
    section.only(&["cron", "time_zone", "jitter_seconds"], findings);
    let schedule = schedule(section, &Schedule::default(), findings);
    let jitter = jitter(section, &schedule, findings);
    (schedule, jitter)
}

/// Reads the `schedule` of a `[[route]]`, where it has one. What it does not say about the zone, `all` says.
pub(super) fn of_route(route: &Section<'_>, all: &Schedule, findings: &mut Vec<Diagnostic>) -> Option<Schedule> {
    let section = route.section("schedule", "`schedule` of [[route]]", findings)?;
    section.only(&["cron", "time_zone"], findings);
    if section.field("cron").is_none() {
        findings.push(section.missing("cron").hint("write `schedule = { cron = \"0 6 * * *\" }`"));
    }
    Some(schedule(&section, all, findings))
}

fn schedule(section: &Section<'_>, all: &Schedule, findings: &mut Vec<Diagnostic>) -> Schedule {
    let mut schedule = all.clone();
    if let Some(word) = section.word("time_zone", findings) {
        match Tz::from_str(word.text) {
            Ok(_) => schedule.time_zone = word.text.to_owned(),
            Err(_) => {
                let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
                let hint = did_you_mean(word.text, names);
                let message = format!("there is no time zone `{}`", word.text);
                let finding = Diagnostic::error("time-zone", message).at(word.span);
                findings.push(finding.hint(hint.unwrap_or_else(|| "IANA names, such as Europe/London".to_owned())));
            }
        }
    }
    if let Some(word) = section.word("cron", findings) {
        let hint = "minute hour day month weekday, for example */5 * * * * for every five minutes";
        let mut complain = |message: String| {
            findings.push(Diagnostic::error("cron", message).at(word.span.clone()).hint(hint));
        };
        match Fields::read(word.text) {
            Err(message) => complain(message),
            Ok(_) => {
                schedule.cron = word.text.to_owned();
                if schedule.next_after(TRIED_FROM).is_none() {
                    complain(format!("`{}` never comes due", word.text));
                }
            }
        }
    }
    schedule
}

fn jitter(section: &Section<'_>, schedule: &Schedule, findings: &mut Vec<Diagnostic>) -> u32 {
    let Some(field) = section.field("jitter_seconds") else { return 0 };
    let Some(number) = field.integer(i64::MIN..=i64::MAX, findings) else { return 0 };
    let Some(jitter) = u32::try_from(number).ok().filter(|n| *n <= JITTER_SECONDS_MAX) else {
        let message = format!("`jitter_seconds` must be from 0 to {JITTER_SECONDS_MAX}");
        let hint = "a cycle that is put off by a day or more begins after the next day's is due";
        findings.push(Diagnostic::error("out-of-range", message).at(field.span).hint(hint));
        return 0;
    };
    if let Some(pause) = shortest_pause(schedule).filter(|pause| u64::from(jitter) >= *pause) {
        let message = format!("cycles are put off by up to {jitter} s, and come due {pause} s apart");
        let finding = Diagnostic::warning("long-jitter", message).at(field.span);
        findings.push(finding.hint("some will fall together: shorten `jitter_seconds`, or run less often"));
    }
    jitter
}

/// Seconds between two ticks that lie close together.
fn shortest_pause(schedule: &Schedule) -> Option<u64> {
    let ticks = Ticks::of(schedule).ok()?;
    let ticks = std::iter::successors(ticks.next_after(TRIED_FROM), |at| ticks.next_after(*at));
    let ticks: Vec<Timestamp> = ticks.take(PAUSES_TRIED).collect();
    ticks.iter().zip(ticks.iter().skip(1)).map(|(first, second)| second.seconds_since(*first)).min()
}
