//! Images in YAML, and in JSON, which is YAML too.

use super::image::{self, Image, VARIABLE};
use super::place::Page;
use super::{BESIDE, Scan, Written, lines};
use crate::yaml::{self, Raw, Scalar};

/// The lists whose images kustomize changes, in whatever kind of resource (its `imagetag` filters).
const CONTAINERS: [&str; 2] = ["containers", "initContainers"];

/// Takes in every image of a file.
pub(super) fn scan(page: &Page<'_>, hosts: &[String], to: &mut Scan) {
    match yaml::documents(page.text) {
        Ok(documents) => {
            for document in &documents {
                node(&Reader { page, hosts }, document, "", false, to);
            }
        }
        // Templates of Helm and Jinja are no YAML until they are filled in; what stands in them is read all the same.
        Err(_) => {
            to.templates += 1;
            lines::scan(page, 0..page.text.len(), false, true, hosts, to);
        }
    }
}

/// A file that is read.
pub(super) struct Reader<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) hosts: &'a [String],
}

/// Takes in every image of a node, which is the value of `key`; `container` says that it belongs to a container.
pub(super) fn node(reader: &Reader<'_>, raw: &Raw, key: &str, container: bool, to: &mut Scan) {
    match &raw.value.0 {
        Scalar::Null => {}
        Scalar::Plain | Scalar::Text(_) if container && key == "image" => to.addressed.extend(reader.whole(raw)),
        Scalar::Plain | Scalar::Text(_) => reader.text(raw, lines::is_image_key(key), to),
        Scalar::List(items) => {
            let container = CONTAINERS.contains(&key);
            items.iter().for_each(|item| node(reader, item, if container { "" } else { key }, container, to));
        }
        Scalar::Dict(entries) => {
            let split = reader.split(entries);
            let taken = split.as_ref().map_or(&[][..], |split| &split.taken);
            for (name, value) in entries.iter().filter(|(name, _)| !taken.contains(&reader.text_of(name))) {
                reader.text(name, false, to);
                node(
                    reader,
                    value,
                    reader.text_of(name),
                    container && matches!(value.value.0, Scalar::Plain | Scalar::Text(_)),
                    to,
                );
            }
            to.written.extend(split.map(|split| split.written));
        }
    }
}

