//! The proof that checks can say no: every saboteur in a lab of its own, compared with the clean lab.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use futures_util::stream::{self, StreamExt as _};
use globset::Glob;
use tokio::sync::watch;
use zot_verify_fixtures::fault::Fault;

use crate::bounds;
use crate::catalogue;
use crate::check::Saboteur;
use crate::error::Trouble;
use crate::run::exit::Exit;
use crate::run::outcome::{CheckOutcome, Verdict};
use crate::run::permissions::Permissions;
use crate::run::plan::Plan;
use crate::run::runner::End;
use crate::session::{Session, Surroundings, lab_spec, out_of_time};
use crate::settings::Intent;
use crate::target::builtin;
use crate::target::lab::LabSpec;
use crate::target::zot::Zot;

/// What every part of a run came to, by `check/part`.
type Verdicts = BTreeMap<String, (Verdict, String)>;

/// What became of one saboteur.
#[derive(Debug)]
struct Caught {
    saboteur: &'static Saboteur,
    /// What is not as the saboteur says; empty when it was caught and nothing else moved.
    complaints: Vec<String>,
}

/// Runs the selected saboteurs, writes what became of each, and answers with an exit code.
///
/// # Errors
/// Trouble with a selection that matches none, or with a clean lab that is not clean.
pub async fn run(zot: Zot, only: &[String], around: &Surroundings, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let start = Instant::now();
    let saboteurs = selected(only)?;
    let intent = Arc::new(Intent::default());
    let config = builtin::config(zot.metrics_key(&around.program).await?);
    let name = zot.name();
    let lab = lab_spec(zot, config, &intent, around)?;
    let run = Runs { lab, intent, around };

    let clean = run.clean(&saboteurs).await?;
    let caught = stream::iter(saboteurs.iter().copied().map(|saboteur| run.against(saboteur, &clean)))
        .buffered(bounds::LABS)
        .collect::<Vec<_>>()
        .await;
    let labs = clean.len() + caught.len();
    report(out, &name, &caught, &clean[&key(&[])], labs, start)
        .map_err(|error| Trouble::unknown("the result could not be written", error.to_string()))
}

fn selected(only: &[String]) -> Result<Vec<&'static Saboteur>, Trouble> {
    let mut globs = Vec::new();
    for pattern in only {
        let glob = Glob::new(pattern)
            .map_err(|error| Trouble::usage(format!("`{pattern}` is no name and no glob"), error.to_string()))?;
        let glob = glob.compile_matcher();
        if !catalogue::saboteurs().any(|saboteur| glob.is_match(saboteur.name)) {
            let known: Vec<&str> = catalogue::saboteurs().map(|saboteur| saboteur.name).collect();
            return Err(Trouble::usage(
                format!("`{pattern}` matches no saboteur"),
                crate::settings::nearest(pattern, &known),
            )
            .cure("`zot-verify explain ID` names those of a check"));
        }
        globs.push(glob);
    }
    let wanted = |saboteur: &&Saboteur| globs.is_empty() || globs.iter().any(|glob| glob.is_match(saboteur.name));
    Ok(catalogue::saboteurs().filter(wanted).collect())
}

/// Names a world by the faults that it has; they are static, so their rendering is stable.
fn key(faults: &[Fault]) -> String {
    format!("{faults:?}")
}

struct Runs<'a> {
    lab: LabSpec,
    intent: Arc<Intent>,
    around: &'a Surroundings,
}

impl Runs<'_> {
    /// The worlds that saboteurs are compared with. In none of them may anything be broken, or what they turn be unseen.
    async fn clean(&self, saboteurs: &[&Saboteur]) -> Result<BTreeMap<String, Verdicts>, Trouble> {
        let mut worlds = BTreeMap::new();
        let given = saboteurs.iter().map(|saboteur| saboteur.given);
        for faults in std::iter::once(&[][..]).chain(given) {
            if worlds.contains_key(&key(faults)) {
                continue;
            }
            let verdicts = self.verdicts(&self.lab.with(faults)).await?;
            let turned: Vec<&str> = saboteurs
                .iter()
                .filter(|saboteur| key(saboteur.given) == key(faults))
                .flat_map(|saboteur| saboteur.turns.iter().map(|(part, _)| *part))
                .collect();
            let bad = verdicts.iter().find(|(part, (verdict, _))| match verdict {
                Verdict::Pass | Verdict::Warn => false,
                Verdict::Skipped => turned.contains(&part.as_str()),
                Verdict::Waived | Verdict::NotRun | Verdict::Error | Verdict::Fail => true,
            });
            if let Some((part, (verdict, reason))) = bad {
                return Err(Trouble::unknown(
                    "the clean lab is not clean, so nothing can be compared with it",
                    format!("{part} is {}: {reason}", verdict.word()),
                )
                .cure("run `zot-verify local` with the same --zot to see why"));
            }
            worlds.insert(key(faults), verdicts);
        }
        Ok(worlds)
    }

    async fn against(&self, saboteur: &'static Saboteur, clean: &BTreeMap<String, Verdicts>) -> Caught {
        let faults = [saboteur.given, saboteur.faults].concat();
        let complaints = match self.verdicts(&self.lab.with(&faults)).await {
            Ok(found) => compare(saboteur, &clean[&key(saboteur.given)], &found),
            Err(trouble) => vec![format!("its lab did not run: {trouble}")],
        };
        Caught { saboteur, complaints }
    }

    async fn verdicts(&self, spec: &LabSpec) -> Result<Verdicts, Trouble> {
        let plan = Plan::make(&[], &[], Permissions::LAB, &self.intent)?;
        let session = Session::lab(spec, Arc::clone(&self.intent), self.around).await?;
        let (end, listen) = watch::channel(End::Open);
        let timer = tokio::spawn(out_of_time(end, bounds::RUN));
        let outcomes = session.run(&plan, listen, |_| ()).await;
        timer.abort();
        session.close().await?;
        Ok(by_part(&outcomes))
    }
}

