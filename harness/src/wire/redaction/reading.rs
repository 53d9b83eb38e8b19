//! Reading a text through its dress: escapes undone in views that remember where their bytes came from, escapes seen
//! through in place, base64 and hex unpacked.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// How many layers of escapes are undone before a search, which then sees through one more.
const ESCAPE_LAYERS: usize = 2;

/// A text with some layers of escapes undone; `starts[i]` and `ends[i]` say what stands for byte `i` in the original, and
/// the last of `starts` is the original's end.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// Whether its lines were joined: then nothing can be told by its place in a line.
    pub(super) joined: bool,
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl View {
    /// The text itself, first, and every other way to read it.
    pub(super) fn all(text: &[u8]) -> Vec<Self> {
        let mut views = vec![Self::plain(text)];
        let mut outer = 0..1;
        for _ in 0..ESCAPE_LAYERS {
            for index in outer.clone() {
                for escape in [Escape::Percent, Escape::Json, Escape::Html] {
                    if let Some(view) = views[index].without(escape)
                        && views.iter().all(|known| known.bytes != view.bytes)
                    {
                        views.push(view);
                    }
                }
            }
            outer = outer.end..views.len();
        }
        let joined: Vec<Self> = views.iter().filter_map(|view| view.without(Escape::Fold)).collect();
        views.extend(joined.into_iter().map(|view| Self { joined: true, ..view }));
        views
    }

    fn plain(text: &[u8]) -> Self {
        let (starts, ends) = ((0..=text.len()).collect(), (1..=text.len()).collect());
        Self { bytes: text.to_vec(), joined: false, starts, ends }
    }

    /// The view with `escape` undone; none if there was nothing to undo.
    fn without(&self, escape: Escape) -> Option<Self> {
        if !self.bytes.contains(&escape.opener()) {
            return None;
        }
        let (mut bytes, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = 0;
        while at < self.bytes.len() {
            let unit = escape.read(&self.bytes[at..]).unwrap_or(Unit::byte(self.bytes[at], 1));
            bytes.extend_from_slice(unit.bytes());
            // An escape may stand for several bytes: each of them is all of it.
            starts.resize(bytes.len(), self.starts[at]);
            at += unit.taken;
            ends.resize(bytes.len(), self.ends[at - 1]);
        }
        starts.push(self.starts[self.bytes.len()]);
        (bytes.len() < self.bytes.len()).then_some(Self { bytes, joined: self.joined, starts, ends })
    }

    /// Whether the bytes in `span` stand in the original as they are.
    pub(super) fn is_verbatim(&self, span: &Range<usize>) -> bool {
        self.source(span).len() == span.len()
    }

    /// Where `span` stands in the original.
    pub(super) fn source(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.starts[span.start];
        start..if span.is_empty() { start } else { self.ends[span.end - 1] }
    }
}

#[derive(Clone, Copy)]
enum Escape {
    Percent,
    Form,
    Json,
    Html,
    /// The end of a line with the white space around the break, where somebody wrapped a long word: base64 in mail
    /// (RFC 2045 section 6.8), PEM, YAML.
    Fold,
}

/// What an escape stands for, and how many bytes it took.
struct Unit {
    utf8: [u8; 4],
    length: usize,
    taken: usize,
}

impl Unit {
    fn byte(byte: u8, taken: usize) -> Self {
        Self { utf8: [byte, 0, 0, 0], length: 1, taken }
    }

    fn char(char: char, taken: usize) -> Self {
        let mut utf8 = [0; 4];
        let length = char.encode_utf8(&mut utf8).len();
        Self { utf8, length, taken }
    }

    /// What stands for nothing.
    fn none(taken: usize) -> Self {
        Self { utf8: [0; 4], length: 0, taken }
    }

    fn bytes(&self) -> &[u8] {
        &self.utf8[..self.length]
    }
}

pub(super) fn opens_escape(byte: u8) -> bool {
    Escape::ALL.iter().any(|escape| escape.opener() == byte)
}

/// Every byte that `text` may begin with, escapes seen through.
pub(super) fn first_bytes(text: &[u8]) -> Vec<u8> {
    let escaped = Escape::ALL.iter().filter_map(|escape| escape.read(text));
    text.first().copied().into_iter().chain(escaped.map(|unit| unit.utf8[0])).collect()
}

impl Escape {
    const ALL: [Self; 4] = [Self::Percent, Self::Form, Self::Json, Self::Html];

    fn opener(self) -> u8 {
        match self {
            Self::Percent => b'%',
            Self::Form => b'+',
            Self::Json => b'\\',
            Self::Html => b'&',
            Self::Fold => b'\n',
        }
    }

    /// Reads the escape that `text` begins with.
    fn read(self, text: &[u8]) -> Option<Unit> {
        match (self, text) {
            (Self::Percent, [b'%', digits @ ..]) => Some(Unit::byte(u8::try_from(hex(digits.get(..2)?)?).ok()?, 3)),
            (Self::Form, [b'+', ..]) => Some(Unit::byte(b' ', 1)),
            (Self::Json, [b'\\', b'u', digits @ ..]) => {
                let first = hex(digits.get(..4)?)?;
                if let Some(char) = char::from_u32(first) {
                    return Some(Unit::char(char, 6));
                }
                let second = hex(digits.get(4..)?.strip_prefix(b"\\u")?.get(..4)?)?;
                let halves = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
                Some(Unit::char(char::decode_utf16(halves).next()?.ok()?, 12))
            }
            (Self::Json, [b'\\', letter, ..]) => {
                let (_, byte) = [
                    (b'"', b'"'),
                    (b'\\', b'\\'),
                    (b'/', b'/'),
                    (b'\'', b'\''),
                    (b'n', b'\n'),
                    (b'r', b'\r'),
                    (b't', b'\t'),
                    (b'b', 8),
                    (b'f', 12),
                ]
                .into_iter()
                .find(|(written, _)| written == letter)?;
                Some(Unit::byte(byte, 2))
            }
            (Self::Fold, [b' ' | b'\t' | b'\r' | b'\n', ..]) => {
                let space = text.iter().take_while(|&&byte| b" \t\r\n".contains(&byte)).count();
                text[..space].contains(&b'\n').then(|| Unit::none(space))
            }
            (Self::Html, [b'&', rest @ ..]) => {
                let name = &rest[..rest.iter().take(10).position(|&byte| byte == b';')?];
                let char = match name {
                    b"amp" => '&',
                    b"lt" => '<',
                    b"gt" => '>',
                    b"quot" => '"',
                    b"apos" => '\'',
                    [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits)?)?,
                    [b'#', digits @ ..] => char::from_u32(str::from_utf8(digits).ok()?.parse().ok()?)?,
                    _ => return None,
                };
                Some(Unit::char(char, name.len() + 2))
            }
            _ => None,
        }
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    let value = |sum: u32, &digit: &u8| Some(sum.checked_mul(16)? + char::from(digit).to_digit(16)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, value) }
}

