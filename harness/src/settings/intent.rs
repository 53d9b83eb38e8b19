//! What the owner says of his registry: `zot-verify.toml`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;
use zot_verify_model::Digest;

use crate::catalogue;
use crate::check::{Check, Level, Part, Profile};
use crate::error::Trouble;
use crate::manifests::Inventory;
use crate::policy::intended::{self, Intended};
use crate::run::plan;
use crate::target::{ImageName, Residue};
use crate::wire::Redactor;
use crate::wire::persona::PERSONAS;

use super::inventory;
use super::waiver::{self, Day, Waiver};

/// The file's name, looked for from the working directory upward.
pub const FILE: &str = "zot-verify.toml";

/// What the owner intends. Values that no file gives have the built-in defaults.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The live registry.
    pub url: Option<Url>,
    /// The registry's name in redirects, where it differs from `url`.
    pub external_url: Option<Url>,
    /// The OpenID issuer, exactly as discovery spells it.
    pub issuer: Option<Url>,
    /// The OAuth client that zot is at the issuer.
    pub client_id: String,
    /// The repository that live checks may aim at; names below it are its own too.
    pub canary: String,
    /// The image that anybody can pull, `REPOSITORY:TAG` or `REPOSITORY@DIGEST`.
    pub pull_image: Option<String>,
    /// The personas whose pull is required.
    pub personas: Vec<String>,
    /// The metric families that must be there.
    pub families: Vec<String>,
    /// Who may do what.
    pub policy: Intended,
    /// The digest of the image to pull, where that was just pushed and must be found under it.
    pub pushed: Option<Digest>,
    /// The upstream image that a live registry may fetch, as it is named below `/v2/`.
    pub mirror_image: Option<ImageName>,
    /// The request shapes of mirror clients that must reach the mirror.
    pub client_shapes: Vec<String>,
    /// The manifests whose pins are looked up, and what is expected of these.
    pub inventory: Inventory,
    /// What live writes may leave in the canary.
    pub residue: Residue,
    /// Which checks are run where none is named.
    pub profile: Profile,
    /// Whether a breach of what nobody promised fails too.
    pub strict: bool,
    /// The checks that may not be skipped, ids or globs.
    pub required: Vec<String>,
    /// The parts of which a breach is accepted.
    pub waivers: Vec<Waiver>,
    /// The waivers that no longer apply.
    pub over: Vec<Waiver>,
    /// Where all this came from.
    pub source: IntentSource,
}

/// Where an intent came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentSource {
    /// No file was found or named.
    BuiltIn,
    /// A file, with the SHA-256 of its bytes in hexadecimal.
    File {
        /// Its path.
        path: PathBuf,
        /// SHA-256 of its bytes.
        sha256: String,
    },
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
struct Written {
    url: Option<String>,
    external_url: Option<String>,
    issuer: Option<String>,
    client_id: Option<String>,
    canary: Option<String>,
    pull_image: Option<String>,
    mirror_image: Option<String>,
    residue: Option<Residue>,
    profile: Option<Profile>,
    strict: Option<bool>,
    required: Option<Vec<String>>,
    #[serde(default)]
    waiver: Vec<Waiver>,
    #[serde(default)]
    personas: Personas,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    mirrors: Mirrors,
    #[serde(default)]
    policy: intended::Written,
    #[serde(default)]
    inventory: inventory::Written,
}

