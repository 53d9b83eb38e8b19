//! Labs in containers: zot, the issuer and the upstream in a network of their own.
//!
//! testcontainers starts and removes containers; networks, labels, the image around this program and everything that
//! has to go away after a run that was killed are ours (`engine`, `yard`, `image`, `remains`).

mod archive;
mod engine;
mod image;
mod program;
mod remains;
mod verify;
mod yard;

pub use self::archive::Image;
pub use self::engine::{Engine, Seat, ended, host, listens};
pub use self::image::{PUBLISHED, load, present};
pub use self::program::{alone, loader};
pub use self::remains::{remove, sweep};
pub(super) use self::verify::verify;
pub(super) use self::yard::{Contained, DIRECTORY, Yard};
