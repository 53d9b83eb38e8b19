//! Reads variables from YAML as PyYAML does: by the rules of YAML 1.1.
//!
//! The YAML crate tells plain scalars from others only by what it makes of them, and by rules of its own. So each node
//! is read with the place where it stands, and a plain scalar is made out anew from its source.

use std::sync::Arc;

use minijinja::Value;

use super::{RenderError, VarsFile};
use crate::yaml::{self, Raw, Scalar};

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Arc<str>,
    pub(super) line: usize,
    /// The path of the variable.
    pub(super) name: String,
}

/// A value that may have templates in it.
#[derive(Debug)]
pub(super) enum Node {
    Plain(Value),
    Template { text: String, place: Place },
    Vault(Place),
    List(Vec<Arc<Node>>),
    Dict { entries: Entries, name: String },
}

/// The variables of a file, in its order.
pub(super) fn read(file: &VarsFile) -> Result<Vec<(String, Arc<Node>)>, RenderError> {
    let reader = Reader { file: file.name.as_str().into(), text: &file.text };
    let raw = yaml::document(&file.text).map_err(|bad| RenderError::BadYaml {
        file: file.name.clone(),
        line: bad.line,
        message: bad.message,
    })?;
    match &raw.value.0 {
        Scalar::Null => Ok(Vec::new()),
        Scalar::Dict(entries) => {
            let entries = reader.entries(entries, &raw, "")?;
            Ok(entries.into_iter().map(|(key, node)| (key.to_string(), node)).collect())
        }
        _ => Err(reader.bad(&raw, "the file is not a mapping of variables")),
    }
}

type Entries = Vec<(Value, Arc<Node>)>;
struct Reader<'a> {
    file: Arc<str>,
    text: &'a str,
}

impl Reader<'_> {
    fn line(raw: &Raw) -> usize {
        usize::try_from(raw.defined.line()).unwrap_or(1)
    }

    fn bad(&self, raw: &Raw, message: impl Into<String>) -> RenderError {
        RenderError::BadYaml { file: self.file.to_string(), line: Self::line(raw), message: message.into() }
    }

    fn place(&self, raw: &Raw, name: &str) -> Place {
        Place { file: Arc::clone(&self.file), line: Self::line(raw), name: name.to_owned() }
    }

    fn source(&self, raw: &Raw) -> &str {
        yaml::source(raw, self.text).trim()
    }

    fn node(&self, raw: &Raw, name: &str) -> Result<Node, RenderError> {
        match (raw.value.1.as_deref(), &raw.value.0) {
            (Some("!vault" | "!vault-encrypted"), _) => return Ok(Node::Vault(self.place(raw, name))),
            (Some("!unsafe"), Scalar::Text(text)) => return Ok(Node::Plain(text.as_str().into())),
            (None, _)
            | (Some("tag:yaml.org,2002:str"), Scalar::Text(_))
            | (Some("tag:yaml.org,2002:seq"), Scalar::List(_))
            | (Some("tag:yaml.org,2002:map"), Scalar::Dict(_)) => {}
            (Some(tag), _) => return Err(self.bad(raw, format!("the tag {tag} of {name} is not supported here"))),
        }
        match &raw.value.0 {
            Scalar::List(items) => {
                let item = |(index, item)| self.node(item, &format!("{name}[{index}]")).map(Arc::new);
                let items = items.iter().enumerate().map(item).collect::<Result<_, _>>()?;
                Ok(Node::List(items))
            }
            Scalar::Dict(entries) => {
                let entries = self.entries(entries, raw, name)?;
                Ok(Node::Dict { entries, name: name.to_owned() })
            }
            Scalar::Text(text) if ["{{", "{%", "{#"].iter().any(|opening| text.contains(opening)) => {
                Ok(Node::Template { text: text.clone(), place: self.place(raw, name) })
            }
            Scalar::Text(text) if raw.value.1.is_some() => Ok(Node::Plain(text.as_str().into())),
            Scalar::Null | Scalar::Plain | Scalar::Text(_) => self.plain(raw).map(Node::Plain),
        }
    }

    /// The entries of a mapping as Python has them: merged ones first, then its own; of equal keys the first has the
    /// place and the last the value.
    fn entries(&self, own: &[(Raw, Raw)], raw: &Raw, name: &str) -> Result<Entries, RenderError> {
        let is_merge = |key: &Raw| matches!(&key.value.0, Scalar::Text(_)) && self.source(key) == "<<";
        let mut all = Entries::new();
        for (_, value) in own.iter().filter(|(key, _)| is_merge(key)) {
            let sources = match &value.value.0 {
                Scalar::List(sources) => sources.iter().rev().collect(),
                _ => vec![value],
            };
            for source in sources {
                let Scalar::Dict(entries) = &source.value.0 else {
                    return Err(self.bad(raw, "only mappings can be merged with <<"));
                };
                all.extend(self.entries(entries, source, name)?);
            }
        }
        for (key, value) in own.iter().filter(|(key, _)| !is_merge(key)) {
            let key = self.key(key)?;
            let path = if name.is_empty() { key.to_string() } else { format!("{name}.{key}") };
            all.push((key, Arc::new(self.node(value, &path)?)));
        }
        let mut entries = Entries::new();
        for (key, node) in all {
            match entries.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = node,
                None => entries.push((key, node)),
            }
        }
        Ok(entries)
    }

    fn key(&self, raw: &Raw) -> Result<Value, RenderError> {
        match &raw.value.0 {
            Scalar::List(_) | Scalar::Dict(_) => {
                let hint = "a value that begins with {{ needs quotes around it";
                Err(self.bad(raw, format!("a list or a mapping cannot be a key; {hint}")))
            }
            Scalar::Null | Scalar::Plain | Scalar::Text(_) => self.plain(raw),
        }
    }

    /// A scalar without tag, and no template.
    fn plain(&self, raw: &Raw) -> Result<Value, RenderError> {
        let source = self.source(raw);
        match &raw.value.0 {
            // Quoted, or of several lines. Of the rest, the crate takes for text what PyYAML takes for a number.
            Scalar::Text(text) if source.starts_with(['"', '\'']) || source.contains('\n') => Ok(text.as_str().into()),
            Scalar::Text(text) => match made_out(source) {
                Some(Meaning::Number(value)) if source.contains([':', '_']) => Ok(value),
                Some(Meaning::Timestamp) if source.contains(':') => {
                    Err(self.bad(raw, "a point in time without quotes, which is not supported here"))
                }
                _ => Ok(text.as_str().into()),
            },
            _ => Ok(match made_out(source) {
                Some(Meaning::Null) => ().into(),
                Some(Meaning::Bool(value)) => value.into(),
                Some(Meaning::Number(value)) => value,
                Some(Meaning::Timestamp) | None => source.into(),
            }),
        }
    }
}

