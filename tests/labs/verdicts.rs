//! What a lab's run says.

use std::sync::Arc;

use libtest_mimic::Failed;
use serde_json::Value;
use zot_verify::session::Session;
use zot_verify::settings::Intent;
use zot_verify::target::zot::Zot;
use zot_verify_model::Digest;
use zot_verify_model::image::Index;

use super::support;

/// The checks that warn of weaknesses which zot has as it comes.
const WEAK: [&str; 4] = ["login.cookies", "apikey.limits", "tags.race", "mirror.client-paths"];

/// The built-in lab is good; what warns is known of zot, and so is what a release lets pass.
pub(crate) fn built_in_lab(zot: &Zot) -> Result<(), Failed> {
    let (output, report) = support::local(zot, &[])?;
    expect(report["target"]["stand_in"].as_bool(), Some(*zot == Zot::Embedded))?;
    let trapped = since(&report, (2, 1, 16));
    let movable = tags_move(&report);
    expect(output.status.code(), Some(i32::from(movable)))?;
    for (id, verdict) in support::verdicts(&report) {
        let wanted = match id {
            "tags.immutable" if movable => "fail",
            "pull.personas" if trapped => "warn",
            id if WEAK.contains(&id) => "warn",
            // Over plain http there is no certificate.
            "transport.tls" => "skipped",
            _ => "pass",
        };
        expect(verdict, wanted).map_err(|error| named(id, &error))?;
    }
    expect(&parts(result(&report, "mirror.client-paths")?, "warn")[..], &["containerd", "docker-mirror"])?;
    if trapped {
        let personas = result(&report, "pull.personas")?;
        let warned: Vec<&str> = parts(personas, "warn");
        let docker: &[&str] =
            if since(&report, (2, 1, 17)) { &["docker", "compose", "cri-dockerd"] } else { &["docker"] };
        expect(&warned[..], docker)?;
        let hint = personas["hint"].as_str().unwrap_or_default();
        expect(hint.contains("v2.1.16") && hint.contains("no configuration"), true)?;
    }
    Ok(())
}

/// The shape that the owner deploys: since v2.1.18 metrics go dark, and nothing else does.
pub(crate) fn deployed_shape(zot: &Zot) -> Result<(), Failed> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/deployed.json");
    let (output, report) = support::local(zot, &["--config", config])?;
    let dark = since(&report, (2, 1, 18));
    expect(output.status.code(), Some(i32::from(dark)))?;
    let failed: Vec<&str> =
        support::verdicts(&report).into_iter().filter(|(_, verdict)| *verdict == "fail").map(|(id, _)| id).collect();
    expect(&failed[..], if dark { &["metrics.anonymous"] } else { &[] })?;
    if dark {
        let hint = result(&report, "metrics.anonymous")?["hint"].as_str().unwrap_or_default();
        expect(hint.contains("metrics.anonymousPolicy") && hint.contains("v2.1.18"), true)?;
    }
    Ok(())
}

/// A push whose body is held back overwrites a tag, and the evidence tells it as a story.
pub(crate) fn held_push_is_a_story(zot: &Zot) -> Result<(), Failed> {
    let (_, report) = support::local(zot, &["tags.race"])?;
    let race = result(&report, "tags.race")?;
    expect(&parts(race, "warn")[..], &["held", "together", "retry"])?;
    let evidence = race["evidence"].as_array().into_iter().flatten();
    let told: Vec<&Value> = evidence
        .filter(|told| told["part"] == "held" && told["url"].as_str().is_some_and(|url| url.contains("/race/held/")))
        .collect();
    let steps: Vec<_> = told.iter().map(|told| (told["method"].as_str(), told["status"].as_u64())).collect();
    let (put, get) = (Some("PUT"), Some("GET"));
    let story =
        [(put, Some(100)), (put, Some(201)), (get, Some(200)), (put, Some(403)), (put, Some(201)), (get, Some(200))];
    expect(&steps[..], &story)?;
    expect(told[0]["request_headers"]["expect"].as_str(), Some("100-continue"))?;
    let named = |step: usize| told[step]["response_headers"]["docker-content-digest"].as_str();
    expect((named(1) == named(2), named(4) == named(5), named(2) == named(5)), (true, true, false))
}

