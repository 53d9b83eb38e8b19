//! The lab's own zot configuration: the hardened shape that the checks are about.
//!
//! Anybody may read; `artifact-workloads` may create and never move or remove; `admins` may do everything; metrics are
//! public; people log in with OpenID; API keys are on; search is on, because zot names its release only then; Docker Hub
//! is mirrored below `docker.io/`. Addresses, directories, the issuer and the upstream are filled in by [`super::adapt`].

use serde_json::{Value, json};
use zot_verify_model::ZotConfig;

/// How this zot lets anybody read metrics. v2.1.18 changed it, and each way is refused or useless on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsKey {
    /// `metrics.anonymousPolicy`, since v2.1.18.
    AnonymousPolicy,
    /// `metrics.users: [""]`, until v2.1.17.
    EmptyUser,
}

/// The configuration for a zot that knows this key.
#[must_use]
pub fn config(key: MetricsKey) -> ZotConfig {
    let metrics: Value = match key {
        MetricsKey::AnonymousPolicy => json!({ "anonymousPolicy": ["read"] }),
        MetricsKey::EmptyUser => json!({ "users": [""] }),
    };
    ZotConfig::from_value(json!({
        "distSpecVersion": "1.1.1",
        "storage": { "rootDirectory": "", "gc": true, "gcDelay": "1h", "gcInterval": "24h" },
        "http": {
            "address": "127.0.0.1",
            "port": "0",
            // A lab stands for a registry behind a proxy that ends TLS.
            "externalUrl": "https://registry.example.test",
            "auth": {
                "openid": { "providers": { "oidc": {
                    "credentialsFile": "",
                    "issuer": "",
                    "scopes": ["openid", "email", "profile"],
                    "claimMapping": { "username": "preferred_username" },
                } } },
                "apikey": true,
            },
            "accessControl": {
                "metrics": metrics,
                "repositories": { "**": {
                    "policies": [
                        { "groups": ["artifact-workloads"], "actions": ["read", "create"] },
                        { "groups": ["admins"], "actions": ["read", "create", "update", "delete"] },
                    ],
                    "anonymousPolicy": ["read"],
                    "defaultPolicy": ["read"],
                } },
            },
        },
        "log": { "level": "info" },
        "extensions": {
            "metrics": { "enable": true, "prometheus": { "path": "/metrics" } },
            "search": { "enable": true },
            "sync": { "enable": true, "registries": [{
                "urls": [""],
                "onDemand": true,
                "tlsVerify": false,
                "content": [{ "prefix": "**", "destination": "/docker.io" }],
            }] },
        },
    }))
}
