use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

const NAME: &str = "THE_KEY";

fn knowing(secret: &str) -> Redactor {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new(NAME, secret));
    redactor
}

fn secret() -> impl Strategy<Value = String> {
    "[ -~äß€猫😀]{6,40}".prop_filter("not blank", |text| text.trim().len() >= 6)
}

fn surroundings() -> impl Strategy<Value = String> {
    "[ -~\n\té€😀]{0,30}"
}

/// As an encoder would, each character in one of its ways, as `choices` has it.
fn percent(secret: &str, choices: &[u8]) -> String {
    let mut choices = choices.iter().cycle();
    let mut choose = || choices.next().copied().unwrap_or(0);
    secret
        .chars()
        .map(|char| match choose() % 4 {
            0 if char != '%' => char.to_string(),
            1 if char == ' ' => "+".to_owned(),
            0..=2 => char.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
            _ => char.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect(),
        })
        .collect()
}

fn json(secret: &str, choices: &[u8]) -> String {
    let mut choices = choices.iter().cycle();
    secret
        .chars()
        .map(|char| match (char, choices.next().copied().unwrap_or(0) % 3) {
            ('"' | '\\', 0 | 1) => format!("\\{char}"),
            ('/', 1) => "\\/".to_owned(),
            (_, 2) => char.encode_utf16(&mut [0; 2]).iter().map(|half| format!("\\u{half:04x}")).collect(),
            _ => char.to_string(),
        })
        .collect()
}

fn html(secret: &str, choices: &[u8]) -> String {
    let mut choices = choices.iter().cycle();
    secret
        .chars()
        .map(|char| match (char, choices.next().copied().unwrap_or(0) % 3) {
            ('&', _) => "&amp;".to_owned(),
            ('<', _) => "&lt;".to_owned(),
            ('>', _) => "&gt;".to_owned(),
            ('"', 0) => "&quot;".to_owned(),
            ('"', _) => "&#34;".to_owned(),
            ('\'', 0) => "&#39;".to_owned(),
            ('\'', _) => "&#x27;".to_owned(),
            _ => char.to_string(),
        })
        .collect()
}

fn hex_of(bytes: &[u8], upper: bool) -> String {
    bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
}