#[derive(Debug, Default, Deserialize)]
struct Personas {
    must: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
struct Metrics {
    families: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
struct Mirrors {
    client_shapes: Option<Vec<String>>,
}

/// Every key that a file may have.
pub(super) const KEYS: &[&str] = &[
    "url",
    "external_url",
    "issuer",
    "client_id",
    "canary",
    "pull_image",
    "mirror_image",
    "residue",
    "profile",
    "strict",
    "required",
    "waiver",
    "waiver.part",
    "waiver.reason",
    "waiver.until",
    "personas",
    "personas.must",
    "metrics",
    "metrics.families",
    "mirrors",
    "mirrors.client_shapes",
    "policy",
    "policy.anonymous",
    "policy.authenticated",
    "policy.ci",
    "policy.ci.group",
    "policy.ci.may",
    "policy.admin",
    "policy.admin.group",
    "policy.admin.may",
    "policy.repositories",
    "inventory",
    "inventory.manifests",
    "inventory.hosts",
    "inventory.platforms",
    "inventory.placeholders",
];

/// The checks of which the intent names the parts that are required.
const PERSONAS_CHECK: &str = "pull.personas";
const SHAPES_CHECK: &str = "mirror.client-paths";

/// From where on, of 3 for the same word, a name is near enough to have been meant.
const NEAR: f64 = 1.0;

/// The families that zot exports from its first request on.
const FAMILIES: &[&str] = &["zot_http_requests_total", "zot_http_method_latency_seconds"];

impl Default for Intent {
    fn default() -> Self {
        let must = PERSONAS.iter().filter(|persona| !persona.docker).map(|persona| persona.id.to_owned());
        Self {
            url: None,
            external_url: None,
            issuer: None,
            client_id: "zot".into(),
            canary: "blumeops/zot-verify-canary".into(),
            pull_image: None,
            personas: must.collect(),
            families: FAMILIES.iter().map(|&name| name.to_owned()).collect(),
            policy: Intended::default(),
            pushed: None,
            mirror_image: None,
            client_shapes: ["explicit", "override-path"].map(str::to_owned).to_vec(),
            inventory: Inventory::default(),
            residue: Residue::default(),
            profile: Profile::default(),
            strict: false,
            required: Vec::new(),
            waivers: Vec::new(),
            over: Vec::new(),
            source: IntentSource::BuiltIn,
        }
    }
}

impl Intent {
    /// Reads the named file, else the nearest [`FILE`] from `directory` upward, else takes the built-in intent.
    ///
    /// # Errors
    /// Usage trouble for a file that is missing, unreadable, no TOML, or has a key or persona that does not exist.
    pub fn load(named: Option<&Path>, directory: &Path) -> Result<Self, Trouble> {
        let found = match named {
            Some(path) => Some(path.to_owned()),
            None => directory.ancestors().map(|at| at.join(FILE)).find(|path| path.is_file()),
        };
        let Some(path) = found else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Trouble::usage(format!("the intent file {} could not be read", path.display()), error.to_string())
                .cure("name another with --intent, or none to use the built-in intent")
        })?;
        Self::read(&text, path, Day::today())
    }

    pub(crate) fn read(text: &str, path: PathBuf, today: Day) -> Result<Self, Trouble> {
        let mut unknown = Vec::new();
        // The parser shows the line that it stumbles over, and a URL on it may hold a password.
        let bad = |error: &dyn std::fmt::Display| {
            let error = Redactor::new().redact_url(error.to_string().trim_end());
            Trouble::usage(format!("{} is no valid intent file", path.display()), error)
                .cure("docs/examples/zot-verify.toml shows every key")
        };
        let document = toml::Deserializer::parse(text).map_err(|error| bad(&error))?;
        let written: Written =
            serde_ignored::deserialize(document, |key| unknown.push(name_of(&key))).map_err(|error| bad(&error))?;
        if let Some(key) = unknown.first() {
            return Err(Trouble::usage(
                format!("{} has an unknown key: `{key}`", path.display()),
                format!("keys that nobody reads would look like checks that nobody makes; {}", nearest(key, KEYS)),
            )
            .cure("mend or remove the key"));
        }
        let built_in = Self::default();
        waiver::check(&written.waiver)?;
        let (over, waivers) = written.waiver.into_iter().partition(|waiver| waiver.is_over(today));
        let web_address = |key: &str, text: Option<String>| {
            text.map(|text| super::url(&format!("`{key}` in {}", path.display()), &text)).transpose()
        };
        let intent = Self {
            url: web_address("url", written.url)?,
            external_url: web_address("external_url", written.external_url)?,
            issuer: web_address("issuer", written.issuer)?,
            client_id: written.client_id.unwrap_or(built_in.client_id),
            canary: written.canary.unwrap_or(built_in.canary),
            pull_image: written.pull_image,
            personas: written.personas.must.unwrap_or(built_in.personas),
            families: written.metrics.families.unwrap_or(built_in.families),
            policy: written.policy.read()?,
            pushed: None,
            mirror_image: written
                .mirror_image
                .map(|name| mirror_image(&format!("`mirror_image` in {}", path.display()), &name))
                .transpose()?,
            client_shapes: written.mirrors.client_shapes.unwrap_or(built_in.client_shapes),
            inventory: written.inventory.read(&path)?,
            residue: written.residue.unwrap_or(built_in.residue),
            profile: written.profile.unwrap_or(built_in.profile),
            strict: written.strict.unwrap_or(built_in.strict),
            required: written.required.unwrap_or(built_in.required),
            waivers,
            over,
            source: IntentSource::File { path, sha256: Digest::of(text.as_bytes()).hex().to_owned() },
        };
        let personas: Vec<&str> = PERSONAS.iter().map(|persona| persona.id).collect();
        known("personas.must", "persona", &intent.personas, &personas)?;
        if let Ok(check) = catalogue::find(SHAPES_CHECK) {
            let shapes: Vec<&str> = check.parts.iter().map(|part| part.name).collect();
            known("mirrors.client_shapes", "shape of a request", &intent.client_shapes, &shapes)?;
        }
        plan::matching(&intent.required)?;
        if intent.families.is_empty() {
            return Err(Trouble::usage("metrics.families is empty", "a claim about no family would always hold")
                .cure("name families, or leave the key out for the built-in ones"));
        }
        Ok(intent)
    }

