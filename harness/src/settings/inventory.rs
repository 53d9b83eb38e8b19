//! `[inventory]`: where manifests are, and what their pins must be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Chooser;
use super::args::LiveArgs;
use crate::error::Trouble;
use crate::manifests::{Inventory, Manifests, PLACEHOLDERS, Placeholders, Platform};

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Written {
    manifests: Option<Vec<PathBuf>>,
    hosts: Option<Vec<String>>,
    platforms: Option<BTreeMap<PathBuf, OneOrMore>>,
    placeholders: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Written {
    /// What is written in the file at `path`; the paths in it begin where it lies.
    pub(super) fn read(self, path: &Path) -> Result<Inventory, Trouble> {
        let at = |name: PathBuf| below(path.parent().unwrap_or(Path::new("")), &name);
        let what = |key: &str| format!("inventory.{key} in {}", path.display());
        let platforms = self.platforms.unwrap_or_default().into_iter().map(|(name, written)| {
            let written = match written {
                OneOrMore::One(one) => vec![one],
                OneOrMore::More(more) => more,
            };
            platforms(&what("platforms"), &written).map(|platforms| (at(name), platforms))
        });
        let hosts = self.hosts.unwrap_or_default();
        if let Some(host) = hosts.iter().find(|host| host.is_empty() || host.contains(['/', '@', '*', ' '])) {
            return Err(Trouble::usage(
                format!("{} names `{host}`, which is no host", what("hosts")),
                "manifests call a registry HOST or HOST:PORT",
            )
            .cure("give for instance registry.internal:5000"));
        }
        let globs = self.placeholders.unwrap_or_else(|| PLACEHOLDERS.map(str::to_owned).to_vec());
        if globs.is_empty() {
            let why = "a claim that no pin is a placeholder would always hold";
            return Err(Trouble::usage(format!("{} is empty", what("placeholders")), why)
                .cure("name some, or leave the key out for the built-in ones"));
        }
        let placeholders = Placeholders::new(&globs).map_err(|error| {
            Trouble::usage(format!("{} holds what is no glob", what("placeholders")), error.to_string())
                .cure("give tags, with * for any text")
        })?;
        Ok(Inventory {
            manifests: Manifests::Directories(self.manifests.unwrap_or_default().into_iter().map(at).collect()),
            hosts,
            platforms: platforms.collect::<Result<_, _>>()?,
            placeholders,
        })
    }
}

fn platforms(what: &str, written: &[String]) -> Result<Vec<Platform>, Trouble> {
    let read = |text: &String| {
        Platform::parse(text).ok_or_else(|| {
            Trouble::usage(
                format!("{what} names `{text}`, which is no platform"),
                "a node is an OS and an architecture",
            )
            .cure("give for instance linux/arm64")
        })
    };
    written.iter().map(read).collect()
}

/// A path that begins in `directory`; below the working directory as people there would type it.
fn below(directory: &Path, name: &Path) -> PathBuf {
    let path = directory.join(name);
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(&here) {
        Ok(inside) if inside.as_os_str().is_empty() => PathBuf::from("."),
        Ok(inside) => inside.to_owned(),
        Err(_) => path,
    }
}

/// What is looked through in a live run: the directories that were typed, else those of the intent.
pub(super) fn chosen(intended: Inventory, args: &LiveArgs, chooser: &mut Chooser<'_>) -> Result<Inventory, Trouble> {
    // A job hands on what is missing as an empty string.
    let typed: Vec<PathBuf> = args.manifests.iter().filter(|path| !path.as_os_str().is_empty()).cloned().collect();
    let some = |paths: Vec<PathBuf>| Some(paths).filter(|paths| !paths.is_empty());
    let Manifests::Directories(of_intent) = intended.manifests else { return Ok(intended) };
    let shown = |paths: &Vec<PathBuf>| Manifests::Directories(paths.clone()).to_string();
    let directories = chooser.choose("manifests", some(typed), some(of_intent), None, shown).unwrap_or_default();
    if let Some(missing) = directories.iter().find(|path| !path.is_dir()) {
        return Err(Trouble::usage(
            format!("there is no directory {}", missing.display()),
            "its manifests were to be looked through; a directory that is not there would pin nothing, and pass",
        )
        .cure("mend --manifests, or `manifests` under [inventory] in zot-verify.toml"));
    }
    let missing = intended.platforms.iter().find(|(path, _)| !directories.is_empty() && !path.exists());
    if let Some((missing, _)) = missing {
        return Err(Trouble::usage(
            format!("inventory.platforms names {}, which is not there", missing.display()),
            "what nobody finds there would be asked for no platform",
        )
        .cure("mend the path; it begins where the intent file lies"));
    }
    Ok(Inventory { manifests: Manifests::Directories(directories), ..intended })
}
