//! A server that fights back, and the program that meets it. Each row of the tables is a server that does one thing that
//! no server should; the program, as a process of its own with bounded memory, must end by itself, say what is true, show
//! no byte that a terminal would obey, and send nothing to another host.
//!
//! `ZOT_VERIFY_BLESS=1` writes docs/reference/hostile-servers.md; it takes a run of all rows.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod child;
mod ground;
mod manners;
mod page;
mod row;
mod rows;
mod texts;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use self::ground::Ground;
use self::row::Row;

/// How many rows are met at a time: most of the time they wait.
const SIDE_BY_SIDE: usize = 8;

fn main() -> ExitCode {
    if let Some(ended) = child::measured() {
        return ended;
    }
    zot_verify_fixtures::crypto::install();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let ground = Arc::new(Ground::new());
    let rows: Vec<&'static Row> = manners::rows().chain(rows::ROWS).chain(texts::ROWS).collect();
    let mut trials: Vec<Trial> = rows
        .iter()
        .map(|&row| {
            let ground = Arc::clone(&ground);
            Trial::test(row.id(), move || ground.meet(row))
        })
        .collect();
    let bless = std::env::var_os("ZOT_VERIFY_BLESS").is_some();
    if !bless {
        let rows = rows.clone();
        trials.push(Trial::test("the-page-is-fresh", move || page::is_fresh(&rows)));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let measured = ground.measured();
    print!("{}", page::table(&rows, &measured));
    if bless && !conclusion.has_failed() {
        page::write(&rows, &measured);
    }
    conclusion.exit_code()
}
