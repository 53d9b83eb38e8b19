//! JSON that can be looked at on a terminal: whatever is no plain character is escaped, and read back it is the same.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

use super::is_plain;

/// Writes `value` as JSON for people and programs, with a line feed at its end.
pub(super) fn to_writer(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Wary(PrettyFormatter::new())))?;
    writeln!(out)?;
    out.flush()
}

struct Wary(PrettyFormatter<'static>);

impl Formatter for Wary {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| !is_plain(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_character_is_escaped_and_read_back() {
        let text = "\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{ffff}\u{e0041}\"\\ \u{e9}\n";
        let mut out = Vec::new();
        to_writer(&mut out, &serde_json::json!({ "a": [text, 1], "b": {} })).unwrap();
        let written = String::from_utf8(out).unwrap();
        let wanted = r#""\u001b[2J\u007f\u009b\u202e\uffff\udb40\udc41\"\\ \u00e9\n""#.replace("\\u00e9", "\u{e9}");
        assert_eq!(written, format!("{{\n  \"a\": [\n    {wanted},\n    1\n  ],\n  \"b\": {{}}\n}}\n"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap()["a"][0], text);
    }
}
