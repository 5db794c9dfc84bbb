//! Does whatever somebody else made up do no harm? Every target of `targets/` over its corpus, over inputs that are made to
//! hurt, and for a few seconds over made-up ones. For longer: `cargo run --release --example fuzz`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod hostile;
mod mutate;
mod targets;

use mutate::{Mutator, corpus};
use targets::{ALL, Target};

/// Made-up inputs of each target: some seconds for all of them in an unoptimized build.
const MADE_UP: u32 = 400;
/// A corpus that takes longer to read than to write is a burden.
const CORPUS_BYTES_MAX: usize = 64 * 1024;

fn each(target: &Target) {
    let corpus: Vec<Vec<u8>> = corpus(target.name).into_iter().map(|(_, bytes)| bytes).collect();
    let sound: Vec<Vec<u8>> = corpus.iter().filter(|input| (target.run)(input)).cloned().collect();
    // A corpus that is refused altogether, or never, tries half of the target only.
    assert!(sound.len() >= 2, "{}: {} of {} inputs are taken", target.name, sound.len(), corpus.len());
    let mut mutator = Mutator::new(7, corpus, target.words);
    sound.iter().cycle().take(40).for_each(|input| mutator.keep(input.clone()));
    let mut taken = 0;
    for _ in 0..MADE_UP {
        let input = mutator.next_input();
        if (target.run)(&input) {
            taken += 1;
            mutator.keep(input);
        }
    }
    assert!(taken >= 4, "{}: only {taken} made-up inputs were taken", target.name);
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            each(&targets::named(stringify!($name)).unwrap());
        })*
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}
targets!(page batch error token config rules expression link log csv import);

#[test]
fn every_target_is_driven_everywhere_and_has_a_small_corpus() {
    assert_eq!(NAMES, ALL.map(|target| target.name));
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for target in ALL {
        let name = target.name;
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "fuzz/Cargo.toml does not name {name}");
        assert!(root.join(format!("fuzz_targets/{name}.rs")).exists(), "fuzz/fuzz_targets/{name}.rs is missing");
        let bytes: usize = corpus(name).iter().map(|(_, bytes)| bytes.len()).sum();
        assert!((1..=CORPUS_BYTES_MAX).contains(&bytes), "the corpus of {name} has {bytes} bytes");
    }
}

#[test]
fn what_is_made_to_hurt_does_no_harm() {
    for target in ALL {
        for input in hostile::inputs(target.name) {
            (target.run)(&input);
        }
    }
}
