//! What the programs that a run starts are told: a script in the place of each writes down its own arguments and
//! environment, those of the reaper above it, and the modes of the files beside it, and becomes the program.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use libtest_mimic::Failed;

/// Scripts in the place of programs, and what they wrote.
pub(super) struct Overheard {
    directory: tempfile::TempDir,
}

impl Overheard {
    pub(super) fn new() -> Result<Self, Failed> {
        Ok(Self { directory: tempfile::tempdir()? })
    }

    /// A script that becomes `program`.
    pub(super) fn behind(&self, name: &str, program: &Path) -> Result<PathBuf, Failed> {
        let (script, notes) = (self.directory.path().join(name), self.notes());
        std::fs::write(
            &script,
            format!(
                "#!/bin/sh\nPATH=/usr/bin:/bin\n{{\n  echo \"program {name} $*\"\n  tr '\\0' '\\n' </proc/$$/environ\n\
                 if tr '\\0' ' ' </proc/$PPID/cmdline | grep -q __reap; then\n    echo reaper\n    tr '\\0' ' ' \
                 </proc/$PPID/cmdline\n    tr '\\0' '\\n' </proc/$PPID/environ\n    stat -c 'mode %a %n' \"$HOME\"\n  fi\n\
                 }} >>{} 2>&1\nunset PATH\nexec {} \"$@\"\n",
                notes.display(),
                program.display()
            ),
        )?;
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755))?;
        Ok(script)
    }

    fn notes(&self) -> PathBuf {
        self.directory.path().join("notes")
    }

    /// All that was written down; that must be something.
    pub(super) fn all(&self) -> Result<String, Failed> {
        Ok(std::fs::read_to_string(self.notes())?)
    }
}

/// Nobody was told a secret, and the directory of a lab is its owner's alone.
pub(super) fn told_nothing(notes: &str) -> Result<(), Failed> {
    for name in ["ZOT_VERIFY_", "ZOT_CI_", "UNRELATED_TOKEN"] {
        if let Some(line) = notes.lines().find(|line| line.starts_with(name)) {
            return Err(format!("a program is told `{line}`:\n{notes}").into());
        }
    }
    let modes: Vec<&str> = notes.lines().filter(|line| line.starts_with("mode ")).collect();
    match modes.iter().find(|line| !line.starts_with("mode 700 ")) {
        Some(open) => Err(format!("others can look into it: {open}").into()),
        None if modes.is_empty() => Err(format!("no reaper was seen:\n{notes}").into()),
        None => Ok(()),
    }
}
