//! Ansible's filters and tests, those that a configuration is likely to use; the engine refuses others by name.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::values::{Dict, Json, Missing, check, pairs, python};

/// Makes the engine's filters, tests and functions those of Ansible.
pub(super) fn install(env: &mut Environment<'static>) {
    // What Jinja does not have.
    for filter in ["chain", "lines", "pprint"] {
        env.remove_filter(filter);
    }
    for test in ["startingwith", "endingwith"] {
        env.remove_test(test);
    }
    env.remove_global("debug");

    env.add_filter("default", default);
    env.add_filter("d", default);
    env.add_filter("mandatory", mandatory);
    env.add_filter("bool", |value: &Value| check(value).map(|()| to_bool(value)));
    env.add_filter("ternary", ternary);
    env.add_filter("to_json", |value: &Value, kwargs: Kwargs| to_json(value, &kwargs, None, false));
    env.add_filter("to_nice_json", |value: &Value, kwargs: Kwargs| to_json(value, &kwargs, Some(4), true));
    env.add_filter("tojson", html_safe_json);
    env.add_filter("string", |value: &Value| python(value, false));
    env.add_filter("combine", combine);
    env.add_filter("dict2items", dict2items);
    env.add_filter("items2dict", items2dict);
    env.add_filter("flatten", |list: &Value, levels: Option<usize>, kwargs: Kwargs| -> Result<Vec<Value>, Error> {
        let levels = levels.or(kwargs.get("levels")?);
        let skip_nulls = kwargs.get::<Option<bool>>("skip_nulls")?.unwrap_or(true);
        kwargs.assert_all_used()?;
        flatten(list, levels, skip_nulls)
    });
    env.add_filter("b64encode", |text: &Value, kwargs: Kwargs| -> Result<String, Error> {
        let text = python(text, false)?;
        Ok(if urlsafe(&kwargs)? { URL_SAFE.encode(text) } else { STANDARD.encode(text) })
    });
    env.add_filter("b64decode", |text: &str, kwargs: Kwargs| -> Result<String, Error> {
        let bytes = if urlsafe(&kwargs)? { URL_SAFE.decode(text) } else { STANDARD.decode(text) };
        bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| wrong("no text in base64".to_owned()))
    });
    env.add_filter("basename", |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned());
    env.add_filter("dirname", dirname);

    env.add_test("defined", |value: &Value| !Missing::settle(value));
    env.add_test("undefined", Missing::settle);
    env.add_test("truthy", |value: &Value| check(value).map(|()| value.is_true()));
    env.add_test("falsy", |value: &Value| check(value).map(|()| !value.is_true()));
    // In Python, these have a length and can be indexed.
    env.add_test("sequence", |value: &Value| {
        check(value).map(|()| matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map))
    });
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn default(value: Value, other: Option<Value>, boolean: Option<bool>, kwargs: Kwargs) -> Result<Value, Error> {
    let other = other.or(kwargs.get("default_value")?).unwrap_or_else(|| "".into());
    let boolean = boolean.or(kwargs.get("boolean")?).unwrap_or(false);
    kwargs.assert_all_used()?;
    if Missing::settle(&value) {
        return Ok(other);
    }
    check(&value)?;
    if boolean && !value.is_true() {
        return Ok(other);
    }
    // Not used, so it need not be defined.
    Missing::settle(&other);
    Ok(value)
}

fn mandatory(value: Value, message: Option<String>, kwargs: Kwargs) -> Result<Value, Error> {
    let message: Option<String> = message.or(kwargs.get("msg")?);
    kwargs.assert_all_used()?;
    match message {
        Some(message) if Missing::settle(&value) => Err(wrong(message)),
        _ => check(&value).map(|()| value),
    }
}

/// Ansible's idea of truth in text: `yes`, `on`, `true` and `1`.
fn to_bool(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Bool => value.is_true(),
        ValueKind::String => matches!(value.to_string().to_lowercase().as_str(), "yes" | "on" | "true" | "1"),
        _ => *value == Value::from(1),
    }
}

fn ternary(value: &Value, yes: Value, no: Value, none: Option<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let none = none.or(kwargs.get("none_val")?);
    kwargs.assert_all_used()?;
    check(value)?;
    let (chosen, left) = match none {
        Some(none) if value.is_none() && !none.is_none() => (none, [yes, no]),
        none => {
            let none = none.unwrap_or_default();
            if value.is_true() { (yes, [no, none]) } else { (no, [yes, none]) }
        }
    };
    for unused in &left {
        Missing::settle(unused);
    }
    Ok(chosen)
}

fn to_json(value: &Value, kwargs: &Kwargs, indent: Option<usize>, sort_keys: bool) -> Result<String, Error> {
    let json = Json {
        indent: kwargs.get::<Option<usize>>("indent")?.or(indent),
        sort_keys: kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(sort_keys),
        ensure_ascii: kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(true),
    };
    kwargs.assert_all_used()?;
    json.write(value)
}

