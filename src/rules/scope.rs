//! Does a clause hold for a user?

use crate::model::{Attribute, Attributes};

/// The 14 operators of Entra scoping filters.
#[derive(Clone, Debug)]
pub enum Operator {
    /// Placeholder until the operators are written.
    IsTrue,
}

/// One `{ attribute, operator, value }`.
#[derive(Clone, Debug)]
pub struct Clause {
    /// What is looked at.
    pub attribute: Attribute,
    /// How it is compared, with the value compared to.
    pub operator: Operator,
}

impl Clause {
    /// Does it hold?
    pub fn holds(&self, _user: &Attributes) -> bool {
        todo!()
    }
}
