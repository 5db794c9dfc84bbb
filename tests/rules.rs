//! Do expressions, clauses and rule files mean what their documentation says?

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use crosstie::model::{Attribute, Attributes, Timestamp, Value};
use crosstie::rules::{
    AccountKind, Apply, Diagnostic, Expression, Inputs, LeaverAction, Limit, Operator, Output, RuleSet, Source,
    WhenEmpty, is_guid,
};

fn user(json: &str) -> Attributes {
    let map: BTreeMap<String, Option<Value>> = serde_json::from_str(json).expect("a user");
    map.into_iter().filter_map(|(name, value)| Some((Attribute::new(name), value?))).collect()
}

fn evaluate(source: &str, json: &str) -> Result<Output, String> {
    let expression = Expression::parse(source).map_err(|e| e.message)?;
    let again = Expression::parse(&expression.to_string()).map_err(|e| e.message)?;
    assert_eq!(again.to_string(), expression.to_string(), "the canonical form is stable");
    let user = user(json);
    let inputs = Inputs::new(&user, Timestamp(0));
    let result = expression.evaluate(inputs).map_err(|e| e.message);
    assert_eq!(again.evaluate(inputs).map_err(|e| e.message), result, "the canonical form means the same");
    result
}

fn text(source: &str, json: &str) -> String {
    match evaluate(source, json) {
        Ok(Output::Value(Some(value))) => value.to_string(),
        other => format!("{other:?}"),
    }
}

