//! The reference of hostile servers, and what this run measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use libtest_mimic::Failed;

use crate::child::Ended;
use crate::row::{From, Row};

const HEAD: &str = "# Hostile servers

What a run says of a server that does what no server should, as `cargo test -p zot-verify --test hostile` sees it. Each
ends by itself, within its bounds, without a byte for another host, and shows whatever the server wrote with escapes.
*first* is a server that is hostile from its first byte: it is never recognised as a registry, so nothing can be told.
*later* stands in front of a good registry and is hostile where it is asked something further. Verdicts follow
[error or fail](../explanation/error-or-fail.md). `ZOT_VERIFY_BLESS=1` makes this page again.

";

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "docs", "reference", "hostile-servers.md"].iter().collect()
}

/// What does not change from run to run, a line a row.
fn stable(row: &Row) -> String {
    let from = if row.from == From::First { "first" } else { "later" };
    format!("| {from} | {} | {} | {} |", row.case, row.verdict(), row.exit)
}

/// The table with what was measured.
pub(crate) fn table(rows: &[&Row], measured: &BTreeMap<String, Ended>) -> String {
    let mut table =
        String::from("| from | a server that | verdict | exit | time | peak memory |\n|---|---|---|---|---|---|\n");
    for row in rows {
        let Some(Ended { peak, took, .. }) = measured.get(&row.id()) else { continue };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{} {}.{:02} s | {} MiB |", stable(row), took / 1000, took % 1000 / 10, peak >> 10);
    }
    table
}

/// Writes the page.
pub(crate) fn write(rows: &[&Row], measured: &BTreeMap<String, Ended>) {
    let missing = rows.iter().find(|row| !measured.contains_key(&row.id()));
    assert!(missing.is_none(), "not measured: {missing:?}");
    let today = &humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()[..10];
    let measured = table(rows, measured);
    let note = format!(
        "Time and memory are those of a debug build, measured once, on {today}, {} at a time on two cores.\n\n",
        crate::SIDE_BY_SIDE
    );
    std::fs::write(path(), format!("{HEAD}{note}{measured}")).unwrap();
}

/// Whether the page tells of all rows, and of no others.
pub(crate) fn is_fresh(rows: &[&Row]) -> Result<(), Failed> {
    let page = std::fs::read_to_string(path()).unwrap_or_default();
    let told = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let told: Vec<&str> =
        told.map(|line| line.match_indices('|').nth(4).map_or(line, |(end, _)| &line[..=end])).collect();
    let wanted: Vec<String> = rows.iter().map(|row| stable(row)).collect();
    if told == wanted {
        return Ok(());
    }
    Err("docs/reference/hostile-servers.md is stale: ZOT_VERIFY_BLESS=1 cargo test -p zot-verify --test hostile".into())
}
