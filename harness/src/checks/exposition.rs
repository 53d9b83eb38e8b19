//! A strict reader of the Prometheus text format 0.0.4, and of as much of OpenMetrics 1.0 as tells the same.
//!
//! It refuses whatever <https://prometheus.io/docs/instrumenting/exposition_formats/> forbids, also where Prometheus
//! itself is lenient: what it accepts, every scraper understands. Names are those of the classic grammar; quoted UTF-8
//! names come only with a later format that a scraper has to ask for.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::bounds;

/// The first rule that a text breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {why}")]
pub struct Malformed {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there. It may quote some of the text.
    pub why: String,
}

/// What a target exposes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exposition {
    /// The families in the order of the text.
    pub families: Vec<Family>,
}

/// All that stands under one `# TYPE`.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// The name, without the suffixes of histograms and summaries.
    pub name: String,
    /// What `# TYPE` says; untyped without it.
    pub kind: Kind,
    /// What `# HELP` says, unescaped.
    pub help: Option<String>,
    /// The samples in the order of the text; none if there are but comments.
    pub samples: Vec<Sample>,
}

/// The kind of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations in cumulative buckets.
    Histogram,
    /// Observations in quantiles.
    Summary,
    /// Not told.
    Untyped,
}

/// Names and values.
pub type Labels = Vec<(String, String)>;

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name as written, with its suffix.
    pub name: String,
    /// The labels in the order of the text, unescaped.
    pub labels: Labels,
    /// The value; may be infinite or not a number.
    pub value: f64,
}

impl Exposition {
    /// The family of that name.
    #[must_use]
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }

    /// The sum over all label sets of the family of that name: of its values, or, for a histogram or a summary, of its
    /// numbers of observations. `None` if there is no such sample.
    #[must_use]
    pub fn sum(&self, family: &str) -> Option<f64> {
        let family = self.family(family)?;
        let name = match family.kind {
            Kind::Histogram | Kind::Summary => format!("{}_count", family.name),
            Kind::Counter | Kind::Gauge | Kind::Untyped => family.name.clone(),
        };
        family.samples.iter().filter(|sample| sample.name == name).map(|sample| sample.value).reduce(|a, b| a + b)
    }
}

impl Sample {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }
}

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The Prometheus text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0, which scrapers prefer where they are offered both.
    OpenMetrics,
}

impl Format {
    /// The format that a `Content-Type` names.
    #[must_use]
    pub fn of(media_type: &str) -> Option<Self> {
        let name = media_type.split(';').next().unwrap_or_default().trim();
        match name.to_ascii_lowercase().as_str() {
            "text/plain" => Some(Self::Prometheus),
            "application/openmetrics-text" => Some(Self::OpenMetrics),
            _ => None,
        }
    }
}