/// Every dress of `secret` that a redactor must know it in.
fn dresses(secret: &str, choices: &[u8], before: &[u8], after: &[u8]) -> Vec<String> {
    let around = [before, secret.as_bytes(), after].concat();
    let document = serde_json::json!({ "name": "a", "value": secret, "list": [1, 2] }).to_string();
    let mut all = vec![
        secret.to_owned(),
        percent(secret, choices),
        percent(&percent(secret, choices), choices),
        percent(secret, &[2]),
        percent(&percent(secret, &[2]), &[2]),
        json(secret, choices),
        json(&json(secret, choices), &[0]),
        html(secret, choices),
        html(&json(secret, choices), choices),
        percent(&json(secret, choices), choices),
        percent(&percent(&json(secret, choices), &[2]), &[2]),
        hex_of(secret.as_bytes(), false),
        hex_of(secret.as_bytes(), true),
        hex_of(&around, true),
    ];
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        all.push(engine.encode(secret));
        all.push(engine.encode(&around));
        all.push(engine.encode(&document));
        all.push(engine.encode(percent(secret, choices)));
        all.push(engine.encode(engine.encode(secret)));
        all.push(percent(&engine.encode(&around), choices));
        all.push(json(&engine.encode(&around), choices));
        all.push(format!("Basic {}", engine.encode(format!("user:{secret}"))));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    #[test]
    fn a_known_secret_vanishes_in_every_dress(
        secret in secret(),
        choices in prop::collection::vec(any::<u8>(), 1..40),
        before in prop::collection::vec(any::<u8>(), 0..5),
        after in prop::collection::vec(any::<u8>(), 0..5),
        // One layer is seen through wherever it starts; deeper ones want that no half escape stands right before them.
        left in surroundings().prop_filter("half an escape", |left| !left.chars().rev().take(9).any(|c| "%\\&".contains(c))),
        right in surroundings(),
    ) {
        let redactor = knowing(&secret);
        for dress in dresses(&secret, &choices, &before, &after) {
            let text = format!("{left}{dress}{right}");
            let redacted = redactor.redact(&text);
            prop_assert!(!redacted.contains(&secret), "plain in {redacted:?} from {text:?}");
            prop_assert!(!redacted.contains(&dress), "{dress:?} in {redacted:?} from {text:?}");
            prop_assert_eq!(redactor.redact(&redacted), redacted.clone(), "not idempotent for {:?}", text);
        }
    }

    #[test]
    fn half_an_escape_before_a_secret_shelters_nothing(
        secret in secret(),
        choices in prop::collection::vec(any::<u8>(), 1..40),
        left in "[ -~]{0,5}[%\\\\&+0-9a-fu#]{0,6}",
        right in "[%\\\\&+0-9a-fu#;]{0,6}",
    ) {
        let redactor = knowing(&secret);
        let sloppy = percent(&secret, &choices).replace("%25", "%");
        for dress in [secret.clone(), percent(&secret, &choices), sloppy, json(&secret, &choices), html(&secret, &choices)] {
            let redacted = redactor.redact(&format!("{left}{dress}{right}"));
            prop_assert!(!redacted.contains(&secret) && !redacted.contains(&dress), "{redacted} from {dress}");
        }
    }

    #[test]
    fn the_end_of_a_line_shelters_nothing(
        secret in "[!-~]{6,40}",
        at in any::<prop::sample::Index>(),
        before in prop::collection::vec(any::<u8>(), 0..5),
        width in 1_usize..30,
        end in prop::sample::select(vec!["\n", "\r\n", "\n    ", " \n\t"]),
    ) {
        let redactor = knowing(&secret);
        let at = 1 + at.index(secret.len() - 1);
        let base64 = STANDARD.encode([&before, secret.as_bytes()].concat());
        let lines: Vec<&str> = base64.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap()).collect();
        for dress in [format!("{}{end}{}", &secret[..at], &secret[at..]), lines.join(end)] {
            let redacted = redactor.redact(&format!("before: {dress}\nafter"));
            prop_assert!(!redacted.contains(&dress), "{dress:?} in {redacted:?}");
            prop_assert_eq!(redactor.redact(&redacted), redacted.clone());
        }
    }

    #[test]
    fn one_secret_inside_another_leaves_no_tail(secret in secret(), tail in "[ -~]{6,20}", left in surroundings()) {
        let longer = format!("{secret}{tail}");
        let redactor = knowing(&secret);
        redactor.learn(&Secret::new("LONGER", &longer));
        let redacted = redactor.redact(&format!("{left}\n{longer}\n"));
        prop_assert!(!redacted.contains(&tail) || left.contains(&tail), "{redacted}");
    }

    #[test]
    fn redaction_is_idempotent(
        values in prop::collection::vec("[a-e \\[\\]]{1,7}", 1..4),
        names in prop::collection::vec("[a-e]{1,4}", 4),
        text in "[a-e \\[\\]]{0,60}",
    ) {
        let redactor = Redactor::new();
        for (value, name) in values.iter().zip(&names) {
            redactor.learn(&Secret::new(name, value));
        }
        let redacted = redactor.redact(&text);
        prop_assert_eq!(redactor.redact(&redacted), redacted);
    }

    #[test]
    fn anything_can_be_redacted_twice(text in any::<String>(), json in r#"[\{\}\[\]"\\':,a ]{0,10}"password"[:"' ]{1,3}.{0,20}"#) {
        let redactor = knowing("a known secret");
        for text in [text, json] {
            let results = [
                redactor.redact(&text),
                redactor.redact_url(&text),
                redactor.redact_header("Cookie", &text),
                redactor.redact_header("Set-Cookie", &text),
                redactor.redact_header("Authorization", &text),
            ];
            for redacted in &results {
                prop_assert_eq!(&redactor.redact(redacted), redacted);
            }
            prop_assert_eq!(&redactor.redact_url(&results[1]), &results[1]);
            prop_assert_eq!(&redactor.redact_header("Cookie", &results[2]), &results[2]);
            prop_assert_eq!(&redactor.redact_header("Set-Cookie", &results[3]), &results[3]);
            prop_assert_eq!(&redactor.redact_header("Authorization", &results[4]), &results[4]);
        }
    }

    #[test]
    fn text_without_secrets_is_unchanged(secret in "[A-Z0-9]{6,40}", text in "[a-z .,:/%+&\\\\<>é\n-]{0,300}") {
        let redactor = knowing(&secret);
        prop_assert_eq!(redactor.redact(&text), text.clone());
        prop_assert_eq!(redactor.redact_header("Accept", &text), text);
    }
}

