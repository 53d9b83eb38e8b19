use proptest::prelude::*;

use super::*;

const WHOLE: &str = r#"# A remark.
# HELP app_requests_total How many requests came in, by C:\\path\nand method.
# TYPE app_requests_total counter
app_requests_total{method="GET",path="C:\\a \"b\"\nc"} 1027 1395066363000
app_requests_total { method = "POST" , path="/" , } 3

  # TYPE app_latency_seconds histogram
app_latency_seconds_bucket{le="0.1"} 2
app_latency_seconds_bucket{le="1"} 2
app_latency_seconds_bucket{le="+Inf"} 3
app_latency_seconds_sum 4.5e+00
app_latency_seconds_count 3
# TYPE app_size summary
app_size{quantile="0.5"} NaN
app_size{quantile="0.9"} -Inf
app_size_sum 17
app_size_count 2
app:odd_one -.5
"#;

fn parse(text: &str) -> Result<Exposition, Malformed> {
    super::parse(text, Format::Prometheus)
}

fn why(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn a_whole_text_is_read() {
    let read = parse(WHOLE).unwrap();
    let names: Vec<_> = read.families.iter().map(|family| (family.name.as_str(), family.kind)).collect();
    assert_eq!(
        names,
        [
            ("app_requests_total", Kind::Counter),
            ("app_latency_seconds", Kind::Histogram),
            ("app_size", Kind::Summary),
            ("app:odd_one", Kind::Untyped)
        ]
    );
    let requests = read.family("app_requests_total").unwrap();
    assert_eq!(requests.help.as_deref(), Some("How many requests came in, by C:\\path\nand method."));
    assert_eq!(requests.samples[0].label("path"), Some("C:\\a \"b\"\nc"));
    assert_eq!(requests.samples[0].value, 1027.0);
    assert_eq!(read.sum("app_requests_total"), Some(1030.0));
    assert_eq!(read.sum("app_latency_seconds"), Some(3.0));
    assert_eq!(read.sum("app_size"), Some(2.0));
    assert_eq!(read.sum("app:odd_one"), Some(-0.5));
    assert_eq!(read.sum("app"), None);
    assert!(read.family("app_size").unwrap().samples[0].value.is_nan());
}

#[test]
fn little_or_nothing_is_well_formed() {
    assert_eq!(parse("").unwrap().families, []);
    assert_eq!(parse("\n \t\n#\n# HELPER x\n").unwrap().families, []);
    let silent = parse("# TYPE a counter\n# HELP b\n").unwrap();
    assert_eq!((silent.sum("a"), silent.family("b").unwrap().help.as_deref()), (None, Some("")));
}

#[test]
fn each_rule_is_enforced() {
    for (text, complaint) in [
        ("a 1", "line 1: the text does not end with a line feed: it seems cut"),
        ("<!doctype html>\n", "line 1: \"<!doctype\" is not the name of a metric"),
        ("{\"errors\": 1}\n", "line 1: \"\" is not the name of a metric"),
        ("1a 1\n", "line 1: \"1a\" is not the name of a metric"),
        ("é 1\n", "line 1: \"é\" is not the name of a metric"),
        ("a\n", "line 1: the value of a is \"\", no number"),
        ("a 1\r\n", "line 1: the value of a is \"1\\r\", no number"),
        ("a 1_0\n", "line 1: the value of a is \"1_0\", no number"),
        ("a 0x1p2\n", "line 1: the value of a is \"0x1p2\", no number"),
        ("a 1e999\n", "line 1: the value of a is \"1e999\", no number"),
        ("a +NaN\n", "line 1: the value of a is \"+NaN\", no number"),
        ("a 1 1.5\n", "line 1: after the value of a stands \"1.5\", no timestamp"),
        ("a 1 2 3\n", "line 1: after the value of a stands \"2 3\", no timestamp"),
        ("a{b=\"c\" 1\n", "line 1: after the label b comes neither a comma nor a closing brace"),
        ("a{b=\"c} 1\n", "line 1: the value of the label b is not closed"),
        ("a{b=c} 1\n", "line 1: the value of the label b is not in quotes"),
        ("a{b} 1\n", "line 1: the labels are not closed"),
        ("a{,} 1\n", "line 1: the labels are not closed"),
        ("a{,b=\"c\"} 1\n", "line 1: \",b\" is not the name of a label"),
        ("a{b:c=\"d\"} 1\n", "line 1: \"b:c\" is not the name of a label"),
        ("a{__name__=\"d\"} 1\n", "line 1: \"__name__\" is not the name of a label"),
        ("a{b=\"c\",b=\"d\"} 1\n", "line 1: the label b stands twice"),
        ("a{b=\"\\t\"} 1\n", "line 1: \"\\\\t\" has a backslash that escapes nothing"),
        ("# HELP a \\t\n", "line 1: \"\\\\t\" has a backslash that escapes nothing"),
        ("# HELP\n", "line 1: HELP for \"\", which is not the name of a metric"),
        ("# TYPE a\n", "line 1: the TYPE of a is \"\", which is none"),
        ("# TYPE a info\n", "line 1: the TYPE of a is \"info\", which is none"),
        ("# TYPE a unknown\n", "line 1: the TYPE of a is \"unknown\", which is none"),
        ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: a has a second TYPE"),
        ("# HELP a b\n# HELP a b\n", "line 2: a has a second HELP"),
        ("a 1\n# TYPE a gauge\n", "line 2: TYPE of a stands after its samples"),
        ("a 1\na{} 2\n", "line 2: a stands twice with the same labels"),
        ("a{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\"} 2\n", "line 2: a stands twice with the same labels"),
        ("a 1\nb 1\na{c=\"d\"} 1\n", "line 3: a belongs to a, whose lines are not in one group"),
        ("# TYPE a counter\nb 1\na 1\n", "line 3: a belongs to a, whose lines are not in one group"),
        ("# TYPE a histogram\na 1\n", "line 2: a is a histogram and has a sample without suffix"),
        ("# TYPE a histogram\na_bucket 1\n", "line 2: a_bucket lacks the label le"),
        ("# TYPE a histogram\na_bucket{le=\"x\"} 1\n", "line 2: the label le of a_bucket is \"x\", no number"),
        ("# TYPE a histogram\na_sum{le=\"1\"} 1\n", "line 2: a_sum has a label le that does not belong there"),
        ("# TYPE a summary\na 1\n", "line 2: a lacks the label quantile"),
        (
            "# TYPE a summary\na{quantile=\"0.9\"} 1\na{quantile=\"0.5\"} 1\n",
            "line 3: a with quantile=0.5 stands after quantile=0.9",
        ),
        ("# TYPE a summary\na_sum 1\nb 1\na_count 1\n", "line 4: a belongs to a, whose lines are not in one group"),
    ] {
        assert_eq!(why(text), complaint);
    }
}

#[test]
fn histograms_are_whole_and_cumulative() {
    let whole = [
        "# TYPE a histogram",
        "a_bucket{b=\"c\",le=\"0.5\"} 1",
        "a_bucket{b=\"c\",le=\"1\"} 2",
        "a_bucket{b=\"c\",le=\"+Inf\"} 3",
        "a_sum{b=\"c\"} 9",
        "a_count{b=\"c\"} 3",
    ];
    let text = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    assert_eq!(parse(&text(&whole)).unwrap().sum("a"), Some(3.0));
    let with = |index: usize, line: &str| {
        let mut lines = whole.to_vec();
        lines[index] = line;
        why(&text(&lines))
    };
    let set = "the histogram a{b=\"c\"}";
    assert_eq!(with(3, "#"), format!("line 6: {set} has no bucket for le=\"+Inf\""));
    assert_eq!(with(4, "#"), format!("line 6: {set} has no a_sum"));
    assert_eq!(with(5, "#"), format!("line 5: {set} has no a_count"));
    assert_eq!(with(5, "a_count{b=\"c\"} 4"), format!("line 6: {set} counts 3 in le=\"+Inf\" but 4 in all"));
    assert_eq!(with(1, "a_bucket{b=\"c\",le=\"0.5\"} 7"), format!("line 6: {set} falls from 7 to 2 in its buckets"));
    assert_eq!(with(1, "a_bucket{b=\"c\",le=\"0.5\"} -1"), format!("line 6: {set} falls from 0 to -1 in its buckets"));
    assert_eq!(with(2, "a_bucket{b=\"c\",le=\"1\"} NaN"), format!("line 6: {set} falls from 1 to NaN in its buckets"));
    assert_eq!(with(1, "a_bucket{b=\"c\",le=\"2\"} 1"), "line 3: a_bucket with le=1 stands after le=2");
    assert_eq!(with(1, "a_bucket{b=\"c\",le=\"1.0\"} 1"), "line 3: a_bucket with le=1 stands after le=1");
    assert_eq!(with(1, "a_bucket{b=\"x\",le=\"1\"} 1"), "line 2: the histogram a{b=\"x\"} has no a_sum");
}

#[test]
fn a_long_line_is_quoted_in_part() {
    let told = |length: usize| why(&format!("{}\n", "<".repeat(length)));
    assert_eq!(told(40), format!("line 1: \"{}\" is not the name of a metric", "<".repeat(40)));
    assert_eq!(told(500), format!("line 1: \"{}\"... is not the name of a metric", "<".repeat(40)));
}

fn escape(text: &str, quote: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quote { text.replace('"', "\\\"") } else { text }
}

/// A family as an honest exporter has it; names end in a digit, so that no suffix arises by chance.
fn family() -> impl Strategy<Value = Family> {
    let labels = prop::collection::btree_map("[a-z_]{1,3}[a-z0-9_]{0,3}", ".{0,6}[\"\\\\\n]?", 0..3)
        .prop_filter("reserved", |labels| {
            !["le", "quantile", "__name__"].iter().any(|name| labels.contains_key(*name))
        });
    let sets = prop::collection::btree_map(labels, (prop::collection::vec(0..9_u32, 0..4), any::<f64>()), 0..4);
    let help = prop::option::of("([!-~é][ -~\n]{0,9}[!-~])?");
    let kinds = [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary, Kind::Untyped];
    ("[a-zA-Z_:][a-zA-Z_:]{0,4}[0-9]", prop::sample::select(kinds.to_vec()), help, sets).prop_map(
        |(name, kind, help, sets)| {
            let mut samples = Vec::new();
            for (labels, (counts, value)) in sets {
                let mut add = |suffix: &str, extra: Option<(&str, String)>, value: f64| {
                    let extra = extra.map(|(name, value)| (name.to_owned(), value));
                    let labels = labels.clone().into_iter().chain(extra).collect();
                    samples.push(Sample { name: format!("{name}{suffix}"), labels, value });
                };
                let total = f64::from(counts.iter().sum::<u32>());
                match kind {
                    Kind::Histogram => {
                        let mut sum = 0;
                        for (index, count) in counts.iter().enumerate() {
                            sum += count;
                            add("_bucket", Some(("le", format!("{index}.5"))), f64::from(sum));
                        }
                        add("_bucket", Some(("le", "+Inf".to_owned())), total);
                    }
                    Kind::Summary => add("", Some(("quantile", "0.5".to_owned())), value),
                    _ => add("", None, value),
                }
                if matches!(kind, Kind::Histogram | Kind::Summary) {
                    add("_sum", None, value);
                    add("_count", None, total);
                }
            }
            Family { name, kind, help, samples }
        },
    )
}

fn exposition() -> impl Strategy<Value = Exposition> {
    prop::collection::vec(family(), 0..5).prop_map(|mut families| {
        let mut seen = HashSet::new();
        families.retain(|family| seen.insert(family.name.clone()));
        Exposition { families }
    })
}

fn render(exposition: &Exposition) -> String {
    let mut lines = Vec::new();
    for family in &exposition.families {
        lines.extend(family.help.as_ref().map(|help| format!("# HELP {} {}", family.name, escape(help, false))));
        lines.push(format!("# TYPE {} {}", family.name, format!("{:?}", family.kind).to_lowercase()));
        for sample in &family.samples {
            let label = |(name, value): &(String, String)| format!("{name}=\"{}\"", escape(value, true));
            let labels = sample.labels.iter().map(label).collect::<Vec<_>>().join(",");
            lines.push(format!("{}{{{labels}}} {}", sample.name, sample.value));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_back(exposition in exposition()) {
        let text = render(&exposition);
        let read = parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        // By their looks, since NaN is not equal to itself.
        prop_assert_eq!(format!("{read:?}"), format!("{exposition:?}"));
    }

    #[test]
    fn a_text_cut_inside_a_line_is_refused(exposition in exposition(), at in any::<prop::sample::Index>()) {
        let text = render(&exposition);
        let inside: Vec<_> = text.char_indices().map(|(at, _)| at).filter(|&at| at > 0 && text.as_bytes()[at - 1] != b'\n').collect();
        if !inside.is_empty() {
            prop_assert!(parse(&text[..inside[at.index(inside.len())]]).is_err());
        }
    }

    #[test]
    fn anything_is_answered_without_panic(text in any::<String>(), near in "[a{}=\"\\\\,# \n1]{0,30}") {
        let _ = (parse(&text), parse(&near));
    }
}

#[test]
fn open_metrics_tell_the_same_under_the_same_names() {
    let open = |text: &str| super::parse(text, Format::OpenMetrics);
    let text = "# HELP a A.\n# TYPE a counter\n# UNIT a seconds\na_total{b=\"c # d\"} 1 # {trace=\"x\"} 1 1.5\na_created 1.5e9\n\
        # TYPE b gauge\nb 2 1700000000.5\n# TYPE c unknown\nc 3\n# TYPE d info\nd_info{v=\"1\"} 1\n# EOF\n";
    let read = open(text).unwrap();
    let names: Vec<&str> = read.families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names, ["a_total", "b", "c", "d"]);
    assert_eq!((read.sum("a_total"), read.sum("b")), (Some(1.0), Some(2.0)));
    assert!(parse(text).is_err(), "a Prometheus text has neither exemplars nor times with fractions");
    let cut = open("# TYPE b gauge\nb 2\n").unwrap_err().to_string();
    assert_eq!(cut, "line 2: the text does not end with `# EOF`: it seems cut");
}

#[test]
fn suffixes_belong_to_the_types_that_have_them() {
    let names = |text: &str, format| -> Vec<String> {
        super::parse(text, format).unwrap().families.into_iter().map(|family| family.name).collect()
    };
    let text = "# TYPE a counter\na_total 1\na_created 1\n# TYPE b gauge\nb_info 1\n";
    assert_eq!(names(text, Format::Prometheus), ["a", "a_total", "a_created", "b", "b_info"]);
    assert_eq!(names(&format!("{text}# EOF\n"), Format::OpenMetrics), ["a_total", "b"]);
    let text = "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\na_created 1\n# TYPE b summary\nb_created 1\n# EOF\n";
    assert_eq!(names(text, Format::OpenMetrics), ["a", "b"]);
    let text = "# TYPE a gauge\na_total 1\na_created 1\n# TYPE b counter\nb_info 1\n# EOF\n";
    assert_eq!(names(text, Format::OpenMetrics), ["a", "a_total", "a_created", "b_total", "b_info"]);
}

#[test]
fn lines_without_end_are_not_read_without_end() {
    let most = "\n".repeat(bounds::METRIC_LINES);
    assert!(parse(&most).is_ok());
    let line = bounds::METRIC_LINES + 1;
    let more = format!("line {line}: more lines than the {} that are read", bounds::METRIC_LINES);
    assert_eq!(parse(&format!("{most}\n")).unwrap_err().to_string(), more);
}

#[test]
fn a_media_type_names_the_format() {
    assert_eq!(Format::of("text/plain; version=0.0.4; charset=utf-8"), Some(Format::Prometheus));
    assert_eq!(Format::of("application/OpenMetrics-text; version=1.0.0"), Some(Format::OpenMetrics));
    assert_eq!(Format::of("text/html"), None);
    assert_eq!(Format::of("text/plainer"), None);
}