    /// How heavy a breach of a part is.
    #[must_use]
    pub fn level(&self, check: &Check, part: &Part) -> Level {
        let named = |names: &[String]| match names.iter().any(|name| name == part.name) {
            true => Level::Requirement,
            false => Level::Hardening,
        };
        match check.id {
            _ if self.strict => Level::Requirement,
            PERSONAS_CHECK => named(&self.personas),
            SHAPES_CHECK => named(&self.client_shapes),
            _ => part.level,
        }
    }
}

/// A key as people write it: without the numbers of those of a kind.
fn name_of(key: &serde_ignored::Path<'_>) -> String {
    let key = key.to_string();
    key.split('.').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join(".")
}

/// Refuses the first of `names` that is not among the known ones.
fn known(key: &str, what: &str, names: &[String], known: &[&str]) -> Result<(), Trouble> {
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Trouble::usage(format!("{key} names `{name}`, which is no {what}"), nearest(name, known))
            .cure(format!("known are {}", known.join(", ")))),
    }
}

/// The name of an upstream image as it is asked for below `/v2/`.
pub(super) fn mirror_image(what: &str, name: &str) -> Result<ImageName, Trouble> {
    ImageName::parse(name, None).ok_or_else(|| {
        Trouble::usage(format!("{what} is `{name}`, which is no image"), "it is not REPOSITORY:TAG as below /v2/")
            .cure("give for instance docker.io/library/alpine:3.20")
    })
}

