//! The program: does it run here, does it take the configuration, and has it what that switches on?

use std::io;
use std::path::Path;

use serde_json::Value;
use zot_verify_model::ZotConfig;

use super::copy::Copy;
use super::line::{Finding, Red};
use crate::checks::version::Release;
use crate::target::zot::{ask, unknown_keys};

/// What a zot says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binary {
    /// `commit`, which begins with the release.
    pub(super) commit: String,
    /// The release, where the commit names one.
    pub(super) release: Option<Release>,
    /// `binary-type`: the extensions that it was built with; `None` where it says nothing that we can read.
    pub(super) extensions: Option<Vec<String>>,
}

impl Binary {
    /// Asks `zot --version`.
    ///
    /// # Errors
    /// What is wrong with the program, or that we could not tell.
    pub(super) async fn ask(program: &Path) -> Result<Self, Finding> {
        let expected = "`--version` is answered as a zot answers it";
        let (status, said) = ask(program, &["--version".as_ref()]).await.map_err(|error| no_start(program, &error))?;
        Self::read(&said).ok_or_else(|| {
            let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
            let observed = format!("it said `{}` and ended with {status}", first.chars().take(80).collect::<String>());
            Red::fail(expected, observed)
                .because("this is no zot, or not all of one", "give the path of the zot that will be started")
                .into()
        })
    }

    /// zot says it as a line of its log (observed on v2.1.8 to v2.1.20).
    fn read(said: &str) -> Option<Self> {
        let entry: Value = said.lines().filter_map(|line| serde_json::from_str(line).ok()).find(says_commit)?;
        let commit = entry["commit"].as_str()?.to_owned();
        let built = entry["binary-type"].as_str().unwrap_or_default();
        let extensions = match built {
            "minimal" => Some(Vec::new()),
            list => list.strip_prefix('-').map(|list| list.split('-').map(str::to_owned).collect()),
        };
        Some(Self { release: Release::parse(&commit), commit, extensions })
    }

    /// What was seen.
    #[must_use]
    pub(super) fn said(&self) -> String {
        let machine = format!("it runs on this {} {}", std::env::consts::OS, std::env::consts::ARCH);
        match self.release {
            Some(release) => format!("{release}, commit {}; {machine}", self.commit),
            None => format!("no release, commit {}; {machine}", self.commit),
        }
    }

    /// How other lines name it.
    #[must_use]
    pub(super) fn name(&self) -> String {
        self.release.map_or_else(|| format!("this zot ({})", self.commit), |release| format!("zot {release}"))
    }

    /// Whether the configuration switches on what this zot was built without. It starts all the same, and says so in a
    /// line of its log (observed on v2.1.20 without search, metrics, scrub, sync, lint, trust and ui).
    #[must_use]
    pub(super) fn lacks(&self, config: &ZotConfig) -> Finding {
        let Some(built) = &self.extensions else {
            return Finding::Skipped("this zot does not say what it was built with".into());
        };
        let wanted: Vec<_> = EXTENSIONS.iter().filter(|extension| is_on(config, extension.key)).collect();
        let reds =
            wanted.iter().filter(|extension| !built.iter().any(|name| name == extension.built_as)).map(|lacking| {
                let expected = format!("extensions.{} is configured, and zot was built with it", lacking.key);
                let observed = "it was built without; it starts, says so in its log, and leaves it out";
                let red =
                    if lacking.serves_programs { Red::fail(expected, observed) } else { Red::warn(expected, observed) };
                red.because(lacking.without, "build zot with it (`make binary` has all of them), or take it out")
            });
        let reds: Vec<Red> = reds.collect();
        Finding::of(reds, format!("built with what is configured: {}", names(&wanted)))
    }
}

/// An extension of zot that a build may leave out.
struct Extension {
    /// Its key below `extensions`.
    key: &'static str,
    /// Its name in `binary-type`.
    built_as: &'static str,
    /// Whether programs depend on it, and not people alone.
    serves_programs: bool,
    /// What is missing without it.
    without: &'static str,
}

const EXTENSIONS: &[Extension] = &[
    Extension {
        key: "sync",
        built_as: "sync",
        serves_programs: true,
        without: "nothing is mirrored: an image that is not there already is 404, and clients go to the upstream",
    },
    Extension {
        key: "metrics",
        built_as: "metrics",
        serves_programs: true,
        without: "the metrics endpoint does not serve this registry's metrics",
    },
    Extension {
        key: "search",
        built_as: "search",
        serves_programs: false,
        without: "no search, and no /v2/_zot/ext/mgmt, which names the release",
    },
    Extension { key: "ui", built_as: "ui", serves_programs: false, without: "no page where people look and make keys" },
    Extension { key: "scrub", built_as: "scrub", serves_programs: false, without: "nothing looks for damaged images" },
    Extension {
        key: "lint",
        built_as: "lint",
        serves_programs: true,
        without: "images are taken without the annotations",
    },
    Extension { key: "trust", built_as: "imagetrust", serves_programs: false, without: "signatures are not looked at" },
];

/// zot takes an extension that is configured and not switched off for switched on.
fn is_on(config: &ZotConfig, key: &str) -> bool {
    let found = config.get(&["extensions", key]);
    found.is_some() && config.get(&["extensions", key, "enable"]) != Some(&Value::Bool(false))
}

fn names(extensions: &[&Extension]) -> String {
    match extensions {
        [] => "nothing".into(),
        some => some.iter().map(|extension| extension.key).collect::<Vec<_>>().join(", "),
    }
}

fn says_commit(entry: &Value) -> bool {
    entry["commit"].is_string()
}

