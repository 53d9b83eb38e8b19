//! `clean` removes what a ledger lists and nothing else.

use std::path::Path;
use std::sync::Arc;

use http::Method;
use libtest_mimic::Failed;
use serde_json::Value;
use zot_verify::bench::{Bench, Setup};
use zot_verify::ledger::{Kind, Ledger, Place, State, read};
use zot_verify::run::outcome::Halt;
use zot_verify::settings::Intent;
use zot_verify::target::zot::Zot;
use zot_verify::wire::{Redactor, Request};
use zot_verify_model::Account;
use zot_verify_model::image::{Image, MANIFEST};

use super::support;

const CANARY: &str = "blumeops/zot-verify-canary";
/// The end of a repository that is no canary's, though it begins like one.
const BESIDE: &str = "blumeops/zot-verify-canary-2";

/// Pushes an image under tags.
async fn push(bench: &Bench, by: &Account, repository: &str, tags: &[&str]) -> Result<Image, Failed> {
    let image = Image::build("amd64", repository)?;
    for blob in image.blobs() {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest);
        let request = Request::new(Method::POST, path).by(by).header("content-type", "application/octet-stream");
        expect(bench.wire.send(request.body(blob.bytes.clone())).await?.status(), 201)?;
    }
    for tag in tags {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let request = Request::new(Method::PUT, path).by(by).header("content-type", MANIFEST);
        expect(bench.wire.send(request.body(image.manifest.bytes.clone())).await?.status(), 201)?;
    }
    Ok(image)
}

fn expect<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), Failed> {
    if found == wanted { Ok(()) } else { Err(format!("{found:?}, not {wanted:?}").into()) }
}

fn told(halt: Halt) -> Failed {
    format!("{halt:?}").into()
}

async fn there(bench: &Bench, repository: &str, reference: &str) -> Result<bool, Failed> {
    let answer = bench.wire.send(Request::head(format!("/v2/{repository}/manifests/{reference}"))).await?;
    Ok(answer.status() == 200)
}

/// What `clean` ends with and says.
async fn clean(ledger: &Path, registry: &str, admin: Option<&Account>) -> Result<(Option<i32>, String), Failed> {
    let temporary = tempfile::tempdir()?;
    let mut command = support::command(temporary.path());
    command.args(["clean", "--all", "--live", registry, "--ledger"]).arg(ledger);
    if let Some(Account { name, secret }) = admin {
        command.env("ZOT_VERIFY_ADMIN_USER", name).env("ZOT_VERIFY_ADMIN_API_KEY", secret.expose());
    }
    let output = tokio::process::Command::from(command).output().await?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.code(), said))
}

/// A live run that makes keys notes them before it does, tells them in its report, and leaves none.
pub(crate) fn a_live_run_notes_what_it_makes(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    let directory = tempfile::tempdir()?;
    support::runtime()?.block_on(async {
        let (lab, wire, deployment) = support::spec(zot, &around).await?.start(&Redactor::new()).await?;
        let issuer = deployment.issuer.as_ref().map(ToString::to_string).ok_or("a lab has an issuer")?;
        let password = deployment.password.as_ref().ok_or("a lab has a password")?.expose().to_owned();
        let live = || {
            let mut command = support::command(directory.path());
            command
                .args(["live", wire.registry().as_str(), "apikey.create", "--allow-writes", "--format", "json"])
                .args(["--issuer", &issuer])
                .env("XDG_STATE_HOME", directory.path())
                .env("ZOT_VERIFY_API_KEY", "a-key-that-is-not-used")
                .env("ZOT_VERIFY_OIDC_USER", "zv-pat")
                .env("ZOT_VERIFY_OIDC_PASSWORD", &password);
            tokio::process::Command::from(command)
        };
        let output = live().output().await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        expect(output.status.code(), Some(0)).map_err(|_| said)?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        let told = report["ledger"].as_array().ok_or("no ledger")?;
        expect(told.len(), 3)?;
        for entry in told {
            let said = [&entry["kind"], &entry["repository"], &entry["state"]].map(Value::as_str);
            expect(said, [Some("key"), Some("zv-pat"), Some("removed")])?;
        }
        let files: Vec<_> = directory.path().join("zot-verify").read_dir()?.collect::<Result<_, _>>()?;
        expect(files.len(), 1)?;
        let (items, _) = read(&std::fs::read_to_string(files[0].path())?);
        expect(items.iter().all(|item| item.state == State::Removed), true)?;

        // An image that the registry was made to fetch stays there, and is told.
        let mut command = support::command(directory.path());
        command
            .args(["live", wire.registry().as_str(), "mirror.*", "--mirror-image", "docker.io/library/zv-live:v1"])
            .args(["--ledger", "mirrored", "--format", "json"]);
        let output = tokio::process::Command::from(command).output().await?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        let told: Vec<_> = report["ledger"].as_array().into_iter().flatten().map(ToString::to_string).collect();
        let as_wanted = |entry: &String| entry.contains("library/zv-live") && !entry.contains("planned");
        expect((told.is_empty(), told.iter().all(as_wanted)), (false, true)).map_err(|_| format!("{told:#?}"))?;
        expect(output.status.code(), Some(0))?;

        // What cannot be noted is not made.
        let output = live().args(["--ledger", "/dev/full"]).output().await?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        expect((output.status.code(), report["ledger"].as_array().map(Vec::len)), (Some(3), Some(0)))?;
        let reason = report["results"][0]["reason"].as_str().unwrap_or_default();
        expect(reason.starts_with("nothing was sent: the ledger /dev/full"), true).map_err(|_| reason.to_owned())?;
        lab.stop().await?;
        Ok(())
    })
}