/// `the nearest known one is …`, for a word that is not known; all that are known where none is near.
#[must_use]
pub fn nearest(word: &str, known: &[&str]) -> String {
    match near(word, known) {
        Some(best) => format!("the nearest known one is `{best}`"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// The one that is nearest to `word`, where one is near.
#[must_use]
pub fn near<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // The first knows slips of the hand, the other words that were cut short.
    let near =
        |known: &str| 2.0 * strsim::normalized_damerau_levenshtein(word, known) + strsim::jaro_winkler(word, known);
    known.iter().copied().max_by(|a, b| near(a).total_cmp(&near(b))).filter(|best| near(best) > NEAR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::CHECKS;

    fn read(text: &str) -> Result<Intent, Trouble> {
        Intent::read(text, PathBuf::from("zot-verify.toml"), Day::today())
    }

    #[test]
    fn every_key_is_read() {
        let intent = read(
            "url = 'https://r.test'\nexternal_url = 'https://x.test'\nissuer = 'https://i.test/o/'\nclient_id = 'c'\n\
             canary = 'a/b'\npull_image = 'a/b:v1'\nmirror_image = 'docker.io/library/alpine:3.20'\nresidue = 'none'\n\
             profile = 'checklist'\nstrict = false\n[personas]\nmust = ['docker']\n[metrics]\nfamilies = ['f']\n",
        )
        .unwrap();
        assert_eq!(intent.issuer.as_ref().map(Url::as_str), Some("https://i.test/o/"));
        assert_eq!((intent.client_id.as_str(), intent.canary.as_str()), ("c", "a/b"));
        assert_eq!((&intent.personas[..], &intent.families[..]), (&["docker".to_owned()][..], &["f".to_owned()][..]));
        assert_eq!(
            intent.mirror_image.as_ref().map(ToString::to_string).as_deref(),
            Some("docker.io/library/alpine:3.20")
        );
        assert_eq!((intent.residue, intent.profile, intent.strict), (Residue::None, Profile::Checklist, false));
    }

    #[test]
    fn the_paths_of_an_inventory_begin_where_the_file_lies() {
        let text = "[inventory]\nmanifests = ['argocd', 'nixos']\nhosts = ['r.test:5000']\nplaceholders = ['next']\n\
                    [inventory.platforms]\nargocd = 'linux/arm64'\nnixos = ['linux/amd64', 'linux/arm64']\n";
        let intent = Intent::read(text, PathBuf::from("/repo/zot-verify.toml"), Day::today()).unwrap();
        let inventory = intent.inventory;
        assert_eq!(inventory.manifests.to_string(), "/repo/argocd, /repo/nixos");
        assert_eq!(inventory.hosts, ["r.test:5000"]);
        assert_eq!(
            (inventory.wanted("/repo/argocd/a.yaml").len(), inventory.wanted("/repo/nixos/a.nix").len()),
            (1, 2)
        );
        assert!(inventory.placeholders.is_match("NEXT") && !inventory.placeholders.is_match("kustomized"));
    }

    #[test]
    fn the_intent_says_how_heavy_a_breach_is() {
        let personas = catalogue::find(PERSONAS_CHECK).unwrap();
        let level = |intent: &Intent, name: &str| {
            intent.level(personas, personas.parts.iter().find(|part| part.name == name).unwrap())
        };
        let mut intent = read("[personas]\nmust = ['docker']\n").unwrap();
        assert_eq!((level(&intent, "docker"), level(&intent, "curl")), (Level::Requirement, Level::Hardening));
        intent.strict = true;
        assert_eq!(level(&intent, "curl"), Level::Requirement);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let trouble = read("[persona]\nmust = []\n").unwrap_err().to_string();
        assert!(trouble.contains("`persona`") && trouble.contains("`personas`"), "{trouble}");
        let trouble = read("[metrics]\nfamilys = []\n").unwrap_err().to_string();
        assert!(trouble.contains("`metrics.familys`") && trouble.contains("`metrics.families`"), "{trouble}");
    }

    #[test]
    fn an_unknown_persona_is_refused() {
        let trouble = read("[personas]\nmust = ['dokcer']\n").unwrap_err().to_string();
        assert!(trouble.contains("`docker`"), "{trouble}");
    }

    #[test]
    fn where_nothing_is_near_all_is_named() {
        assert_eq!(nearest("", &["ab", "cd"]), "known are ab, cd");
        assert_eq!(nearest("", &[]), "known are ");
    }

    /// Everything that a hand makes of a word in one slip: a letter lost, doubled, wrong, or after its neighbour.
    fn slips(word: &str) -> Vec<String> {
        let letters: Vec<char> = word.chars().collect();
        let with = |slip: &dyn Fn(&mut Vec<char>)| {
            let mut letters = letters.clone();
            slip(&mut letters);
            letters.into_iter().collect()
        };
        let mut slips = Vec::new();
        for at in 0..letters.len() {
            slips.push(with(&|letters| _ = letters.remove(at)));
            slips.push(with(&|letters| letters.insert(at, letters[at])));
            slips.push(with(&|letters| letters[at] = '#'));
            slips.push(with(&|letters| letters.swap(at.saturating_sub(1), at)));
        }
        slips
    }

    #[test]
    fn one_slip_of_the_hand_is_understood() {
        let personas: Vec<&str> = PERSONAS.iter().map(|persona| persona.id).collect();
        let checks: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
        for known in [&personas[..], &checks, KEYS] {
            for word in known {
                for slip in slips(word) {
                    assert_eq!(nearest(&slip, known), format!("the nearest known one is `{word}`"), "{slip}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_understood_or_refused(text in "([a-z_.]{0,9} ?= ?['\"\\[]?[a-z:/@]{0,9}['\"\\]]?\n|\\[[a-z.]{0,9}\\]\n){0,5}") {
            if let Err(trouble) = read(&text) {
                prop_assert_eq!(trouble.exit().code(), 2);
            }
        }
    }
}