/// Documented examples of the dialect, with the result that the documentation states.
#[test]
fn documented_examples_give_their_documented_results() {
    let examples = [
        (
            r#"Append([userPrincipalName], ".test")"#,
            r#"{"userPrincipalName":"John.Doe@contoso.com"}"#,
            "John.Doe@contoso.com.test",
        ),
        (
            "Coalesce([mail],[userPrincipalName])",
            r#"{"mail":null,"userPrincipalName":"J@contoso.com"}"#,
            "J@contoso.com",
        ),
        (r#"IIF([country]="USA",[country],[department])"#, r#"{"country":"FR","department":"Sales"}"#, "Sales"),
        (r#"IIF([country]="USA","True",IIF([state]="CA","True","False"))"#, r#"{"country":"FR","state":"CA"}"#, "True"),
        ("IsNull([displayName])", "{}", "true"),
        ("IsNullOrEmpty([displayName])", r#"{"displayName":""}"#, "true"),
        ("IsPresent([displayName])", r#"{"displayName":""}"#, "false"),
        (r#"Left("John Doe", 0)"#, "{}", ""),
        (r#"Left("John Doe", -1)"#, "{}", "John Doe"),
        (r#"Left("Jo", 99)"#, "{}", "Jo"),
        (r#"Not("True")"#, "{}", "false"),
        (r#"Replace([mail], "@contoso.com", , ,"", ,)"#, r#"{"mail":"john.doe@contoso.com"}"#, "john.doe"),
        (r#"Replace([preferredLanguage], "-", , , "_", ,  )"#, r#"{"preferredLanguage":"EN-US"}"#, "EN_US"),
        ("Append(Mid([givenName], 1, 3), Mid([surname], 1, 5))", r#"{"givenName":"John","surname":"Doe"}"#, "JohDoe"),
        (r#"Switch(ToLower([statusFlag]), "0", "true", "1", "false", "0")"#, r#"{"statusFlag":"False"}"#, "0"),
        (
            r#"Switch([state], "Australia/Sydney", "NSW", "Australia/Sydney","QLD", "Australia/Brisbane")"#,
            r#"{"state":"VIC"}"#,
            "Australia/Sydney",
        ),
        (r#"Switch([Active], , "1", "False", "0", "True")"#, r#"{"Active":"0"}"#, "True"),
        (
            r#"Join("", [last], ",", [first], " ", Mid([middle],1,1), "-", [id])"#,
            r#"{"last":"Johnson","first":"Sarah","middle":"Elizabeth","id":"12345"}"#,
            "Johnson,Sarah E-12345",
        ),
        (
            r#"Join(", ", Join("", Mid([l], 1, 1), ToLower(Mid([l], 2, 64), )), Join("", Mid(Coalesce([p], [f]), 1, 1), ToLower(Mid(Coalesce([p], [f]), 2, 64), )))"#,
            r#"{"l":"SMITH","p":"","f":"Robert"}"#,
            "Smith, Robert",
        ),
        (
            r#"IIF(IsNullOrEmpty([telephoneNumber]),"000-000-0000",[telephoneNumber])"#,
            r#"{"telephoneNumber":""}"#,
            "000-000-0000",
        ),
        (r#"Switch([mobile],[mobile],"","000-000-0000")"#, r#"{}"#, "000-000-0000"),
        (
            r#"Switch(Join("+",Switch([b],[b],"","other"),Switch([c],[c],"","other")), "none", "other+true", "cell")"#,
            r#"{"b":"","c":"true"}"#,
            "cell",
        ),
        (
            r#"Join("", Switch([o],"", "Eng", "OU=Eng,"), Switch([u],"", "UK","OU=UK,"), "DC=com")"#,
            r#"{"o":"Sales","u":"UK"}"#,
            "OU=UK,DC=com",
        ),
    ];
    for (source, json, wanted) in examples {
        assert_eq!(text(source, json), wanted, "{source} on {json}");
    }
}

/// Where the documentation is silent, this is what we decided; `docs/expressions.md` says the same.
#[test]
fn decisions_of_ours_stay_decided() {
    let cases = [
        // Unknown escapes keep their backslash.
        (r#""a\+b\\c\"d""#, "{}", r#"a\+b\c"d"#),
        // Numbers, hexadecimal ones too.
        ("&H1F", "{}", "31"),
        ("-7", "{}", "-7"),
        // Lists: flattened by Join, taken apart nowhere else, alone as their only item.
        (r#"Join("; ", [p], "x")"#, r#"{"p":["1","","2"]}"#, "1; 2; x"),
        ("ToUpper([p])", r#"{"p":["a"]}"#, "A"),
        // Letters change one for one.
        (r#"ToUpper("straße ǆ")"#, "{}", "STRAßE Ǆ"),
        // A switch key matches exactly first, then without blanks at its end.
        (r#"Switch([c], "no", "44", "GB")"#, r#"{"c":"44 "}"#, "GB"),
        // Booleans: words in any case, True and False as text.
        (r#"IIF([e] = "TRUE", "yes", "no")"#, r#"{"e":true}"#, "yes"),
        (r#"Switch([e], "no", "true", "yes")"#, r#"{"e":true}"#, "yes"),
        (r#"Append([e], "")"#, r#"{"e":false}"#, "False"),
        // No value equals "", and is neither more nor less than anything.
        (r#"[x] = """#, "{}", "true"),
        (r#"Or([x] < 5, [x] >= 5)"#, "{}", "false"),
        (r#"And("10" > "9", "10" <> "010", 10 = "10")"#, "{}", "true"),
        // Text counts in characters.
        (r#"Join("|", Left("äöü", 2), Right("äöü", 1), Mid("äöü", 2, -1), Len("äöü"))"#, "{}", "äö|ü|öü|3"),
        (r#"Trim("  a ")"#, "{}", "a"),
        (r#"Mid("abc", 9, 1)"#, "{}", ""),
        // Branches that are not taken have no faults.
        (r#"IIF([a] = "", "x", Left("a", [b]))"#, r#"{"b":"b"}"#, "x"),
        (r#"Coalesce("x", Left("a", [b]))"#, r#"{"b":"b"}"#, "x"),
        ("[employeeOrgData.division]", r#"{"employeeOrgData.division":"D"}"#, "D"),
    ];
    for (source, json, wanted) in cases {
        assert_eq!(text(source, json), wanted, "{source} on {json}");
    }
    assert_eq!(evaluate("[a]", "{}"), Ok(Output::Value(None)));
    assert_eq!(evaluate(r#"IIF([a]="",IgnoreAttributeFlow,[a])"#, "{}"), Ok(Output::IgnoreAttribute));
    assert_eq!(evaluate(r#"Append("a", Coalesce([a], IgnoreObjectFlow))"#, "{}"), Ok(Output::IgnoreObject));
}

#[test]
fn faults_have_words() {
    let refused = [
        ("tolower([a])", "there is no function `tolower`"),
        ("SingleAppRoleAssignment([a])", "is not supported, because roles of an application"),
        (r#"Replace([a], , "x", "g", "y", , )"#, "the pattern has no group `g`"),
        (r#"Replace([a], "x", "x", , "y", , )"#, "do not go together"),
        (r#"Replace([a], , "(?=x)", , "y", , )"#, "looking ahead is not supported in patterns"),
        (r#"Replace([a], , "(x)\\1", , "y", , )"#, "a back-reference is not supported in patterns"),
        (r#"Replace([a], , [b], , "y", , )"#, "the pattern must be a text in quotes"),
        (r#"ToLower([a], "Turkish")"#, "`Turkish` is no culture"),
        (r#"DateAdd("x", 1, Now())"#, "`x` is no interval"),
        (r#"DateDiff("d", "yesterday", Now())"#, "`yesterday` is no date"),
        (r#"CDate([accountEnabled])"#, "a date is needed, and this is true or false"),
        (r#"Left([city], [accountEnabled])"#, "a whole number is needed, and this is true or false"),
        (r#"IIF(Now(), 1, 2)"#, "a condition is needed, and this is a date"),
        (r#"CDate([a]) > Now()"#, "dates are texts here"),
        (r#"[accountEnabled] = 1"#, "this is never equal"),
        (r#"FormatDateTime([a], , "HH:mm", "d")"#, "needs a year"),
        (r#"FormatDateTime([a], "Never", "yyyy", "d")"#, "none of .NET's DateTimeStyles"),
        (r#"InStr([a], "b", 1, "vbTextCompare")"#, "here stands one of the words"),
        (r#"Switch(IsNull([a]), "b")"#, "is no source of a Switch"),
        (r#"Append(SelectUniqueValue([a], [b]), "c")"#, "SelectUniqueValue stands alone at the top"),
        (r#"RandomString(5, 3, 3, 0, 0)"#, "more than the length"),
        ("Item([a], 0)", "Item counts from 1"),
        (r#"IIF([accountEnabled] = "Yes", 1, 2)"#, "this is never equal: one side is true or false"),
        (r#"IIF(Count([a]) = "two", 1, 2)"#, "this is never equal: one side is a whole number"),
        ("Left([a])", "Left takes at least 2 arguments, here it has 1"),
        (r#"[a] = "x" AND [b] = "y""#, "this cannot follow what stands before it"),
        (r#"[a] = [b] = [c]"#, "comparisons cannot be chained"),
        ("1.5", "`1.5` is no whole number"),
        (r#"Append("a", "b"))"#, "this cannot follow what stands before it"),
        ("99999999999999999999", "`99999999999999999999` is no whole number"),
        (r#"Left("a", "b")"#, "Left: `b` is no whole number"),
        (r#"IIF("maybe", 1, 2)"#, "`maybe` is neither true nor false"),
    ];
    for (source, wanted) in refused {
        let message = evaluate(source, "{}").expect_err(source);
        assert!(message.contains(wanted), "{source}: {message}");
    }
    let many = evaluate("ToUpper([p])", r#"{"p":["a","b"]}"#).expect_err("a list is no text");
    assert!(many.contains("here stand 2 values"), "{many}");
    let deep = format!("{}\"a\"{}", "Trim(".repeat(65), ")".repeat(65));
    assert!(evaluate(&deep, "{}").expect_err("too deep").contains("64 deep"));
    let long = format!("\"{}\"", "a".repeat(10_000));
    assert!(evaluate(&long, "{}").expect_err("too long").contains("10000 characters"));
}

#[test]
fn a_chain_of_replacements_cannot_outgrow_its_bound() {
    let mut source = "\"aaaaaaaaaa\"".to_owned();
    for _ in 0..20 {
        source = format!("Replace({source}, \"a\", , , \"aaaaaaaaaa\", , )");
    }
    assert!(evaluate(&source, "{}").expect_err("too long").contains("too long"));
    let list = format!(r#"{{"p":[{}]}}"#, vec!["\"a\""; 1000].join(","));
    let source = format!("Join(\"{}\", [p])", "-".repeat(5000));
    assert!(evaluate(&source, &list).expect_err("too long").contains("too long"));
}

#[test]
fn clauses_hold_as_scoping_filters_do() {
    let user = user(
        r#"{"department":"Sales","level":5,"size":"12","accountEnabled":true,"showInAddressList":false,
            "mail":"a@north.example","empty":"","none":[],"otherMails":["x"]}"#,
    );
    let holds = |attribute: &str, operator: &str, value: Option<Value>| {
        let operator = Operator::new(operator, value).expect("an operator").expect("a value that fits");
        crosstie::rules::Clause { attribute: attribute.into(), operator }.holds(&user)
    };
    let yes = [
        ("department", "EQUALS", Some("Sales".into())),
        ("level", "EQUALS", Some(Value::Integer(5))),
        ("size", "EQUALS", Some(Value::Integer(12))),
        ("department", "NOT EQUALS", Some("sales".into())),
        ("accountEnabled", "IS TRUE", None),
        ("showInAddressList", "IS FALSE", None),
        ("absent", "IS NULL", None),
        ("empty", "IS NULL", None),
        ("none", "IS NULL", None),
        ("otherMails", "IS NOT NULL", None),
        ("department", "REGEX MATCH", Some("al".into())),
        ("mail", "REGEX MATCH", Some(r".*\@north\.example$".into())),
        ("department", "NOT REGEX MATCH", Some("^al".into())),
        ("level", "Greater_Than", Some(Value::Integer(4))),
        ("size", "Greater_Than_OR_EQUALS", Some(Value::Integer(12))),
        ("department", "Includes", Some("ale".into())),
        ("mail", "ENDS_WITH", Some("@north.example".into())),
        ("department", "&", Some("Marketing; Sales".into())),
        ("department", "!&", Some("Presales,Marketing".into())),
        ("department", "&", Some(Value::from(vec!["Sales".to_owned()]))),
    ];
    for (attribute, operator, value) in yes {
        assert!(holds(attribute, operator, value.clone()), "{attribute} {operator} {value:?}");
    }
    let no = [
        ("department", "EQUALS", Some("sales".into())),
        ("absent", "NOT EQUALS", Some("x".into())),
        ("empty", "NOT EQUALS", Some("x".into())),
        ("absent", "NOT REGEX MATCH", Some("x".into())),
        ("absent", "IS FALSE", None),
        ("absent", "IS NOT NULL", None),
        ("absent", "!&", Some("x".into())),
        ("department", "REGEX MATCH", Some("SALES".into())),
        ("level", "Greater_Than", Some(Value::Integer(5))),
        ("department", "Greater_Than", Some(Value::Integer(0))),
        ("otherMails", "EQUALS", Some("x".into())),
        ("otherMails", "NOT EQUALS", Some("y".into())),
        ("department", "&", Some("Presales;Sale".into())),
    ];
    for (attribute, operator, value) in no {
        assert!(!holds(attribute, operator, value.clone()), "{attribute} {operator} {value:?}");
    }
}

const WHOLE: &str = include_str!("../sync-rules/staff.toml");

/// The rule sets here are parts of whole ones, and few of them map a name.
fn parse(text: &str) -> RuleSet {
    let (rules, mut warnings) = RuleSet::parse("staff", text).unwrap_or_else(|findings| panic!("{findings:#?}"));
    warnings.retain(|w| w.id != "no-display-name");
    assert_eq!(warnings, [], "no warnings");
    rules
}

#[test]
fn the_rule_set_that_ships_is_read_as_it_is_meant() {
    let rules = parse(WHOLE);
    assert_eq!(rules.account, AccountKind::Member);
    assert_eq!(rules.scope.len(), 1);
    let clauses: Vec<String> = rules.scope[0].all.iter().map(ToString::to_string).collect();
    assert_eq!(clauses, ["accountEnabled IS TRUE", "employeeType REGEX MATCH \"^(Teacher|Staff)$\""]);
    assert_eq!(rules.matches[0].target.as_str(), "mail");
    assert!(matches!(&rules.attributes["manager"].source, Source::Reference(a) if a.is_reference()));
    assert!(matches!(&rules.attributes["showInAddressList"].source, Source::Constant(Value::Bool(true))));
    assert_eq!(rules.attributes["usageLocation"].apply, Apply::Create);
    assert_eq!(rules.attributes["displayName"].when_empty, WhenEmpty::Keep);
    assert_eq!((rules.leavers.deleted, rules.leavers.disabled), (LeaverAction::Delete, LeaverAction::Disable));
    assert_eq!((rules.guard.deletes.max, rules.guard.deletes.percent), (Some(500), Some(10)));
    let scoped = |json: &str| rules.in_scope(&user(json), |_| false);
    assert!(scoped(r#"{"accountEnabled":true,"employeeType":"Teacher"}"#));
    assert!(!scoped(r#"{"accountEnabled":true,"employeeType":"Teachers"}"#));
    assert!(!scoped(r#"{"employeeType":"Teacher"}"#));
}

#[test]
fn groups_narrow_a_scope_and_scopes_widen_a_rule_set() {
    let everybody = parse("");
    assert!(everybody.in_scope(&Attributes::new(), |_| false));
    assert_eq!(everybody.account, AccountKind::Guest);
    let rules = parse(
        "[[scope]]\nall = [{ attribute = \"city\", operator = \"EQUALS\", value = \"Rome\" }]\n\
         groups = [\"2B1C0000-0000-4000-8000-000000000001\"]\n\
         [[scope]]\nall = [{ attribute = \"city\", operator = \"EQUALS\", value = \"Oslo\" }]\n",
    );
    let group = "2b1c0000-0000-4000-8000-000000000001";
    assert_eq!(rules.groups().into_iter().collect::<Vec<_>>(), [group]);
    let rome = user(r#"{"city":"Rome"}"#);
    assert!(rules.in_scope(&rome, |g| g == group));
    assert!(!rules.in_scope(&rome, |_| false));
    assert!(rules.in_scope(&user(r#"{"city":"Oslo"}"#), |_| false));
}

#[test]
fn warnings_do_not_stop_a_rule_set() {
    let text = "[attributes]\njobTitel = \"[jobTitle]\"\n[leavers]\ndeleted = \"keep\"\nout_of_scope = \"keep\"\ngrace_days = 3\n";
    let (_, warnings) = RuleSet::parse("x", text).expect("warnings only");
    let ids: Vec<&str> = warnings.iter().map(|w: &Diagnostic| w.id).collect();
    assert_eq!(ids, ["no-display-name", "unknown-attribute", "idle-grace"]);
    assert_eq!(warnings[1].hint.as_deref(), Some("did you mean `jobTitle`?"));
}

#[test]
fn members_of_complex_properties_are_flat() {
    let rules = parse(
        "[attributes]\nemployeeOrgData.division = \"[extensionAttribute3]\"\n\
         \"employeeOrgData.costCenter\" = { constant = \"42\" }\n\
         [attributes.onPremisesExtensionAttributes]\nextensionAttribute1 = \"[city]\"\n",
    );
    let names: Vec<&str> = rules.attributes.keys().map(Attribute::as_str).collect();
    assert_eq!(names, ["employeeOrgData.costCenter", "employeeOrgData.division", "extensionAttribute1"]);
    assert_eq!(
        rules.home_attributes().iter().map(Attribute::as_str).collect::<Vec<_>>(),
        ["city", "extensionAttribute3"]
    );
}

/// Where the text has no escapes, a fault inside an expression has its own column, whatever the quotes.
#[test]
fn faults_inside_expressions_have_their_column() {
    let fault = |line: &str| {
        let text = format!("[attributes]\n{line}\n");
        let findings = RuleSet::parse("x", &text).expect_err(line);
        let span = findings[0].span.clone().expect("a place");
        text[span].to_owned()
    };
    for line in [
        "city = 'Join(\"-\", Nope([city]))'",
        "city = \"Join([state], Nope([city]))\"",
        "city = '''Join(\"-\", Nope([city]))'''",
        "city = '''\nJoin(\"-\", Nope([city]))'''",
        "city = \"\"\"\nJoin(\"-\", Nope([city]))\"\"\"",
        "city = { expression = 'Nope(\"\")' }",
    ] {
        assert_eq!(fault(line), "Nope", "{line}");
    }
    // Behind escapes too, of whatever kind.
    for line in [
        r#"city = "Nope(\"a\")""#,
        r#"city = "Append([city], \"\t\u00e4\\\\\", Nope([city]))""#,
        "city = \"\"\"\\\n   Join(\\\"-\\\", Nope([city]))\"\"\"",
    ] {
        assert_eq!(fault(line), "Nope", "{line}");
    }
}

#[test]
fn the_fingerprint_follows_decisions_only() {
    let print = |text: &str| parse(text).fingerprint;
    let base = print("[attributes]\ncity = '[city]'\nstate = 'ToUpper([state])'\n");
    assert_eq!(base.len(), 64);
    assert_eq!(
        print(
            "description = \"x\"\n[attributes]\nstate = 'ToUpper( [state] )'\ncity = '[city]'\n[guard]\ndeletes = { max = 1 }\n"
        ),
        base
    );
    for other in [
        "account = \"member\"\n[attributes]\ncity = '[city]'\nstate = 'ToUpper([state])'\n",
        "[attributes]\ncity = '[city]'\nstate = 'ToLower([state])'\n",
        "[attributes]\ncity = '[city]'\n",
        "[attributes]\ncity = { expression = '[city]', apply = \"create\" }\nstate = 'ToUpper([state])'\n",
        "[attributes]\ncity = { expression = '[city]', when_empty = \"keep\" }\nstate = 'ToUpper([state])'\n",
        "[leavers]\ngrace_days = 1\n[attributes]\ncity = '[city]'\nstate = 'ToUpper([state])'\n",
        "[[match]]\ntarget = \"mail\"\nsource = \"[mail]\"\n[attributes]\ncity = '[city]'\nstate = 'ToUpper([state])'\n",
    ] {
        assert_ne!(print(other), base, "{other}");
    }
}

/// A narrower percentage must not lift the count, nor the other way round.
#[test]
fn what_a_guard_does_not_say_keeps_its_default() {
    let guard = parse("[guard]\ndeletes = { percent = 5 }\ndisables = { max = 7 }\nupdates = { max = 9 }\n").guard;
    assert_eq!((guard.deletes.max, guard.deletes.percent), (Some(500), Some(5)));
    assert_eq!((guard.disables.max, guard.disables.percent), (Some(7), Some(10)));
    assert_eq!((guard.updates.max, guard.updates.percent), (Some(9), Some(50)));
    assert_eq!(guard.minimum_population, 20);
}

#[test]
fn properties_that_no_rule_may_write_are_refused() {
    let never = "ageGroup consentProvidedForMinor createdDateTime creationType employeeHireDate \
         externalUserState externalUserStateChangeDateTime id identities isResourceAccount legalAgeGroupClassification \
         onPremisesDistinguishedName onPremisesDomainName onPremisesImmutableId onPremisesLastSyncDateTime \
         onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled onPremisesUserPrincipalName \
         passwordPolicies passwordProfile proxyAddresses signInActivity userPrincipalName assignedLicenses skills";
    for name in never.split_whitespace() {
        let findings = RuleSet::parse("x", &format!("[attributes]\n{name} = '[city]'\n")).expect_err(name);
        let known = ["read-only", "app-only", "not-tracked", "out-of-reach"];
        assert!(known.contains(&findings[0].id), "{name}: {findings:?}");
    }
    let always = "businessPhones city companyName country department displayName employeeId employeeType faxNumber \
         givenName jobTitle mail mailNickname mobilePhone officeLocation otherMails postalCode preferredLanguage \
         showInAddressList state streetAddress surname usageLocation userType extensionAttribute15 \
         extension_0b9b0d64000040008000000000000001_badge";
    for name in always.split_whitespace() {
        let parsed = RuleSet::parse("x", &format!("[attributes]\n{name} = '[city]'\n"));
        assert_eq!(parsed.expect("warnings only").0.attributes.len(), 1, "{name}");
    }
}

#[test]
fn a_block_can_be_mapped_and_a_list_can_be_matched() {
    let rules = parse(
        "[[match]]\ntarget = \"otherMails\"\nsource = \"[mail]\"\n\
         [[match]]\ntarget = \"proxyAddresses\"\nsource = 'Join(\"\", \"SMTP:\", [mail])'\n\
         [attributes]\naccountEnabled = '[accountEnabled]'\n",
    );
    assert_eq!(rules.matches.len(), 2);
    assert!(rules.attributes.contains_key("accountEnabled"));
    assert!(RuleSet::parse("x", "[attributes]\naccountEnabled = \"'perhaps'\"\n").is_err());
    for target in ["showInAddressList", "manager"] {
        let text = format!("[[match]]\ntarget = {target:?}\nsource = \"[mail]\"\n");
        let findings = RuleSet::parse("x", &text).expect_err(target);
        assert!(findings.iter().any(|f| f.id == "match-type"), "{target}: {findings:?}");
    }
}

#[test]
fn values_are_fitted_to_the_type_that_graph_has() {
    use crosstie::rules::properties::{fitted, is_clearable};
    let fit = |name: &str, value: Value| fitted(&name.into(), value);
    assert_eq!(fit("showInAddressList", "TRUE".into()), Ok(Value::Bool(true)));
    assert_eq!(fit("businessPhones", "1".into()), Ok(Value::from(vec!["1".to_owned()])));
    assert_eq!(fit("employeeId", Value::Integer(7)), Ok("7".into()));
    assert_eq!(fit("city", Value::from(vec!["a".to_owned()])), Ok("a".into()));
    assert_eq!(fit("businessPhones", "".into()), Ok("".into()));
    assert!(fit("city", Value::from(vec!["a".to_owned(), "b".to_owned()])).is_err());
    assert_eq!(fit("department", "d".repeat(64).as_str().into()), Ok("d".repeat(64).as_str().into()));
    assert!(fit("department", "d".repeat(65).as_str().into()).is_err());
    assert!(fit("businessPhones", Value::from(vec!["1".to_owned(), "2".to_owned()])).is_err());
    assert!(fit("showInAddressList", "yes".into()).is_err());
    assert_eq!(fit("newerThanUs", Value::Integer(7)), Ok(Value::Integer(7)));
    assert_eq!(fit("accountEnabled", "False".into()), Ok(Value::Bool(false)));
    assert!(is_clearable(&"city".into()) && !is_clearable(&"displayName".into()));
    assert!(!is_clearable(&"accountEnabled".into()));
}

/// What a guard says of one run holds of a day where nothing else is said, but for updates in all.
#[test]
fn a_day_follows_the_run_where_nothing_is_said() {
    let guard = |day: &str| {
        let run = "[attributes]\njobTitle = '[jobTitle]'\n[guard]\ndeletes = { max = 1 }\ndisables = { max = 2 }\n\
                   updates = { max = 3 }\nprovisions = { max = 4 }\npromotions = { max = 5 }\n\
                   [guard.attributes]\njobTitle = { max = 6 }\n";
        parse(&format!("{run}{day}")).guard
    };
    for day in ["", "[guard.day]\n"] {
        let guard = guard(day);
        let same = [guard.deletes, guard.disables, guard.provisions, guard.promotions];
        assert_eq!([guard.day.deletes, guard.day.disables, guard.day.provisions, guard.day.promotions], same);
        assert_eq!((guard.day.updates, &guard.day.attributes), (Limit::default(), &guard.attributes));
    }
    let own = guard(
        "[guard.day]\ndeletes = { max = 7 }\nupdates = { max = 8 }\n[guard.day.attributes]\njobTitle = { max = 9 }\n",
    );
    assert_eq!([own.day.deletes.max, own.day.updates.max, own.deletes.max], [Some(7), Some(8), Some(1)]);
    assert_eq!(own.day.attributes.values().map(|limit| limit.max).collect::<Vec<_>>(), [Some(9)]);
}

#[test]
fn a_group_is_named_by_a_guid() {
    assert!(is_guid("6f1c0d3e-0000-4000-8000-00000000000A"));
    for other in [
        "",
        "staff",
        "6f1c0d3e-0000-4000-8000-0000000000",
        "6f1c0d3e-0000-4000-8000-00000000000g",
        "6f1c0d3e-0000-4000-80000-0000000000a",
        "6f1c0d3e-0000-4000-8000-00000000000a-",
        "6f1c0d3e00004000800000000000000a",
    ] {
        assert!(!is_guid(other), "{other:?}");
    }
    let scope = |group: &str| RuleSet::parse("staff", &format!("[[scope]]\ngroups = [\"{group}\"]\n"));
    let faults = scope("Staff").unwrap_err();
    assert!(faults.iter().any(|fault| fault.message == "a group is named by its object id"), "{faults:#?}");
    assert!(scope("6F1C0D3E-0000-4000-8000-00000000000a").is_ok());
}

/// No part of an expression gives more than its bound, and all parts together no more than theirs.
#[test]
fn an_evaluation_has_a_budget() {
    let long = format!(r#"{{ "city": "{}", "state": "{}" }}"#, "a".repeat(60_000), "b".repeat(6_000));
    assert_eq!(text("[city]", &long).len(), 60_000);
    assert_eq!(evaluate("Append([city], [state])", &long), Err("Append: the result is too long".to_owned()));
    let endless = format!(r#"{{ "city": "{}" }}"#, "a".repeat(70_000));
    assert_eq!(evaluate("[city]", &endless), Err("the result is too long".to_owned()));
    // Each link reads and makes 60,000 bytes three times: twenty-eight of them are more than four mebibytes.
    let chain =
        |n: usize| (0..n).fold("\"\"".to_owned(), |inner, _| format!("Left(Append(ToUpper([city]), {inner}), 1)"));
    assert!(evaluate(&chain(10), &long).is_ok());
    assert_eq!(evaluate(&chain(28), &long), Err("the result is too long".to_owned()));
}

/// The letters that stand for a whole format, in the culture that all tenants share.
#[test]
fn standard_formats_of_dates() {
    let user = r#"{ "d": "2026-11-28T15:04:05.1234567Z", "m": "2026-11-28T00:30:00.0000000Z", "n": "2026-11-28T12:30:00.0000000Z" }"#;
    let formatted =
        |attribute: &str, format: &str| text(&format!("FormatDateTime([{attribute}], , \"o\", \"{format}\")"), user);
    let cases = [
        ("d", "11/28/2026"),
        ("D", "Saturday, November 28, 2026"),
        ("f", "Saturday, November 28, 2026 3:04 PM"),
        ("F", "Saturday, November 28, 2026 3:04:05 PM"),
        ("U", "Saturday, November 28, 2026 3:04:05 PM"),
        ("g", "11/28/2026 3:04 PM"),
        ("G", "11/28/2026 3:04:05 PM"),
        ("m", "November 28"),
        ("M", "November 28"),
        ("o", "2026-11-28T15:04:05.1234567Z"),
        ("r", "Sat, 28 Nov 2026 15:04:05 GMT"),
        ("s", "2026-11-28T15:04:05"),
        ("t", "3:04 PM"),
        ("T", "3:04:05 PM"),
        ("u", "2026-11-28 15:04:05Z"),
        ("y", "November 2026"),
        ("Y", "November 2026"),
        ("yyyy gg", "2026 A.D."),
    ];
    for (format, expected) in cases {
        assert_eq!(formatted("d", format), expected, "{format}");
    }
    assert_eq!([formatted("m", "h:mm t"), formatted("m", "hh tt")], ["12:30 A", "12 AM"]);
    assert_eq!([formatted("n", "h:mm t"), formatted("n", "hh tt")], ["12:30 P", "12 PM"]);
}

/// Instants of other zones and with parts of a second.
#[test]
fn dates_are_read_with_their_zone_and_fraction() {
    let read = |date: &str| text("NumFromDate([d])", &format!(r#"{{ "d": "{date}" }}"#));
    for (date, expected) in [
        ("2026-11-28T15:04:05+08:30", "2026-11-28T06:34:05Z"),
        ("2026-11-28T15:04:05-0330", "2026-11-28T18:34:05Z"),
        ("2026-11-28T15:04:05+8", "2026-11-28T07:04:05Z"),
        ("2026-11-28T15:04:05+14:00", "2026-11-28T01:04:05Z"),
        ("2026-11-28T15:04:05.5Z", "2026-11-28T15:04:05.500000000Z"),
    ] {
        assert_eq!(read(date), read(expected), "{date}");
        assert!(!read(date).starts_with("Err"), "{date}: {}", read(date));
    }
    let (second, later) = (read("2026-11-28T15:04:05Z"), read("2026-11-28T15:04:05.1234567Z"));
    assert_eq!(later.parse::<i64>().expect(&later) - second.parse::<i64>().expect(&second), 1_234_567, "ticks");
    for fault in ["2026-11-28T15:04:05+14:01", "2026-11-28T15:04:05+08:60", "2026-11-28T15:04:05."] {
        assert!(read(fault).starts_with("Err"), "{fault}: {}", read(fault));
    }
}

/// What is often written in the habit of another language has a hint.
#[test]
fn a_sign_that_is_none_of_ours_has_a_hint() {
    let hint = |source: &str| Expression::parse(source).expect_err(source).hint.unwrap_or_default();
    for (source, part) in [
        ("\u{201c}text\u{201d}", "straight double quotes"),
        ("'text'", "straight double quotes"),
        ("[a] != [b]", "Not("),
        ("Append([a]; [b])", "separated by commas"),
        ("[a] + [b]", "Append(a, b)"),
        ("a]", "written as [name]"),
    ] {
        assert!(hint(source).contains(part), "{source}: {:?}", hint(source));
    }
}
