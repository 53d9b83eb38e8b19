//! The directory that holds the images: zot's to write, with room, and nobody else's at the moment.

use std::fs::TryLockError;
use std::io;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};
use serde_json::Value;
use zot_verify_model::ZotConfig;

use super::files::{self, Owner};
use super::line::{Finding, Red};
use crate::bounds::{ROOM_TO_START, ROOM_TO_WORK};

/// zot's databases, which it holds locked while it runs (observed on v2.1.20).
const DATABASES: [&str; 2] = ["cache.db", "meta.db"];

const NO_DATABASES: &str = "zot cannot make its databases, and ends with code 1";

/// Judges every directory that the configuration names; `running` is whether a zot answers that is to be restarted,
/// where that can be told.
#[must_use]
pub(super) fn judge(config: &ZotConfig, running: Option<bool>) -> Finding {
    if config.get(&["storage", "storageDriver"]).is_some() {
        return Finding::Skipped("storage.storageDriver keeps the images elsewhere".into());
    }
    let sub_paths = config.get(&["storage", "subPaths"]).and_then(Value::as_object);
    let sub_paths = sub_paths.into_iter().flat_map(|map| map.keys());
    let stores = std::iter::once(vec!["storage"]).chain(sub_paths.map(|name| vec!["storage", "subPaths", name]));
    let (mut reds, mut seen) = (Vec::new(), Vec::new());
    for store in stores {
        let at = |key| config.get(&[&store[..], &[key]].concat());
        let path = at("rootDirectory").and_then(Value::as_str).unwrap_or_default();
        if !path.starts_with('/') {
            match store.as_slice() {
                [_] => {
                    return Finding::Skipped("needs a directory by its whole path; see config.root-directory".into());
                }
                _ => reds.push(relative(&store.join("."), path)),
            }
            continue;
        }
        // Without deduplication, or with a database elsewhere, nothing tells whether a zot has the directory.
        let keeps = at("dedupe") != Some(&Value::Bool(false)) && at("cacheDriver").is_none();
        match directory(Path::new(path), running, keeps) {
            Ok(said) => seen.push(format!("{path}: {said}")),
            Err(found) => reds.extend(found),
        }
    }
    Finding::of(reds, seen.join("; "))
}

/// That it depends on where zot is started which directory is meant.
pub(super) fn relative(place: &str, path: &str) -> Red {
    Red::warn(format!("{place}.rootDirectory is absolute"), format!("`{path}`")).because(
        "zot takes it from the directory in which it is started, whatever that is for a service",
        "write the whole path",
    )
}

/// What is wrong with one directory, or what it is.
fn directory(path: &Path, running: Option<bool>, keeps: bool) -> Result<String, Vec<Red>> {
    let name = path.display();
    if !path.exists() {
        return not_there(path, running, keeps);
    }
    let expected = format!("{name} is a directory that this user may write");
    let fail = |observed: String, cure: &str| {
        vec![
            Red::fail(expected.as_str(), observed)
                .because("zot makes its databases there when it starts, and ends with code 1", cure),
        ]
    };
    if !path.is_dir() {
        return Err(fail("it is no directory".into(), "move away what is there, or name another directory"));
    }
    if let Err(error) = access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let cure = "give it to the user that runs zot, and run preflight as that user";
        return Err(fail(io::Error::from(error).to_string(), cure));
    }
    let mut reds: Vec<Red> = Vec::new();
    let mut held = false;
    let mut there = 0;
    for database in DATABASES.map(|database| path.join(database)).into_iter().filter(|database| database.exists()) {
        there += 1;
        if let Err(error) = access(&database, Access::READ_OK | Access::WRITE_OK) {
            let observed = format!("{}: {}", database.display(), io::Error::from(error));
            return Err(fail(observed, "give what is in it to the user that runs zot, and run preflight as that user"));
        }
        match is_held(&database) {
            Ok(now) => held |= now,
            Err(error) => return Err(fail(format!("{}: {error}", database.display()), "look at the file")),
        }
    }
    reds.extend(Owner::of(path).ok().and_then(|owner| owner.ours(&name.to_string())));
    let running = running.filter(|running| keeps || !running);
    reds.extend(in_use(&name.to_string(), held, running, there));
    let free = statvfs(path).map(|at| at.f_bavail.saturating_mul(at.f_frsize));
    reds.extend(free.ok().and_then(|free| room(&name.to_string(), free)));
    match (reds.is_empty(), held) {
        (false, _) => Err(reds),
        (true, true) if running.is_none() => Ok("held by whoever listens where this zot will".into()),
        (true, true) => Ok("held by the zot that is to be restarted".into()),
        (true, false) if there == 0 => Ok("writable; zot starts empty there".into()),
        (true, false) => Ok("writable, and in use by nobody".into()),
    }
}