#[test]
fn a_secret_goes_by_its_name() {
    let redactor = knowing("hunter2");
    redactor.learn_met("cookie session", "MTY5-value");
    assert_eq!(redactor.redact("it is hunter2, MTY5-value"), "it is [THE_KEY], [cookie session]");
    assert_eq!(redactor.redact("Hunter2"), "Hunter2", "case counts");
    assert_eq!(format!("{redactor:?}"), "Redactor(2 secrets)");
    assert_eq!(redactor.clone().redact("hunter2"), "[THE_KEY]", "clones share");
}

#[test]
fn short_values_count_only_when_configured() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("PIN", "7Z"));
    redactor.learn(&Secret::new("EMPTY", ""));
    redactor.learn_met("state", "abcde");
    assert_eq!(redactor.redact("7Z abcde"), "[PIN] abcde");
    assert_eq!(redactor.redact(&STANDARD.encode("admin:7Z")), "[PIN]");
    let digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    assert_eq!(redactor.redact(digest), digest, "noise that happens to hold a short secret is no secret");
}

#[test]
fn the_shortest_secret_is_known_packed_by_itself_and_gives_its_name() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("PIN", "7"));
    assert_eq!(redactor.redact("x Nw== 37 y"), "x [PIN] [PIN] y");
    assert_eq!(redactor.redact(&format!("zak_a7{}", "b".repeat(16))), "[PIN]", "what is known goes before looks");
}

#[test]
fn a_name_fits_between_brackets() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("[a]\nb", "hunter2"));
    redactor.learn(&Secret::new("[]", "hunter3"));
    assert_eq!(redactor.redact("hunter2 hunter3"), "[ab] [secret]");
}

#[test]
fn of_two_names_under_which_a_value_was_met_the_first_stays() {
    let redactor = Redactor::new();
    redactor.learn_met("first", "abcdef-1");
    redactor.learn_met("second", "abcdef-1");
    assert_eq!(redactor.redact("abcdef-1"), "[first]");
}

#[test]
fn neighbours_keep_their_names_and_of_two_that_overlap_the_first_gives_it() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("ONE", "abcdef"));
    redactor.learn(&Secret::new("OTHER", "defabc"));
    assert_eq!(redactor.redact("abcdefdefabc"), "[ONE][OTHER]");
    assert_eq!(redactor.redact("abcdef[ONE]defabc[OTHER]"), "[ONE][ONE][OTHER][OTHER]");
    assert_eq!(redactor.redact("abcdefabc"), "[ONE]");
}

#[test]
fn how_deep_it_looks_is_bounded() {
    let redactor = knowing("hunter2-hunter2");
    let twice = STANDARD.encode(STANDARD.encode("hunter2-hunter2"));
    assert_eq!(redactor.redact(&twice), "[THE_KEY]");
    let thrice = STANDARD.encode(twice);
    assert_eq!(redactor.redact(&thrice), thrice, "or hostile text could take any time");
}

#[test]
fn what_is_learnt_by_meeting_is_bounded_and_crowds_out_no_secret() {
    let redactor = knowing("hunter2");
    let known = || redactor.lexicon.read().unwrap().known.len();
    for number in 0..1_000 {
        redactor.learn_met("cookie one", &format!("MTY5-one-{number}."));
    }
    assert_eq!(known(), 1 + bounds::MET_OF_NAME);
    for number in 0..4_000 {
        redactor.learn_met(&format!("cookie c{}", number % 40), &format!("MTY5-many-{number}."));
    }
    assert_eq!(known(), 1 + bounds::MET);
    redactor.learn(&Secret::new("LATER", "hunter3"));
    redactor.learn(&Secret::new("MET_BEFORE", "MTY5-one-0."));
    redactor.learn(&Secret::new("NOT_LEARNT_BEFORE", "MTY5-one-999."));
    let text = "hunter2 hunter3 MTY5-one-0. MTY5-one-1. MTY5-one-999. MTY5-one-998. %68unter2";
    let redacted = "[THE_KEY] [LATER] [MET_BEFORE] [cookie one] [NOT_LEARNT_BEFORE] MTY5-one-998. [THE_KEY]";
    assert_eq!(redactor.redact(text), redacted);
    assert_eq!(redactor.redact(redacted), redacted);
    let unlearnt = "one=MTY5-one-998.; Path=/";
    assert_eq!(redactor.redact_header("Set-Cookie", unlearnt), "one=[cookie one]; Path=/", "masked by its place");
    assert_eq!(redactor.redact_url("/cb?state=MTY5-many-3999."), "/cb?state=[state]");
}

