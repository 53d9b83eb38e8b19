//! What a run and its reaper say to each other: one JSON object a line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the run asks of its reaper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// Start a program in the directory, and log what it says to `NAME.log`.
    Start {
        /// What it is called in this conversation.
        name: String,
        /// The program.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
    },
    /// In the end remove the containers and networks of this lab.
    Contain {
        /// The lab's name, as its labels have it.
        lab: String,
    },
    /// The run ends in order: nothing that it asked for is still being made.
    Leave,
}

/// What the reaper tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Word {
    /// The directory is there, and the reaper owns it.
    Ready,
    /// A program was started.
    Started {
        /// Its name.
        name: String,
        /// Its process, and its process group.
        pid: u32,
    },
    /// A program ended by itself, or could not be started.
    Exited {
        /// Its name.
        name: String,
        /// How, in words that follow the name.
        how: String,
    },
}

/// A line for the pipe.
pub(super) fn line(what: &impl Serialize) -> std::io::Result<String> {
    Ok(serde_json::to_string(what)? + "\n")
}
