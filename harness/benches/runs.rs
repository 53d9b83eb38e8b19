//! Times whole commands, as their users run them: `list`, a run on the stand-in, one on zot, and a read-only live run
//! beside zot.
//!
//! Prints a table for `docs/benchmark.md`. The last two need a zot (`ZOT_VERIFY_ZOT`, else on the PATH) and are left
//! out by name without one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use zot_verify::session::{Session, Surroundings, lab_spec};
use zot_verify::settings::Intent;
use zot_verify::target::builtin;
use zot_verify::target::zot::Zot;

/// Counted runs of each command, after one that is not counted.
const RUNS: usize = 21;

/// The argument by which this program measures the memory of one command instead.
const PEAK: &str = "--peak-of";

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    if std::env::args().nth(1).as_deref() == Some(PEAK) {
        return print_peak();
    }
    zot_verify_fixtures::crypto::install();
    println!("| command | min ms | median ms | max ms | peak MiB |");
    println!("|---|---|---|---|---|");
    time("list", &["list"])?;
    time("local --zot embedded", &["local", "--zot", "embedded"])?;
    let named = std::env::var("ZOT_VERIFY_ZOT").ok();
    match Zot::choose("auto", named.as_deref(), std::env::var_os("PATH").as_deref()) {
        Ok(zot) => {
            // The peak is zot's: it is the larger of both.
            time("local --zot zot", &["local", "--zot", &zot.name()])?;
            beside(&zot)
        }
        Err(trouble) => {
            println!(
                "| local --zot zot, and live beside it | left out: {} | | | |",
                trouble.to_string().lines().next().unwrap_or_default()
            );
            Ok(())
        }
    }
}

/// Times `live` against a zot that runs all the while.
fn beside(zot: &Zot) -> Result<(), Failed> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let around = Surroundings::new(Path::new(env!("CARGO_BIN_EXE_zot-verify")), Vec::new());
        let intent = Intent::default();
        let config = builtin::config(zot.metrics_key(std::path::Path::new(env!("CARGO_BIN_EXE_zot-verify"))).await?);
        let spec = lab_spec(zot.clone(), config, &intent, &around)?;
        let session = Session::lab(&spec, Arc::new(intent), &around).await?;
        let header = session.header();
        let name = format!("live, beside zot {}", header.zot_version.unwrap_or_default());
        time(&name, &["live", &header.url, "--pull-image", "zot-verify/pull:v1"])?;
        session.close().await?;
        Ok(())
    })
}

fn time(name: &str, words: &[&str]) -> Result<(), Failed> {
    let mut times = Vec::with_capacity(RUNS);
    for counted in std::iter::once(false).chain(std::iter::repeat_n(true, RUNS)) {
        let start = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_zot-verify"))
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.code() != Some(0) {
            return Err(format!("{name} ended with {status}").into());
        }
        if counted {
            times.push(start.elapsed());
        }
    }
    times.sort();
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    let peak = Command::new(std::env::current_exe()?).arg(PEAK).args(words).output()?.stdout;
    let peak = String::from_utf8(peak)?;
    println!("| {name} | {} | {} | {} | {peak} |", ms(times[0]), ms(times[RUNS / 2]), ms(times[RUNS - 1]));
    Ok(())
}

/// Runs the command given after [`PEAK`] and prints how much memory it needed, in MiB. A process of its own does so,
/// because the system tells the peak of all children that have ended, and zot is one of the bench's.
fn print_peak() -> Result<(), Failed> {
    let words = std::env::args_os().skip(2);
    let null = Stdio::null;
    Command::new(env!("CARGO_BIN_EXE_zot-verify")).args(words).stdout(null()).stderr(null()).status()?;
    print!("{}", getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss() / 1024);
    Ok(())
}
