//! zot-verify.
fn main() {}
