//! Why a lab's registry cannot be used, in words for people.

use zot_verify_model::ZotConfig;

use crate::bounds;
use crate::error::Trouble;
use crate::target::zot::{Zot, unknown_keys};

/// Why a lab's registry cannot be used.
pub(in crate::target) enum Unready {
    /// Somebody else has its port.
    PortTaken,
    /// It ended before it answered.
    Ended {
        /// How, in words that follow its name.
        how: String,
        /// What it said last.
        words: String,
    },
    /// What stands in front of it ended.
    InFront(Trouble),
    /// It was not even started.
    Failed(Trouble),
    /// It runs, does not answer, and said this last, if anything.
    Mute(Trouble, String),
}

impl From<Trouble> for Unready {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble)
    }
}

impl Unready {
    /// zot ends with 0 when its port is in use (observed on v2.1.20), so only its log tells.
    pub(super) fn ended(how: &str, words: &str) -> Self {
        if words.contains("address already in use") {
            Self::PortTaken
        } else {
            Self::Ended { how: how.into(), words: words.into() }
        }
    }

    /// Caddy says the same words when its port is in use (observed on v2.6.2).
    pub(super) fn in_front(how: &str, words: &str) -> Self {
        if words.contains("address already in use") {
            return Self::PortTaken;
        }
        let words = if words.is_empty() { "it said nothing" } else { words };
        let trouble = Trouble::unknown(format!("caddy {how} before the registry answered"), words);
        Self::InFront(trouble.cure("run `caddy version`: v2.6 and later are known to work"))
    }

    pub(super) fn trouble(self, zot: &Zot, config: &ZotConfig) -> Trouble {
        let name = zot.name();
        match self {
            Self::PortTaken => Trouble::unknown(
                format!("{name} found its port taken {} times", bounds::PORT_ATTEMPTS),
                "another program takes free ports faster than zot can",
            )
            .cure("run it again"),
            Self::Ended { how, words } => {
                if let Some(keys) = unknown_keys(config, &words) {
                    let why = format!("it does not know these keys of its configuration:\n{keys}\n\n{words}");
                    return Trouble::unknown(format!("{name} {how} before it answered"), why)
                        .cure("give a zot that knows them, or take them out of the configuration")
                        .of_zot();
                }
                let words = if words.is_empty() { "it said nothing".to_owned() } else { words };
                Trouble::unknown(format!("{name} {how} before it answered"), words)
                    .cure("mend the configuration that was given, or give another zot")
                    .of_zot()
            }
            Self::Mute(trouble, words) if !words.is_empty() => {
                Trouble::unknown(format!("{name} runs and does not answer"), format!("{trouble}\n{words}")).of_zot()
            }
            Self::Mute(trouble, _) | Self::Failed(trouble) | Self::InFront(trouble) => trouble,
        }
    }
}
