use proptest::prelude::*;

use super::*;

/// A tree, each file `path` and text.
fn survey(files: &[(&str, &str)]) -> Survey {
    let source = |(path, text): &(&str, &str)| Source { path: (*path).into(), text: (*text).to_owned() };
    Survey::of(&files.iter().map(source).collect::<Vec<_>>(), &["r.test".to_owned()])
}

fn pins(survey: &Survey) -> Vec<String> {
    let told = |(pin, places): (&Pin, &Vec<Place>)| {
        let places: Vec<String> = places.iter().map(ToString::to_string).collect();
        format!("{pin} {}", places.join(" "))
    };
    survey.pins.iter().map(told).collect()
}

const DEPLOYMENT: &str = "kind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - name: a\n          \
                          image: r.test/team/a:kustomized\n        - image: grafana/loki:kustomized\n";

#[test]
fn a_kustomization_overrides_its_resources() {
    let kustomization = "resources:\n  - deployment.yaml\nimages:\n  - name: r.test/team/a\n    newTag: v1.0.0-abc1234\n  \
                         - name: grafana/loki\n    newName: r.test/team/loki\n    newTag: \"3.6\" # pinned\n";
    let tree = survey(&[("x/deployment.yaml", DEPLOYMENT), ("x/kustomization.yaml", kustomization)]);
    assert_eq!(pins(&tree), ["team/a:v1.0.0-abc1234 x/kustomization.yaml:5", "team/loki:3.6 x/kustomization.yaml:8"]);
    assert_eq!((tree.foreign, tree.files), (0, 2));
}

#[test]
fn a_sentinel_that_nobody_overrides_stays() {
    let other = "resources: [deployment.yaml]\nimages:\n  - name: r.test/team/b\n    newTag: v1\n";
    let tree = survey(&[("x/deployment.yaml", DEPLOYMENT), ("x/kustomization.yaml", other)]);
    assert_eq!(pins(&tree), ["team/a:kustomized x/deployment.yaml:7", "team/b:v1 x/kustomization.yaml:4"]);
    assert_eq!(pins(&survey(&[("x/deployment.yaml", DEPLOYMENT)])), ["team/a:kustomized x/deployment.yaml:7"]);
}

#[test]
fn a_file_beside_a_kustomization_that_nobody_names_is_its_own() {
    let kustomization = "resources: []\nimages: [{name: r.test/team/a, newTag: v1}]\n";
    let tree = survey(&[("x/deployment.yaml", DEPLOYMENT), ("x/kustomization.yaml", kustomization)]);
    assert_eq!(pins(&tree), ["team/a:v1 x/kustomization.yaml:2"]);
}

#[test]
fn an_overlay_has_the_last_word() {
    let base = "resources: [deployment.yaml]\nimages: [{name: r.test/team/a, newTag: v1}]\n";
    let overlay =
        |tag: &str| format!("resources:\n  - ../../base\nimages:\n  - name: r.test/team/a\n    newTag: {tag}\n");
    let tree = survey(&[
        ("base/deployment.yaml", DEPLOYMENT),
        ("base/kustomization.yaml", base),
        ("overlays/one/kustomization.yaml", &overlay("v2")),
        ("overlays/two/kustomization.yaml", "resources: [../../base]\n"),
    ]);
    assert_eq!(pins(&tree), ["team/a:v1 base/kustomization.yaml:2", "team/a:v2 overlays/one/kustomization.yaml:5"]);
    let tree = survey(&[
        ("base/deployment.yaml", DEPLOYMENT),
        ("base/kustomization.yaml", base),
        ("overlays/one/kustomization.yaml", &overlay("v2")),
    ]);
    assert_eq!(pins(&tree), ["team/a:v2 overlays/one/kustomization.yaml:5"], "v1 is deployed nowhere");
}

#[test]
fn components_and_patches_are_changed_too() {
    let overlay = "resources: [deployment.yaml]\ncomponents: [../parts]\npatches:\n  - path: patch.yaml\n  - patch: |-\n      \
                   - op: replace\n        path: /spec/image\n        value: r.test/team/c:kustomized\n    target: {kind: X}\n\
                   images:\n  - {name: r.test/team/c, digest: \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}\n";
    let patch = "spec: {containers: [{name: b, image: \"r.test/team/b:kustomized\"}]}\n";
    let component =
        "kind: Component\nimages:\n  - {name: r.test/team/a, newTag: v1}\n  - {name: r.test/team/b, newTag: v2}\n";
    let tree = survey(&[
        ("app/deployment.yaml", DEPLOYMENT),
        ("app/patch.yaml", patch),
        ("app/kustomization.yaml", overlay),
        ("parts/kustomization.yaml", component),
    ]);
    assert_eq!(
        pins(&tree),
        [
            "team/a:v1 parts/kustomization.yaml:3",
            "team/b:v2 parts/kustomization.yaml:4",
            "team/c@sha256:0000000000000000000000000000000000000000000000000000000000000000 app/kustomization.yaml:11"
        ]
    );
}

#[test]
fn kustomizations_that_name_each_other_end() {
    let one = "resources: [../b, a.yaml]\nimages: [{name: r.test/a, newTag: v1}]\n";
    let tree = survey(&[
        ("a/kustomization.yaml", one),
        ("a/a.yaml", "containers: [{image: r.test/a:x}]\n"),
        ("b/kustomization.yaml", "resources: [../a]\n"),
    ]);
    assert_eq!(pins(&tree), ["a:v1 a/kustomization.yaml:2"]);
}

