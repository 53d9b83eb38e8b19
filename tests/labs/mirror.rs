//! A live registry fetches the one upstream image that its owner named, and no other.

use libtest_mimic::Failed;
use serde_json::Value;
use zot_verify::session::Session;
use zot_verify::target::zot::Zot;

use super::support;

/// What a part of a mirror check came to, and why.
type Judged<'a> = (&'a str, &'a str);

/// Seen live, a mirror is judged as far as it can be without its upstream's meter.
pub(crate) fn live_pulls_what_is_named(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let session = Session::lab(&support::spec(zot, &around).await?, std::sync::Arc::default(), &around).await?;
        let url = session.header().url;
        let mut reports = Vec::new();
        for words in
            [&["--mirror-image", "docker.io/library/live:multi"][..], &["--mirror-image", "docker.io/live:v1"], &[]]
        {
            let temporary = tempfile::tempdir()?;
            let output = tokio::process::Command::from(support::command(temporary.path()))
                .args(["live", &url, "mirror.*", "--format", "json"])
                .args(words)
                .output()
                .await?;
            reports.push(serde_json::from_slice::<Value>(&output.stdout)?);
        }
        session.close().await?;
        let lab_only = ["fetched-once", "fresh", "missing", "own"].map(|part| (part, "skipped"));
        let seen = [&[("served", "pass"), ("stored", "pass")][..], &lab_only].concat();
        let reached = [("explicit", "pass"), ("override-path", "pass")];
        let bypassed = [("containerd", "warn"), ("docker-mirror", "warn")];
        for report in &reports[..2] {
            expect(report, "mirror.pull-through", &seen)?;
            expect(report, "mirror.client-paths", &[reached, bypassed].concat())?;
        }
        expect(&reports[2], "mirror.pull-through", &seen.iter().map(|(part, _)| (*part, "skipped")).collect::<Vec<_>>())
    })
}

fn expect(report: &Value, check: &str, wanted: &[Judged<'_>]) -> Result<(), Failed> {
    let results = report["results"].as_array().into_iter().flatten();
    let parts =
        results.filter(|result| result["id"] == check).filter_map(|result| result["parts"].as_array()).flatten();
    let mut found: Vec<Judged<'_>> =
        parts.filter_map(|part| Some((part["name"].as_str()?, part["verdict"].as_str()?))).collect();
    let mut wanted = wanted.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    if found == wanted { Ok(()) } else { Err(format!("{check}: {found:?}, not {wanted:?}: {report:#}").into()) }
}
