//! The one door that every text passes before a person or a file sees it.
//!
//! A [`Redactor`] knows the secrets of a run and replaces each by `[NAME]`, in whatever dress it comes: plain, in
//! base64 or hex, percent-encoded, escaped for JSON or HTML, and those inside each other. It also masks what is secret
//! by its place (a cookie's value, `password` in JSON, `state` in a URL) or by its looks (an API key of zot, a JWT).
//!
//! How it works: a text is read in several views, each the text with one more layer of escapes undone, and each
//! knowing where its bytes came from. Whatever is found in a view marks a span of the original; spans that overlap
//! are joined and replaced in one go. Placeholders that already stand in the text are left alone, and the whole is
//! repeated until nothing more is found: hence `redact(redact(x)) == redact(x)`. It ends, because each round puts
//! placeholders in the stead of at least one byte that was not part of one.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use zot_verify_model::Secret;

use crate::bounds;

mod places;
mod reading;

use places::{FIELDS, PARAMETERS, Shape, find_fields, find_in_header, find_in_url, find_keys, is_cookie_name};
use reading::{View, first_bytes, is_base64, is_hex, is_text, match_escaped, opens_escape, runs, unpack};

/// A value met on the way that is shorter than this is left alone: it would blot out ordinary words.
const SHORTEST_MET: usize = 6;
/// In base64 and hex, a secret shorter than this counts only if everything around it is text too: in decoded noise,
/// two or three bytes turn up by chance.
const SHORTEST_IN_NOISE: usize = 4;
/// How many layers of base64 or hex are undone.
const PACKED_LAYERS: usize = 2;

/// Names of placeholders, beside those of fields, parameters and known secrets, and `cookie NAME`.
const LABELS: &[&str] = &["api key", "cookie", "credentials", "secret", "token", "userinfo"];

/// Replaces secrets in texts by their names. Clones share what they know.
#[derive(Clone, Default)]
pub struct Redactor {
    lexicon: Arc<RwLock<Arc<Lexicon>>>,
}

impl Redactor {
    /// A redactor that knows no secret yet; it still masks by place and by looks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a secret of the configuration, however short. An empty value is no secret.
    ///
    /// A value with white space around it (the line feed at the end of a file) is looked for without it, too.
    pub fn learn(&self, secret: &Secret) {
        self.note(secret.name(), secret.expose(), true);
        self.note(secret.name(), secret.expose().trim(), true);
    }

    /// Takes note of a value met on the way, such as a cookie; values under six bytes are ignored.
    ///
    /// A server that sets fresh cookies with every answer must not make redaction slower and slower: past the bounds
    /// nothing more is learnt ([`bounds::MET`] and those beside it). Such a value is masked where it belongs and by its
    /// looks, as ever, but not where it stands in other text.
    pub fn learn_met(&self, name: &str, value: &str) {
        if value.len() >= SHORTEST_MET && value.len().max(name.len()) <= bounds::MET_LENGTH {
            self.note(name, value, false);
        }
    }

    /// `text` without secrets.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.mask(text, Shape::Text)
    }

    /// The value of the header `name` without secrets.
    ///
    /// Credentials, cookies' values and the values of headers such as `X-Auth-Token` are masked, known or not. Schemes,
    /// cookies' names and attributes stay readable, and an empty value stays empty. Headers that hold a URL are treated
    /// as by [`Redactor::redact_url`].
    #[must_use]
    pub fn redact_header(&self, name: &str, value: &str) -> String {
        self.mask(value, Shape::of_header(name))
    }

    /// A URL (or a form's body) without secrets: known ones, telling parameters (`code`, `state`, `password`, ...) in
    /// query and fragment, and any user information.
    #[must_use]
    pub fn redact_url(&self, url: &str) -> String {
        self.mask(url, Shape::Url)
    }

    fn mask(&self, text: &str, shape: Shape) -> String {
        // A panic elsewhere must not open this door: what was learnt before it is whole, as nothing is ever taken out.
        let lexicon = Arc::clone(&self.lexicon.read().unwrap_or_else(PoisonError::into_inner));
        let mut text = text.to_owned();
        loop {
            let hits = lexicon.find(text.as_bytes(), shape, PACKED_LAYERS, 1);
            let hits = merge(hits, &lexicon.placeholders(&text), &text);
            if hits.is_empty() {
                return text;
            }
            text = replace(&text, &hits, &lexicon);
        }
    }

    fn note(&self, name: &str, value: &str, configured: bool) {
        if value.is_empty() {
            return;
        }
        let new = Known { name: bare(name), value: value.into(), configured };
        let mut lexicon = self.lexicon.write().unwrap_or_else(PoisonError::into_inner);
        if lexicon.wants(&new) {
            // In place, but for a text that is being redacted just now: that goes on with what was known.
            Arc::make_mut(&mut lexicon).note(new);
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.lexicon.read().unwrap_or_else(PoisonError::into_inner).known.len();
        write!(f, "Redactor({known} secrets)")
    }
}

