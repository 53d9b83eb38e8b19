use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn place(directory: &Path) -> Place {
    Place::Directory(directory.join("state/zot-verify"))
}

fn states(path: &Path) -> Vec<State> {
    let (items, unreadable) = read(&std::fs::read_to_string(path).unwrap());
    assert_eq!(unreadable, 0);
    items.into_iter().map(|item| item.state).collect()
}

#[test]
fn what_is_planned_is_on_the_disk_before_it_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(&place(directory.path()), "run", "https://r.test/", Redactor::new());
    let file = directory.path().join("state/zot-verify/run.jsonl");
    assert!(!file.exists(), "a run that creates nothing leaves nothing");

    let tag = ledger.plan(Kind::Tag, "a/b", "v1").unwrap();
    assert_eq!(states(&file), [State::Planned]);
    let manifest = ledger.plan(Kind::Manifest, "a/b", "sha256:0").unwrap();
    tag.created().unwrap();
    manifest.kept("zot removes it").unwrap();
    assert_eq!(states(&file), [State::Created, State::Kept]);
    assert!(ledger.noted(&Redactor::new()).remains());
    tag.removed().unwrap();
    assert_eq!(states(&file), [State::Removed, State::Kept]);
    assert!(!ledger.noted(&Redactor::new()).remains(), "what is kept is not ours to remove");
}

#[test]
fn only_its_owner_can_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let _planned = Ledger::new(&place, "run", "https://r.test/", Redactor::new()).plan(Kind::Tag, "a/b", "v1").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.file("run")), 0o600);
    assert_eq!(mode(place.file("run").parent().unwrap()), 0o700);
}

#[test]
fn what_cannot_be_noted_is_not_done() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    for path in [directory.path().join("file/ledger"), directory.path().to_owned(), "/dev/full".into()] {
        let halt =
            Ledger::new(&Place::File(path), "run", "r", Redactor::new()).plan(Kind::Tag, "a/b", "v1").unwrap_err();
        assert!(matches!(&halt, Halt::Error(why) if why.starts_with("nothing was sent: the ledger ")), "{halt:?}");
    }
    let halt = Ledger::closed().plan(Kind::Tag, "a/b", "v1").unwrap_err();
    assert!(matches!(&halt, Halt::Error(why) if why == "this run may not create a/b:v1"), "{halt:?}");
}

#[test]
fn a_lab_notes_nothing() {
    let entry = Ledger::lab().plan(Kind::Tag, "a/b", "v1").unwrap();
    assert!(entry.created().is_ok() && entry.kept("").is_ok() && entry.removed().is_ok());
    assert_eq!(Ledger::lab().noted(&Redactor::new()).items, []);
}

#[test]
fn runs_can_share_a_file_and_a_torn_line_spoils_only_itself() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"at\":\"2027").unwrap();
    for run in ["one", "two"] {
        let ledger = Ledger::new(&Place::File(file.path().to_owned()), run, "r", Redactor::new());
        ledger.plan(Kind::Tag, "a/b", "v1").unwrap().created().unwrap();
    }
    let (items, unreadable) = read(&std::fs::read_to_string(file.path()).unwrap());
    assert_eq!((items.len(), unreadable), (2, 1));
}

#[test]
fn the_state_directory_is_the_users() {
    let of = |state: Option<&str>, home: Option<&str>| {
        let place = Place::of_user(|name| if name == "HOME" { home } else { state }.map(PathBuf::from));
        place.map(|place| place.to_string())
    };
    assert_eq!(of(Some("/s"), Some("/h")).as_deref(), Some("/s/zot-verify/"));
    assert_eq!(of(None, Some("/h")).as_deref(), Some("/h/.local/state/zot-verify/"));
    assert_eq!(of(Some("s"), Some("/h")).as_deref(), Some("/h/.local/state/zot-verify/"), "a relative one is ignored");
    assert_eq!(of(None, None), None);
}