/// Jinja's own `tojson`, for use in HTML.
fn html_safe_json(value: &Value, indent: Option<usize>, kwargs: Kwargs) -> Result<String, Error> {
    let indent = indent.or(kwargs.get("indent")?);
    kwargs.assert_all_used()?;
    let json = Json { indent, sort_keys: true, ensure_ascii: true }.write(value)?;
    let escapes = [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\'', "\\u0027")];
    Ok(escapes.iter().fold(json, |json, (plain, escape)| json.replace(*plain, escape)))
}

fn combine(first: Value, others: Rest<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let recursive = kwargs.get::<Option<bool>>("recursive")?.unwrap_or(false);
    let lists = kwargs.get::<Option<String>>("list_merge")?.unwrap_or_else(|| "replace".to_owned());
    kwargs.assert_all_used()?;
    if !["replace", "keep", "append", "prepend", "append_rp", "prepend_rp"].contains(&lists.as_str()) {
        return Err(wrong(format!("combine knows no list_merge={lists}")));
    }
    let terms: Vec<Value> = std::iter::once(first).chain(others.0).collect();
    let dicts = flatten(&Value::from(terms), Some(1), true)?;
    let merge = |merged, dict: &Value| merge(&merged, dict, recursive, &lists);
    dicts.iter().try_fold(Value::from_object(Dict::ready([])), merge)
}

fn merge(low: &Value, high: &Value, recursive: bool, lists: &str) -> Result<Value, Error> {
    let is_list = |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    let mut merged = pairs(low)?;
    for (key, new) in pairs(high)? {
        let Some((_, old)) = merged.iter_mut().find(|(known, _)| *known == key) else {
            merged.push((key, new));
            continue;
        };
        *old = if recursive && old.kind() == ValueKind::Map && new.kind() == ValueKind::Map {
            merge(old, &new, recursive, lists)?
        } else if is_list(old) && is_list(&new) {
            let (a, b): (Vec<Value>, Vec<Value>) = (old.try_iter()?.collect(), new.try_iter()?.collect());
            let only_a = || a.iter().filter(|item| !b.contains(item)).cloned();
            match lists {
                "keep" => old.clone(),
                "append" => [a, b].concat().into(),
                "prepend" => [b, a].concat().into(),
                "append_rp" => only_a().chain(b.clone()).collect::<Vec<_>>().into(),
                "prepend_rp" => b.iter().cloned().chain(only_a()).collect::<Vec<_>>().into(),
                _ => new,
            }
        } else {
            new
        };
    }
    Ok(Value::from_object(Dict::ready(merged)))
}

fn names(kwargs: &Kwargs) -> Result<(Value, Value), Error> {
    let name =
        |which: &str, usual: &str| kwargs.get::<Option<Value>>(which).map(|name| name.unwrap_or_else(|| usual.into()));
    let names = (name("key_name", "key")?, name("value_name", "value")?);
    kwargs.assert_all_used()?;
    Ok(names)
}

fn dict2items(dict: &Value, kwargs: Kwargs) -> Result<Vec<Value>, Error> {
    let (key_name, value_name) = names(&kwargs)?;
    let item = |(key, value)| Value::from_object(Dict::ready([(key_name.clone(), key), (value_name.clone(), value)]));
    Ok(pairs(dict)?.into_iter().map(item).collect())
}

fn items2dict(list: &Value, kwargs: Kwargs) -> Result<Value, Error> {
    let (key_name, value_name) = names(&kwargs)?;
    check(list)?;
    let mut dict = Vec::new();
    for item in list.try_iter()? {
        let of_item = |name: &Value| {
            let value = item.get_item(name)?;
            if value.is_undefined() { Err(wrong(format!("items2dict finds no {name} in an item"))) } else { Ok(value) }
        };
        dict.push((of_item(&key_name)?, of_item(&value_name)?));
    }
    Ok(Value::from_object(Dict::ready(dict)))
}

fn flatten(list: &Value, levels: Option<usize>, skip_nulls: bool) -> Result<Vec<Value>, Error> {
    check(list)?;
    let mut flat = Vec::new();
    for item in list.try_iter()? {
        if skip_nulls && (item.is_none() || matches!(item.as_str(), Some("None" | "null"))) {
            continue;
        }
        if matches!(item.kind(), ValueKind::Seq | ValueKind::Iterable) && levels != Some(0) {
            flat.extend(flatten(&item, levels.map(|levels| levels - 1), skip_nulls)?);
        } else {
            flat.push(item);
        }
    }
    Ok(flat)
}

fn urlsafe(kwargs: &Kwargs) -> Result<bool, Error> {
    let urlsafe = kwargs.get::<Option<bool>>("urlsafe")?.unwrap_or(false);
    kwargs.assert_all_used()?;
    Ok(urlsafe)
}

fn dirname(path: &str) -> String {
    let head = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
    let bare = head.trim_end_matches('/');
    // Slashes alone are the root.
    if bare.is_empty() { head } else { bare }.to_owned()
}
