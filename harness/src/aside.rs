//! What is said beside a report, on standard error: the log, a defect, the trouble that ended the program. None of it
//! passes a reporter, so all of it passes the redactor here.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::LazyLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use zot_verify_model::Secret;

use crate::error::Trouble;
use crate::report::printable;
use crate::wire::Redactor;

/// The variable that says what is logged.
const LOG: &str = "ZOT_VERIFY_LOG";

/// Where the names of our own modules begin. Others may log whatever they send and receive, and whom they talk to.
const OURS: &str = "zot_verify";

/// What is known of the secrets of this process. It is one for all: a panic does not say in whose run it happened.
static KNOWN: LazyLock<Redactor> = LazyLock::new(Redactor::new);

/// From now on these are shown nowhere.
pub fn keep(secrets: &[Secret]) {
    secrets.iter().for_each(|secret| KNOWN.learn(secret));
}

/// From now on a panic is told without what is secret in it.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|info| say(&defect(info))));
}

/// Panics with what `ZOT_VERIFY_DEFECT` says, so that a test can see what becomes of it. No release does.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "that is what it is for")]
pub fn provoke() {
    if let Ok(said) = std::env::var("ZOT_VERIFY_DEFECT") {
        std::panic::panic_any(said);
    }
}

/// Begins the log that `ZOT_VERIFY_LOG` asks for; without it there is none but of errors.
pub fn log() {
    let filter = EnvFilter::try_from_env(LOG).unwrap_or_default();
    let ours = tracing_subscriber::filter::filter_fn(|event| event.target().starts_with(OURS));
    let lines = tracing_subscriber::fmt::layer().with_writer(Lines).with_filter(ours);
    tracing_subscriber::registry().with(filter).with(lines).init();
}

/// Tells what ended the program.
pub fn trouble(trouble: &Trouble) {
    say(&format!("zot-verify: {trouble}\n"));
}

/// What a panic comes to when it was caught.
#[must_use]
pub fn panicked() -> Trouble {
    Trouble::unknown("zot-verify has a defect", "what is known of it stands above")
        .cure("report it with that; a live run may have left something: `zot-verify clean --all` tells")
}

/// What a panic says, and where it happened; with `RUST_BACKTRACE`, how it came to that.
fn defect(info: &PanicHookInfo<'_>) -> String {
    let said = info.payload_as_str().unwrap_or("it does not say why");
    let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
    let trace = Backtrace::capture();
    let trace = if trace.status() == BacktraceStatus::Captured { format!("\n{trace}") } else { String::new() };
    format!("zot-verify: a defect: {said}{place}{trace}\n")
}

fn say(text: &str) {
    let shown = printable(&KNOWN.redact_url(text));
    // `eprint!` would panic where nobody reads any more.
    let _ = io::stderr().lock().write_all(shown.as_bytes());
}

/// Writes each event of the log in one piece, redacted.
struct Lines;

/// An event, as far as it is written.
struct Line(Vec<u8>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Vec::new())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        say(&String::from_utf8_lossy(&self.0));
    }
}
