//! Values as templates see them, and as Python writes them.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::RenderError;
use super::vars::Vars;
use super::yaml::{Node, Place};

/// A dictionary in the order of its making, whose values are looked into when they are used.
pub(super) struct Dict {
    entries: Vec<(Value, Slot)>,
    name: String,
    watch: Option<Arc<Watch>>,
}

/// A list whose items are looked into when they are used.
pub(super) struct List {
    items: Vec<Arc<Node>>,
    vars: Arc<Vars>,
}

enum Slot {
    Ready(Value),
    Lazy(Arc<Node>, Arc<Vars>),
}

impl Slot {
    fn get(&self) -> Value {
        match self {
            Self::Ready(value) => value.clone(),
            Self::Lazy(node, vars) => vars.resolve(node),
        }
    }
}

impl Dict {
    pub(super) fn lazy(entries: &[(Value, Arc<Node>)], name: &str, vars: &Arc<Vars>) -> Self {
        let slot = |(key, node): &(Value, Arc<Node>)| (key.clone(), Slot::Lazy(Arc::clone(node), Arc::clone(vars)));
        let entries = entries.iter().map(slot).collect();
        Self { entries, name: name.to_owned(), watch: Some(Arc::clone(&vars.watch)) }
    }

    /// A dictionary of values at hand; of equal keys, the last counts.
    pub(super) fn ready(pairs: impl IntoIterator<Item = (Value, Value)>) -> Self {
        let mut entries: Vec<(Value, Slot)> = Vec::new();
        for (key, value) in pairs {
            match entries.iter_mut().find(|(known, _)| *known == key) {
                Some((_, slot)) => *slot = Slot::Ready(value),
                None => entries.push((key, Slot::Ready(value))),
            }
        }
        Self { entries, name: String::new(), watch: None }
    }
}

impl List {
    pub(super) fn lazy(items: &[Arc<Node>], vars: &Arc<Vars>) -> Self {
        Self { items: items.to_vec(), vars: Arc::clone(vars) }
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dict({})", self.name)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "List({})", self.items.len())
    }
}

impl Object for Dict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, slot)| slot.get())
    }

    /// Asked for by `dict.key` only: what is not there can be looked into further, and has a name.
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let missing = || Some(Missing::value(format!("{}.{key}", self.name), None, self.watch.as_ref()?));
        self.get_value(&Value::from(key)).or_else(missing)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries.iter().map(|(key, _)| key.clone()).collect())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&python(&Value::from_dyn_object(Arc::clone(self)), true).map_err(|_| fmt::Error)?)
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.items.get(key.as_usize()?).map(|node| self.vars.resolve(node))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&python(&Value::from_dyn_object(Arc::clone(self)), true).map_err(|_| fmt::Error)?)
    }
}

/// The undefined values that were met and for which nothing has accounted yet, in the order of their appearance.
///
/// Whatever a template does with an undefined value is an error in Ansible, but for asking whether it is defined,
/// giving a default, and looking deeper. The engine would let comparisons and tests pass; so each is noted when it
/// comes up, struck off when it is accounted for, and an error if it is still there in the end.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<(usize, BTreeMap<usize, Unmet>)>);

#[derive(Debug, Clone)]
pub(super) struct Unmet {
    pub(super) name: String,
    /// The variable whose template asked for it; none for the main template.
    pub(super) place: Option<Place>,
}

impl Watch {
    fn note(&self, unmet: Unmet) -> usize {
        let (next, open) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        open.insert(*next, unmet);
        *next
    }

    fn settle(&self, id: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&id);
    }

    pub(super) fn first(&self) -> Option<Unmet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.values().next().cloned()
    }

    /// A mark to [`Watch::rewind`] to.
    pub(super) fn mark(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Forgets what came up since the mark.
    pub(super) fn rewind(&self, mark: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.retain(|&id, _| id <= mark);
    }
}

/// An undefined value.
#[derive(Debug)]
pub(super) struct Missing {
    unmet: Unmet,
    id: usize,
    watch: Arc<Watch>,
}

impl Missing {
    pub(super) fn value(name: String, place: Option<Place>, watch: &Arc<Watch>) -> Value {
        let unmet = Unmet { name, place };
        let id = watch.note(unmet.clone());
        Value::from_object(Self { unmet, id, watch: Arc::clone(watch) })
    }

    /// Strikes `value` off the watch if it is undefined; tells whether it is.
    pub(super) fn settle(value: &Value) -> bool {
        let missing = value.downcast_object_ref::<Self>();
        if let Some(missing) = missing {
            missing.watch.settle(missing.id);
        }
        missing.is_some() || value.is_undefined()
    }

    fn child(&self, key: &Value) -> Value {
        self.watch.settle(self.id);
        Self::value(format!("{}.{key}", self.unmet.name), self.unmet.place.clone(), &self.watch)
    }

    fn error(&self) -> Error {
        self.watch.settle(self.id);
        let Unmet { name, place } = self.unmet.clone();
        // Without a place it is the engine that knows the line.
        let (file, line) = place.map_or((String::new(), 0), |place| (place.file.to_string(), place.line));
        Error::new(ErrorKind::UndefinedError, format!("{name} is undefined")).with_source(RenderError::Undefined {
            file,
            line,
            name,
        })
    }
}

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(self.child(key))
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        self.watch.settle(self.id);
        Err(Error::new(ErrorKind::UnknownFunction, format!("function {} is unknown", self.unmet.name)))
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// The error in `value`, if it is one or is undefined.
pub(super) fn check(value: &Value) -> Result<(), Error> {
    match (value.kind(), value.downcast_object_ref::<Missing>()) {
        (_, Some(missing)) => Err(missing.error()),
        (ValueKind::Undefined, _) => Err(Error::from(ErrorKind::UndefinedError)),
        (ValueKind::Invalid, _) => value.try_iter().map(drop),
        _ => Ok(()),
    }
}

