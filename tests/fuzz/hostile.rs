//! Which inputs are made to hurt? Deep, long, empty, doubled, cut in the middle of a character.
#![allow(unreachable_pub, reason = "whoever drives takes it")]

/// Deeper than any stack that recurses.
const DEEP: usize = 100_000;
/// The largest value that anything is said to hold.
const LONG: usize = 64 * 1024;

/// Inputs for this target, made as it reads them.
pub fn inputs(target: &str) -> Vec<Vec<u8>> {
    // Each hurts by itself, and as a value where the language of the target has values.
    let mut inputs: Vec<Vec<u8>> = vec![Vec::new(), vec![0; LONG], vec![0xff; 300], b"\xed\xa0\x80".to_vec()];
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("(", ")"), ("[[", "]]"), ("{", "}"), ("<", ">"), ("'", "'")] {
        inputs.push(open.repeat(DEEP).into_bytes());
        inputs.push(format!("{}{}", open.repeat(DEEP), close.repeat(DEEP)).into_bytes());
    }
    let values: Vec<String> = [
        "x".repeat(LONG),
        "\u{1f3ad}".repeat(LONG / 4),
        "\\u0000".repeat(LONG / 6),
        "\\ud800".to_owned(),
        "\\udc00\\ud800".to_owned(),
        "\u{202e}".repeat(100),
        "\u{0}".to_owned(),
        "=".repeat(LONG),
        "%2e%2e%2f".repeat(LONG / 9),
        "a.".repeat(LONG / 2),
        "\\\\".repeat(LONG / 2),
    ]
    .into();
    for value in &values {
        inputs.extend(said(target, value).into_iter().map(String::into_bytes));
    }
    let deep = format!("{}1{}", "[".repeat(DEEP), "]".repeat(DEEP));
    let object = format!("{}1{}", "{\"a\":".repeat(DEEP), "}".repeat(DEEP));
    for whole in [deep, object] {
        inputs.extend(nested(target, &whole).into_iter().map(String::into_bytes));
    }
    inputs.extend(doubled(target).into_iter().map(|text| text.as_bytes().to_vec()));
    inputs
}

