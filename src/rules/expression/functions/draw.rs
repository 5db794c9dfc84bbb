//! What looks like chance, and is the same in every plan?

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

use super::super::evaluate::{Evaluation, Given, Stop};
use super::super::tree::{Kind, Node};
use super::super::{EvalError, Shape};
use super::{Fault, Function, Takes};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::lazy("Guid", "Guid()", &[], Shape::Text, guid),
    Function::lazy(
        "RandomString",
        "RandomString(length, minimumNumbers, minimumSpecial, minimumCapital, minimumLowerCase, charactersToAvoid)",
        &[Takes::Number, Takes::Number, Takes::Number, Takes::Number, Takes::Number, Takes::Text],
        Shape::Text,
        random_string,
    )
    .from(5)
    .checked(fits_its_length),
];

/// The documented longest random text.
const LENGTH_MAX: i64 = 256;

/// Digits, special characters, capitals, lower-case letters. The special ones are those that Windows counts as such in
/// passwords (password must meet complexity requirements).
const CLASSES: [&str; 4] =
    ["0123456789", "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"];

/// The next source of chance of this evaluation: the seed and the count of draws decide everything.
fn draw(evaluation: &mut Evaluation<'_>) -> ChaCha20Rng {
    let mut hash = Sha256::new();
    hash.update(b"crosstie draw 1\n");
    hash.update(evaluation.draws.to_be_bytes());
    for part in evaluation.inputs.seed {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    evaluation.draws += 1;
    ChaCha20Rng::from_seed(hash.finalize().into())
}

fn guid<'v>(evaluation: &mut Evaluation<'v>, _: &'v [Node]) -> Result<Option<Given<'v>>, Stop> {
    let mut bytes = [0; 16];
    draw(evaluation).fill_bytes(&mut bytes);
    let guid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(Some(Given::Text(guid.hyphenated().to_string().into())))
}

/// What is wrong with length and least numbers.
fn sound(numbers: &[i64]) -> Result<(), Fault> {
    let [length, least @ ..] = numbers else { return Ok(()) };
    if !(0..=LENGTH_MAX).contains(length) {
        return Err((format!("a random text has from 0 to {LENGTH_MAX} characters"), 0));
    }
    if let Some(i) = least.iter().position(|n| !(0..=LENGTH_MAX).contains(n)) {
        return Err((format!("a least number is from 0 to {LENGTH_MAX}"), i + 1));
    }
    if least.iter().sum::<i64>() > *length {
        return Err(("the least numbers together are more than the length".to_owned(), 0));
    }
    Ok(())
}

fn fits_its_length(arguments: &[Node]) -> Result<(), Fault> {
    let written: Option<Vec<i64>> = arguments
        .iter()
        .take(5)
        .map(|argument| match &argument.kind {
            Kind::Integer(n) => Some(*n),
            _ => None,
        })
        .collect();
    written.map_or(Ok(()), |numbers| sound(&numbers))
}

fn random_string<'v>(evaluation: &mut Evaluation<'v>, nodes: &'v [Node]) -> Result<Option<Given<'v>>, Stop> {
    let mut arguments = Vec::with_capacity(nodes.len());
    for node in nodes {
        arguments.push(evaluation.argument(node)?);
    }
    let fault = |(message, i): Fault| {
        let span = arguments.get(i).or(arguments.first()).map_or(0..0, |a| a.span.clone());
        Stop::from(EvalError { message: format!("RandomString: {message}"), span })
    };
    let mut numbers = Vec::with_capacity(5);
    for i in 0..5 {
        numbers.push(super::integer_of(&arguments, i).map_err(fault)?);
    }
    sound(&numbers).map_err(fault)?;
    let avoided = super::signs_of(&arguments, 5).map_err(fault)?.into_owned();
    let text = drawn(&mut draw(evaluation), &numbers, &avoided).map_err(fault)?;
    Ok(Some(Given::Text(text.into())))
}

/// The least of each class first, the rest from letters and digits, special characters only where some are asked for;
/// then all of it in any order.
fn drawn(chance: &mut ChaCha20Rng, numbers: &[i64], avoided: &str) -> Result<String, Fault> {
    let allowed = |class: &str| -> Vec<char> { class.chars().filter(|c| !avoided.contains(*c)).collect() };
    let (length, least) = numbers.split_first().map_or((0, numbers), |(length, least)| (*length, least));
    let mut signs: Vec<char> = Vec::new();
    let mut rest: Vec<char> = Vec::new();
    for (i, (class, count)) in CLASSES.iter().zip(least).enumerate() {
        let class = allowed(class);
        for _ in 0..*count {
            signs.push(one_of(chance, &class).ok_or_else(|| ("every such character is avoided".to_owned(), i + 1))?);
        }
        if i != 1 || *count > 0 {
            rest.extend(class);
        }
    }
    while i64::try_from(signs.len()).unwrap_or(i64::MAX) < length {
        signs.push(one_of(chance, &rest).ok_or_else(|| ("every character is avoided".to_owned(), 5))?);
    }
    for i in (1..signs.len()).rev() {
        signs.swap(i, below(chance, i + 1));
    }
    Ok(signs.into_iter().collect())
}

fn one_of(chance: &mut ChaCha20Rng, signs: &[char]) -> Option<char> {
    if signs.is_empty() { None } else { signs.get(below(chance, signs.len())).copied() }
}

/// Each number below `n` as likely as any other: what would favour the small ones is drawn again.
fn below(chance: &mut ChaCha20Rng, n: usize) -> usize {
    let n = u32::try_from(n).unwrap_or(u32::MAX).max(1);
    let fair = u32::MAX - u32::MAX % n;
    loop {
        let drawn = chance.next_u32();
        if drawn < fair {
            return (drawn % n) as usize;
        }
    }
}