/// Reads metrics of the format.
///
/// # Errors
/// The first rule that it breaks, of those of the page named above: names, labels, escapes, values, timestamps; `HELP`
/// and `TYPE` at most once and before the samples; each family in one group; no series twice; buckets and quantiles in
/// order; histograms whole, their buckets cumulative and the last equal to the count; a line feed at the end. In
/// OpenMetrics the last line is `# EOF`; exemplars are not looked at, and a counter's family is told under the name of its
/// total, as Prometheus does.
pub fn parse(text: &str, format: Format) -> Result<Exposition, Malformed> {
    let open = format == Format::OpenMetrics;
    let mut reader = Reader { open, ..Reader::default() };
    for (index, line) in text.split_inclusive('\n').enumerate() {
        reader.line = index + 1;
        if index >= bounds::METRIC_LINES {
            return Err(Malformed { line: index + 1, why: format!("more lines than the {index} that are read") });
        }
        line.strip_suffix('\n')
            .ok_or_else(|| "the text does not end with a line feed: it seems cut".to_owned())
            .and_then(|line| reader.read(line))
            .map_err(|why| Malformed { line: index + 1, why })?;
    }
    if open && !text.ends_with("# EOF\n") {
        let why = "the text does not end with `# EOF`: it seems cut".to_owned();
        return Err(Malformed { line: reader.line, why });
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    /// Whether it is OpenMetrics.
    open: bool,
    /// The number of the line at hand.
    line: usize,
    families: Vec<Family>,
    /// For each family, the lines of its samples.
    lines: Vec<Vec<usize>>,
    typed: HashSet<String>,
    /// Which family a name of a family or of a sample belongs to.
    owners: HashMap<String, usize>,
    /// The hash of each series: of many, they take much less room.
    series: HashSet<[u8; 32]>,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim_matches(BLANKS);
        match line.strip_prefix('#') {
            Some(comment) => self.read_comment(comment.trim_start_matches(BLANKS)),
            None if line.is_empty() => Ok(()),
            None => self.read_sample(line),
        }
    }

    fn read_comment(&mut self, comment: &str) -> Result<(), String> {
        let (keyword, rest) = token(comment);
        if !matches!(keyword, "HELP" | "TYPE") {
            return Ok(());
        }
        let (name, rest) = token(rest);
        if !is_metric_name(name) {
            return Err(format!("{keyword} for {}, which is not the name of a metric", quoted(name)));
        }
        let index = self.group_of(name)?;
        let family = &mut self.families[index];
        if !family.samples.is_empty() {
            return Err(format!("{keyword} of {name} stands after its samples"));
        }
        if keyword == "HELP" {
            if family.help.is_some() {
                return Err(format!("{name} has a second HELP"));
            }
            family.help = Some(unescape(rest, |escaped| matches!(escaped, '\\' | 'n'))?);
        } else {
            if !self.typed.insert(name.to_owned()) {
                return Err(format!("{name} has a second TYPE"));
            }
            family.kind = match rest {
                "counter" => Kind::Counter,
                "gauge" => Kind::Gauge,
                "histogram" => Kind::Histogram,
                "summary" => Kind::Summary,
                "untyped" => Kind::Untyped,
                "unknown" | "gaugehistogram" if self.open => Kind::Untyped,
                "info" | "stateset" if self.open => Kind::Gauge,
                other => return Err(format!("the TYPE of {name} is {}, which is none", quoted(other))),
            };
        }
        Ok(())
    }

    fn read_sample(&mut self, line: &str) -> Result<(), String> {
        let end = line.find(|c| c == '{' || BLANKS.contains(&c)).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        if !is_metric_name(name) {
            return Err(format!("{} is not the name of a metric", quoted(name)));
        }
        let rest = rest.trim_start_matches(BLANKS);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => read_labels(rest)?,
            None => (Vec::new(), rest),
        };
        let rest = rest.split_once(" # ").filter(|_| self.open).map_or(rest, |(value, _exemplar)| value);
        let (value, timestamp) = token(rest.trim_start_matches(BLANKS));
        let value = number(value).ok_or_else(|| format!("the value of {name} is {}, no number", quoted(value)))?;
        let is_time = |time: &str| if self.open { number(time).is_some() } else { time.parse::<i64>().is_ok() };
        if !timestamp.is_empty() && !is_time(timestamp) {
            return Err(format!("after the value of {name} stands {}, no timestamp", quoted(timestamp)));
        }

        let sample = Sample { name: name.to_owned(), labels, value };
        let index = self.owner_of(name)?;
        let family = &mut self.families[index];
        check_shape(family, &sample)?;
        let mut labels = sample.labels.clone();
        labels.sort();
        if !self.series.insert(Sha256::digest(format!("{name} {labels:?}")).into()) {
            return Err(format!("{name} stands twice with the same labels"));
        }
        family.samples.push(sample);
        self.lines[index].push(self.line);
        Ok(())
    }

    /// The family that a sample belongs to: the last one, or a new one.
    fn owner_of(&mut self, sample: &str) -> Result<usize, String> {
        let (base, suffix) = sample.rfind('_').map_or((sample, ""), |at| sample.split_at(at));
        let parent = Some(base).filter(|base| {
            let kind = self.owners.get(*base).map(|&owner| self.families[owner].kind);
            match suffix {
                "_bucket" => kind == Some(Kind::Histogram),
                "_sum" | "_count" => matches!(kind, Some(Kind::Histogram | Kind::Summary)),
                "_total" => self.open && kind == Some(Kind::Counter),
                "_created" => self.open && matches!(kind, Some(Kind::Counter | Kind::Histogram | Kind::Summary)),
                "_info" => self.open && kind == Some(Kind::Gauge),
                _ => false,
            }
        });
        let owner = self.group_of(parent.unwrap_or(sample))?;
        self.owners.insert(sample.to_owned(), owner);
        Ok(owner)
    }

    /// The last family if it is the one of that name, or a new one.
    fn group_of(&mut self, name: &str) -> Result<usize, String> {
        let next = self.families.len();
        match self.owners.get(name) {
            Some(&owner) if owner + 1 == next && self.families[owner].name == name => Ok(owner),
            Some(&owner) => {
                let owner = &self.families[owner].name;
                Err(format!("{name} belongs to {owner}, whose lines are not in one group"))
            }
            None => {
                let name = name.to_owned();
                self.owners.insert(name.clone(), next);
                self.families.push(Family { name, kind: Kind::Untyped, help: None, samples: Vec::new() });
                self.lines.push(Vec::new());
                Ok(next)
            }
        }
    }

    fn finish(self) -> Result<Exposition, Malformed> {
        for (family, lines) in self.families.iter().zip(&self.lines) {
            match family.kind {
                Kind::Histogram => check_histogram(family, lines)?,
                Kind::Summary => check_order(family, lines, "quantile").map(drop)?,
                Kind::Counter | Kind::Gauge | Kind::Untyped => {}
            }
        }
        let mut families = self.families;
        for family in families.iter_mut().filter(|family| self.open && family.kind == Kind::Counter) {
            family.name.push_str("_total");
        }
        Ok(Exposition { families })
    }
}

