//! How does a person who watches see that it goes on?

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Global;
use super::output::{say, shows_progress};
use crate::engine::Event;
use crate::model::{Attribute, TenantName};

/// Spinners for readings, one bar for writes; nothing at all where nobody watches.
pub(super) struct Progress {
    quiet: bool,
    bars: Option<MultiProgress>,
    readings: RefCell<BTreeMap<TenantName, ProgressBar>>,
    writes: RefCell<Option<ProgressBar>>,
}

impl Progress {
    pub(super) fn new(global: &Global) -> Self {
        let bars = shows_progress(global).then(MultiProgress::new);
        Self { quiet: global.quiet, bars, readings: RefCell::default(), writes: RefCell::default() }
    }

    pub(super) fn hear(&self, event: &Event<'_>) {
        if let Event::Anew { tenant, attributes } = event
            && !self.quiet
        {
            let names: Vec<&str> = attributes.iter().map(Attribute::as_str).collect();
            let names = names.join(", ");
            let tell = || {
                say(format_args!(
                    "the rules ask for {names}, of which {tenant} was never asked: reading {tenant} anew"
                ));
            };
            match &self.bars {
                Some(bars) => bars.suspend(tell),
                None => tell(),
            }
        }
        let Some(bars) = &self.bars else { return };
        match event {
            Event::Anew { .. } | Event::Written { .. } | Event::Throttled { .. } => {}
            Event::Notice(_) | Event::Progress(_) => {}
            Event::Page { tenant, items } => {
                let mut readings = self.readings.borrow_mut();
                let bar = readings.entry((*tenant).clone()).or_insert_with(|| {
                    let bar = bars.add(ProgressBar::new_spinner());
                    bar.set_style(style("{spinner} reading {msg}: {human_pos} users"));
                    bar.set_message(tenant.to_string());
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bar
                });
                bar.inc(*items as u64);
            }
            Event::Read { tenant } => {
                if let Some(bar) = self.readings.borrow_mut().remove(*tenant) {
                    bar.finish_and_clear();
                }
            }
            Event::Applying { changes } if *changes > 0 => {
                let bar = bars.add(ProgressBar::new(*changes as u64));
                bar.set_style(style("{bar:30} {human_pos}/{human_len} changes, {eta} left {msg}"));
                self.writes.replace(Some(bar));
            }
            Event::Applying { .. } => {}
            Event::Finished { .. } => self.with_writes(|bar| bar.inc(1)),
            Event::Waiting { tenant, .. } => self.with_writes(|bar| bar.set_message(format!("({tenant}: quota)"))),
        }
    }

    fn with_writes(&self, show: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = &*self.writes.borrow() {
            show(bar);
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bars) = &self.bars {
            // Nothing is lost with a line that cannot be wiped.
            let _ = bars.clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