/// The pairs of a mapping.
pub(super) fn pairs(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    check(value)?;
    if value.kind() != ValueKind::Map {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("a dictionary is wanted, not a {}", value.kind())));
    }
    value.try_iter()?.map(|key| value.get_item(&key).map(|value| (key, value))).collect()
}

/// `value` as Python writes it: `str()`, or `repr()` if `nested`.
pub(super) fn python(value: &Value, nested: bool) -> Result<String, Error> {
    check(value)?;
    Ok(match value.kind() {
        ValueKind::None => "None".to_owned(),
        ValueKind::Bool => if value.is_true() { "True" } else { "False" }.to_owned(),
        ValueKind::Number => number(value),
        ValueKind::String if nested => quoted(&value.to_string()),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.map(|item| python(&item, true)).collect::<Result<Vec<_>, _>>()?;
            format!("[{}]", items.join(", "))
        }
        ValueKind::Map => {
            let pair = |(key, value)| Ok(format!("{}: {}", python(&key, true)?, python(&value, true)?));
            let pairs = pairs(value)?.into_iter().map(pair).collect::<Result<Vec<_>, Error>>()?;
            format!("{{{}}}", pairs.join(", "))
        }
        _ => value.to_string(),
    })
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if c == quote => out.extend(['\\', c]),
            _ if c.is_control() => _ = write!(out, "\\x{:02x}", u32::from(c)),
            _ => out.push(c),
        }
    }
    out.push(quote);
    out
}

fn number(value: &Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(float) if !value.is_integer() => float_repr(float),
        _ => value.to_string(),
    }
}

/// A float as `repr()` writes it.
fn float_repr(float: f64) -> String {
    if !float.is_finite() {
        return if float.is_nan() { "nan".to_owned() } else { format!("{float}") };
    }
    // Rust and Python agree on the shortest digits, and not on when to use an exponent.
    let scientific = format!("{float:e}");
    let exponent = scientific.split_once('e').and_then(|(mantissa, e)| Some((mantissa, e.parse::<i32>().ok()?)));
    match exponent {
        Some((mantissa, e)) if !(-4..16).contains(&e) => {
            format!("{mantissa}e{}{:02}", if e < 0 { '-' } else { '+' }, e.abs())
        }
        _ if float.fract() == 0.0 => format!("{float:.1}"),
        _ => format!("{float}"),
    }
}

/// How to write JSON; the meanings are those of Python's `json.dumps`.
#[derive(Debug, Clone)]
pub(super) struct Json {
    pub(super) indent: Option<usize>,
    pub(super) sort_keys: bool,
    pub(super) ensure_ascii: bool,
}

impl Json {
    pub(super) fn write(&self, value: &Value) -> Result<String, Error> {
        let mut out = String::new();
        self.put(value, 0, &mut out)?;
        Ok(out)
    }

    fn put(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        check(value)?;
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&Self::number(value)),
            ValueKind::String => self.string(&value.to_string(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<_> = value.try_iter()?.collect();
                self.list(&items, ['[', ']'], depth, out, |item, out| self.put(item, depth + 1, out))?;
            }
            ValueKind::Map => {
                let mut pairs = pairs(value)?.into_iter().map(|(key, value)| Ok((Self::key(&key)?, value)));
                let mut pairs: Vec<_> = pairs.by_ref().collect::<Result<_, Error>>()?;
                if self.sort_keys {
                    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
                }
                self.list(&pairs, ['{', '}'], depth, out, |(key, value), out| {
                    self.string(key, out);
                    out.push_str(": ");
                    self.put(value, depth + 1, out)
                })?;
            }
            other => {
                return Err(Error::new(ErrorKind::BadSerialization, format!("a {other} cannot be written as JSON")));
            }
        }
        Ok(())
    }

    fn list<T>(
        &self,
        items: &[T],
        [open, close]: [char; 2],
        depth: usize,
        out: &mut String,
        mut put: impl FnMut(&T, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(open);
        let break_line = |depth: usize, out: &mut String| {
            if let Some(indent) = self.indent {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent * depth));
            }
        };
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            break_line(depth + 1, out);
            put(item, out)?;
        }
        if !items.is_empty() {
            break_line(depth, out);
        }
        out.push(close);
        Ok(())
    }

    fn number(value: &Value) -> String {
        match number(value).as_str() {
            "nan" => "NaN".to_owned(),
            "inf" => "Infinity".to_owned(),
            "-inf" => "-Infinity".to_owned(),
            other => other.to_owned(),
        }
    }

    fn key(key: &Value) -> Result<String, Error> {
        match key.kind() {
            ValueKind::String => Ok(key.to_string()),
            ValueKind::Number => Ok(Self::number(key)),
            ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
            ValueKind::None => Ok("null".to_owned()),
            other => Err(Error::new(ErrorKind::BadSerialization, format!("a {other} cannot be a key in JSON"))),
        }
    }

    fn string(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                ' '..='~' => out.push(c),
                _ if self.ensure_ascii || u32::from(c) < 0x20 => {
                    for half in c.encode_utf16(&mut [0; 2]) {
                        _ = write!(out, "\\u{half:04x}");
                    }
                }
                _ => out.push(c),
            }
        }
        out.push('"');
    }
}
