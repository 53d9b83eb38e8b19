//! The only place where the program waits for something to become true.

use std::time::{Duration, Instant};

/// A wait with an end. It is asked between two looks at the same thing.
#[derive(Debug)]
pub struct Patience {
    deadline: Instant,
    step: Duration,
}

impl Patience {
    /// Patience for `limit`, with `step` between two looks; with no limit at all there is one look.
    #[must_use]
    pub fn new(limit: Duration, step: Duration) -> Self {
        Self { deadline: Instant::now() + limit, step }
    }

    /// Whether there is time for another look; waits a step before it says so.
    pub async fn another_look(&self) -> bool {
        let left = Instant::now() < self.deadline;
        if left {
            tokio::time::sleep(self.step).await;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_time_is_no_second_look() {
        let step = Duration::from_millis(1);
        assert!(!Patience::new(Duration::ZERO, step).another_look().await);
        assert!(Patience::new(Duration::from_secs(3600), step).another_look().await);
    }
}
