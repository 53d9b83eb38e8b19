//! Configurations with one thing other than intended: the matrix names the cell, and the place in the configuration.

use libtest_mimic::Failed;
use serde_json::{Value, json};
use zot_verify::run::outcome::Verdict;
use zot_verify::session::lab_spec;
use zot_verify::settings::Intent;
use zot_verify::target::builtin;
use zot_verify::target::zot::Zot;
use zot_verify_model::ZotConfig;

use super::support;

/// A configuration that is other than intended.
struct Mutant {
    name: &'static str,
    /// The keys within `http.accessControl`, and what stands there now.
    at: &'static [&'static str],
    value: Value,
    /// A part that fails, and the cell that it names first.
    part: &'static str,
    cell: &'static str,
    /// The place within `http.accessControl` that it names.
    place: &'static str,
}

const EVERYWHERE: &[&str] = &["repositories", "**"];

fn mutants() -> Vec<Mutant> {
    let mutant = |name, at, value, part, cell, place| Mutant { name, at, value, part, cell, place };
    let anonymous: &[&str] = &["repositories", "**", "anonymousPolicy"];
    let default: &[&str] = &["repositories", "**", "defaultPolicy"];
    let ci: &[&str] = &["repositories", "**", "policies", "0", "actions"];
    let admin: &[&str] = &["repositories", "**", "policies", "1", "actions"];
    let (of_anonymous, of_default) = (r#".repositories["**"].anonymousPolicy"#, r#".repositories["**"].defaultPolicy"#);
    let (of_ci, of_admin) =
        (r#".repositories["**"].policies[0].actions"#, r#".repositories["**"].policies[1].actions"#);
    let whole = r#".repositories["**"]"#;
    let with = |grant: Value| {
        json!({ "anonymousPolicy": ["read"], "defaultPolicy": ["read"], "policies": [
            { "groups": ["artifact-workloads"], "actions": ["read", "create"] },
            { "groups": ["admins"], "actions": ["read", "create", "update", "delete"] },
            grant,
        ] })
    };
    vec![
        mutant(
            "anybody creates",
            anonymous,
            json!(["read", "create"]),
            "anonymous",
            "`create` in zot-verify/matrix (upload-begin)",
            of_anonymous,
        ),
        mutant(
            "anybody updates",
            anonymous,
            json!(["read", "update"]),
            "anonymous",
            "`update` in zot-verify/matrix (move-tag)",
            of_anonymous,
        ),
        mutant(
            "anybody deletes",
            anonymous,
            json!(["read", "delete"]),
            "anonymous",
            "`delete` in zot-verify/matrix (upload-cancel)",
            of_anonymous,
        ),
        mutant(
            "nobody reads without credentials",
            anonymous,
            json!([]),
            "anonymous",
            "`read` in zot-verify/matrix (tags)",
            ".repositories",
        ),
        mutant(
            "a slip of the hand",
            anonymous,
            json!(["raed"]),
            "anonymous",
            "`read` in zot-verify/matrix (tags)",
            ".repositories",
        ),
        mutant(
            "users create",
            default,
            json!(["read", "create"]),
            "authenticated-key",
            "`create` in zot-verify/matrix (upload-begin)",
            of_default,
        ),
        mutant(
            "users update",
            default,
            json!(["read", "update"]),
            "authenticated-session",
            "`update` in zot-verify/matrix (move-tag)",
            of_default,
        ),
        mutant(
            "users delete",
            default,
            json!(["read", "delete"]),
            "authenticated-key",
            "`delete` in zot-verify/matrix (upload-cancel)",
            of_default,
        ),
        mutant(
            "users do not read",
            default,
            json!([]),
            "authenticated-key",
            "`read` in zot-verify/matrix (tags)",
            whole,
        ),
        mutant(
            "CI updates",
            ci,
            json!(["read", "create", "update"]),
            "ci-key",
            "`update` in zot-verify/matrix (move-tag)",
            of_ci,
        ),
        mutant(
            "CI deletes",
            ci,
            json!(["read", "create", "delete"]),
            "ci-session",
            "`delete` in zot-verify/matrix (upload-cancel)",
            of_ci,
        ),
        mutant(
            "CI does not create",
            ci,
            json!(["read"]),
            "ci-key",
            "`create` in zot-verify/matrix (upload-begin)",
            of_ci,
        ),
        mutant(
            "admins do not create",
            admin,
            json!(["read", "update", "delete"]),
            "admin-key",
            "`create` in zot-verify/matrix (upload-begin)",
            of_admin,
        ),
        mutant(
            "admins do not update",
            admin,
            json!(["read", "create", "delete"]),
            "admin-key",
            "`update` in zot-verify/matrix (move-tag)",
            of_admin,
        ),
        mutant(
            "admins do not delete",
            admin,
            json!(["read", "create", "update"]),
            "admin-session",
            "`delete` in zot-verify/matrix (upload-cancel)",
            of_admin,
        ),
        mutant(
            "a narrow pattern is a hole",
            &["repositories", "infra/**"],
            json!({ "anonymousPolicy": ["read", "create"] }),
            "anonymous",
            "`create` in infra/zot-verify-matrix (upload-begin)",
            r#".repositories["infra/**"].anonymousPolicy"#,
        ),
        mutant(
            "a narrow pattern closes what is open",
            &["repositories", "blumeops/**"],
            json!({ "defaultPolicy": ["read"] }),
            "anonymous",
            "`read` in blumeops/zot-verify-matrix (tags)",
            r#".repositories["blumeops/**"]"#,
        ),
        mutant(
            "the empty name is anybody",
            EVERYWHERE,
            with(json!({ "users": [""], "actions": ["create"] })),
            "anonymous",
            "`create` in zot-verify/matrix (upload-begin)",
            r#".repositories["**"].policies[2].actions"#,
        ),
        mutant(
            "one user may more",
            EVERYWHERE,
            with(json!({ "users": ["zv-ci"], "actions": ["update"] })),
            "ci-key",
            "`update` in zot-verify/matrix (move-tag)",
            r#".repositories["**"].policies[2].actions"#,
        ),
        mutant(
            "CI is among those who may everywhere",
            &["adminPolicy"],
            json!({ "groups": ["artifact-workloads"], "actions": ["delete"] }),
            "ci-key",
            "`delete` in zot-verify/matrix (upload-cancel)",
            ".adminPolicy.actions",
        ),
    ]
}

/// Each configuration in a lab of its own.
pub(crate) fn each_mutant_is_named(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    support::runtime()?.block_on(async {
        let key = zot.metrics_key(&around.program).await?;
        for mutant in mutants() {
            let mut config: ZotConfig = builtin::config(key);
            config.set(&[&["http", "accessControl"], mutant.at].concat(), mutant.value.clone());
            let spec = lab_spec(zot.clone(), config, &Intent::default(), &around)?;
            let outcomes = support::run(&spec, &around, &["policy.matrix".to_owned()]).await?;
            let parts = outcomes.iter().flat_map(|outcome| &outcome.parts);
            let part = parts.into_iter().find(|outcome| outcome.part.name == mutant.part);
            let told = part.and_then(|part| Some((part.verdict, part.expected.clone()?, part.hint.clone()?.cause)));
            let Some((verdict, expected, cause)) = told else {
                return Err(format!("{}: {} says nothing: {part:?}", mutant.name, mutant.part).into());
            };
            let place = format!("http.accessControl{}", mutant.place);
            let names = |text: &str, word: &str| text.split(' ').any(|part| part.trim_end_matches(['.', ':']) == word);
            if verdict != Verdict::Fail || !expected.ends_with(mutant.cell) || !names(&cause, &place) {
                return Err(format!("{}: {verdict:?}, {expected}; {cause}", mutant.name).into());
            }
        }
        Ok(())
    })
}
