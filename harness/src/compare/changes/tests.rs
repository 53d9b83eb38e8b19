use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::run::outcome::Hint;
use crate::run::outcome::tests::{check, part};

use Verdict::{Error, Fail, NotRun, Pass, Skipped, Waived, Warn};

const ALL: [Verdict; 7] = [Pass, Waived, Warn, Fail, Skipped, Error, NotRun];

fn judged(verdict: Verdict, observed: &str) -> CheckOutcome {
    let mut part = part(0, verdict, observed);
    if sort(verdict) == Sort::Breached {
        part.expected = Some("401".into());
        part.observed = Some(observed.into());
    }
    check(false, vec![part])
}

/// What becomes of one part, and the code of that.
fn of(from: Verdict, to: Verdict) -> (Change, u8) {
    let (from, to) = ([judged(from, "202")], [judged(to, "202")]);
    let found = differences(&from, &to);
    (found[0].change, found[0].exit().code())
}

#[test]
fn what_held_and_is_breached_is_worse_and_nothing_else_is() {
    use Change::{Accepted, Broken, Fixed, Same, Unclear};
    let table: [[(Change, u8); 7]; 7] = [
        // Pass, Waived, Warn, Fail, Skipped, Error, NotRun
        [(Same, 0), (Accepted, 0), (Broken, 1), (Broken, 1), (Unclear, 3), (Unclear, 3), (Unclear, 3)],
        [(Fixed, 0), (Same, 0), (Same, 0), (Same, 0), (Unclear, 0), (Unclear, 3), (Unclear, 3)],
        [(Fixed, 0), (Same, 0), (Same, 0), (Same, 0), (Unclear, 0), (Unclear, 3), (Unclear, 3)],
        [(Fixed, 0), (Same, 0), (Same, 0), (Same, 0), (Unclear, 0), (Unclear, 3), (Unclear, 3)],
        [(Unclear, 0), (Unclear, 0), (Unclear, 3), (Unclear, 3), (Same, 0), (Unclear, 3), (Unclear, 3)],
        [(Unclear, 0), (Unclear, 0), (Unclear, 3), (Unclear, 3), (Unclear, 3), (Unclear, 3), (Unclear, 3)],
        [(Unclear, 0), (Unclear, 0), (Unclear, 3), (Unclear, 3), (Unclear, 3), (Unclear, 3), (Unclear, 3)],
    ];
    for (from, row) in ALL.into_iter().zip(table) {
        for (to, wanted) in ALL.into_iter().zip(row) {
            assert_eq!(of(from, to), wanted, "{from:?} {to:?}");
        }
    }
}

#[test]
fn another_breach_is_told_and_chance_is_not() {
    let change = |from: &str, to: &str| differences(&[judged(Fail, from)], &[judged(Warn, to)])[0].change;
    assert_eq!(change("202", "201"), Change::Other, "a status is no chance");
    assert_eq!(change("8 of 8 are taken", "7 of 8 are taken"), Change::Same);
    assert_eq!(change("v1 answered sha256:97ca4907ef78.", "v1 answered sha256:3053f12f1188."), Change::Same);
    assert_eq!(
        change("it expires 2026-11-23T05:52:47.449Z, then", "it expires 2026-11-23T06:00:01Z, then"),
        Change::Same
    );
    assert_eq!(change("http://127.0.0.1:1234/v2/", "http://127.0.0.1:43055/v2/"), Change::Same);
    assert_eq!(change("Basic realm=\"a\"", "Basic realm=\"b\""), Change::Other);
    assert_eq!(change("v2.1.17", "v2.1.18"), Change::Other);
    assert_eq!(change("/a/", "/b/"), Change::Other);
    let mut other = judged(Fail, "202");
    other.parts[0].expected = Some("403".into());
    assert_eq!(differences(&[judged(Fail, "202")], &[other])[0].change, Change::Other);
}

#[test]
fn texts_lose_what_is_by_chance_and_keep_the_rest() {
    let table = [
        ("", ""),
        ("401 UNAUTHORIZED, challenge `x`", "401 UNAUTHORIZED, challenge `x`"),
        ("4010 bytes: ä 99.", "… bytes: ä …."),
        ("http://127.0.0.1:5000/v2/a-1b/", "http://…/v2/…/"),
        ("sha256:abc sha256:0bc - dead v2", "sha256:abc … - dead v2"),
        ("599 600 099", "599 … …"),
    ];
    for (text, wanted) in table {
        assert_eq!(lasting(text), wanted);
    }
}