/// An image whose parts stand under keys of their own, as in the values of Helm charts.
struct Split<'a> {
    written: Written,
    taken: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    /// A scalar's text; what is plain, such as a number, as it is written.
    pub(super) fn text_of<'r>(&self, raw: &'r Raw) -> &'r str
    where
        'a: 'r,
    {
        match &raw.value.0 {
            Scalar::Text(text) => text,
            Scalar::Plain => yaml::source(raw, self.page.text).trim(),
            _ => "",
        }
    }

    /// Where a scalar's text begins.
    fn start(&self, raw: &Raw) -> usize {
        let range = yaml::range(raw, self.page.text).unwrap_or(0..0);
        range.start + usize::from(self.page.text[range].starts_with(['"', '\'']))
    }

    /// A scalar that is an image as a whole.
    fn whole(&self, raw: &Raw) -> Option<Written> {
        let text = self.text_of(raw).trim();
        (!text.is_empty()).then(|| self.written(raw, text.to_owned(), Image::split(text)))
    }

    pub(super) fn written(&self, raw: &Raw, text: String, image: Image) -> Written {
        let what = if image::has_variable(&text) { Err(VARIABLE.to_owned()) } else { Ok(image) };
        Written { place: self.page.place(self.start(raw)), text, what }
    }

    /// A scalar in which images may stand.
    fn text(&self, raw: &Raw, named: bool, to: &mut Scan) {
        let Some(range) = yaml::range(raw, self.page.text) else { return };
        // Only what has lines of its own can have comments: a script.
        let script = self.page.text[range.clone()].contains('\n');
        let before = to.written.len() + to.mentions;
        lines::scan(self.page, range, named, script, self.hosts, to);
        let text = self.text_of(raw);
        if named && before == to.written.len() + to.mentions && !text.is_empty() && !text.contains(char::is_whitespace)
        {
            to.foreign += 1;
        }
    }

    /// The image whose name and tag, or digest, stand side by side in a mapping.
    fn split<'r>(&self, entries: &'r [(Raw, Raw)]) -> Option<Split<'r>>
    where
        'a: 'r,
    {
        let value = |keys: &[&'static str]| {
            let named = |key: &&'static str| {
                let (_, value) = entries.iter().find(|(name, _)| self.text_of(name) == *key)?;
                let text = self.text_of(value);
                (!text.is_empty()).then_some((*key, value, text))
            };
            keys.iter().find_map(named)
        };
        let registry = value(&["registry"]).filter(|(_, _, text)| self.hosts.iter().any(|host| host == text));
        let (key, raw, text) = value(&["repository", "image", "imageName", "name"])?;
        let full = match registry {
            Some((_, _, host)) => format!("{host}/{text}"),
            None => text.to_owned(),
        };
        let mut image = Image::split(&full);
        image.repository(self.hosts)?;
        let (tag, digest) = (value(&["tag", "imageTag"]), value(&["digest", "imageDigest"]));
        if !image.is_bare() || (registry.is_none() && tag.is_none() && digest.is_none() && key != "repository") {
            return None;
        }
        image.tag = tag.map(|(_, _, text)| text.to_owned());
        image.digest = digest.map(|(_, _, text)| text.to_owned());
        // The tag is what somebody will change.
        let place = [tag, digest].into_iter().flatten().next().map_or(raw, |(_, raw, _)| raw);
        let mut written = self.written(place, image.to_string(), image);
        if tag.is_none() && digest.is_none() && key == "repository" {
            written.what = Err(BESIDE.to_owned());
        }
        let of_registry = registry.map(|(key, ..)| key);
        let taken = [Some(key), of_registry, tag.map(|(key, ..)| key), digest.map(|(key, ..)| key)];
        Some(Split { written, taken: taken.into_iter().flatten().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut to = Scan::default();
        scan(&Page::new("a.yaml", text), &["r.test".into()], &mut to);
        let mut all = to.written;
        all.extend(to.addressed);
        all.sort();
        let told = |written: &Written| match &written.what {
            Ok(image) => format!("{}:{} {image}", written.place.line, written.place.column),
            Err(_) => format!("{}:{} ? {}", written.place.line, written.place.column, written.text),
        };
        all.iter().map(told).collect()
    }

    #[test]
    fn containers_environment_and_scripts() {
        let text = "spec:\n  containers:\n    - name: a\n      image: \"r.test/a:v1\" # was r.test/a:v0\n      env:\n\
                    \x20       - name: LABELS\n          value: k8s:docker://r.test/job:v2\n        - value: r.test/team\n\
                    \x20 initContainers: [{image: r.test/b}]\n---\ndata:\n  run.sh: |\n    # docker pull r.test/no:v1\n    \
                    docker pull r.test/c:v3\n";
        assert_eq!(read(text), ["4:15 r.test/a:v1", "7:31 r.test/job:v2", "9:28 r.test/b", "14:17 r.test/c:v3"]);
    }

    #[test]
    fn parts_that_stand_side_by_side() {
        assert_eq!(read("image:\n  repository: r.test/a\n  tag: 1.37\n"), ["3:8 r.test/a:1.37"]);
        assert_eq!(read("image:\n  registry: r.test\n  repository: a/b\n  tag: \"v1\"\n"), ["4:9 r.test/a/b:v1"]);
        assert_eq!(read("image:\n  repository: r.test/a\n  digest: sha256:00\n"), ["3:11 r.test/a@sha256:00"]);
        assert_eq!(read("image:\n  repository: r.test/a\n  tag: \"\"\n"), ["2:15 ? r.test/a"]);
        assert_eq!(read("image: r.test/a\ntag: v1\n"), ["2:6 r.test/a:v1"]);
        assert_eq!(read("image: r.test/a\n"), ["1:8 r.test/a"]);
        assert_eq!(read("image: r.test/a:v1\ntag: v2\n"), ["1:8 r.test/a:v1"]);
    }

    #[test]
    fn templates_are_read_by_line() {
        let text = "{{- if .Values.on }}\nimage: r.test/a:{{ .Values.tag }}\nx:\n  image: 'r.test/b:v1'\n  repository: \
                    r.test/c\n{{- end }}\n# r.test/d:v1\n";
        assert_eq!(read(text), ["2:8 ? r.test/a:{{ .Values.tag }}", "4:11 r.test/b:v1", "5:15 ? r.test/c"]);
    }

    #[test]
    fn json_is_read_too() {
        assert_eq!(read("{\"containers\": [{\"image\": \"r.test/a:v1\"}]}"), ["1:28 r.test/a:v1"]);
    }
}
