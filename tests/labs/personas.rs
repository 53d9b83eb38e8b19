//! Personas send what the programs were recorded to send.

use std::collections::BTreeSet;

use libtest_mimic::Failed;
use serde_json::Value;
use zot_verify::target::zot::Zot;
use zot_verify::wire::Evidence;
use zot_verify::wire::persona::PERSONAS;

use super::support;

/// What is compared of a request: method, path without names, User-Agent, the set of accepted types, credentials or not.
type Sent = (String, String, String, BTreeSet<String>, bool);

pub(crate) fn send_what_programs_send(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    let outcomes = support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?.with(support::faults("docker-welcome")?);
        support::run(&spec, &around, &["pull.personas".to_owned()]).await
    })?;
    let [personas] = &outcomes[..] else { return Err("pull.personas did not run".into()) };
    for (persona, outcome) in PERSONAS.iter().zip(&personas.parts) {
        let recording = recording(persona.id)?;
        let imitated = outcome.record.evidence().iter().map(imitated).collect();
        if ordered(imitated) != ordered(recording) {
            return Err(
                format!("{} does not ask as its program does: {:#?}", persona.id, outcome.record.evidence()).into()
            );
        }
    }
    Ok(())
}

/// Blobs are fetched side by side by most programs, so they count as a set after everything else.
fn ordered(requests: Vec<Sent>) -> (Vec<Sent>, BTreeSet<Sent>) {
    let (blobs, others): (Vec<Sent>, Vec<Sent>) =
        requests.into_iter().partition(|(_, path, ..)| path.contains("/blobs/"));
    (others, blobs.into_iter().collect())
}

fn recording(id: &str) -> Result<Vec<Sent>, Failed> {
    let path = format!("{}/../fixtures/golden/clients/{id}.json", env!("CARGO_MANIFEST_DIR"));
    let recording: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    // A Docker daemon whose ping was refused sends nothing more; its whole pull was recorded with the ping answered.
    let requests = recording.get("with_ping_answered").unwrap_or(&recording["requests"]);
    let word = |request: &Value, name: &str| request["headers"][name].as_str().unwrap_or_default().to_owned();
    Ok(requests
        .as_array()
        .into_iter()
        .flatten()
        .map(|request| {
            let path = request["path"].as_str().unwrap_or_default();
            let credentials = !word(request, "Authorization").is_empty();
            let method = request["method"].as_str().unwrap_or_default().to_owned();
            (method, shape(path), kernel(&word(request, "User-Agent")), types(&word(request, "Accept")), credentials)
        })
        .collect())
}

fn imitated(evidence: &Evidence) -> Sent {
    let word = |name: &str| {
        let found = evidence.request_headers.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let path = evidence.url.splitn(4, '/').nth(3).unwrap_or_default();
    // An HTTP library's own `*/*` says no more than none, and several programs send it or not.
    let accept = types(&word("accept"));
    let credentials = !word("authorization").is_empty();
    (evidence.method.clone(), shape(&format!("/{path}")), kernel(&word("user-agent")), accept, credentials)
}

/// The path without the names of repositories and digests.
fn shape(path: &str) -> String {
    for kind in ["/manifests/", "/blobs/"] {
        if let Some((_, reference)) = path.split_once(kind) {
            let reference = if reference.starts_with("sha256:") { "DIGEST" } else { reference };
            return format!("/v2/REPOSITORY{kind}{reference}");
        }
    }
    path.to_owned()
}

/// The accepted types; Docker sends them in another order every time. `*/*` alone is what an HTTP library adds.
fn types(accept: &str) -> BTreeSet<String> {
    let types: BTreeSet<String> =
        accept.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    if types.len() == 1 && types.contains("*/*") { BTreeSet::new() } else { types }
}

/// The User-Agent without the kernel's release.
fn kernel(agent: &str) -> String {
    let word = |word: &str| match word.split_once('/') {
        Some((name @ ("kernel" | "Linux"), _)) => {
            format!("{name}/KERNEL{}", if word.ends_with(')') { ")" } else { "" })
        }
        _ => word.to_owned(),
    };
    agent.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