#[test]
fn the_code_of_a_comparison() {
    let code = |from: &[Verdict], to: &[Verdict]| {
        let all = |verdicts: &[Verdict]| {
            let parts = verdicts.iter().enumerate().map(|(index, verdict)| part(index, *verdict, ""));
            vec![check(false, parts.collect())]
        };
        exit(&differences(&all(from), &all(to))).code()
    };
    assert_eq!(code(&[], &[]), 4);
    assert_eq!(code(&[Skipped, Skipped], &[Skipped, Skipped]), 4, "nothing was judged");
    assert_eq!(code(&[Skipped, Fail], &[Pass, Skipped]), 4, "never on both sides");
    assert_eq!(code(&[Pass, Skipped], &[Pass, Skipped]), 0);
    assert_eq!(code(&[Pass, Fail], &[Pass, Pass]), 0);
    assert_eq!(code(&[Fail, Fail], &[Fail, Fail]), 0, "it was so before");
    assert_eq!(code(&[Pass, Pass], &[Pass, Error]), 3);
    assert_eq!(code(&[Pass, Pass], &[Warn, Error]), 1, "one that got worse is enough");
    assert_eq!(code(&[Error, Pass], &[Pass, Pass]), 0, "what holds afterwards is not worse");
}

#[test]
fn only_what_got_worse_has_cures_to_try_and_each_is_tried_once() {
    const ON: Option<&Edit> = Some(&Edit { key: "http.auth.secureSession", value: "true" });
    const OFF: Option<&Edit> = Some(&Edit { key: "http.auth.secureSession", value: "false" });
    let with = |verdict, index, edit| {
        let mut part = part(index, verdict, "");
        part.hint = Some(Hint { cause: String::new(), cure: None, edit });
        part
    };
    let from = [check(false, vec![part(0, Pass, ""), part(1, Fail, ""), part(2, Pass, ""), part(3, Pass, "")])];
    let to = [check(false, vec![with(Fail, 0, ON), with(Fail, 1, OFF), with(Waived, 2, ON), with(Warn, 3, None)])];
    let found = differences(&from, &to);
    assert_eq!(cures(&found), [ON.unwrap()]);
    let id =
        |index: usize| check(false, Vec::new()).check.part_id(check(false, Vec::new()).check.parts.get(index).unwrap());
    assert_eq!(cured_by(&found, ON.unwrap()), BTreeSet::from([id(0), id(2)]));
    assert_eq!(cured_by(&found, OFF.unwrap()), BTreeSet::new(), "that was so before");
    assert_eq!(that(&found, Change::Broken), BTreeSet::from([id(0), id(3)]));
    assert_eq!(that(&found, Change::Accepted), BTreeSet::from([id(2)]));
    assert_eq!(found[1].id(), id(1));
}

#[test]
fn every_change_has_its_word() {
    use Change::{Accepted, Broken, Fixed, Other, Same, Unclear};
    let words = [Same, Fixed, Other, Accepted, Unclear, Broken].map(Change::word);
    assert_eq!(words, ["same", "fixed", "other", "accepted", "unclear", "broken"]);
    assert!(Same < Fixed && Accepted < Unclear && Unclear < Broken, "the gravest is the greatest");
}

fn runs() -> impl Strategy<Value = Vec<(Verdict, Verdict, String)>> {
    prop::collection::vec((select(ALL.to_vec()), select(ALL.to_vec()), "[0-9a-f ]{0,12}"), 0..5)
}

fn side<'a>(parts: impl Iterator<Item = (Verdict, &'a String)>) -> Vec<CheckOutcome> {
    let parts = parts.enumerate().map(|(index, (verdict, said))| {
        let mut part = part(index, verdict, said);
        part.observed = Some(said.clone());
        part
    });
    vec![check(false, parts.collect())]
}

proptest! {
    #[test]
    fn a_run_compared_with_itself_changes_nothing_that_was_told(runs in runs()) {
        let run = side(runs.iter().map(|(verdict, _, said)| (*verdict, said)));
        for part in differences(&run, &run) {
            let told = !matches!(part.to.verdict, Error | NotRun);
            prop_assert_eq!(part.change, if told { Change::Same } else { Change::Unclear });
        }
    }

    #[test]
    fn the_way_back_breaks_what_the_way_there_fixed(runs in runs()) {
        let from = side(runs.iter().map(|(verdict, _, said)| (*verdict, said)));
        let to = side(runs.iter().map(|(_, verdict, said)| (*verdict, said)));
        for (there, back) in differences(&from, &to).into_iter().zip(differences(&to, &from)) {
            let mirrored = match there.change {
                Change::Broken | Change::Accepted => back.change == Change::Fixed,
                Change::Fixed => matches!(back.change, Change::Broken | Change::Accepted),
                same => back.change == same,
            };
            prop_assert!(mirrored, "{:?} {:?}", there.change, back.change);
        }
    }

    #[test]
    fn no_words_are_lost_twice(text in ".{0,40}") {
        let once = lasting(&text);
        prop_assert_eq!(lasting(&once), once);
    }
}
