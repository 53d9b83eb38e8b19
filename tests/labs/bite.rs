//! Every part can fail, and asks what it says it asks.

use libtest_mimic::Failed;
use zot_verify::run::exit::Exit;
use zot_verify::self_test;
use zot_verify::target::zot::Zot;

use super::support;

pub(crate) fn every_saboteur_is_caught(zot: &Zot) -> Result<(), Failed> {
    let mut told = Vec::new();
    let exit = support::runtime()?.block_on(self_test::run(zot.clone(), &[], &support::surroundings(), &mut told))?;
    // Whoever reads a failed test is to see what failed first, not what did not.
    let told = String::from_utf8_lossy(&told);
    let wrong = told.lines().filter(|line| !line.starts_with("caught") && !line.starts_with("steady"));
    if exit == Exit::Good { Ok(()) } else { Err(wrong.collect::<Vec<_>>().join("\n").into()) }
}

/// What a plan prints is what a run sends.
pub(crate) fn parts_send_what_they_declare(zot: &Zot) -> Result<(), Failed> {
    let around = support::surroundings();
    let outcomes = support::runtime()?.block_on(async {
        let spec = support::spec(zot, &around).await?.with(support::faults("docker-welcome")?);
        support::run(&spec, &around, &[]).await
    })?;
    for outcome in &outcomes {
        for part in &outcome.parts {
            let recognised = part.part.asks.is_empty();
            for evidence in part.record.evidence().iter().filter(|_| !recognised) {
                let path = evidence.url.splitn(4, '/').nth(3).unwrap_or_default();
                let sent = format!("{} /{path}", evidence.method);
                if !part.part.asks.iter().any(|asks| declared(asks, &sent)) {
                    return Err(format!("{} sends `{sent}`", outcome.check.part_id(part.part)).into());
                }
            }
        }
    }
    Ok(())
}

/// Whether a declared request, `*` for any text, is the one that was sent.
fn declared(asks: &str, sent: &str) -> bool {
    match asks.split_once('*') {
        None => asks == sent,
        Some((head, rest)) => {
            sent.strip_prefix(head).is_some_and(|tail| (0..=tail.len()).any(|at| declared(rest, &tail[at..])))
        }
    }
}
