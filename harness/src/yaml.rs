//! YAML with the place where each node stands: the text decides what a node means, and people are told the line.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy, Options, Spanned, Tagged};

/// A node with its place and its tag.
pub(crate) type Raw = Spanned<Tagged<Scalar>>;

/// What the YAML crate makes of a node.
#[derive(Debug)]
pub(crate) enum Scalar {
    Null,
    /// Something plain, to be made out from its source.
    Plain,
    Text(String),
    List(Vec<Raw>),
    Dict(Vec<(Raw, Raw)>),
}

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// A text that is one document.
pub(crate) fn document(text: &str) -> Result<Raw, Bad> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| Bad::new(&error))
}

/// A text of any number of documents.
pub(crate) fn documents(text: &str) -> Result<Vec<Raw>, Bad> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| Bad::new(&error))
}

/// The bytes of `text` in which a node is written.
pub(crate) fn range(raw: &Raw, text: &str) -> Option<Range<usize>> {
    let (start, length) = raw.defined.span().byte_offset().zip(raw.defined.span().byte_len())?;
    let start = usize::try_from(start).ok()?;
    let range = start..start.checked_add(usize::try_from(length).ok()?)?;
    text.get(range.clone()).map(|_| range)
}

/// A node as it is written.
pub(crate) fn source<'a>(raw: &Raw, text: &'a str) -> &'a str {
    range(raw, text).and_then(|range| text.get(range)).unwrap_or_default()
}

fn options() -> Options {
    serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    }
}

impl Bad {
    fn new(error: &serde_saphyr::Error) -> Self {
        let line = error.location().map_or(1, |location| usize::try_from(location.line()).unwrap_or(1));
        let message = error.to_string();
        // The place is told apart from the message.
        let message = message.split(" at line ").next().unwrap_or_default();
        Self { line, message: message.to_owned() }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_none<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Scalar, E> {
        Ok(Scalar::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Scalar, E> {
        Ok(Scalar::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Scalar, E> {
        Ok(Scalar::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Scalar, E> {
        Ok(Scalar::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Scalar::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Scalar, A::Error> {
        let mut dict = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            dict.push(entry);
        }
        Ok(Scalar::Dict(dict))
    }
}
