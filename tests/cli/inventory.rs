//! Directories of manifests that are not there, cannot be read, or pin nothing.

use crate::house::{House, assert_told};

#[test]
fn what_is_wrong_is_refused() {
    let house = House::new();
    std::fs::create_dir(house.work().join("manifests")).unwrap();
    for (name, text) in [
        ("missing", "manifests = ['nowhere']\n"),
        ("key", "manifest = ['manifests']\n"),
        ("platform", "manifests = ['manifests']\nplatforms = { manifests = 'arm64' }\n"),
        ("place", "manifests = ['manifests']\nplatforms = { 'argocd/ntfi' = ['linux/arm64'] }\n"),
        ("host", "hosts = ['https://r.test']\n"),
        ("glob", "placeholders = ['[']\n"),
        ("empty", "placeholders = []\n"),
    ] {
        house.file(name, &format!("[inventory]\n{text}"));
    }
    let names = ["missing", "key", "platform", "place", "host", "glob", "empty"];
    let mut lines = names.map(|name| format!("plan live http://r.test --intent {name}")).to_vec();
    lines.push("plan live http://r.test --manifests manifests --manifests gone".into());
    lines.push("plan live http://r.test --manifests missing".into());
    assert_told!(house.refused(2, &lines.iter().map(String::as_str).collect::<Vec<_>>()));
}
