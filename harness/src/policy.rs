//! Who may do what: as it is intended, as the configuration says, and as zot was seen to decide.
//!
//! The stand-in has a decision function of its own for the same configuration. They are written twice on purpose, so
//! that one can find the other's mistake; both are held against a running zot.

pub mod decision;
pub mod intended;
pub mod pattern;
