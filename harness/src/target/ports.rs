//! Ports for programs that bind them themselves.

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use zot_verify_fixtures::Port;

/// A port of 127.0.0.1 that was free a moment ago and that no other lab of this process was given.
pub(super) async fn free() -> io::Result<u16> {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    loop {
        let port = Port::bind().await?.number();
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if given.get_or_insert_default().insert(port) {
            return Ok(port);
        }
    }
}
