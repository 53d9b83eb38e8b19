//! A directory to run the command in, with nothing else around it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// In every place where a password could be typed; nobody may ever read it.
const PASSWORD: &str = "hunter2";

/// Keeps a test that hangs from hanging for ever. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A working directory, a directory for temporary files, and an environment that holds nothing else.
pub(crate) struct House(TempDir);

/// What a run said.
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(house.work()).unwrap();
        std::fs::create_dir(house.temporary()).unwrap();
        house
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.0.path().join("work")
    }

    fn temporary(&self) -> PathBuf {
        self.0.path().join("tmp")
    }

    /// Whether no temporary file is left.
    pub(crate) fn nothing_temporary(&self) -> bool {
        self.temporary().read_dir().unwrap().next().is_none()
    }

    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.work().join(name), text).unwrap();
    }

    /// A program that is taken for a zot. `zot verify` likes every configuration; `zot serve` does as `script` says.
    pub(crate) fn zot(&self, name: &str, script: &str) {
        self.program(name, &format!("[ \"$1\" = verify ] && exit 0\n{script}"));
    }

    pub(crate) fn program(&self, name: &str, script: &str) {
        self.file(name, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(self.work().join(name), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// `line` as a shell would read it: `NAME=VALUE` in front is environment, `''` is an empty word.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zot-verify"));
        command.current_dir(self.work()).env_clear().env("TMPDIR", self.temporary()).stdin(Stdio::null());
        // The tester's own engine is no part of the house.
        command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
        let mut words = line.split_whitespace().map(|word| if word == "''" { "" } else { word }).peekable();
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            command.env(name, value);
            words.next();
        }
        command.args(words);
        command
    }

    pub(crate) fn run(&self, line: &str) -> Told {
        let output = assert_cmd::Command::from_std(self.command(line)).timeout(PATIENCE).output().unwrap();
        self.told(&output)
    }

    /// What was said, without what differs from run to run.
    pub(crate) fn told(&self, output: &std::process::Output) -> Told {
        let root = self.0.path().display().to_string();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&root, "~");
        let told = Told { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
        for text in [&told.out, &told.err] {
            assert!(!text.contains(PASSWORD) && !text.contains("panicked"), "{text}");
        }
        told
    }

    /// Runs lines that are all refused with `code`, and returns what a person then reads.
    pub(crate) fn refused(&self, code: i32, lines: &[&str]) -> String {
        let transcript = lines.iter().map(|line| {
            let before = self.contents();
            let told = self.run(line);
            let begins_one = |line: &&str| line.starts_with("zot-verify: ") || line.starts_with("error: ");
            assert_eq!(told.err.lines().filter(begins_one).count(), 1, "one message\n$ {line}\n{}", told.err);
            assert_eq!((told.code, told.out.as_str()), (Some(code), ""), "$ {line}\n{}", told.err);
            assert_eq!(self.contents(), before, "left behind by {line}");
            format!("$ {}\n{}\n", line.replace(PASSWORD, "PASSWORD"), told.err)
        });
        transcript.collect()
    }

    /// Everything that lies about, with its size.
    fn contents(&self) -> BTreeMap<PathBuf, u64> {
        fn walk(at: &Path, found: &mut BTreeMap<PathBuf, u64>) {
            for entry in at.read_dir().unwrap() {
                let (path, data) = entry.map(|entry| (entry.path(), entry.metadata())).unwrap();
                if path.is_dir() {
                    walk(&path, found);
                }
                found.insert(path, data.unwrap().len());
            }
        }
        let mut found = BTreeMap::new();
        walk(self.0.path(), &mut found);
        found
    }
}

/// Compares with the snapshot, ports and times left out.
macro_rules! assert_told {
    ($told:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"127\.0\.0\.1:\d{4,}", "127.0.0.1:PORT");
        settings.add_filter(r"\d+ requests?, \d+\.\d+ s", "REQUESTS, TIME");
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($told));
    }};
}
pub(crate) use assert_told;
