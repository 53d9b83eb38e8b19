//! What must hold for whatever a server sends, as functions of its bytes.
//!
//! Each target of `fuzz/` calls one of these, and a test calls them all with the seeds of `fuzz/seeds/`, among which is
//! every input that ever broke one. They are in no program: only tests and fuzzers are built with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "here to fail aloud is the purpose")]

mod answers;
mod names;
mod reports;
mod secrets;
mod texts;

use std::sync::Arc;

use url::Url;

use crate::wire::Exchange;

pub use self::answers::{answer, challenge, cookies, discovery, form, manifest};
pub use self::names::{certificate, image, location};
pub use self::reports::report;
pub use self::secrets::{evidence, redaction};
pub use self::texts::{config, exposition, intent, ledger, manifests};

/// Something that must hold for any bytes; it panics where it does not.
pub type Property = fn(&[u8]);

/// Every property, by the name of its fuzz target and of the directory of its seeds.
pub const PROPERTIES: &[(&str, Property)] = &[
    ("answer", answer),
    ("certificate", certificate),
    ("challenge", challenge),
    ("config", config),
    ("cookies", cookies),
    ("discovery", discovery),
    ("evidence", evidence),
    ("exposition", exposition),
    ("form", form),
    ("image", image),
    ("intent", intent),
    ("ledger", ledger),
    ("location", location),
    ("manifest", manifest),
    ("manifests", manifests),
    ("redaction", redaction),
    ("report", report),
];

/// An answer of `url` as a seed writes it: the status, header fields, an empty line, the body.
fn read_answer(url: &Url, data: &[u8]) -> Option<Arc<Exchange>> {
    let mut rest = data;
    let mut line = || {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        Some(line)
    };
    let status = str::from_utf8(line()?).ok()?.parse().ok()?;
    let mut fields = Vec::new();
    while let Some(field) = line().filter(|field| !field.is_empty()) {
        let colon = field.iter().position(|&byte| byte == b':')?;
        fields.push((str::from_utf8(&field[..colon]).ok()?, field[colon + 1..].trim_ascii()));
    }
    Exchange::made(url, status, &fields, rest).map(Arc::new)
}

/// The registry of which answers come, where it does not matter.
fn registry() -> Url {
    Url::parse("https://r.test/").expect("a URL")
}

/// The first line, and what follows.
fn split_line(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|&byte| byte == b'\n')?;
    Some((str::from_utf8(&data[..end]).ok()?, &data[end + 1..]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds");
    const TARGETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/fuzz_targets");

    fn names(directory: &str) -> BTreeSet<String> {
        let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_property_has_a_target_and_seeds() {
        let properties: BTreeSet<String> = PROPERTIES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names(TARGETS), properties);
        assert_eq!(names(SEEDS), properties);
    }

    #[test]
    fn the_seeds_break_nothing() {
        let mut broken = Vec::new();
        for (name, property) in PROPERTIES {
            for seed in std::fs::read_dir(Path::new(SEEDS).join(name)).unwrap() {
                let path = seed.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                if std::panic::catch_unwind(|| property(&bytes)).is_err() {
                    broken.push(path);
                }
            }
        }
        assert_eq!(broken, Vec::<std::path::PathBuf>::new());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        #[ignore = "another every time: a search, and no test"]
        fn seeds_with_a_few_other_bytes_break_nothing(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            for (name, property) in PROPERTIES {
                for seed in std::fs::read_dir(Path::new(SEEDS).join(name)).unwrap() {
                    let mut bytes = std::fs::read(seed.unwrap().path()).unwrap();
                    for (at, byte) in edits.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
                        let at = at.index(bytes.len());
                        bytes[at] = *byte;
                    }
                    property(&bytes);
                }
            }
        }
    }
}
