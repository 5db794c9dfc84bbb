//! What does the service manager hear of us? systemd's notify protocol; where nobody listens (`NOTIFY_SOCKET` is not set),
//! nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;

/// Our side of the talk with the service manager. What cannot be said is a line of the log at most: synchronising goes on.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    watchdog: Option<Duration>,
}

impl Service {
    /// Looks whether a watchdog is set for this process.
    pub fn start() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero()) }
    }

    /// Started, or reloaded: cycles will come.
    pub fn ready(&self, status: &str) {
        say(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// A line for `systemctl status`.
    pub fn status(&self, status: &str) {
        say(&[NotifyState::Status(&one_line(status))]);
    }

    /// The configuration is read anew; [`Service::ready`] has to follow, whether it was sound or not. The time goes along
    /// because `Type=notify-reload` (systemd 253) wants it, to tell this reload from an earlier one.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => say(&[NotifyState::Reloading, now]),
            Err(_) => say(&[NotifyState::Reloading]),
        }
    }

    /// Asked to stop: what is under way is finished.
    pub fn stopping(&self, status: &str) {
        say(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))]);
    }

    /// How often [`Service::alive`] is to be called, where a watchdog is set: at half of its patience, as its manual asks.
    pub fn watchdog_period(&self) -> Option<Duration> {
        self.watchdog.map(|patience| patience / 2)
    }

    /// The loop still turns. To be called from the loop that does the work, so that silence means that it hangs.
    pub fn alive(&self) {
        if self.watchdog.is_some() {
            say(&[NotifyState::Watchdog]);
        }
    }
}

/// The protocol has one assignment a line: a line end in the text would begin another.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager does not hear us: {error}");
    }
}
