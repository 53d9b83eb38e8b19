//! Texts with a grammar of their own.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use zot_verify_model::ZotConfig;

use crate::checks::exposition::{self, Exposition, Format, Kind};
use crate::ledger;
use crate::manifests::{Source, Survey};
use crate::settings::Intent;
use crate::target::{is_repository, is_tag};

/// Metrics: what is read can be written and read again, and what is cut is refused.
pub fn exposition(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if exposition::parse(text, Format::OpenMetrics).is_ok() {
        assert!(text.ends_with("# EOF\n"));
    }
    let Ok(read) = exposition::parse(text, Format::Prometheus) else { return };
    assert!(text.is_empty() || text.ends_with('\n'));
    for (index, family) in read.families.iter().enumerate() {
        assert!(read.families[..index].iter().all(|other| other.name != family.name), "{} twice", family.name);
        assert!(family.samples.iter().all(|sample| sample.name.starts_with(&family.name)));
        if let Some(sum) = read.sum(&family.name) {
            assert!(!family.samples.is_empty() && (sum.is_finite() || sum.is_infinite() || sum.is_nan()));
        }
    }
    let again = exposition::parse(&written(&read), Format::Prometheus).expect("what is written as it was read");
    // By their looks, since NaN is not equal to itself.
    assert_eq!(format!("{again:?}"), format!("{read:?}"));
    if let Some(cut) = text.strip_suffix('\n').filter(|cut| !cut.is_empty() && !cut.ends_with('\n')) {
        assert!(exposition::parse(cut, Format::Prometheus).is_err(), "a cut text is refused");
    }
}

/// An exposition as an exporter writes it.
fn written(exposition: &Exposition) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('\n', "\\n");
    let mut lines = Vec::new();
    for family in &exposition.families {
        lines.extend(family.help.as_ref().map(|help| format!("# HELP {} {}", family.name, escaped(help))));
        if family.kind != Kind::Untyped {
            lines.push(format!("# TYPE {} {}", family.name, format!("{:?}", family.kind).to_lowercase()));
        } else if family.help.is_none() && family.samples.is_empty() {
            lines.push(format!("# TYPE {} untyped", family.name));
        }
        for sample in &family.samples {
            let label =
                |(name, value): &(String, String)| format!("{name}=\"{}\"", escaped(value).replace('"', "\\\""));
            let labels = sample.labels.iter().map(label).collect::<Vec<_>>().join(",");
            lines.push(format!("{}{{{labels}}} {}", sample.name, sample.value));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// zot's configuration: any JSON is read or refused, keys count in whatever case, and what is handed to zot is what was
/// given.
pub fn config(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(config) = ZotConfig::parse(text) else { return };
    assert_eq!(ZotConfig::parse(&config.to_text()).expect("its own text"), config);
    let other = ZotConfig::from_value(in_other_case(config.as_value()));
    // A provider's key and a pattern are keys, too, and zot takes them in small letters.
    assert_eq!(views(&config), views(&other));
    let mut edited = config.clone();
    edited.merge(&json!({}));
    assert_eq!(edited, config);
    let path = ["http", "externalUrl"];
    edited.set(&path, json!("https://r.test"));
    assert_eq!(edited.external_url(), Some("https://r.test"));
    edited.remove(&path);
    edited.merge(&json!({ "http": { "externalUrl": null } }));
}

/// All that zot-verify reads from a configuration.
fn views(config: &ZotConfig) -> String {
    let http = (config.external_url(), config.api_keys(), config.has_access_control(), config.providers());
    let access = (config.repositories(), config.admin_policy(), config.metrics_access(), config.metrics_path());
    format!("{http:?} {access:?} {:?}", config.sync_registries()).to_lowercase()
}

/// A configuration with all its keys in the other case.
fn in_other_case(value: &Value) -> Value {
    let swapped = |key: &str| -> String {
        key.chars()
            .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect()
    };
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (swapped(key), in_other_case(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(in_other_case).collect()),
        other => other.clone(),
    }
}

/// An owner's intent: it is understood, or refused as a slip of usage.
pub fn intent(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match Intent::read(text, PathBuf::from("zot-verify.toml"), crate::settings::Day::today()) {
        Ok(intent) => {
            assert!(!intent.families.is_empty(), "a claim about no family would always hold");
            assert!(intent.waivers.iter().all(|waiver| !waiver.reason.trim().is_empty()));
        }
        Err(trouble) => assert_eq!(trouble.exit().code(), 2, "{trouble}"),
    }
}

/// A ledger that may be torn: every line is read or counted.
pub fn ledger(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let (items, unreadable) = ledger::read(text);
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(items.len() + unreadable <= lines);
    assert_eq!(items.is_empty(), lines == unreadable);
    let written: String = items.iter().map(|item| serde_json::to_string(item).unwrap() + "\n").collect();
    assert_eq!(ledger::read(&written), (items, 0));
}

/// Files with manifests, each after a line `=== NAME`: every pin can be asked for, and stands where it is said to.
pub fn manifests(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let files = text.split("=== ").filter_map(|file| file.split_once('\n'));
    let sources: Vec<Source> =
        files.map(|(name, text)| Source { path: PathBuf::from(name), text: text.to_owned() }).collect();
    let hosts = ["r.test".to_owned(), "r.test:443".to_owned()];
    let survey = Survey::of(&sources, &hosts);
    assert!(survey.files <= sources.len() && survey.templates <= sources.len());
    for (pin, places) in &survey.pins {
        assert!(is_repository(&pin.repository), "{pin}");
        assert!(pin.tag.as_deref().is_none_or(is_tag), "{pin}");
        assert!(pin.tag.is_some() || pin.digest.is_some(), "{pin}");
        assert!(!places.is_empty());
        for place in places {
            let lines = sources.iter().map(|source| source.text.lines().count()).max().unwrap_or(0);
            assert!((1..=lines).contains(&place.line), "{place:?} of {lines}");
        }
    }
    assert_eq!(Survey::of(&sources, &hosts), survey);
    // No host, no pin.
    assert!(Survey::of(&sources, &[]).pins.is_empty());
}
