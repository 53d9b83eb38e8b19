//! What the catalogue and a plan look like to people.

use std::io::{self, Write};

use anstyle::Style;

use super::plural;
use crate::catalogue;
use crate::check::{Check, Level, Part};
use crate::run::permissions::Permissions;
use crate::run::plan::Plan;
use crate::settings::Settings;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Every check, a line each.
///
/// # Errors
/// What keeps `out` from being written.
pub fn list(out: &mut dyn Write) -> io::Result<()> {
    for check in catalogue::CHECKS {
        let parts = plural(check.parts.len(), "part");
        writeln!(out, "{BOLD}{:<28}{BOLD:#} {:<6} {parts:>8}  {}", check.id, place(check), check.title)?;
    }
    Ok(())
}

/// Where a check has parts that run, and with what leave.
fn place(check: &Check) -> &'static str {
    let allowed = |by: Permissions| check.parts.iter().any(|part| by.refuse(part.effect).is_none());
    match () {
        () if allowed(Permissions::READ_ONLY) => "live",
        () if allowed(Permissions::live(true, false)) => "writes",
        () if allowed(Permissions::live(false, true)) => "mirror",
        () => "lab",
    }
}

/// One check with all that belongs to it.
///
/// # Errors
/// What keeps `out` from being written.
pub fn explain(out: &mut dyn Write, check: &Check) -> io::Result<()> {
    writeln!(out, "{BOLD}{}{BOLD:#}  {}\n", check.id, check.title)?;
    writeln!(out, "{}\n", check.requirement)?;
    for part in check.parts {
        writeln!(out, "{BOLD}{}{BOLD:#}  {}", check.part_id(part), part.claim)?;
        writeln!(out, "  {}, {}{}", level(part.level), part.effect.word(), asks(part))?;
        let id = check.part_id(part);
        for saboteur in catalogue::saboteurs() {
            if let Some((_, verdict)) = saboteur.turns.iter().find(|(turned, _)| *turned == id) {
                writeln!(out, "  {DIM}{:<36} -> {}{DIM:#}", saboteur.name, verdict.word())?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// What a run would do.
///
/// # Errors
/// What keeps `out` from being written.
pub fn plan(out: &mut dyn Write, plan: &Plan, settings: &Settings) -> io::Result<()> {
    for origin in &settings.origins {
        let name = if origin.name == "words" { "url" } else { origin.name };
        writeln!(out, "{name:<12} {:<44} {DIM}{}{DIM:#}", origin.value, origin.from)?;
    }
    writeln!(out)?;
    for planned in &plan.checks {
        writeln!(out, "{BOLD}{}{BOLD:#}  {}", planned.check.id, planned.check.title)?;
        for part in &planned.parts {
            let does = part.skip.map_or_else(|| doing(part.part), |skip| format!("skipped: {skip}"));
            let waived =
                part.waiver.as_ref().map_or_else(String::new, |waiver| format!("; a breach is waived {waiver}"));
            writeln!(out, "  {:<20} {:<11} {does}{waived}", part.part.name, level(part.level))?;
        }
    }
    let run = plan.checks.iter().flat_map(|check| &check.parts).filter(|part| part.skip.is_none()).count();
    let skipped = plan.checks.iter().map(|check| check.parts.len()).sum::<usize>() - run;
    writeln!(
        out,
        "\n{}, {}, {skipped} skipped; nothing was sent",
        plural(plan.checks.len(), "check"),
        plural(run, "part")
    )
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Requirement => "requirement",
        Level::Hardening => "hardening",
    }
}

fn doing(part: &Part) -> String {
    if part.asks.is_empty() { "sends nothing".into() } else { part.asks.join(", ") }
}

fn asks(part: &Part) -> String {
    if part.asks.is_empty() { ", sends nothing".into() } else { format!(", sends {}", part.asks.join(", ")) }
}
