//! What this machine has of what labs are made of: which zot, which engine, what is missing, and how to get it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};

use crate::error::{Trouble, written};
use crate::report::printable;
use crate::run::exit::Exit;
use crate::target::containers::{self, Engine, Seat};
use crate::target::zot::Zot;

/// One thing that was looked at.
struct Found {
    name: &'static str,
    /// What is there, or why it is not.
    told: Result<String, String>,
    /// What to do where it is missing.
    cure: Option<String>,
}

impl Found {
    fn good(name: &'static str, told: impl Into<String>) -> Self {
        Self { name, told: Ok(told.into()), cure: None }
    }

    fn missing(name: &'static str, why: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { name, told: Err(why.into()), cure: Some(cure.into()) }
    }
}

/// Looks at everything that a lab may need and writes what it found.
///
/// # Errors
/// Trouble with `out`.
pub async fn run(program: &Path, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let (zot, labs) = zot().await;
    let mut all = vec![zot];
    all.extend(engine(program).await);
    all.push(caddy());
    written(tell(out, &all, labs))?;
    Ok(if labs { Exit::Good } else { Exit::Unknown })
}

/// What `--zot auto` takes, and whether that is anything.
async fn zot() -> (Found, bool) {
    let named = std::env::var("ZOT_VERIFY_ZOT").ok().filter(|named| !named.is_empty());
    let from = if named.is_some() { "ZOT_VERIFY_ZOT" } else { "auto" };
    match Zot::choose("auto", named.as_deref(), std::env::var_os("PATH").as_deref()) {
        Ok(zot) => match zot.present().await {
            Ok(()) => (Found::good("zot", format!("{} ({from})", zot.name())), true),
            Err(trouble) => (Found::missing("zot", trouble.what(), trouble.remedy()), false),
        },
        Err(trouble) => (Found::missing("zot", trouble.what(), trouble.remedy()), false),
    }
}

async fn engine(program: &Path) -> Vec<Found> {
    let engine = match Engine::connect().await {
        Ok(engine) => engine,
        Err(trouble) => {
            let other = other_sockets();
            let cure = other.first().map_or_else(
                || "apt-get install docker.io and start dockerd, or podman and `podman system service -t 0`".to_owned(),
                |socket| format!("export DOCKER_HOST=unix://{}", socket.display()),
            );
            return vec![Found::missing("engine", format!("{}: {}", trouble.what(), trouble.why()), cure)];
        }
    };
    let seat = match &engine.seat {
        Seat::Host => "labs are reached on 127.0.0.1".to_owned(),
        Seat::Container(id) => {
            format!("this is its container {}, which joins the network of a lab", &id[..12.min(id.len())])
        }
    };
    let image = match containers::present(&engine, containers::PUBLISHED).await {
        Ok(_) => Found::good("zot image", containers::PUBLISHED),
        Err(trouble) => Found::missing("zot image", trouble.what(), trouble.remedy()),
    };
    let alone = match containers::alone(program, &engine.architecture) {
        Ok(()) => Found::good("static build", format!("this program runs in containers for {}", engine.architecture)),
        Err(trouble) => Found::missing("static build", trouble.why(), trouble.remedy()),
    };
    vec![Found::good("engine", format!("{} at {}; {seat}", engine.version, engine.host)), image, alone]
}

/// Sockets of engines that were not asked for and may be there all the same.
fn other_sockets() -> Vec<PathBuf> {
    let of_user = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let known = [
        Some(PathBuf::from("/var/run/docker.sock")),
        of_user.as_ref().map(|directory| directory.join("docker.sock")),
        home.map(|home| home.join(".docker/run/docker.sock")),
        of_user.map(|directory| directory.join("podman/podman.sock")),
        Some(PathBuf::from("/run/podman/podman.sock")),
    ];
    let listens = |socket: &PathBuf| std::os::unix::net::UnixStream::connect(socket).is_ok();
    known.into_iter().flatten().filter(listens).collect()
}

fn caddy() -> Found {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).map(|at| at.join("caddy")).find(|found| found.is_file()) {
        Some(caddy) => Found::good("caddy", caddy.display().to_string()),
        None => Found::missing("caddy", "there is none on the PATH; only --caddy needs it", "apt-get install caddy"),
    }
}

fn tell(out: &mut dyn Write, all: &[Found], labs: bool) -> io::Result<()> {
    let good = Style::new().fg_color(Some(AnsiColor::Green.into()));
    let bad = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
    for found in all {
        let (style, word, told) = match &found.told {
            Ok(told) => (good, "there", told),
            Err(why) => (bad, "missing", why),
        };
        for (index, line) in printable(told).lines().enumerate() {
            let (name, word) = if index == 0 { (found.name, word) } else { ("", "") };
            writeln!(out, "{name:<14} {style}{word:<8}{style:#} {line}")?;
        }
        for (index, line) in found.cure.iter().flat_map(|cure| cure.lines()).enumerate() {
            writeln!(out, "{:<14} {:<8} {}{line}", "", "", if index == 0 { "do  " } else { "    " })?;
        }
    }
    let last = if labs { "`zot-verify local` can check a zot here" } else { "`zot-verify local` finds no zot here" };
    writeln!(out, "\n{last}")
}