#[test]
fn what_is_too_long_is_learnt_only_when_configured() {
    let long = "x".repeat(bounds::MET_LENGTH + 1);
    let redactor = Redactor::new();
    redactor.learn_met("cookie a", &long);
    redactor.learn_met(&long, "something");
    assert_eq!(format!("{redactor:?}"), "Redactor(0 secrets)");
    redactor.learn_met("cookie a", &long[1..]);
    redactor.learn(&Secret::new(NAME, &long));
    assert_eq!(redactor.redact(&long), "[THE_KEY]");
}

#[test]
fn the_line_feed_at_the_end_of_a_secret_file_hides_nothing() {
    assert_eq!(knowing("hunter2\n").redact("hunter2"), "[THE_KEY]");
}

#[test]
fn the_longest_secret_gives_the_name() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("SHORT", "abcdef"));
    redactor.learn(&Secret::new("LONG", "abcdefghij"));
    assert_eq!(redactor.redact("abcdefghij abcdef"), "[LONG] [SHORT]");
    redactor.learn_met("met", "abcdefghij");
    assert_eq!(redactor.redact("abcdefghij"), "[LONG]", "the configuration's name stays");
}

#[test]
fn placeholders_are_left_alone() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("API_KEY", "API"));
    redactor.learn(&Secret::new("OTHER", "KEY]"));
    assert_eq!(redactor.redact("API"), "[API_KEY]");
    assert_eq!(redactor.redact("[API_KEY]"), "[API_KEY]");
    assert_eq!(redactor.redact("[API]"), "[[API_KEY]]", "other brackets shelter nothing");
    assert_eq!(redactor.redact(r#"{"password":"[API_KEY]"}"#), r#"{"password":"[API_KEY]"}"#);
}

#[test]
fn a_name_from_outside_tells_no_secret() {
    let redactor = knowing("hunter2");
    assert_eq!(redactor.redact_header("Cookie", "hunter2=abc"), "[THE_KEY]=[cookie]");
    redactor.learn_met("cookie hunter2", "something");
    assert_eq!(redactor.redact("something"), "[cookie]");
}

#[test]
fn keys_and_tokens_are_known_by_their_looks() {
    let redactor = Redactor::new();
    let key = format!("zak_{}", "0123456789abcdef".repeat(2));
    assert_eq!(redactor.redact(&format!("key={key}!")), "key=[api key]!");
    assert_eq!(redactor.redact(&STANDARD.encode(format!("ci:{key}"))), "[api key]");
    assert_eq!(redactor.redact("zak_short zak_"), "zak_short zak_");
    assert_eq!(redactor.redact(&format!("zak_{key}")), "zak_[api key]");
    let token = [r#"{"alg":"none"}"#, r#"{"sub":"a"}"#, "sig"].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    assert_eq!(redactor.redact(&format!("({token})")), "([token])");
    assert_eq!(redactor.redact(&token[..30]), "[token]", "cut short");
    assert_eq!(redactor.redact("eyJ.x eyJab.tar"), "eyJ.x eyJab.tar");
}

#[test]
fn json_fields_are_masked_however_broken() {
    let redactor = Redactor::new();
    for (text, redacted) in [
        (r#"{"apiKey":"abc","uuid":"u"}"#, r#"{"apiKey":"[apiKey]","uuid":"u"}"#),
        (r#"{"apikey": true, "PASSWORD" : "a\"b", "x":1}"#, r#"{"apikey": true, "PASSWORD" : "[password]", "x":1}"#),
        (r#"{"client_secret":"cut off her"#, r#"{"client_secret":"[client_secret]"#),
        (r#"{"clientSecret":"a"}"#, r#"{"clientSecret":"[client_secret]"}"#),
        (r#"{"secret": 12345}"#, r#"{"secret": [secret]}"#),
        (r#"{"secret": null, "password": ""}"#, r#"{"secret": null, "password": ""}"#),
        (r#"{"secret": {"a": 1}, "password": ["#, r#"{"secret": {"a": 1}, "password": ["#),
        (r#"msg="{\"id_token\":\"a\\\"b\",\"x\":1}""#, r#"msg="{\"id_token\":\"[id_token]\",\"x\":1}""#),
        ("{'refresh_token': 'abc'}", "{'refresh_token': '[refresh_token]'}"),
        ("&quot;access_token&quot;:&quot;abc&quot;", "&quot;access_token&quot;:&quot;[access_token]&quot;"),
        (r#"{"my_secret":"abc","passwords":"abc"}"#, r#"{"my_secret":"abc","passwords":"abc"}"#),
        (r#""password""#, r#""password""#),
        (r#""password":"#, r#""password":"#),
    ] {
        assert_eq!(redactor.redact(text), redacted);
    }
}

#[test]
fn headers_are_masked_by_structure() {
    let redactor = knowing("hunter2");
    let basic = format!("Basic {}", STANDARD.encode("ci:hunter2"));
    for (name, value, redacted) in [
        ("Authorization", &*basic, "Basic [THE_KEY]"),
        ("authorization", "Bearer abc.def", "Bearer [credentials]"),
        ("Proxy-Authorization", "rawtoken", "[credentials]"),
        ("Authorization", "", ""),
        (
            "Cookie",
            "session=abc; user=bob ;empty=; bare",
            "session=[cookie session]; user=[cookie user] ;empty=; [cookie]",
        ),
        ("Set-Cookie", "session=a=b; Path=/; HttpOnly", "session=[cookie session]; Path=/; HttpOnly"),
        ("Set-Cookie", "session=; Max-Age=0", "session=; Max-Age=0"),
        ("set-cookie", "session=\"\"; Max-Age=0", "session=\"\"; Max-Age=0"),
        ("Cookie", "a%3Bb=c", "a%3Bb=[cookie a%3Bb]"),
        ("X-Csrf-Token", "abc", "[token]"),
        ("X-API-Key", "abc", "[token]"),
        ("Location", "/cb?code=abc&state=d#x", "/cb?code=[code]&state=[state]#x"),
        ("Content-Type", "application/json", "application/json"),
        ("X-Whatever", "hunter2", "[THE_KEY]"),
    ] {
        assert_eq!(redactor.redact_header(name, value), redacted, "{name}: {value}");
    }
}

#[test]
fn urls_are_masked_by_structure() {
    let redactor = knowing("hunter2");
    for (url, redacted) in [
        ("https://host/cb?code=abc&State=d%26e&x=1", "https://host/cb?code=[code]&State=[state]&x=1"),
        ("https://me:pw@host/p@th", "https://[userinfo]@host/p@th"),
        ("//me@host", "//[userinfo]@host"),
        ("https://me:hunter2@host", "https://[THE_KEY]@host"),
        ("/login#access_token=a&token_type=b", "/login#access_token=[access_token]&token_type=b"),
        ("/x?st%61te=a%26b&apikey=1;session=2", "/x?st%61te=[state]&apikey=[apiKey]"),
        ("grant_type=code&code=a&client_secret=b", "grant_type=code&code=[code]&client_secret=[client_secret]"),
        ("/x?to=https%3A%2F%2Fh%2F%3Fcode%3Dabc%26y", "/x?to=https%3A%2F%2Fh%2F%3Fcode%3D[code]%26y"),
        ("/v2/_catalog?n=10&last=a/b", "/v2/_catalog?n=10&last=a/b"),
        ("/x?code=&state", "/x?code=&state"),
    ] {
        assert_eq!(redactor.redact_url(url), redacted);
    }
}

#[test]
fn a_panic_elsewhere_does_not_open_the_door() {
    let redactor = knowing("hunter2");
    let poisoner = redactor.clone();
    let _ = std::thread::spawn(move || {
        let _guard = poisoner.lexicon.write();
        panic!("on purpose");
    })
    .join();
    redactor.learn(&Secret::new("LATER", "hunter3"));
    assert_eq!(redactor.redact("hunter2 hunter3"), "[THE_KEY] [LATER]");
}

#[test]
fn hostile_text_is_read_in_bounded_time() {
    let redactor = knowing(&"\\".repeat(40));
    for part in ["\\", "[", "%25", "eyJ", "eyJ.", "'secret':\"", "'secret':'", ";code=", "&", "&#x26;", "aGVs"] {
        let _ = redactor.redact_url(&part.repeat(3_000));
    }
}

#[test]
fn lines_stay_lines() {
    let redactor = knowing("a-canary");
    assert_eq!(redactor.redact("key: a-canary\r\nnext: line\n"), "key: [THE_KEY]\r\nnext: line\n");
    assert_eq!(redactor.redact("{\"k\":\"a-ca\\nnary\"}"), "{\"k\":\"[THE_KEY]\"}");
    // Nothing is told by its place in lines that were joined.
    let torn = "state=\n and so on, zak_0123456789\nabcdefgh";
    assert_eq!(redactor.redact(torn), torn);
}