/// A directory that zot would make.
fn not_there(path: &Path, running: Option<bool>, keeps: bool) -> Result<String, Vec<Red>> {
    let name = path.display().to_string();
    let fail = |observed: String, cause: &str, cure: &str| {
        Err(vec![Red::fail(format!("{name} is there, or can be made"), observed).because(cause, cure)])
    };
    let above = match files::nearest(path) {
        Ok(above) if above.is_dir() => above,
        Ok(above) => {
            let observed = format!("{} is no directory", above.display());
            return fail(observed, NO_DATABASES, "mend the name");
        }
        Err(observed) => {
            let cause = "zot cannot make a directory there, and panics, or goes without what that holds";
            return fail(observed, cause, "mount what holds the images, or mend the link");
        }
    };
    if let Err(error) = access(&above, Access::WRITE_OK | Access::EXEC_OK) {
        let observed =
            format!("it is not there, and cannot be made in {}: {}", above.display(), io::Error::from(error));
        let cure =
            "make it for the user that runs zot, or mend its name; where zot runs on another machine, say --elsewhere";
        return fail(observed, NO_DATABASES, cure);
    }
    in_use(&name, false, running.filter(|running| keeps || !running), 0)
        .map_or_else(|| Ok("it is not there; zot makes it, and starts empty".into()), |red| Err(vec![red]))
}

/// Whether a process holds a database. To ask, its lock is taken as a reader and given back at once; a zot that starts
/// at this moment asks again.
fn is_held(database: &Path) -> io::Result<bool> {
    match files::open(database)?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether the one who holds the databases is the one who is to be restarted.
fn in_use(name: &str, held: bool, running: Option<bool>, databases: usize) -> Option<Red> {
    match (held, running?) {
        (true, false) => Some(
            Red::fail(format!("{name} is in use by nobody, or by the zot that is restarted"), "a zot has it open, and none answers where this one will")
                .because(
                    "a second zot waits for the databases, and ends with code 1: `boltdb file is already in use`",
                    "end the other one; where it is the one that is restarted, and listens elsewhere, name it with --replaces URL",
                ),
        ),
        (false, true) => {
            let what = if databases == 0 { "it is empty, or not there" } else { "nobody has it open" };
            Some(
                Red::warn(format!("{name} is the directory of the zot that runs"), format!("{what}, though a zot runs"))
                    .because("the zot that runs keeps its images elsewhere: after the restart they are not there", "compare with the configuration that it runs with"),
            )
        }
        _ => None,
    }
}

/// Whether there is room.
fn room(name: &str, free: u64) -> Option<Red> {
    let expected = |wanted: u64| format!("{name} has room: {} MiB", wanted >> 20);
    let observed = if free < ROOM_TO_START { "less is free".into() } else { format!("{} MiB are free", free >> 20) };
    match free {
        _ if free < ROOM_TO_START => Some(
            Red::fail(expected(ROOM_TO_START), observed)
                .because("zot cannot make its databases, and ends with code 1: `no space left on device`", "make room"),
        ),
        _ if free < ROOM_TO_WORK => Some(Red::warn(expected(ROOM_TO_WORK), observed).because(
            "pushes and mirrored pulls fail when it is full",
            "make room before that, for instance by garbage collection",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