/// Blanks and tabs may separate tokens; nothing else may.
const BLANKS: [char; 2] = [' ', '\t'];

/// The first token, and what follows the blanks after it.
fn token(text: &str) -> (&str, &str) {
    text.split_once(BLANKS).map_or((text, ""), |(token, rest)| (token, rest.trim_start_matches(BLANKS)))
}

/// A short quotation: what is no exposition at all may have long lines.
fn quoted(text: &str) -> String {
    let cut = if text.chars().count() > 40 { "..." } else { "" };
    format!("{:?}{cut}", text.chars().take(40).collect::<String>())
}

fn is_metric_name(name: &str) -> bool {
    name.split(':').all(|part| part.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()))
        && name.starts_with(|c: char| !c.is_ascii_digit())
}

fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

/// Reads labels up to the closing brace; returns what follows it.
fn read_labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches(BLANKS);
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, value) = rest.split_once('=').ok_or("the labels are not closed")?;
        let name = name.trim_end_matches(BLANKS);
        if !is_label_name(name) || name == "__name__" {
            return Err(format!("{} is not the name of a label", quoted(name)));
        }
        if labels.iter().any(|(label, _)| label == name) {
            return Err(format!("the label {name} stands twice"));
        }
        let value = value.trim_start_matches(BLANKS).strip_prefix('"');
        let value = value.ok_or_else(|| format!("the value of the label {name} is not in quotes"))?;
        let end = end_of_value(value).ok_or_else(|| format!("the value of the label {name} is not closed"))?;
        labels.push((name.to_owned(), unescape(&value[..end], |escaped| matches!(escaped, '\\' | '"' | 'n'))?));
        rest = value[end + 1..].trim_start_matches(BLANKS);
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest,
            None if rest.starts_with('}') => rest,
            None => return Err(format!("after the label {name} comes neither a comma nor a closing brace")),
        };
    }
}

/// Where the quote stands that ends a label's value.
fn end_of_value(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

fn unescape(text: &str, allowed: fn(char) -> bool) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next().filter(|&escaped| allowed(escaped)) {
            Some('n') => out.push('\n'),
            Some(escaped) => out.push(escaped),
            None => return Err(format!("{} has a backslash that escapes nothing", quoted(text))),
        }
    }
    Ok(out)
}