/// An issuer that is away is no verdict on the registry: it could not be told.
pub(crate) fn issuer_away(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let session = Session::lab(&support::spec(zot, &around).await?, Arc::default(), &around).await?;
        let temporary = tempfile::tempdir()?;
        let output = tokio::process::Command::from(support::command(temporary.path()))
            .args(["live", &session.header().url, "login.redirect", "--format", "json"])
            .args(["--issuer", "http://127.0.0.1:1/application/o/zot/"])
            .output()
            .await?;
        session.close().await?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        expect(output.status.code(), Some(3))?;
        expect(&parts(result(&report, "login.redirect")?, "error")[..], &["endpoint"])?;
        expect(parts(result(&report, "login.redirect")?, "fail").len(), 0)
    })
}

/// A key that zot does not know is zot's to refuse, in its own words.
pub(crate) fn unknown_key(zot: &Zot) -> Result<(), Failed> {
    let temporary = tempfile::tempdir()?;
    let config = tempfile::NamedTempFile::new()?;
    std::fs::write(config.path(), r#"{"storage":{},"http":{"fooBar":1}}"#)?;
    let output = support::command(temporary.path())
        .args(["local", "--zot", &zot.name(), "--config"])
        .arg(config.path())
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    expect(output.status.code(), Some(3)).map_err(|error| named(&told, &error))?;
    expect(told.to_lowercase().contains("foobar"), true).map_err(|error| named(&told, &error))?;
    support::nothing_left(temporary.path())
}

/// Whether the release is known to let CI move a tag.
pub(crate) fn tags_move(report: &Value) -> bool {
    (since(report, (2, 1, 16)) && !since(report, (2, 1, 19))) || !since(report, (2, 1, 15))
}

fn since(report: &Value, release: (u16, u16, u16)) -> bool {
    let named = report["target"]["zot_version"].as_str().and_then(zot_verify::checks::version::Release::parse);
    named.is_none_or(|named| (named.0, named.1, named.2) >= release)
}

fn result<'a>(report: &'a Value, id: &str) -> Result<&'a Value, Failed> {
    let results = report["results"].as_array();
    results.and_then(|all| all.iter().find(|result| result["id"] == id)).ok_or_else(|| format!("no {id}").into())
}

fn parts<'a>(result: &'a Value, verdict: &str) -> Vec<&'a str> {
    let parts = result["parts"].as_array().into_iter().flatten();
    parts.filter(|part| part["verdict"] == verdict).filter_map(|part| part["name"].as_str()).collect()
}

fn expect<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), Failed> {
    if found == wanted { Ok(()) } else { Err(format!("{found:?}, not {wanted:?}").into()) }
}

fn named(what: &str, error: &Failed) -> Failed {
    format!("{what}: {}", error.message().unwrap_or_default()).into()
}

/// An image that was just pushed is there for anybody, and under the digest that the push printed.
pub(crate) fn pushed_image(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?;
        let session = Session::lab(&spec, Arc::new(Intent::default()), &around).await?;
        let url = session.header().url;
        let temporary = tempfile::tempdir()?;
        let digest = Index::build("zot-verify/pull")?.index.digest;
        let other = Digest::of(b"something else");
        for (image, code) in [
            (format!("zot-verify/pull:v1@{digest}"), 0),
            (format!("zot-verify/pull@{digest}"), 0),
            (format!("zot-verify/pull:v1@{other}"), 1),
            ("zot-verify/pull:never-pushed".to_owned(), 1),
        ] {
            let mut command = support::command(temporary.path());
            command.args(["live", &url, "pull.anonymous", "--format", "brief", "--image", &image]);
            let output = tokio::process::Command::from(command).output().await?;
            if output.status.code() != Some(code) {
                return Err(format!("{image}: {output:?}").into());
            }
        }
        session.close().await?;
        Ok(())
    })
}
