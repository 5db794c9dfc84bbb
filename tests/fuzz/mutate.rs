//! Which inputs does somebody without a fuzzer make up? Those of a corpus, cut, spliced and stuffed, from a seed.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "whoever drives takes what it needs")]

use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Longer inputs only repeat what shorter ones say, and take time; the hostile ones are made on purpose.
const BYTES_MAX: usize = 8 * 1024;
/// Inputs that were taken and are worked on further, beside the corpus.
const KEPT_MAX: usize = 256;

/// The committed inputs of a target, by name, so that their order is nobody's whim.
pub fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Makes inputs up.
pub struct Mutator {
    random: ChaCha8Rng,
    seeds: Vec<Vec<u8>>,
    corpus: usize,
    words: &'static [&'static str],
}

impl Mutator {
    /// From a corpus and the words of a target's language; the same seed makes the same inputs.
    pub fn new(seed: u64, corpus: Vec<Vec<u8>>, words: &'static [&'static str]) -> Self {
        let seeds = if corpus.is_empty() { vec![Vec::new()] } else { corpus };
        Self { random: ChaCha8Rng::seed_from_u64(seed), corpus: seeds.len(), seeds, words }
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random.next_u32() as usize) % bound.max(1)
    }

    /// Another input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        let mut input = self.seeds[at].clone();
        for _ in 0..=self.below(3) {
            self.change(&mut input);
        }
        input.truncate(BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.random.next_u32() as u8,
            2 => {
                let byte = self.random.next_u32() as u8;
                input.insert(at, byte);
            }
            3 => {
                let end = input.len().min(at + 1 + self.below(24));
                input.drain(at..end);
            }
            4 => input.truncate(at),
            // A piece once more, somewhere.
            5 => {
                let end = input.len().min(at + 1 + self.below(64));
                let piece = input[at..end].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, piece);
            }
            // The head of this one, the tail of another.
            6 => {
                let other = self.below(self.seeds.len());
                let from = self.below(self.seeds[other].len() + 1);
                input.truncate(at);
                input.extend_from_slice(&self.seeds[other][from..]);
            }
            _ if !self.words.is_empty() => {
                let word = self.words[self.below(self.words.len())].as_bytes();
                let end = if self.below(2) == 0 { at } else { input.len().min(at + word.len()) };
                input.splice(at..end, word.iter().copied());
            }
            _ => input.reverse(),
        }
    }

    /// An input that was taken leads further than one that was refused at its first byte.
    pub fn keep(&mut self, input: Vec<u8>) {
        if self.seeds.len() < self.corpus + KEPT_MAX {
            self.seeds.push(input);
        } else {
            let at = self.corpus + self.below(KEPT_MAX);
            self.seeds[at] = input;
        }
    }
}
