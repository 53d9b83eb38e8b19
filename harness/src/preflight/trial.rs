//! A trial start: the same program with the same configuration, in a throwaway lab that asks no live host.

use http::header::USER_AGENT;
use zot_verify_model::ZotConfig;

use super::line::{Finding, Red};
use crate::error::Trouble;
use crate::session::{Surroundings, lab_spec};
use crate::settings::Intent;
use crate::target::zot::Zot;
use crate::wire::{Request, Wire, WireError};

/// What a Docker daemon calls itself, as far as zot looks.
const DOCKER: &str = "docker/27.3.1";

/// A zot that came up, and how it behaved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trial {
    /// What `/v2/` answers to anybody.
    pub(super) anybody: u16,
    /// What `/v2/` answers to a Docker daemon.
    pub(super) docker: u16,
    /// What the metrics path answers to anybody; `None` where no metrics are configured.
    pub(super) metrics: Option<u16>,
}

/// Starts it, looks, and takes it away.
///
/// # Errors
/// What to say of it where it did not come up.
pub(super) async fn start(zot: Zot, config: &ZotConfig, around: &Surroundings) -> Result<Trial, Finding> {
    let name = zot.name();
    let told = |trouble: Trouble| refused(&name, &trouble);
    let spec = lab_spec(zot, config.clone(), &Intent::default(), around).map_err(told)?.bare();
    let (lab, wire, _) = spec.start(&around.redactor()).await.map_err(told)?;
    let seen = look(&wire, config).await;
    lab.stop().await.map_err(told)?;
    seen.map_err(|error| Finding::Unknown { why: error.to_string(), cure: "run it again".into() })
}

async fn look(wire: &Wire, config: &ZotConfig) -> Result<Trial, WireError> {
    let docker = Request::get("/v2/").header(USER_AGENT.as_str(), DOCKER);
    let metrics = match config.metrics_path() {
        Some(path) => Some(wire.send(Request::get(path)).await?.status()),
        None => None,
    };
    Ok(Trial {
        anybody: wire.send(Request::get("/v2/")).await?.status(),
        docker: wire.send(docker).await?.status(),
        metrics,
    })
}

/// zot's own refusal, or trouble that is the lab's.
fn refused(name: &str, trouble: &Trouble) -> Finding {
    if trouble.is_refusal() {
        let said = trouble.what().strip_prefix(name).unwrap_or_default();
        let observed = format!("it{said}: {}", trouble.why());
        return Red::fail("it comes up in a throwaway lab", observed)
            .because(
                "a zot that does not start here does not start there; `zot verify` does not see everything",
                "mend what it names",
            )
            .into();
    }
    let why = trouble.to_string();
    Finding::Unknown { why, cure: "look with `zot-verify local`, or leave this out with --skip trial.comes-up".into() }
}

/// What to say of one that came up.
#[must_use]
pub(super) fn judge(trial: Trial) -> Finding {
    Finding::Good(format!("it came up in a lab; /v2/ answers {} to anybody", trial.anybody))
}