fn by_part(outcomes: &[CheckOutcome]) -> Verdicts {
    let parts = outcomes.iter().flat_map(|outcome| outcome.parts.iter().map(move |part| (outcome.check, part)));
    parts.map(|(check, part)| (check.part_id(part.part), (part.verdict, part.reason.clone()))).collect()
}

/// Everything that is not as the saboteur says: turned parts have exactly the named verdict, blinded ones are error or
/// skipped, and nothing else has moved.
fn compare(saboteur: &Saboteur, clean: &Verdicts, found: &Verdicts) -> Vec<String> {
    let mut complaints = Vec::new();
    for (part, (verdict, reason)) in found {
        let before = clean.get(part).map(|(verdict, _)| *verdict);
        let turned = saboteur.turns.iter().find(|(turned, _)| turned == part).map(|(_, verdict)| *verdict);
        let blind = saboteur.blinds(part, catalogue::part(part).map_or(&[], |known| known.needs));
        let wanted = match turned {
            Some(wanted) => *verdict == wanted,
            None if blind => matches!(verdict, Verdict::Error | Verdict::Skipped),
            None => before == Some(*verdict),
        };
        if !wanted {
            let should = turned.map_or_else(
                || format!("stay {}", before.map_or("as it was", Verdict::word)),
                |verdict| format!("be {}", verdict.word()),
            );
            complaints.push(format!("{part} is {} and should {should}: {reason}", verdict.word()));
        }
    }
    complaints
}

fn report(
    out: &mut dyn Write,
    zot: &str,
    caught: &[Caught],
    clean: &Verdicts,
    labs: usize,
    start: Instant,
) -> io::Result<Exit> {
    let green = Style::new().bold().fg_color(Some(AnsiColor::Green.into()));
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    for result in caught {
        let turned = result.saboteur.turns.len();
        if result.complaints.is_empty() {
            writeln!(out, "{green}caught{green:#}  {:<42} {turned} turned", result.saboteur.name)?;
        } else {
            writeln!(out, "{red}missed{red:#}  {}", result.saboteur.name)?;
            for complaint in &result.complaints {
                writeln!(out, "          {complaint}")?;
            }
        }
    }
    let missed = caught.iter().filter(|result| !result.complaints.is_empty()).count();
    let turned: std::collections::BTreeSet<&str> = caught
        .iter()
        .filter(|result| result.complaints.is_empty())
        .flat_map(|result| result.saboteur.turns.iter().map(|(part, _)| *part))
        .collect();
    writeln!(
        out,
        "\n{zot}: {} of {} saboteurs caught, nothing else moved in those; {} of {} parts seen to turn; {labs} labs, {:.1} s",
        caught.len() - missed,
        caught.len(),
        turned.len(),
        clean.len(),
        start.elapsed().as_secs_f64()
    )?;
    out.flush()?;
    Ok(if missed == 0 { Exit::Good } else { Exit::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: &str = "a.b/c";
    const SABOTEUR: Saboteur = crate::check::saboteur!("s", &[], &[(PART, Verdict::Fail)], &["a.b/blind"]);

    fn verdicts(parts: &[(&str, Verdict)]) -> Verdicts {
        parts.iter().map(|(part, verdict)| ((*part).to_owned(), (*verdict, String::new()))).collect()
    }

    #[test]
    fn only_exactly_what_was_announced_is_a_catch() {
        use Verdict::{Error, Fail, Pass, Skipped, Warn};
        let clean = verdicts(&[(PART, Pass), ("a.b/blind", Pass), ("a.b/other", Warn)]);
        let after = |part, blind, other| {
            compare(&SABOTEUR, &clean, &verdicts(&[(PART, part), ("a.b/blind", blind), ("a.b/other", other)])).len()
        };
        assert_eq!(after(Fail, Skipped, Warn), 0);
        assert_eq!(after(Fail, Pass, Warn), 1, "blinded, and it judged all the same");
        assert_eq!(after(Fail, Error, Warn), 0);
        assert_eq!(after(Pass, Skipped, Warn), 1, "not noticed");
        assert_eq!(after(Error, Skipped, Warn), 1, "an error is no catch");
        assert_eq!(after(Fail, Fail, Warn), 1, "blinded is not turned");
        assert_eq!(after(Fail, Skipped, Pass), 1, "something else moved");
    }
}
