//! Labs in containers: zot, the issuer and the upstream in a network of their own.
//!
//! bollard speaks to the engine. A library that starts containers for tests would pull what is missing, wait longer than a
//! run may take, and leave to others what has to go away after a run that was killed.

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