/// A name that can stand between brackets.
fn bare(name: &str) -> String {
    let name: String = name.chars().filter(|c| !matches!(c, '[' | ']') && !c.is_control()).collect();
    if name.is_empty() { "secret".to_owned() } else { name }
}

#[derive(Clone)]
struct Known {
    name: String,
    value: Vec<u8>,
    configured: bool,
}

/// Something to hide: where it stands, what to call it, and how sure the name is.
#[derive(Clone, Debug)]
struct Hit {
    span: Range<usize>,
    label: String,
    weight: usize,
}

impl Hit {
    /// Secret by its place.
    const PLACE: usize = 0;
    /// Secret by its looks. A known secret weighs this and its length, so that the longest gives the name.
    const LOOKS: usize = 1;

    fn new(span: Range<usize>, label: impl Into<String>, weight: usize) -> Self {
        Self { span, label: label.into(), weight }
    }
}

#[derive(Clone)]
struct Lexicon {
    known: Vec<Known>,
    /// For each byte, which of the known begin with it.
    beginning: [Vec<usize>; 256],
}

impl Default for Lexicon {
    fn default() -> Self {
        Self { known: Vec::new(), beginning: [const { Vec::new() }; 256] }
    }
}

impl Lexicon {
    /// Whether this is news, and there is room for it: always, if it is configured.
    fn wants(&self, new: &Known) -> bool {
        match self.known.iter().find(|known| known.value == new.value) {
            Some(known) => new.configured && !known.configured,
            None => new.configured || self.has_room(&new.name),
        }
    }

    /// Whether one more value may be learnt that was met under this name.
    fn has_room(&self, name: &str) -> bool {
        let met = self.known.iter().filter(|known| !known.configured);
        met.clone().count() < bounds::MET && met.filter(|known| known.name == name).count() < bounds::MET_OF_NAME
    }

    fn note(&mut self, new: Known) {
        if let Some(known) = self.known.iter_mut().find(|known| known.value == new.value) {
            *known = new;
            return;
        }
        // In this order the table never points at what is not there.
        let first = usize::from(new.value[0]);
        self.known.push(new);
        self.beginning[first].push(self.known.len() - 1);
    }

