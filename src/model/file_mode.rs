//! Who besides its owner may do what with a file, by its mode bits?

/// The permission bits of a file, as POSIX numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(pub u32);

impl FileMode {
    /// Its owner reads and writes it, and nobody else does anything.
    pub const PRIVATE: FileMode = FileMode(0o600);

    /// May somebody else do anything with it?
    pub fn is_open_to_others(self) -> bool {
        self.0 & 0o077 != 0
    }
    /// May somebody else change it?
    pub fn others_may_write(self) -> bool {
        self.0 & 0o022 != 0
    }
    /// May somebody change it who is not even of its group?
    pub fn anybody_may_write(self) -> bool {
        self.0 & 0o002 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::FileMode;

    #[test]
    fn each_bit_counts_for_whom_it_lets_in() {
        let asked = |mode| {
            let mode = FileMode(mode);
            [mode.is_open_to_others(), mode.others_may_write(), mode.anybody_may_write()]
        };
        for mode in [0o600, 0o700, 0o400, 0o100_600, 0] {
            assert_eq!(asked(mode), [false, false, false], "{mode:o}");
        }
        for mode in [0o640, 0o604, 0o610, 0o601, 0o100_644] {
            assert_eq!(asked(mode), [true, false, false], "{mode:o}");
        }
        assert_eq!(asked(0o620), [true, true, false]);
        assert_eq!(asked(0o602), [true, true, true]);
    }
}
