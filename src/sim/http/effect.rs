//! How does a fault bend a true answer?

use serde_json::{Value, json};

use crate::sim::delta::{expired, resync};
use crate::sim::fault::{Effect, Struck, usual};

use super::answer::{Answer, Ids, Payload};
use super::call::Call;

/// The answer that goes out, once what struck the request has had its way.
pub(super) fn shape(answer: Answer, struck: Struck, call: &Call, ids: &Ids) -> Answer {
    let mut answer = match struck.effect {
        Some(effect) => bent(answer, effect, call, ids),
        None => answer,
    };
    answer.delay_millis += struck.delay_millis;
    answer
}

fn bent(mut answer: Answer, effect: Effect, call: &Call, ids: &Ids) -> Answer {
    answer.payload = answer.payload.opened();
    match effect {
        Effect::Status { status, retry_after, code, message, body, content_type, location, .. } => {
            let mut refusal = usual(status);
            refusal.code = code.unwrap_or(refusal.code);
            refusal.message = message.unwrap_or(refusal.message);
            let mut answer = refusal.answer(ids);
            if let Some(text) = body {
                let content_type = content_type.unwrap_or_else(|| "text/html".to_owned());
                answer.payload = Payload::Text { content_type, text };
            }
            let named = [("retry-after", retry_after), ("location", location)];
            answer.headers.extend(named.into_iter().filter_map(|(n, v)| Some((n.to_owned(), v?))));
            answer
        }
        Effect::Drop { .. } => Answer { dropped: true, ..answer },
        Effect::Hang { .. } => Answer { dropped: true, hangs: true, ..answer },
        Effect::Delay { .. } => answer,
        Effect::Malformed => {
            if let Payload::Json(value) = &answer.payload {
                let text = value.to_string();
                let half = (0..=text.len() / 2).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
                answer.payload =
                    Payload::Text { content_type: "application/json".to_owned(), text: text[..half].to_owned() };
            }
            answer
        }
        Effect::ForeignLink { root } => {
            relink(&mut answer, &["@odata.nextLink", "@odata.deltaLink"], |link| link.replacen(&call.root, &root, 1));
            answer
        }
        Effect::Loop => {
            relink(&mut answer, &["@odata.nextLink"], |_| call.url());
            answer
        }
        Effect::Resync => resync(format!("{}{}?$deltatoken=", call.root, call.path)).answer(ids),
        Effect::Expired => expired(410).answer(ids),
    }
}

fn relink(answer: &mut Answer, names: &[&str], to: impl Fn(&str) -> String) {
    let Payload::Json(Value::Object(body)) = &mut answer.payload else { return };
    for name in names {
        let link = body.get(*name).and_then(Value::as_str).map(&to);
        if let Some(link) = link {
            body.insert((*name).to_owned(), json!(link));
        }
    }
}
