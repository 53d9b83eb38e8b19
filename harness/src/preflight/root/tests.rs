use std::fs::File;

use super::*;
use crate::run::outcome::Verdict;

fn told(path: &Path, running: bool) -> (Verdict, String) {
    match directory(path, Some(running), true) {
        Ok(said) => (Verdict::Pass, said),
        Err(reds) => {
            let said = reds.iter().map(|red| red.observed.as_str()).collect::<Vec<_>>().join("; ");
            (Finding::Bad(reds).verdict(), said)
        }
    }
}

#[test]
fn room_is_needed_to_start_and_more_to_work() {
    let fails = |free| room("r", free).map(|red| red.fails);
    assert_eq!(fails(0), Some(true));
    assert_eq!(fails(ROOM_TO_START - 1), Some(true));
    assert_eq!(fails(ROOM_TO_START), Some(false));
    assert_eq!(fails(ROOM_TO_WORK), None);
}

#[test]
fn who_holds_the_databases_matters() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    assert_eq!(told(root, false), (Verdict::Pass, "writable; zot starts empty there".into()));
    let (verdict, said) = told(root, true);
    assert!(verdict == Verdict::Warn && said.contains("empty"), "{said}");

    let database = File::create(root.join("meta.db")).unwrap();
    assert_eq!(told(root, false), (Verdict::Pass, "writable, and in use by nobody".into()));
    assert_eq!(told(root, true).0, Verdict::Warn, "the one that runs uses another directory");

    database.lock().unwrap();
    assert_eq!(told(root, true), (Verdict::Pass, "held by the zot that is to be restarted".into()));
    let (verdict, said) = told(root, false);
    assert!(verdict == Verdict::Fail && said.contains("none answers"), "{said}");
    database.unlock().unwrap();
    assert_eq!(told(root, false).0, Verdict::Pass, "to look is to hold nothing");
}

#[test]
fn what_is_not_there_must_be_possible() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    assert_eq!(told(&at("a/b"), false).0, Verdict::Pass);
    assert_eq!(told(&at("a/b"), true).0, Verdict::Warn);
    std::fs::write(at("file"), "").unwrap();
    assert_eq!(told(&at("file"), false), (Verdict::Fail, "it is no directory".into()));
    assert_eq!(told(&at("file/b"), false).0, Verdict::Fail);
    std::os::unix::fs::symlink("/nowhere/disk", at("link")).unwrap();
    for path in [at("link"), at("link/zot")] {
        let (verdict, said) = told(&path, false);
        assert!(verdict == Verdict::Fail && said.ends_with("a link to /nowhere/disk, which is not there"), "{said}");
    }
}

#[test]
fn where_no_database_is_kept_nobody_is_missed() {
    let directory = tempfile::tempdir().unwrap();
    let judged = |storage: &str| {
        let config = storage.replace("ROOT", &directory.path().display().to_string());
        judge(&ZotConfig::parse(&format!(r#"{{"storage":{config}}}"#)).unwrap(), Some(true)).verdict()
    };
    assert_eq!(judged(r#"{"rootDirectory":"ROOT"}"#), Verdict::Warn);
    assert_eq!(judged(r#"{"rootDirectory":"ROOT","dedupe":false}"#), Verdict::Pass);
    assert_eq!(judged(r#"{"rootDirectory":"ROOT","cacheDriver":{"name":"redis"}}"#), Verdict::Pass);
    std::fs::write(directory.path().join("cache.db"), "").unwrap();
    assert_eq!(judged(r#"{"rootDirectory":"ROOT","dedupe":false}"#), Verdict::Pass, "it is of another time");
    for sub in ["ROOT/a", "a", ""] {
        let sub =
            format!(r#"{{"rootDirectory":"ROOT","dedupe":false,"subPaths":{{"/a":{{"RootDirectory":"{sub}"}}}}}}"#);
        assert_eq!(judged(&sub), Verdict::Warn, "{sub}");
    }
}