#[test]
fn a_report_says_in_one_line_what_there_is() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let ledger = Ledger::new(&Place::File(file.path().to_owned()), "run", "r", Redactor::new());
    let entry = |kind| ledger.plan(kind, "a/b", "x").unwrap();
    entry(Kind::Blob).kept("").unwrap();
    entry(Kind::Tag).removed().unwrap();
    entry(Kind::Blob).kept("").unwrap();
    let line = |ledger: &Ledger| {
        ledger.noted(&Redactor::new()).to_string().replace(&file.path().display().to_string(), "FILE")
    };
    assert_eq!(line(&ledger), "1 tag removed, 2 blobs kept; noted in FILE");
    let _planned = entry(Kind::Tag);
    assert_eq!(
        line(&ledger),
        "1 tag planned, 1 tag removed, 2 blobs kept; noted in FILE; `zot-verify clean run --live r --ledger FILE` removes \
         what remains"
    );
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(&place(directory.path()), "run", "r", Redactor::new());
    let _planned = ledger.plan(Kind::Tag, "a/b", "x").unwrap();
    let said = ledger.noted(&Redactor::new()).to_string();
    assert!(said.ends_with("; `zot-verify clean run --live r` removes what remains"), "{said}");
}

#[test]
fn nobody_is_told_that_keys_can_be_cleaned() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(&place(directory.path()), "run", "r", Redactor::new());
    let said = |ledger: &Ledger| ledger.noted(&Redactor::new()).to_string();
    let key = ledger.plan(Kind::Key, "pat", "zot-verify works").unwrap();
    key.created().unwrap();
    assert!(
        said(&ledger).ends_with("/run.jsonl; keys end by themselves 10m after they were made"),
        "{}",
        said(&ledger)
    );
    let _planned = ledger.plan(Kind::Tag, "a/b", "x").unwrap();
    let both = "; `zot-verify clean run --live r` removes what remains but keys; keys end by themselves 10m after they were made";
    assert!(said(&ledger).ends_with(both), "{}", said(&ledger));
    key.removed().unwrap();
    assert!(!said(&ledger).contains("end by themselves"), "{}", said(&ledger));
}

#[test]
fn no_name_carries_a_secret_onto_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let redactor = Redactor::new();
    redactor.learn(&zot_verify_model::Secret::new("THE_KEY", "a-canary"));
    let place = place(directory.path());
    let ledger = Ledger::new(&place, "run", "r", redactor);
    ledger.plan(Kind::Key, "pat a-canary", "x").unwrap().kept("").unwrap();
    // As a server may name an upload: base64 of `u:a-canary`.
    ledger.plan(Kind::Upload, "a/b", "0-dTphLWNhbmFyeQ").unwrap().created().unwrap();
    ledger.plan(Kind::Blob, "a/b", "sha256:0").unwrap().begun("1-dTphLWNhbmFyeQ").unwrap();
    let text = std::fs::read_to_string(place.file("run")).unwrap();
    assert!(!text.contains("a-canary") && !text.contains("dTphLWNhbmFyeQ"), "{text}");
    assert_eq!(text.matches("[THE_KEY]").count(), 5, "{text}");
}

#[test]
fn an_upload_is_there_until_its_blob_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let blob = Ledger::new(&place, "run", "r", Redactor::new()).plan(Kind::Blob, "a/b", "sha256:0").unwrap();
    let last = || read(&std::fs::read_to_string(place.file("run")).unwrap()).0.pop().unwrap();
    blob.begun("5f1c9a").unwrap();
    assert_eq!((last().state, last().upload.as_deref()), (State::Planned, Some("5f1c9a")));
    blob.kept("zot removes it").unwrap();
    assert_eq!((last().state, last().upload), (State::Kept, None));
}

#[test]
fn a_run_holds_its_ledger_until_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let place = place(directory.path());
    let in_use = || -> Vec<bool> { place.read().unwrap().iter().map(|volume| volume.in_use).collect() };
    let ledger = Ledger::new(&place, "run", "r", Redactor::new());
    assert!(in_use().is_empty());
    let entry = ledger.plan(Kind::Tag, "a/b", "v1").unwrap();
    let other = Ledger::new(&place, "other", "r", Redactor::new());
    let _planned = other.plan(Kind::Tag, "a/b", "v1").unwrap();
    assert_eq!(in_use(), [true, true]);
    drop((ledger, entry));
    assert_eq!(in_use(), [true, false]);
}