    /// Everything to hide in `text`. `packed`: layers of base64 or hex still to undo; `shortest`: the shortest secret
    /// to look for.
    fn find(&self, text: &[u8], shape: Shape, packed: usize, shortest: usize) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut unpacked = HashSet::new();
        for (index, view) in View::all(text).iter().enumerate() {
            let bytes = &view.bytes;
            let mut found = self.find_known(bytes, shortest);
            if !view.joined {
                found.extend(find_keys(bytes));
                found.extend(find_fields(bytes));
                match shape {
                    Shape::Url => found.extend(find_in_url(bytes)),
                    Shape::Text => {}
                    _ if index == 0 => found.extend(find_in_header(bytes, shape)),
                    _ => {}
                }
            }
            if packed > 0 {
                found.extend(self.find_packed(view, packed - 1, &mut unpacked));
            }
            hits.extend(found.into_iter().map(|hit| Hit { span: view.source(&hit.span), ..hit }));
        }
        hits
    }

    fn find_known(&self, text: &[u8], shortest: usize) -> Vec<Hit> {
        let mut hits = Vec::new();
        for start in (0..text.len()).filter(|&at| self.may_begin(text[at])) {
            let mut firsts = first_bytes(&text[start..]);
            firsts.sort_unstable();
            firsts.dedup();
            let fitting = firsts.iter().flat_map(|&first| &self.beginning[usize::from(first)]);
            for known in fitting.map(|&index| &self.known[index]).filter(|known| known.value.len() >= shortest) {
                if let Some(length) = match_escaped(&text[start..], &known.value) {
                    hits.push(Hit::new(start..start + length, known.name.as_str(), Hit::LOOKS + known.value.len()));
                }
            }
        }
        hits
    }

    /// Whether a known secret, escaped or not, can begin with `byte`.
    fn may_begin(&self, byte: u8) -> bool {
        opens_escape(byte) || !self.beginning[usize::from(byte)].is_empty()
    }

    /// Runs of base64 or hex that hide something, each as a whole. Where in a run the encoding began is not known, so
    /// every phase is tried. `unpacked`: what was seen to, verbatim, in another view.
    fn find_packed(&self, view: &View, packed: usize, unpacked: &mut HashSet<(usize, Range<usize>)>) -> Vec<Hit> {
        let text = &view.bytes;
        // What can be hidden in fewer bytes than the shortest secret, or the shortest `"secret":x`?
        let least = self.known.iter().map(|known| known.value.len()).min().map_or(10, |least| least.min(10));
        let mut hits = Vec::new();
        for (in_alphabet, bits, phases) in [(is_base64 as fn(u8) -> bool, 6, 4), (is_hex, 4, 2)] {
            for run in runs(text, in_alphabet).filter(|run| run.len() * bits >= least * 8) {
                let padding = text[run.end..].iter().take_while(|&&byte| byte == b'=').count();
                let whole = run.start..run.end + padding;
                if view.is_verbatim(&whole) && !unpacked.insert((bits, view.source(&whole))) {
                    continue;
                }
                let inside = (0..phases).flat_map(|phase| {
                    let plain = unpack(text.get(run.start + phase..run.end).unwrap_or_default(), bits);
                    let shortest = if is_text(&plain) { 1 } else { SHORTEST_IN_NOISE };
                    self.find(&plain, Shape::Text, packed, shortest)
                });
                if let Some(hit) = inside.max_by_key(|hit| hit.weight) {
                    hits.push(Hit { span: whole, ..hit });
                }
            }
        }
        hits
    }

    /// The name to show for `label`. The configuration's names are taken as they are; one that somebody else gave (a
    /// cookie's) must not itself tell a secret.
    fn label<'a>(&self, label: &'a str) -> &'a str {
        let given = LABELS.contains(&label) || self.known.iter().any(|known| known.configured && known.name == label);
        let tells = |known: &Known| label.as_bytes().windows(known.value.len()).any(|part| part == known.value);
        if given || !self.known.iter().any(tells) && find_keys(label.as_bytes()).is_empty() {
            label
        } else if label.starts_with("cookie ") {
            "cookie"
        } else {
            "secret"
        }
    }

    /// Where placeholders of ours stand in `text`.
    fn placeholders(&self, text: &str) -> Vec<Range<usize>> {
        let ours = |label: &str| {
            let made = [LABELS, FIELDS, PARAMETERS].iter().any(|labels| labels.contains(&label))
                || self.known.iter().any(|known| known.name == label)
                || label.strip_prefix("cookie ").is_some_and(is_cookie_name);
            made && self.label(label) == label
        };
        text.match_indices('[')
            .filter_map(|(start, _)| {
                let label = text[start + 1..].split(['[', ']']).next()?;
                let end = start + 1 + label.len();
                (text[end..].starts_with(']') && ours(label)).then_some(start..end + 1)
            })
            .collect()
    }
}

/// Joins hits that overlap, leaving placeholders whole.
fn merge(hits: Vec<Hit>, placeholders: &[Range<usize>], text: &str) -> Vec<Hit> {
    let mut hits: Vec<Hit> = hits.into_iter().filter_map(|hit| around(hit, placeholders, text)).collect();
    hits.sort_by_key(|hit| hit.span.start);
    let mut merged: Vec<Hit> = Vec::new();
    for hit in hits {
        match merged.last_mut() {
            Some(last) if hit.span.start < last.span.end => {
                let span = last.span.start..last.span.end.max(hit.span.end);
                let heavier = if hit.weight > last.weight { hit } else { last.clone() };
                *last = Hit { span, ..heavier };
            }
            _ => merged.push(hit),
        }
    }
    merged
}

/// The hit, grown to whole characters and over any placeholder that it cuts; none if there is nothing but placeholders
/// in it.
fn around(hit: Hit, placeholders: &[Range<usize>], text: &str) -> Option<Hit> {
    let Range { mut start, mut end } = hit.span.clone();
    let mut hidden = 0;
    let first = placeholders.partition_point(|held| held.end <= start);
    for placeholder in placeholders[first..].iter().take_while(|held| held.start < hit.span.end) {
        start = start.min(placeholder.start);
        end = end.max(placeholder.end);
        hidden += placeholder.len();
    }
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    (end - start > hidden).then_some(Hit { span: start..end, ..hit })
}

fn replace(text: &str, hits: &[Hit], lexicon: &Lexicon) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for hit in hits {
        out.push_str(&text[from..hit.span.start]);
        out.push('[');
        out.push_str(lexicon.label(&hit.label));
        out.push(']');
        from = hit.span.end;
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests;
