//! What serves a lab's registry, and how it is doing.

use std::io;

use zot_verify_fixtures::Server;

use crate::error::Trouble;
use crate::target::containers::Contained;
use crate::target::keeper::Keeper;

/// What a lab's zot is called among the programs of its directory.
pub(super) const ZOT: &str = "zot";

/// What serves a lab's registry.
#[derive(Debug)]
pub(super) enum Registry {
    /// The stand-in, in this process.
    Embedded { _server: Server },
    /// A zot process.
    Process(Box<Keeper>),
    /// A zot in a container, with the issuer and the upstream in others.
    Container(Box<Contained>, Box<Keeper>),
}

impl Registry {
    /// Waits until it has ended by itself; answers how, in words that follow its name.
    pub(super) async fn ended(&self) -> String {
        match self {
            Self::Embedded { .. } => std::future::pending().await,
            Self::Process(keeper) => keeper.ended(ZOT).await,
            Self::Container(zot, keeper) => tokio::select! {
                how = zot.ended() => how,
                how = keeper.ended(ZOT) => how,
            },
        }
    }

    /// Whether nobody else can have answered in its place: it holds its port in this process.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Embedded { .. })
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Embedded { .. } => false,
            Self::Process(keeper) => keeper.has_ended(ZOT),
            Self::Container(zot, keeper) => zot.has_ended() || keeper.has_ended(ZOT),
        }
    }

    /// The last lines of its log, as people need them.
    pub(super) async fn last_words(&self) -> String {
        match self {
            Self::Embedded { .. } => String::new(),
            Self::Process(keeper) => keeper.last_words(ZOT),
            Self::Container(zot, _) => zot.last_words().await,
        }
    }

    /// Ends it and waits until nothing of it is left.
    pub(super) async fn stop(self) -> Result<(), Trouble> {
        match self {
            Self::Embedded { .. } => Ok(()),
            Self::Process(keeper) | Self::Container(_, keeper) => keeper.stop().await.map_err(remains),
        }
    }
}

fn remains(error: io::Error) -> Trouble {
    Trouble::unknown("the lab could not be taken away completely", error.to_string())
        .cure("the next `zot-verify local` removes what this one left: directories zot-verify-*, containers labelled zot-verify.lab")
}
