//! The proof that checks can say no, and that they do not cry wolf: every saboteur and every harmless variation in a lab
//! of its own, compared with the clean lab.

mod answers;
mod variations;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use futures_util::stream::{self, StreamExt as _};
use globset::Glob;
use zot_verify_fixtures::fault::Fault;

use self::variations::Variation;
use crate::bounds;
use crate::catalogue;
use crate::check::Saboteur;
use crate::error::{self, Trouble};
use crate::run::exit::Exit;
use crate::run::outcome::{CheckOutcome, Verdict};
use crate::run::permissions::Permissions;
use crate::run::plan::Plan;
use crate::session::{Session, Surroundings, lab_spec};
use crate::settings::Intent;
use crate::target::builtin;
use crate::target::lab::LabSpec;
use crate::target::zot::Zot;

/// What every part of a run came to, by `check/part`.
type Verdicts = BTreeMap<String, (Verdict, String)>;

/// A world that is put beside a clean one.
#[derive(Debug, Clone, Copy)]
enum World {
    /// Named parts turn in it, and no others.
    Bad(&'static Saboteur),
    /// Nothing turns in it.
    Good(&'static Variation),
}

/// What became of one world.
#[derive(Debug)]
struct Compared {
    world: World,
    /// What is not as it should be in that world.
    complaints: Vec<String>,
}

impl World {
    fn all() -> impl Iterator<Item = Self> {
        catalogue::saboteurs().map(Self::Bad).chain(variations::ALL.iter().map(Self::Good))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bad(saboteur) => saboteur.name,
            Self::Good(variation) => variation.name,
        }
    }

    fn turns(self) -> &'static [(&'static str, Verdict)] {
        match self {
            Self::Bad(saboteur) => saboteur.turns,
            Self::Good(_) => &[],
        }
    }

    /// The world that it is compared with.
    fn given(self) -> &'static [Fault] {
        match self {
            Self::Bad(saboteur) => saboteur.given,
            Self::Good(_) => &[],
        }
    }

    fn faults(self) -> Vec<Fault> {
        match self {
            Self::Bad(saboteur) => [saboteur.given, saboteur.faults].concat(),
            Self::Good(variation) => variation.faults.to_vec(),
        }
    }

    fn blinds(self, part: &str) -> bool {
        match self {
            Self::Bad(saboteur) => saboteur.blinds(part, catalogue::part(part).map_or(&[], |known| known.needs)),
            Self::Good(_) => false,
        }
    }
}

/// Runs the selected saboteurs and variations, writes what became of each, and answers with an exit code.
///
/// # Errors
/// Trouble with a selection that matches none, or with a clean lab that is not clean.
pub async fn run(zot: Zot, only: &[String], around: &Surroundings, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let start = Instant::now();
    let worlds = selected(only)?;
    let intent = Arc::new(Intent::default());
    let config = builtin::config(zot.metrics_key(&around.program).await?);
    let name = zot.name();
    let lab = lab_spec(zot, config, &intent, around)?;
    let run = Runs { lab, intent, around };

    let clean = run.clean(&worlds).await?;
    let compared = stream::iter(worlds.iter().copied().map(|world| run.beside(world, &clean)))
        .buffered(bounds::LABS)
        .collect::<Vec<_>>()
        .await;
    let labs = clean.len() + compared.len();
    report(out, &name, &compared, &clean[&key(&[])], labs, start)
        .map_err(|error| Trouble::unknown("the result could not be written", error.to_string()))
}

