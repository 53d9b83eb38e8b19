//! The files that reports go to.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use crate::error::Trouble;

/// The report files of a run. They are made before it, so that a wrong path costs no time; those that no report came
/// into are taken away again, so that nobody takes an old or an empty one for this run's.
#[derive(Debug, Default)]
pub struct Files(Vec<PathBuf>);

impl Files {
    /// Makes the file at `path`, or empties it.
    ///
    /// # Errors
    /// Usage trouble for a path that cannot be written, or that another report goes to.
    pub fn create(&mut self, path: &Path) -> Result<BufWriter<File>, Trouble> {
        let wrong = |why: String| Trouble::usage(format!("{} could not be written", path.display()), why);
        if self.0.iter().any(|taken| taken == path) {
            return Err(wrong("two reports were to go there".into()).cure("give each a file of its own"));
        }
        let file = File::create(path).map_err(|error| {
            wrong(error.to_string()).cure("give a path in a directory that exists and may be written")
        })?;
        self.0.push(path.to_owned());
        Ok(BufWriter::new(file))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            // A pipe or a device is no file of ours, and stays.
            if path.metadata().is_ok_and(|found| found.is_file() && found.len() == 0) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}