/// A float as Prometheus reads it: Go's `ParseFloat` without hexadecimal, underscores, or what is out of range.
fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is = |name: &str| unsigned.eq_ignore_ascii_case(name);
    if is("inf") || is("infinity") || text.eq_ignore_ascii_case("nan") {
        return text.parse().ok();
    }
    let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|value: &f64| decimal && value.is_finite())
}

/// Whether the family may have such a sample.
fn check_shape(family: &Family, sample: &Sample) -> Result<(), String> {
    let (label, bare) = match (family.kind, sample.name.strip_prefix(&family.name).unwrap_or_default()) {
        (Kind::Histogram, "") => return Err(format!("{} is a histogram and has a sample without suffix", family.name)),
        (Kind::Histogram, "_bucket") => ("le", false),
        (Kind::Histogram, _) => ("le", true),
        (Kind::Summary, suffix) => ("quantile", !suffix.is_empty()),
        _ => return Ok(()),
    };
    match sample.label(label) {
        Some(_) if bare => Err(format!("{} has a label {label} that does not belong there", sample.name)),
        Some(value) if number(value).is_none_or(f64::is_nan) => {
            Err(format!("the label {label} of {} is {}, no number", sample.name, quoted(value)))
        }
        None if !bare => Err(format!("{} lacks the label {label}", sample.name)),
        _ => Ok(()),
    }
}

/// The samples of a family that differ in nothing but `le` or `quantile`, and the number of the last line of each set.
type Sets<'a> = Vec<(Vec<&'a (String, String)>, Vec<&'a Sample>, usize)>;

/// Sorts a family's samples into sets, and sees that buckets or quantiles stand in increasing order.
fn check_order<'a>(family: &'a Family, lines: &[usize], label: &str) -> Result<Sets<'a>, Malformed> {
    let mut sets = Sets::new();
    let mut places: HashMap<Vec<&(String, String)>, usize> = HashMap::new();
    for (sample, &line) in family.samples.iter().zip(lines) {
        let mut labels: Vec<_> = sample.labels.iter().filter(|(name, _)| name != label).collect();
        labels.sort();
        let place = *places.entry(labels.clone()).or_insert(sets.len());
        if place == sets.len() {
            sets.push((labels, Vec::new(), line));
        }
        let (_, samples, last) = &mut sets[place];
        *last = line;
        let bound = |sample: &Sample| sample.label(label).and_then(number);
        let before = samples.iter().rev().find_map(|sample| bound(sample));
        if let (Some(before), Some(here)) = (before, bound(sample))
            && here <= before
        {
            let why = format!("{} with {label}={here} stands after {label}={before}", sample.name);
            return Err(Malformed { line, why });
        }
        samples.push(sample);
    }
    Ok(sets)
}

fn check_histogram(family: &Family, lines: &[usize]) -> Result<(), Malformed> {
    for (labels, samples, line) in check_order(family, lines, "le")? {
        let which = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(",");
        let broken = |why: String| Malformed { line, why: format!("the histogram {}{{{which}}} {why}", family.name) };
        let single = |suffix: &str| {
            let name = format!("{}{suffix}", family.name);
            let found = samples.iter().find(|sample| sample.name == name).map(|sample| sample.value);
            found.ok_or_else(|| broken(format!("has no {name}")))
        };
        let mut last = (f64::NAN, 0.0);
        for bucket in samples.iter().filter(|sample| sample.label("le").is_some()) {
            // A count that is not a number is not at least the one before, either.
            if bucket.value.partial_cmp(&last.1).is_none_or(std::cmp::Ordering::is_lt) {
                return Err(broken(format!("falls from {} to {} in its buckets", last.1, bucket.value)));
            }
            last = (bucket.label("le").and_then(number).unwrap_or(f64::NAN), bucket.value);
        }
        single("_sum")?;
        let count = single("_count")?;
        if last.0 != f64::INFINITY {
            return Err(broken("has no bucket for le=\"+Inf\"".to_owned()));
        }
        if last.1 != count {
            return Err(broken(format!("counts {} in le=\"+Inf\" but {count} in all", last.1)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