/// Breaks every answer of a clean run in every plain way, one at a time, and writes which parts noticed each.
///
/// # Errors
/// As [`run`].
pub async fn answers(zot: Zot, around: &Surroundings, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let start = Instant::now();
    let intent = Arc::new(Intent::default());
    let config = builtin::config(zot.metrics_key(&around.program).await?);
    let run = Runs { lab: lab_spec(zot, config, &intent, around)?, intent, around };
    let outcomes = run.outcomes(&run.lab).await?;
    let clean = by_part(&outcomes);
    // What warns already cannot move for another reason.
    let parts = outcomes.iter().flat_map(|outcome| &outcome.parts).filter(|part| part.verdict == Verdict::Pass);
    let evidence: Vec<_> = parts.flat_map(|part| part.record.evidence()).collect();
    let mutants = answers::mutants(&evidence);
    let all = mutants.len();
    error::written(writeln!(out, "{all} broken answers"))?;
    let mut found = stream::iter(mutants.into_iter().map(async |mutant| {
        let verdicts = run.verdicts(&run.lab.with(&[Fault::Proxy(mutant.rule())])).await;
        (mutant, verdicts)
    }))
    .buffered(bounds::LABS);
    let (mut unnoticed, mut idle) = (0, 0);
    while let Some((mutant, verdicts)) = found.next().await {
        let moved: Vec<String> = match verdicts {
            Ok(verdicts) => verdicts
                .into_iter()
                .filter(|(part, (verdict, _))| clean.get(part).is_none_or(|(before, _)| before != verdict))
                .map(|(part, (verdict, _))| format!("{part} {}", verdict.word()))
                .collect(),
            Err(trouble) => vec![format!("no lab: {trouble}")],
        };
        let told = match (moved.is_empty(), mutant.is_idle()) {
            (false, _) => moved.join(", "),
            (true, Some(why)) => {
                idle += 1;
                format!("need not be noticed: {why}")
            }
            (true, None) => {
                unnoticed += 1;
                "unnoticed".to_owned()
            }
        };
        error::written(writeln!(out, "{mutant}: {told}").and_then(|()| out.flush()))?;
    }
    let (noticed, seconds) = (all - idle - unnoticed, start.elapsed().as_secs_f64());
    let summary = format!(
        "\n{all} broken answers: {noticed} noticed, {idle} that nobody has to notice, {unnoticed} unnoticed; {seconds:.1} s"
    );
    error::written(writeln!(out, "{summary}"))?;
    Ok(if unnoticed == 0 { Exit::Good } else { Exit::Failed })
}

