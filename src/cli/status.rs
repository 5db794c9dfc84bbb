//! How do things stand?

use clap::Args;

use super::{Exit, Global, Output};

#[derive(Args, Debug)]
pub(super) struct Arguments {}

pub(super) fn run(_global: &Global, _arguments: &Arguments, _out: &mut Output) -> Exit {
    todo!()
}
