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

    use proptest::prelude::*;

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

    fn waiver(part: &str, reason: &str) -> Waiver {
        Waiver { part: part.into(), reason: reason.into(), until: day("2027-01-31") }
    }

    #[test]
    fn what_waives_nothing_or_says_nothing_is_refused() {
        let first = catalogue::CHECKS[0];
        let part = first.part_id(&first.parts[0]);
        assert!(check(&[]).is_ok() && check(&[waiver(&part, "known")]).is_ok());
        let refused = |waivers: &[Waiver]| {
            let trouble = check(waivers).unwrap_err();
            assert_eq!(trouble.exit().code(), 2);
            trouble.to_string()
        };
        assert!(refused(&[waiver("no/part", "known")]).contains("`no/part`, which is no part"));
        assert!(refused(&[waiver(&part, " \t")]).contains("has no reason"));
        assert!(refused(&[waiver(&part, "one"), waiver(&part, "two")]).contains("is waived twice"));
    }

    #[test]
    fn a_waiver_says_until_when_and_why() {
        assert_eq!(waiver("a/b", "known").to_string(), "until 2027-01-31: known");
    }

    #[test]
    fn a_moment_is_no_day() {
        let read = |text: &str| toml::from_str::<Waiver>(&format!("part = 'a/b'\nreason = 'r'\nuntil = {text}\n"));
        assert_eq!(read("2027-01-31").unwrap().until, day("2027-01-31"));
        for moment in ["2027-01-31T00:00:00Z", "2027-01-31T00:00:00", "00:00:00", "'2027-01-31'"] {
            assert!(read(moment).is_err(), "{moment}");
        }
        assert!(read("00:00:00").unwrap_err().to_string().contains("is no day; give one such as"));
    }

    /// The day that a number of days after 1970-01-01 is, counted one by one.
    fn counted(days: u64) -> String {
        let (mut left, mut year) = (days, 1970);
        let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        while left >= 365 + u64::from(leap(year)) {
            left -= 365 + u64::from(leap(year));
            year += 1;
        }
        let mut month = 0;
        let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        while left >= lengths[month] {
            left -= lengths[month];
            month += 1;
        }
        format!("{year:04}-{:02}-{:02}", month + 1, left + 1)
    }

    proptest! {
        #[test]
        fn a_waiver_ends_when_its_last_day_does(until in 0u64..60_000, today in 0u64..60_000, second in 0u64..86_400) {
            let waiver = Waiver { until: day(&counted(until)), ..waiver("a/b", "r") };
            let now = Day::of(SystemTime::UNIX_EPOCH + Duration::from_secs(today * 86_400 + second));
            prop_assert_eq!(now.to_string(), counted(today));
            prop_assert_eq!(waiver.is_over(now), today > until);
        }
    }

    #[test]
    fn a_waiver_lasts_through_its_last_day() {
        let waiver = Waiver { part: "a/b".into(), reason: "r".into(), until: day("2027-01-31") };
        assert!(!waiver.is_over(day("2027-01-31")));
        assert!(waiver.is_over(day("2027-02-01")));
        assert!(waiver.is_over(day("2028-01-01")));
    }
}