pub(crate) fn removes_what_a_ledger_lists(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("ledger");
    support::runtime()?.block_on(async {
        let (lab, wire, deployment) = support::spec(zot, &around).await?.start(&Redactor::new()).await?;
        let (intent, setup) = (Arc::new(Intent::default()), Arc::new(Setup::default()));
        let url = wire.registry().to_string();
        let place = Place::File(file.clone());
        let ledger = Ledger::new(&place, &around.run, &url, Redactor::new());
        let bench = Bench { deployment: Arc::new(deployment), intent, wire, setup, ledger: Ledger::lab() };
        let (ci, admin) = (bench.ci().await.map_err(told)?, bench.admin().await.map_err(told)?);

        let image = push(&bench, &ci, CANARY, &["ours", "killed", "theirs"]).await?;
        push(&bench, &ci, BESIDE, &["v1"]).await?;
        let digest = image.manifest.digest.as_str();
        ledger.plan(Kind::Tag, CANARY, "ours").map_err(told)?.kept("policy").map_err(told)?;
        // As a run leaves it that is killed while it waits for the answer, or before it asks.
        let killed = ledger.plan(Kind::Tag, CANARY, "killed").map_err(told)?;
        let never = ledger.plan(Kind::Tag, CANARY, "never-sent").map_err(told)?;
        ledger.plan(Kind::Manifest, CANARY, digest).map_err(told)?.created().map_err(told)?;
        // The run has ended.
        drop((killed, never, ledger));

        let (code, said) = clean(&file, &url, None).await?;
        expect(code, Some(5)).map_err(|_| said.clone())?;
        for part in
            ["remains blumeops/zot-verify-canary:ours", "gone blumeops/zot-verify-canary:never-sent", "ADMIN_API"]
        {
            expect(said.contains(part), true).map_err(|_| format!("{part} in {said}"))?;
        }
        let (code, said) = clean(&file, &url, Some(&ci)).await?;
        expect(code, Some(5)).map_err(|_| format!("CI may not delete: {said}"))?;

        let (code, said) = clean(&file, &url, Some(&admin)).await?;
        expect(code, Some(0)).map_err(|_| said.clone())?;
        expect(said.contains(admin.secret.expose()), false)?;
        for (repository, tag, stays) in [
            (CANARY, "ours", false),
            (CANARY, "killed", false),
            (CANARY, "theirs", true),
            (CANARY, digest, true),
            (BESIDE, "v1", true),
        ] {
            expect(there(&bench, repository, tag).await?, stays).map_err(|_| format!("{repository} {tag}: {said}"))?;
        }
        let states = read(&std::fs::read_to_string(&file)?).0.into_iter().map(|item| item.state);
        expect(states.collect(), vec![State::Removed, State::Removed, State::Removed, State::Kept])?;

        // A ledger that says more than the truth: beside the canary nothing is touched.
        Ledger::new(&place, "another", &url, Redactor::new())
            .plan(Kind::Tag, BESIDE, "v1")
            .and_then(|beside| beside.created())
            .map_err(told)?;
        let (code, said) = clean(&file, &url, Some(&admin)).await?;
        expect(code, Some(5)).map_err(|_| said.clone())?;
        expect(there(&bench, BESIDE, "v1").await?, true)?;
        drop(bench);
        lab.stop().await?;
        Ok(())
    })
}