enum Meaning {
    Null,
    Bool(bool),
    Number(Value),
    Timestamp,
}

/// What PyYAML makes of a plain scalar; none for text. <https://yaml.org/type/> with PyYAML's own variations.
fn made_out(source: &str) -> Option<Meaning> {
    match source {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Meaning::Null),
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Some(Meaning::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Some(Meaning::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Some(Meaning::Number(f64::NAN.into())),
        _ => {}
    }
    let (sign, digits) = match source.split_at_checked(1) {
        Some(("-", rest)) => (-1, rest),
        Some(("+", rest)) => (1, rest),
        _ => (1, source),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        return Some(Meaning::Number((f64::from(sign) * f64::INFINITY).into()));
    }
    let is_date = |text: &str| {
        text.len() >= 10 && text.is_char_boundary(10) && {
            let shape: String = text[..10].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            shape == "0000-00-00"
        }
    };
    if is_date(source) && source.contains(':') {
        return Some(Meaning::Timestamp);
    }
    integer(digits)
        .map(|value| Value::from(i128::from(sign) * value))
        .or_else(|| float(digits).map(|value| Value::from(f64::from(sign) * value)))
        .map(Meaning::Number)
}

fn integer(digits: &str) -> Option<i128> {
    let radix = |digits: &str, radix: u32| {
        let plain = digits.replace('_', "");
        // Otherwise a second sign would pass.
        plain.chars().all(|c| c.is_digit(radix)).then(|| i128::from_str_radix(&plain, radix).ok()).flatten()
    };
    match digits.as_bytes() {
        [b'0'] => Some(0),
        [b'0', b'b', ..] => radix(&digits[2..], 2),
        [b'0', b'x', ..] => radix(&digits[2..], 16),
        [b'0', ..] => radix(digits, 8),
        [b'1'..=b'9', ..] if digits.contains(':') => {
            sixties(digits)?.try_fold(0_i128, |sum, part| sum.checked_mul(60)?.checked_add(radix(part, 10)?))
        }
        [b'1'..=b'9', ..] => radix(digits, 10),
        _ => None,
    }
}

fn float(digits: &str) -> Option<f64> {
    let (last, before) = match digits.rsplit_once(':') {
        Some((before, last)) => (last, Some(before)),
        None => (digits, None),
    };
    let (mantissa, exponent) = last.split_once(['e', 'E']).map_or((last, None), |(m, e)| (m, Some(e)));
    // An exponent needs its sign, or it is text.
    let exponent_fits = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['+', '-']).is_some_and(|e| !e.is_empty() && e.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let plain = mantissa.replace('_', "");
    let fits = plain.contains('.')
        && plain.bytes().any(|byte| byte.is_ascii_digit())
        && plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && mantissa.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit());
    let whole = plain.split('.').next().unwrap_or_default();
    if !fits || !exponent_fits || (before.is_some() && (exponent.is_some() || !is_sixtieth(whole))) {
        return None;
    }
    let last: f64 = format!("{plain}{}", exponent.map(|e| format!("e{e}")).unwrap_or_default()).parse().ok()?;
    match before {
        None => Some(last),
        Some(before) => sixties(before)?
            .try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
            .map(|sum| sum * 60.0 + last),
    }
}

/// The parts of a number to the base of sixty, such as `1:30`.
fn sixties(digits: &str) -> Option<impl Iterator<Item = &str>> {
    digits.split(':').skip(1).all(is_sixtieth).then(|| digits.split(':'))
}

fn is_sixtieth(part: &str) -> bool {
    part.len() <= 2 && part.parse::<u8>().is_ok_and(|part| part < 60)
}
