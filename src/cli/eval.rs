//! What does one expression give?

use clap::Args;

use super::{Exit, Output};

#[derive(Args, Debug)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments, _out: &mut Output) -> Exit {
    todo!()
}
