//! What the owner knows to be broken, and accepts until a day that he names.

use std::fmt;
use std::time::SystemTime;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::value::{Date, Datetime};

use super::nearest;
use crate::catalogue;
use crate::error::Trouble;

/// A day, as UTC counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// The day on which the clock of this machine stands.
    #[must_use]
    pub fn today() -> Self {
        Self::of(SystemTime::now())
    }

    fn of(time: SystemTime) -> Self {
        let written = humantime::format_rfc3339_seconds(time).to_string().parse::<Datetime>();
        // RFC 3339 always has a date, and TOML reads what it writes.
        let nothing = Date { year: 9999, month: 12, day: 31 };
        Self(written.ok().and_then(|time| time.date).unwrap_or(nothing))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Datetime::deserialize(deserializer)? {
            Datetime { date: Some(date), time: None, offset: None } => Ok(Self(date)),
            other => Err(D::Error::custom(format!("`{other}` is no day; give one such as 2027-01-31"))),
        }
    }
}

/// A `[[waiver]]`: a breach of this part is told, and is no failure, until the end of a day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Waiver {
    /// The part, `check/part`.
    pub part: String,
    /// Why the breach is accepted.
    pub reason: String,
    /// The last day on which it is.
    pub until: Day,
}

impl Waiver {
    /// Whether its last day is over.
    #[must_use]
    pub fn is_over(&self, today: Day) -> bool {
        today > self.until
    }
}

impl fmt::Display for Waiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "until {}: {}", self.until, self.reason)
    }
}

/// Refuses waivers that waive nothing that exists, say no reason, or say the same part twice.
pub(super) fn check(waivers: &[Waiver]) -> Result<(), Trouble> {
    let parts: Vec<String> =
        catalogue::CHECKS.iter().flat_map(|check| check.parts.iter().map(|part| check.part_id(part))).collect();
    for (index, waiver) in waivers.iter().enumerate() {
        let part = &waiver.part;
        if !parts.contains(part) {
            let known: Vec<&str> = parts.iter().map(String::as_str).collect();
            return Err(Trouble::usage(format!("a waiver names `{part}`, which is no part"), nearest(part, &known))
                .cure("give it as CHECK/PART; `zot-verify explain CHECK` names the parts of a check"));
        }
        if waiver.reason.trim().is_empty() {
            return Err(Trouble::usage(
                format!("the waiver of {part} has no reason"),
                "nobody will know why it is there",
            )
            .cure("say why the breach is accepted"));
        }
        if waivers[..index].iter().any(|earlier| earlier.part == *part) {
            return Err(Trouble::usage(format!("{part} is waived twice"), "only one reason and one day can count")
                .cure("leave one of them"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn day(text: &str) -> Day {
        Day(text.parse::<Datetime>().unwrap().date.unwrap())
    }

    #[test]
    fn a_day_is_a_day_of_utc() {
        let at = |seconds| Day::of(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        assert_eq!(at(0), "1970-01-01");
        assert_eq!(at(1_798_761_599), "2026-12-31");
        assert_eq!(at(1_798_761_600), "2027-01-01");
        assert!(Day::today() > day("2026-01-01"));
    }

    #[test]
    fn a_waiver_lasts_through_its_last_day() {
        let waiver = Waiver { part: "a/b".into(), reason: "r".into(), until: day("2027-01-31") };
        assert!(!waiver.is_over(day("2027-01-31")));
        assert!(waiver.is_over(day("2027-02-01")));
        assert!(waiver.is_over(day("2028-01-01")));
    }
}