/// The length of `needle` at the start of `text`, where each character may stand for itself or be escaped in any way.
pub(super) fn match_escaped(text: &[u8], needle: &[u8]) -> Option<usize> {
    let same = text.iter().zip(needle).take_while(|(here, wanted)| here == wanted).count();
    if same == needle.len() {
        return Some(same);
    }
    // No escape up to where they part: the usual case, told cheaply.
    if !text.iter().take(same + 1).any(|&byte| opens_escape(byte)) {
        return None;
    }
    // All ways to read the text so far, as (bytes of the needle matched, bytes of the text used).
    let mut states = BTreeSet::from([(0, 0)]);
    while let Some((matched, used)) = states.pop_first() {
        if matched == needle.len() {
            return Some(used);
        }
        let (wanted, rest) = (&needle[matched..], &text[used..]);
        if rest.first() == wanted.first() {
            states.insert((matched + 1, used + 1));
        }
        for escape in Escape::ALL {
            if let Some(unit) = escape.read(rest)
                && wanted.starts_with(unit.bytes())
            {
                states.insert((matched + unit.length, used + unit.taken));
            }
        }
    }
    None
}

/// Maximal runs of bytes that pass `test`.
pub(super) fn runs(text: &[u8], test: impl Fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(|&byte| test(byte))?;
        at = text[start..].iter().position(|&byte| !test(byte)).map_or(text.len(), |length| start + length);
        Some(start..at)
    })
}

/// Both alphabets, standard and URL-safe: decoding them alike does no harm here.
pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
}

/// Undoes base64 (6 bits a digit) or hex (4), forgiving whatever is left over at the end.
pub(super) fn unpack(digits: &[u8], bits: usize) -> Vec<u8> {
    let mut plain = Vec::with_capacity(digits.len() * bits / 8);
    let (mut pending, mut have) = (0_u32, 0);
    for &digit in digits {
        let value = match digit {
            _ if bits == 4 => char::from(digit).to_digit(16).unwrap_or(0),
            b'A'..=b'Z' => u32::from(digit - b'A'),
            b'a'..=b'z' => u32::from(digit - b'a') + 26,
            b'0'..=b'9' => u32::from(digit - b'0') + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        pending = (pending << bits | value) & 0xffff;
        have += bits;
        if have >= 8 {
            have -= 8;
            plain.push((pending >> have & 0xff) as u8);
        }
    }
    plain
}

pub(super) fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// `text` with one layer of percent-encoding undone.
pub(super) fn percent_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    View::plain(text).without(Escape::Percent).map_or(Cow::Borrowed(text), |view| Cow::Owned(view.bytes))
}

pub(super) fn is_text(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(|char| char.is_control() && !char.is_whitespace()))
}