#[test]
fn only_what_kustomize_changes_is_changed() {
    let manifest = "spec:\n  imageName: r.test/team/a:v1\n  containers:\n    - env: [{value: 'r.test/team/a:v1'}]\n";
    let kustomization = "resources: [a.yaml]\nimages: [{name: r.test/team/a, newTag: v2}]\n";
    let tree = survey(&[("a.yaml", manifest), ("kustomization.yaml", kustomization)]);
    assert_eq!(pins(&tree), ["team/a:v1 a.yaml:2 a.yaml:4", "team/a:v2 kustomization.yaml:2"]);
}

#[test]
fn what_cannot_be_asked_for_is_told() {
    let tree = survey(&[
        ("a.nix", "{ image = \"r.test/a:${version}\"; }"),
        ("g/kustomization.yaml", "images: [{name: r.test/g, tagSuffix: -x}]\n"),
        ("g/g.yaml", "containers: [{image: r.test/g:v1}]\n"),
        ("kustomization.yaml", "images:\n  - name: r.test/b\n    newTag: ${TAG}\n"),
        ("bad/kustomization.yaml", "images: [\n"),
        ("c.yaml", "image: r.test/Team/C:v1\nother:\n  image: '{{ image }}'\n"),
        ("d.yaml", "image: r.test/d@sha256:0\n"),
        ("e.md", "docker pull r.test/e:v1\n"),
        ("f.yaml", "registry: r.test/team\nimage: quay.io/x:v1\n"),
    ]);
    let open: Vec<String> =
        tree.open.iter().map(|open| format!("{} {}: {}", open.place, open.text, open.why)).collect();
    assert_eq!(
        open,
        [
            "a.nix:1 r.test/a:${version}: part of it comes from a variable or a template",
            "c.yaml:1 r.test/Team/C:v1: `Team/C` is no name of a repository (distribution-spec, \"Pulling manifests\")",
            "d.yaml:1 r.test/d@sha256:0: `sha256:0` is not `sha256:` followed by 64 lower-case hexadecimal digits",
            "g/g.yaml:1 r.test/g:v1: a tagSuffix adds to it, which kustomize does twice (seen in v5.7.1)",
            "kustomization.yaml:3 r.test/b:${TAG}: part of it comes from a variable or a template",
        ]
    );
    assert_eq!((tree.foreign, tree.mentions, tree.other.as_slice()), (1, 1, &["e.md".to_owned()][..]));
    assert_eq!(tree.unread.len(), 1);
    assert!(tree.pins.is_empty());
}

#[test]
fn what_is_nested_too_deep_is_read_by_line() {
    let deep = |levels: usize| format!("{}'r.test/a:v1'{}\n", "[".repeat(levels), "]".repeat(levels));
    let (shallow, deep) = (deep(8), deep(100_000));
    let tree = survey(&[("a.yaml", shallow.as_str()), ("b.yaml", deep.as_str())]);
    assert_eq!((pins(&tree), tree.templates), (vec!["a:v1 a.yaml:1 b.yaml:1".to_owned()], 1));
}

#[test]
fn a_name_that_a_terminal_obeys_is_shown_and_not_obeyed() {
    let tree = survey(&[("a\u{1b}[2J\n.yaml", "image: r.test/a:v1\n")]);
    assert_eq!(pins(&tree), ["a:v1 a\\u{1b}[2J\\n.yaml:1"]);
}

/// What stands in trees, in pieces.
fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "images:\n",
        "- name: r.test/a\n",
        "  newTag: v1\n",
        "  newName: r.test/b\n",
        "resources: [x.yaml, ., ../y, ..]\n",
        "kind: Component\n",
        "components: [../x]\n",
        "image: r.test/a:v1\n",
        "  containers:\n",
        "  - image: r.test/a\n",
        "{{ x }}\n",
        "'",
        "\"",
        "# ",
        "${",
        "}",
        "é",
        "\t",
        "---\n",
        "&a ",
        "*a\n",
        "tag: r.test/q:w\n",
        "{",
        "[",
        ": ",
        "|\n  ",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_tree_makes_it_panic_and_the_order_of_files_does_not_matter(
        texts in prop::collection::vec((prop::sample::select(vec![
            "kustomization.yaml", "x/kustomization.yaml", "y/kustomization.yml", "x.yaml", "y/x.yaml", "x/a.nix", "Dockerfile",
        ]), text()), 0..6),
    ) {
        let tree: BTreeMap<&str, String> = texts.into_iter().collect();
        let files: Vec<(&str, &str)> = tree.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let mut turned = files.clone();
        turned.reverse();
        let (one, mut other) = (survey(&files), survey(&turned));
        other.unread.reverse();
        other.other.reverse();
        prop_assert_eq!(&one, &other);
        for (pin, places) in &one.pins {
            for place in places {
                let line = tree[&*place.file].split('\n').nth(place.line - 1).unwrap_or("none");
                let part = pin.tag.as_deref().filter(|tag| *tag != "latest").unwrap_or(&pin.repository);
                prop_assert!(line.contains(part), "{pin} is not at {place}: {line}");
            }
        }
    }
}