/// Why a program could not be started.
fn no_start(program: &Path, error: &io::Error) -> Finding {
    let here = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    match error.kind() {
        io::ErrorKind::TimedOut => Red::fail("`--version` is answered", "no answer in time")
            .because("it is no zot, or hangs", "start it by hand")
            .into(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
            Red::fail(format!("a program for {here}"), error.to_string())
                .because(
                    "it, or the interpreter or loader that it needs, is not there or may not be run",
                    "build it for this machine",
                )
                .into()
        }
        _ => Red::fail(format!("a program for {here}"), format!("{error}; it is {}", kind(program)))
            .because("it was built for another machine, or is no program", "take the build for this machine")
            .into(),
    }
}

/// What kind of program a file is, as far as its first bytes tell: enough to say that it is another machine's.
fn kind(program: &Path) -> String {
    let mut bytes = [0; 64];
    let read = std::fs::File::open(program).and_then(|mut file| io::Read::read(&mut file, &mut bytes));
    let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    match (read, &bytes[..4]) {
        (Err(error), _) => format!("unreadable ({error})"),
        (Ok(20..), b"\x7fELF") => {
            let machine = match half(18) {
                object::elf::EM_X86_64 => "x86_64".to_owned(),
                object::elf::EM_AARCH64 => "aarch64".to_owned(),
                other => format!("machine {other}"),
            };
            format!("an ELF program (Linux or a BSD) for {machine}")
        }
        (Ok(20..), b"\xcf\xfa\xed\xfe") => {
            let machine = match bytes[4] {
                0x07 => "x86_64",
                0x0c => "aarch64",
                _ => "another machine",
            };
            format!("a Mach-O program (macOS) for {machine}")
        }
        _ => "no program that is known here".into(),
    }
}

/// Whether `zot verify` takes the configuration.
pub(super) async fn takes(program: &Path, name: &str, copy: &Copy, given: &ZotConfig) -> Finding {
    let path = copy.path();
    let (status, said) = match ask(program, &["verify".as_ref(), path.as_ref()]).await {
        Ok(answer) => answer,
        Err(error) => {
            let why = format!("`{} verify` could not be run: {error}", program.display());
            return Finding::Unknown { why, cure: "run it by hand".into() };
        }
    };
    if status.success() {
        return Finding::Good("`zot verify` accepts it, the files that it names taken for good".into());
    }
    let expected = "`zot verify` accepts it";
    if let Some(keys) = unknown_keys(given, &plain(&said).join("\n")) {
        let keys = keys.lines().collect::<Vec<_>>().join(", ");
        let cause = format!("{name} does not start with a key that it does not know");
        return Red::fail(expected, format!("it does not know these keys: {keys}"))
            .because(cause, "take the key out, or spell it as zot does; where it is newer, deploy it together with a zot that knows it")
            .into();
    }
    let cause = "zot does not start with a configuration that it refuses";
    Red::fail(expected, copy.unnamed(&words(&said))).because(cause, "mend what it names").into()
}

/// What zot says, without its log: that repeats it as JSON.
fn plain(said: &str) -> Vec<&str> {
    said.lines().filter(|line| !line.starts_with('{')).collect()
}

/// What zot says for people: the last error that it would print on a terminal, or the first line of a panic.
fn words(said: &str) -> String {
    let plain = plain(said);
    let from = plain.iter().position(|line| line.starts_with("Error:") || line.starts_with("panic:"));
    let told: Vec<&str> = plain[from.unwrap_or(plain.len())..]
        .iter()
        .take_while(|line| !line.starts_with("goroutine"))
        .copied()
        .collect();
    let told = told.join(" ").trim().trim_start_matches("Error: ").to_owned();
    if told.is_empty() { "it refuses, and does not say why".into() } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zot_names_itself_in_its_log() {
        // As v2.1.20 said it, and a build without extensions (recorded).
        let full =
            r#"{"level":"info","message":"version","commit":"v2.1.20-0-g3b5796d8","binary-type":"-metrics-sync"}"#;
        let binary = Binary::read(&format!("warming up\n{full}\n")).unwrap();
        assert_eq!(binary.release, Some(Release(2, 1, 20)));
        assert_eq!(binary.extensions, Some(vec!["metrics".into(), "sync".into()]));
        let minimal = Binary::read(r#"{"commit":"abc","binary-type":"minimal"}"#).unwrap();
        assert_eq!((minimal.release, minimal.extensions), (None, Some(Vec::new())));
        assert_eq!(Binary::read("zot 2.1.20\n"), None);
    }

    #[test]
    fn what_was_built_is_compared_with_what_is_on() {
        let config =
            ZotConfig::parse(r#"{"extensions":{"sync":{},"ui":{"enable":true},"metrics":{"enable":false}}}"#).unwrap();
        let binary = |built: &[&str]| Binary {
            commit: String::new(),
            release: None,
            extensions: Some(built.iter().map(|name| (*name).to_owned()).collect()),
        };
        use crate::run::outcome::Verdict::{Fail, Pass, Warn};
        assert_eq!(binary(&["sync", "ui"]).lacks(&config).verdict(), Pass);
        assert_eq!(binary(&["sync"]).lacks(&config).verdict(), Warn);
        assert_eq!(binary(&["ui"]).lacks(&config).verdict(), Fail);
    }

    #[test]
    fn a_refusal_is_told_in_zots_words() {
        let said = "{\"level\":\"error\"}\nError: invalid server config: invalid port 99999\n";
        assert_eq!(words(said), "invalid server config: invalid port 99999");
        assert_eq!(words("panic: open /x: no such file\n\ngoroutine 1 [running]:\n"), "panic: open /x: no such file");
        assert_eq!(words("{}\n"), "it refuses, and does not say why");
    }
}
