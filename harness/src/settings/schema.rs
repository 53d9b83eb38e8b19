//! What an intent file may say, as JSON Schema: editors complete and check it by that.

/// The schema. It is kept by hand, and held against the keys that are read.
pub const INTENT_SCHEMA: &str = include_str!("../../../docs/reference/zot-verify.schema.json");

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::intent::KEYS;
    use super::super::{Day, FILE, Intent};
    use super::INTENT_SCHEMA;

    /// What a schema says of `value`, where the two do not fit.
    fn unfit(schema: &Value, value: &Value, at: &str) -> Vec<String> {
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            let fits = choices.iter().any(|choice| unfit(choice, value, at).is_empty());
            return if fits { Vec::new() } else { vec![format!("{at} fits no choice")] };
        }
        let kind = match value {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::Bool(_) => "boolean",
            _ => "string",
        };
        let words = schema.get("enum").and_then(Value::as_array);
        if schema["type"] != kind || words.is_some_and(|words| !words.contains(value)) {
            return vec![format!("{at} is {value}")];
        }
        let inner = |(key, value): (String, &Value)| {
            let schema = schema["properties"]
                .get(&key)
                .or_else(|| schema.get("additionalProperties").or_else(|| schema.get("items")));
            let at = format!("{at}.{key}");
            match schema {
                Some(schema) if schema.is_object() => unfit(schema, value, &at),
                _ => vec![format!("{at} is not known")],
            }
        };
        match value {
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).flat_map(inner).collect(),
            Value::Array(items) => items.iter().map(|item| ("#".to_owned(), item)).flat_map(inner).collect(),
            _ => Vec::new(),
        }
    }

    /// Every key of a schema, as [`KEYS`] writes them.
    fn keys(schema: &Value, before: &str) -> Vec<String> {
        let entries = schema.get("items").unwrap_or(schema).get("properties").and_then(Value::as_object);
        let key = |(key, schema): (&String, &Value)| {
            let key = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
            [vec![key.clone()], keys(schema, &key)].concat()
        };
        entries.into_iter().flatten().flat_map(key).collect()
    }

    #[test]
    fn the_schema_has_every_key_and_takes_what_is_taken() {
        let schema: Value = serde_json::from_str(INTENT_SCHEMA).unwrap();
        let (mut known, mut written) = (KEYS.iter().map(|&key| key.to_owned()).collect::<Vec<_>>(), keys(&schema, ""));
        known.sort();
        written.sort();
        assert_eq!(written, known);

        // The example, with what it has in comments, too.
        let example = include_str!("../../../docs/examples/zot-verify.toml");
        let uncommented = example.lines().map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest.starts_with('[')
                    || rest.split_once(" = ").is_some_and(|(key, _)| !key.trim_matches('"').contains(' ')) =>
            {
                rest
            }
            _ => line,
        });
        let uncommented: String = uncommented.flat_map(|line| [line, "\n"]).collect();
        for text in [example, &uncommented] {
            assert!(Intent::read(text, FILE.into(), Day::today()).is_ok(), "{text}");
            let value: Value = serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap();
            let mut value = value;
            // A day of TOML is a text to a schema.
            if let Some(until) = value.pointer_mut("/waiver/0/until") {
                *until = Value::String("a day".into());
            }
            assert_eq!(unfit(&schema, &value, ""), Vec::<String>::new());
        }
        let wrong = serde_json::json!({ "strict": "yes", "residue": "some", "personas": { "may": [] }, "policy": { "ci": { "may": ["reed"] } } });
        assert_eq!(unfit(&schema, &wrong, "").len(), 4);
    }
}
