//! Random access control.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};
use zot_verify::policy::pattern::Pattern;

/// What stands under `http.accessControl`.
pub(super) fn access_control() -> impl Strategy<Value = Value> {
    let repositories = prop::collection::vec((pattern(), policy()), 1..6)
        .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>()));
    (cased("repositories"), repositories, cased("adminPolicy"), prop::option::of(grant()), prop::option::of(groups()))
        .prop_map(|(repositories, policies, admin, grant, groups)| {
            let mut access = json!({ repositories: policies });
            grant.into_iter().for_each(|grant| access[&admin] = grant);
            groups.into_iter().for_each(|groups| access["groups"] = groups);
            access
        })
}

/// A pattern that zot takes.
fn pattern() -> impl Strategy<Value = String> {
    let part = select(
        &[
            "a",
            "b",
            "c",
            "ab",
            "**",
            "**",
            "*",
            "?",
            "a*",
            "*b",
            "a-*",
            "[ab]",
            "[^a]",
            "[!a]",
            "[a-c]",
            "{a,b}",
            "{a,ab}*",
            "{a/b,c}",
            "a**",
            "**b",
            "\\a",
            "A",
            "{a,*}",
            "[a]b",
            "??",
            "{a,{b,c}}",
            "*a*",
            "{,a}b",
        ][..],
    );
    prop::collection::vec(part, 1..4)
        .prop_map(|parts| parts.join("/"))
        .prop_filter("zot ends where a pattern is none", |pattern| Pattern::parse(pattern).is_some())
}

fn policy() -> impl Strategy<Value = Value> {
    let grants = prop::option::of(prop::collection::vec(grant(), 0..3));
    let actions = || prop::option::of(actions());
    (cased("policies"), grants, cased("anonymousPolicy"), actions(), cased("defaultPolicy"), actions()).prop_map(
        |(policies, grants, anonymous, by_anybody, default, by_users)| {
            let mut policy = json!({});
            grants.into_iter().for_each(|grants| policy[&policies] = json!(grants));
            by_anybody.into_iter().for_each(|actions| policy[&anonymous] = json!(actions));
            by_users.into_iter().for_each(|actions| policy[&default] = json!(actions));
            policy
        },
    )
}

fn grant() -> impl Strategy<Value = Value> {
    let users = prop::option::of(some(&["x", "y", "", "X"]));
    let groups = prop::option::of(some(&["g", "h", "H"]));
    (cased("users"), users, cased("groups"), groups, cased("actions"), actions()).prop_map(
        |(users, named, groups, grouped, actions, words)| {
            let mut grant = json!({ actions: words });
            named.into_iter().for_each(|names| grant[&users] = json!(names));
            grouped.into_iter().for_each(|names| grant[&groups] = json!(names));
            grant
        },
    )
}

/// Who is in which group.
fn groups() -> impl Strategy<Value = Value> {
    let users = || some(&["x", "y", "Z"]);
    (users(), users()).prop_map(|(g, h)| json!({ "g": { "users": g }, "H": { "users": h } }))
}

fn actions() -> impl Strategy<Value = Vec<&'static str>> {
    some(&["read", "create", "update", "delete", "reed", "Read"])
}

fn some(words: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(words, 0..=words.len())
}

/// The key, as it may be written too.
fn cased(key: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(key.to_owned()),
        1 => Just(key.to_uppercase()),
        1 => Just(key.to_lowercase()),
    ]
}