/// The value where the target reads a text.
fn said(target: &str, value: &str) -> Vec<String> {
    match target {
        "page" => vec![
            format!(r#"{{"value":[{{"id":"u","mail":"{value}"}}]}}"#),
            format!(r#"{{"value":[{{"id":"{value}"}}]}}"#),
            format!(r#"{{"value":[{{"id":"u","otherMails":["{value}"],"x":"{value}"}}],"@odata.nextLink":"{value}"}}"#),
        ],
        "batch" => vec![
            format!(r#"{{"responses":[{{"id":"{value}","status":200}}]}}"#),
            format!(
                r#"{{"responses":[{{"id":"1","status":429,"headers":{{"Retry-After":"{value}"}},"body":{{"error":{{"code":"{value}"}}}}}}]}}"#
            ),
            format!(
                r#"{{"value":[{{"id":"{value}","@odata.type":"{value}","displayName":"{value}"}}],"@odata.nextLink":"{value}"}}"#
            ),
        ],
        "error" => vec![
            format!("400||\n{{\"error\":{{\"code\":\"{value}\",\"message\":\"{value}\"}}}}"),
            format!("429|{value}|{value}\n"),
            format!("201||\n{{\"invitedUser\":{{\"id\":\"{value}\"}}}}"),
            format!("500||\n{value}"),
        ],
        "token" => vec![
            format!("200\n{{\"token_type\":\"Bearer\",\"expires_in\":1,\"access_token\":\"{value}\"}}"),
            format!("400\n{{\"error\":\"{value}\",\"error_description\":\"{value}\",\"trace_id\":\"{value}\"}}"),
            format!("200\n{{\"token_type\":\"Bearer\",\"access_token\":\"a.{value}.c\"}}"),
        ],
        "config" => vec![
            format!("[tenants.\"{value}\"]\nid = \"{value}\"\n"),
            format!("{value} = 1\n"),
            format!("[schedule]\ncron = \"{value}\"\ntime_zone = \"{value}\"\n"),
        ],
        "rules" => vec![
            format!("description = \"{value}\"\n[attributes]\ndisplayName = '{value}'\n"),
            format!("[[scope]]\nall = [{{ attribute = \"mail\", matches = '{value}' }}]\n"),
            format!("[[case]]\nname = \"{value}\"\nuser = {{ mail = \"{value}\" }}\nexpect = \"{value}\"\n"),
        ],
        "expression" => {
            vec![format!("\"{value}\""), format!("[{value}]"), format!("Replace([a], \"{value}\")\0{value}")]
        }
        "link" => vec![
            format!("https://graph.microsoft.com/v1.0/users/delta?$skiptoken={value}"),
            format!("https://graph.microsoft.com/v1.0/users/{value}/memberOf"),
            format!("https://{value}@graph.microsoft.com/v1.0/users"),
            format!("https://{value}/v1.0/users"),
            value.to_owned(),
        ],
        "csv" => vec![value.to_owned(), [value; 14].join("\u{1e}")],
        "import" => vec![schema(&format!("\"{value}\""))],
        _ => Vec::new(),
    }
}

/// A whole document that goes deep, where the target reads one that it does not know.
fn nested(target: &str, whole: &str) -> Vec<String> {
    match target {
        "page" => vec![
            format!(r#"{{"value":[{{"id":"u","unknown":{whole},"mail":"x"}}]}}"#),
            format!(r#"{{"value":[{{"id":"u","mail":{whole}}}]}}"#),
            format!(r#"{{"unknown":{whole},"value":[]}}"#),
            format!(r#"{{"error":{whole}}}"#),
        ],
        "batch" => vec![
            format!(r#"{{"responses":[{{"id":"1","status":200,"body":{whole}}}]}}"#),
            format!(r#"{{"responses":[{{"id":"1","status":{whole},"headers":{whole}}}]}}"#),
            format!(r#"{{"value":[{{"id":"m","unknown":{whole}}}]}}"#),
        ],
        "error" => vec![
            format!("400||\n{{\"error\":{whole}}}"),
            format!("400||\n{{\"error\":{{\"innerError\":{whole}}}}}"),
            format!("201||\n{{\"invitedUser\":{whole}}}"),
        ],
        "token" => vec![format!("200\n{whole}"), format!("400\n{{\"error\":\"x\",\"error_codes\":{whole}}}")],
        "config" | "rules" => vec![format!("a = {whole}\n"), format!("[attributes]\ndisplayName = {whole}\n")],
        "expression" => vec!["Trim(".repeat(20_000), format!("{}[a]{}", "Trim(".repeat(60), ")".repeat(60))],
        "import" => vec![schema(whole)],
        _ => Vec::new(),
    }
}

/// What is told twice, with two meanings.
fn doubled(target: &str) -> Vec<&'static str> {
    match target {
        "page" => vec![
            r#"{"value":[],"value":[{"id":"u"}]}"#,
            r#"{"value":[{"id":"u","id":"v"}]}"#,
            r#"{"value":[{"id":"u","mail":"a","mail":null}]}"#,
            r#"{"value":[],"@odata.nextLink":"a","@odata.nextLink":"b"}"#,
            r#"{"value":[{"id":"u","@removed":null,"@removed":{"reason":"deleted"}}]}"#,
        ],
        "batch" => vec![
            r#"{"responses":[{"id":"1","status":200,"status":404}]}"#,
            r#"{"responses":[{"id":"1","status":200,"body":{"id":"a"}},{"id":"1","status":404}]}"#,
            r#"{"responses":[],"responses":[{"id":"1","status":404}]}"#,
        ],
        "error" => vec![
            "200||\n{\"error\":null,\"error\":{\"code\":\"x\"}}",
            "400||\n{\"error\":{\"code\":\"a\",\"code\":\"b\"}}",
        ],
        "token" => vec![
            "200\n{\"token_type\":\"Bearer\",\"access_token\":\"one\",\"access_token\":\"two\"}",
            // tid twice: ours and another's.
            "200\n{\"token_type\":\"Bearer\",\"access_token\":\"e30.eyJ0aWQiOiIxMTExMTExMS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUiLCJ0aWQiOiI5OTk5OTk5OS0yMjIyLTMzMzMtNDQ0NC01NTU1NTU1NTU1NTUifQ.s\"}",
        ],
        "config" => vec!["[tenants.a]\n[tenants.a]\n", "[store]\npath = \"a\"\npath = \"b\"\n"],
        "rules" => vec!["[attributes]\nmail = \"[mail]\"\nmail = \"[mail]\"\n"],
        _ => Vec::new(),
    }
}

fn schema(value: &str) -> String {
    format!(
        r#"{{"synchronizationRules":[{{"name":{value},"objectMappings":[{{"sourceObjectName":"User",
        "targetObjectName":"User","name":{value},"scope":{{"groups":[{{"name":{value},"clauses":[{{"operatorName":"EQUALS",
        "sourceOperandName":{value},"targetOperand":{{"values":[{value}]}}}}]}}]}},"attributeMappings":[
        {{"targetAttributeName":"city","defaultValue":{value},"source":{{"expression":{value},"type":"Function"}}}}]}}]}}]}}"#
    )
}
