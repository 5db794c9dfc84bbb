//! Whose invitation hangs on nobody else at home?

use std::sync::Arc;

use crate::model::Attribute;
use crate::rules::{Expression, Limit, RuleSet, Source};

/// May people be invited under these rules one by one, before everybody at home is known?
///
/// Not where a limit counts invitations, where groups decide (they are read last), or where a value is chosen that nobody
/// else has. And not where an account that came first could be taken for somebody else's: addresses, and whatever accounts
/// are found by, have to be what the home can be asked about by name.
pub fn invites_singly(rules: &[Arc<RuleSet>]) -> bool {
    rules.iter().all(|set| {
        let counted = [set.guard.provisions, set.guard.day.provisions].iter().any(|limit| *limit != Limit::default());
        let mapped = set.attributes.get(Attribute::MAIL);
        let addressed = mapped.is_none_or(|m| matches!(&m.source, Source::Expression(e) if is_own_address(e)));
        let mut rungs = set.matches.iter();
        let found = rungs.all(|rung| rung.target.as_str() == Attribute::MAIL && is_own_address(&rung.source));
        !counted && addressed && found && set.groups().is_empty() && set.unique_attributes().is_empty()
    })
}

fn is_own_address(expression: &Expression) -> bool {
    let own = [Attribute::MAIL, Attribute::USER_PRINCIPAL_NAME];
    expression.as_attribute().is_some_and(|attribute| own.contains(&attribute.as_str()))
}
