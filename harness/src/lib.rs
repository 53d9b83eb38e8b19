//! zot-verify.