fn selected(only: &[String]) -> Result<Vec<World>, Trouble> {
    let mut globs = Vec::new();
    for pattern in only {
        let glob = Glob::new(pattern)
            .map_err(|error| Trouble::usage(format!("`{pattern}` is no name and no glob"), error.to_string()))?;
        let glob = glob.compile_matcher();
        if !World::all().any(|world| glob.is_match(world.name())) {
            let known: Vec<&str> = World::all().map(World::name).collect();
            return Err(Trouble::usage(
                format!("`{pattern}` matches no saboteur and no variation"),
                crate::settings::nearest(pattern, &known),
            )
            .cure("`zot-verify explain ID` names those of a check"));
        }
        globs.push(glob);
    }
    let wanted = |world: &World| globs.is_empty() || globs.iter().any(|glob| glob.is_match(world.name()));
    Ok(World::all().filter(wanted).collect())
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
    /// The worlds that others are compared with. In none of them may anything be broken, or what they turn be unseen.
    async fn clean(&self, compared: &[World]) -> Result<BTreeMap<String, Verdicts>, Trouble> {
        let mut worlds = BTreeMap::new();
        let given = compared.iter().map(|world| world.given());
        for faults in std::iter::once(&[][..]).chain(given) {
            if worlds.contains_key(&key(faults)) {
                continue;
            }
            let verdicts = self.verdicts(&self.lab.with(faults)).await?;
            let turned: Vec<&str> = compared
                .iter()
                .filter(|world| key(world.given()) == key(faults))
                .flat_map(|world| world.turns().iter().map(|(part, _)| *part))
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

    async fn beside(&self, world: World, clean: &BTreeMap<String, Verdicts>) -> Compared {
        let complaints = match self.verdicts(&self.lab.with(&world.faults())).await {
            Ok(found) => compare(world, &clean[&key(world.given())], &found),
            Err(trouble) => vec![format!("its lab did not run: {trouble}")],
        };
        Compared { world, complaints }
    }

    async fn verdicts(&self, spec: &LabSpec) -> Result<Verdicts, Trouble> {
        self.outcomes(spec).await.map(|outcomes| by_part(&outcomes))
    }

    async fn outcomes(&self, spec: &LabSpec) -> Result<Vec<CheckOutcome>, Trouble> {
        let plan = Plan::make(&[], &[], Permissions::LAB, &self.intent)?;
        Session::lab(spec, Arc::clone(&self.intent), self.around).await?.complete(&plan, bounds::SELF_TEST_RUN).await
    }
}

fn by_part(outcomes: &[CheckOutcome]) -> Verdicts {
    let parts = outcomes.iter().flat_map(|outcome| outcome.parts.iter().map(move |part| (outcome.check, part)));
    parts.map(|(check, part)| (check.part_id(part.part), (part.verdict, part.reason.clone()))).collect()
}

/// Everything that is not as it should be: turned parts have exactly the named verdict, blinded ones are error or
/// skipped, and nothing else has moved.
fn compare(world: World, clean: &Verdicts, found: &Verdicts) -> Vec<String> {
    let mut complaints = Vec::new();
    for (part, (verdict, reason)) in found {
        let before = clean.get(part).map(|(verdict, _)| *verdict);
        let turned = world.turns().iter().find(|(turned, _)| turned == part).map(|(_, verdict)| *verdict);
        let blind = world.blinds(part);
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
    compared: &[Compared],
    clean: &Verdicts,
    labs: usize,
    start: Instant,
) -> io::Result<Exit> {
    let green = Style::new().bold().fg_color(Some(AnsiColor::Green.into()));
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    for result in compared {
        let (good, bad, turned) = match result.world {
            World::Bad(saboteur) => ("caught", "missed", format!("{} turned", saboteur.turns.len())),
            World::Good(_) => ("steady", "alarm ", "nothing moved".to_owned()),
        };
        if result.complaints.is_empty() {
            writeln!(out, "{green}{good}{green:#}  {:<42} {turned}", result.world.name())?;
        } else {
            writeln!(out, "{red}{bad}{red:#}  {}", result.world.name())?;
            for complaint in &result.complaints {
                writeln!(out, "          {complaint}")?;
            }
        }
    }
    let as_announced = || compared.iter().filter(|result| result.complaints.is_empty());
    let (bad, good): (Vec<World>, Vec<World>) =
        compared.iter().map(|result| result.world).partition(|world| matches!(world, World::Bad(_)));
    let caught = as_announced().filter(|result| matches!(result.world, World::Bad(_))).count();
    let steady = as_announced().count() - caught;
    let turned: BTreeSet<&str> =
        as_announced().flat_map(|result| result.world.turns()).map(|(part, _)| *part).collect();
    let mut told = Vec::new();
    if !bad.is_empty() {
        let parts = format!("{} of {} parts seen to turn", turned.len(), clean.len());
        told.push(format!("{caught} of {} saboteurs caught, nothing else moved in those; {parts}", bad.len()));
    }
    if !good.is_empty() {
        told.push(format!("{steady} of {} harmless variations moved nothing", good.len()));
    }
    let seconds = start.elapsed().as_secs_f64();
    writeln!(out, "\n{zot}: {}; {labs} labs, {seconds:.1} s", told.join("; "))?;
    out.flush()?;
    Ok(if caught + steady == compared.len() { Exit::Good } else { Exit::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: &str = "a.b/c";
    static SABOTEUR: Saboteur = crate::check::saboteur!("s", &[], &[(PART, Verdict::Fail)], &["a.b/blind"]);
    static VARIATION: Variation = Variation { name: "v", faults: &[] };

    fn verdicts(parts: &[(&str, Verdict)]) -> Verdicts {
        parts.iter().map(|(part, verdict)| ((*part).to_owned(), (*verdict, String::new()))).collect()
    }

    #[test]
    fn only_exactly_what_was_announced_is_a_catch() {
        use Verdict::{Error, Fail, Pass, Skipped, Warn};
        let clean = verdicts(&[(PART, Pass), ("a.b/blind", Pass), ("a.b/other", Warn)]);
        let after = |part, blind, other| {
            compare(
                World::Bad(&SABOTEUR),
                &clean,
                &verdicts(&[(PART, part), ("a.b/blind", blind), ("a.b/other", other)]),
            )
            .len()
        };
        assert_eq!(after(Fail, Skipped, Warn), 0);
        assert_eq!(after(Fail, Pass, Warn), 1, "blinded, and it judged all the same");
        assert_eq!(after(Fail, Error, Warn), 0);
        assert_eq!(after(Pass, Skipped, Warn), 1, "not noticed");
        assert_eq!(after(Error, Skipped, Warn), 1, "an error is no catch");
        assert_eq!(after(Fail, Fail, Warn), 1, "blinded is not turned");
        assert_eq!(after(Fail, Skipped, Pass), 1, "something else moved");
    }
    #[test]
    fn nothing_moves_in_a_harmless_world() {
        let clean = verdicts(&[(PART, Verdict::Pass)]);
        let after = |verdict| compare(World::Good(&VARIATION), &clean, &verdicts(&[(PART, verdict)])).len();
        assert_eq!(after(Verdict::Pass), 0);
        for moved in [Verdict::Fail, Verdict::Warn, Verdict::Error, Verdict::Skipped] {
            assert_eq!(after(moved), 1);
        }
    }
}
