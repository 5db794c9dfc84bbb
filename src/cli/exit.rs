//! Which exit code says what? The numbers are a promise: scripts branch on them.

use std::process::ExitCode;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `plan`: nothing to change.
    Done,
    /// Failed; some or nothing was done, the message says which.
    Failed,
    /// `plan` only: there are changes.
    Changes,
    /// Refused by the guard; nothing was written on the refused routes.
    Refused,
    /// Finished, but some changes failed or are held, or a tenant could not be read or written.
    Incomplete,
    /// Usage or configuration error; nothing was read or written.
    Usage,
}

impl Exit {
    /// The promised number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Changes => 2,
            Exit::Refused => 3,
            Exit::Incomplete => 4,
            // EX_USAGE of sysexits.h.
            Exit::Usage => 64,
        }
    }
    /// Where several apply, the first of 64, 1, 3, 4, 2, 0.
    #[must_use]
    pub fn and(self, other: Exit) -> Exit {
        let order = [Exit::Usage, Exit::Failed, Exit::Refused, Exit::Incomplete, Exit::Changes];
        order.into_iter().find(|e| *e == self || *e == other).unwrap_or(Exit::Done)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_worst_exit_wins_in_the_promised_order() {
        let order = [Exit::Usage, Exit::Failed, Exit::Refused, Exit::Incomplete, Exit::Changes, Exit::Done];
        for (i, worse) in order.iter().enumerate() {
            for better in &order[i..] {
                assert_eq!(worse.and(*better), *worse);
                assert_eq!(better.and(*worse), *worse);
            }
        }
        assert_eq!(order.map(Exit::code), [64, 1, 3, 4, 2, 0]);
    }
}
