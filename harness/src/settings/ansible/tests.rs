use super::*;

fn rendered(text: &str, vars: &str) -> Result<String, RenderError> {
    let template = Template { name: "t.j2".to_owned(), text: text.to_owned() };
    render(&template, &[VarsFile { name: "v.yml".to_owned(), text: vars.to_owned() }])
}

/// `torture.expected` was written by ansible-core 2.19.14 from the same two files.
#[test]
fn the_torture_template_comes_out_as_from_ansible() {
    let expected = include_str!("torture.expected");
    let out = rendered(include_str!("torture.j2"), include_str!("torture.yml")).unwrap();
    for (here, there) in out.lines().zip(expected.lines()) {
        assert_eq!(here, there);
    }
    assert_eq!(out, expected);
}

/// What ansible-core 2.19.14 made of these, each by itself.
#[test]
fn small_templates_come_out_as_from_ansible() {
    let vars = "d: {b: 1, a: {x: 2}}\nn: 5\nt: \"{{ n }}\"\nmixed: \"a{{ none }}b\"\nhalf: {good: 1, bad: '{{ nope }}'}\n\
                broken: 'x{{ nope }}'\nblock: |\n  {{ n }}\nspaced: ' {{ n }} '\n";
    for (text, expected) in [
        ("{{ d.nope.more | default('x') }}", "x"),
        ("{{ nope.a.b | default(nope.c) | default('z') }}", "z"),
        ("{{ n | default(nope) }}{{ true | ternary('a', nope) }}{{ n if n else nope }}", "5a5"),
        ("{{ (nope is defined) and nope }}", "False"),
        ("{{ broken is defined }} {{ broken | default('x') }} {{ half.good }} {{ half | length }}", "False x 1 2"),
        ("{{ t | to_json }} {{ mixed | to_json }} {{ block | to_json }} {{ spaced | to_json }}", "5 \"ab\" 5 \" 5 \""),
        (
            "{{ 1.0 }} {{ 1e15 }} {{ 1e16 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.0 }}",
            "1.0 1000000000000000.0 1e+16 0.0001 1e-05 -0.0",
        ),
        ("{{ 'é\\t\\x7f/' | to_json }}", "\"\\u00e9\\t\\u007f/\""),
        (
            "{{ 'YES' | bool }} {{ 'maybe' | bool }} {{ 2 | bool }} {{ 1.0 | bool }} {{ none | bool }}",
            "True False False True False",
        ),
        ("{{ '//a' | dirname }}{{ 'a//b' | dirname }}{{ '/a/b' | basename }}", "//ab"),
        ("{{ d.items() | list }}", "[['b', 1], ['a', {'x': 2}]]"),
        ("{% if n %}\nx\n{% endif %}\n", "x\n"),
        ("{% for k in d %}{{ k }}{% endfor %}\n\n", "ba\n\n"),
        ("a\n{# remark #}\nb", "a\nb"),
    ] {
        assert_eq!(rendered(text, vars).as_deref(), Ok(expected), "{text}");
    }
}

/// Ansible stops at each of these, too.
#[test]
fn whatever_is_done_with_an_undefined_value_is_an_error() {
    for text in [
        "{{ nope }}",
        "{{ nope.x }}",
        "{{ d.nope }}",
        "{{ l[7] }}",
        "{% if nope %}{% endif %}",
        "{% if not nope %}{% endif %}",
        "{% if nope == 'x' %}{% endif %}",
        "{% if 'x' != nope %}{% endif %}",
        "{% if nope in l %}{% endif %}",
        "{% if 1 in nope %}{% endif %}",
        "{% for x in nope %}{% endfor %}",
        "{% for x in nope.y %}{% else %}{% endfor %}",
        "{{ nope | length }}",
        "{{ nope | lower }}",
        "{{ nope + 1 }}",
        "{{ 'a' ~ nope }}",
        "{{ nope or 'x' }}",
        "{{ nope is none }}",
        "{{ nope is mapping }}",
        "{{ nope | default(nope) }}",
        "{{ nope | bool }}",
        "{{ nope | ternary(1, 2) }}",
        "{{ {'a': nope} | to_json }}",
        "{{ [nope] }}",
        "{{ nope | mandatory }}",
        "{{ d | combine(nope) }}",
        "{{ half.bad }}",
        "{{ half | to_json }}",
        "{{ broken }}",
    ] {
        let vars = "d: {b: 1}\nl: [1]\nhalf: {bad: '{{ nope }}'}\nbroken: 'x{{ nope }}'\n";
        let error = rendered(&format!("\n{text}\n"), vars).expect_err(text);
        assert!(matches!(&error, RenderError::Undefined { line: 2..=4, .. }), "{text}: {error}");
    }
}

#[test]
fn errors_say_what_and_where() {
    for (text, vars, message) in [
        ("a\n{{ nope.deep }}", "", "t.j2, line 2: nope.deep is undefined"),
        ("a\n\n{% if l[0].nope == 1 %}{% endif %}", "l: [{a: 1}]", "t.j2, line 3: l[0].nope is undefined"),
        ("{{ a }}", "b: 1\na: '{{ nope }}'", "v.yml, line 2: nope is undefined"),
        ("{{ nope | mandatory('give one') }}", "", "t.j2, line 1: the template cannot be rendered: give one"),
        (
            "{{ a }}",
            "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  31\n",
            "v.yml, line 2: a is encrypted with Ansible Vault and cannot be read here",
        ),
        (
            "{{ a.b | default('x') }}",
            "a:\n  b: !vault x\n",
            "v.yml, line 2: a.b is encrypted with Ansible Vault and cannot be read here",
        ),
        (
            "\n{{ 'a' | regex_replace('a', 'b') }}",
            "",
            "t.j2, line 2: the template cannot be rendered: filter regex_replace is unknown",
        ),
        ("{{ 'a' is match('a') }}", "", "t.j2, line 1: the template cannot be rendered: test match is unknown"),
        (
            "{{ lookup('env', 'HOME') }}",
            "",
            "t.j2, line 1: the template cannot be rendered: function lookup is unknown",
        ),
        ("{{ a }}", "\na: '{{ 1 | hash }}'", "v.yml, line 2: the template cannot be rendered: filter hash is unknown"),
        (
            "{% include 'x' %}",
            "",
            "t.j2, line 1: the template cannot be rendered: tried to include non-existing template 'x'",
        ),
        (
            "\n{% if 1 %}",
            "",
            "t.j2, line 2: the template cannot be rendered: unexpected end of input, expected end of block",
        ),
        (
            "{{ a }}",
            "a: '{{ b }}'\nb: '{{ a }}'",
            "v.yml, line 1: the template cannot be rendered: the variables refer to each other in a circle: a, b, a",
        ),
        (
            "#jinja2: trim_blocks:False\n",
            "",
            "t.j2, line 1: the template cannot be rendered: a `#jinja2:` line changes the template's settings, which is not supported here",
        ),
        ("", "a: 1\nb: [", "v.yml, line 2: not usable as Ansible variables: unclosed bracket"),
        ("", "- a\n", "v.yml, line 1: not usable as Ansible variables: the file is not a mapping of variables"),
        (
            "",
            "a: 1\nb: {{ a }}\n",
            "v.yml, line 2: not usable as Ansible variables: a list or a mapping cannot be a key; a value that begins with {{ needs quotes around it",
        ),
        (
            "",
            "a: !mine 1\n",
            "v.yml, line 1: not usable as Ansible variables: the tag !mine of a is not supported here",
        ),
        (
            "",
            "a: 2001-12-14 21:59:43\n",
            "v.yml, line 1: not usable as Ansible variables: a point in time without quotes, which is not supported here",
        ),
    ] {
        let error = rendered(text, vars).expect_err(text).to_string();
        assert!(error.starts_with(message), "{text}: {error}");
    }
}

#[test]
fn what_is_not_used_need_not_be_right() {
    let vars = "a: 1\nb: '{{ nope }}'\nc: !vault x\nd: '{{ d }}'\ne: {f: '{{ 1 | no_filter }}'}\n";
    assert_eq!(rendered("{{ a }}{{ e | length }}", vars).as_deref(), Ok("11"));
}

#[test]
fn a_later_file_overrides_an_earlier_one() {
    let file = |name: &str, text: &str| VarsFile { name: name.to_owned(), text: text.to_owned() };
    let template = Template { name: "t.j2".to_owned(), text: "{{ a }} {{ b }} {{ ansible_managed }}".to_owned() };
    let files = [file("one", "a: 1\nb: '{{ a }}'\n"), file("two", "---\n# nothing\n"), file("three", "a: 3\n")];
    assert_eq!(render(&template, &files).as_deref(), Ok("3 3 Ansible managed"));
    assert_eq!(
        render(&template, &[file("four", "{a: 1, b: 2, ansible_managed: by hand}")]).as_deref(),
        Ok("1 2 by hand")
    );
}

/// What PyYAML 6.0.3 made of these.
#[test]
fn plain_scalars_mean_what_they_mean_to_pyyaml() {
    for (scalar, json) in [
        ("yes", "true"),
        ("No", "false"),
        ("on", "true"),
        ("OFF", "false"),
        ("y", "\"y\""),
        ("yEs", "\"yEs\""),
        ("~", "null"),
        ("Null", "null"),
        ("nULL", "\"nULL\""),
        ("'yes'", "\"yes\""),
        ("\"5\"", "\"5\""),
        ("0755", "493"),
        ("0o755", "\"0o755\""),
        ("08", "\"08\""),
        ("0b11", "3"),
        ("-0x1F", "-31"),
        ("+5", "5"),
        ("1_000", "1000"),
        ("1__", "1"),
        ("_1", "\"_1\""),
        ("1:30", "90"),
        ("-1:30", "-90"),
        ("190:20:30", "685230"),
        ("1:60", "\"1:60\""),
        ("1:30.5", "90.5"),
        ("01:30", "\"01:30\""),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("._5", "\"._5\""),
        ("5.", "5.0"),
        ("1.5e3", "\"1.5e3\""),
        ("1.5e+3", "1500.0"),
        ("1e5", "\"1e5\""),
        (".inf", "Infinity"),
        ("-.INF", "-Infinity"),
        (".nan", "NaN"),
        ("1.2.3", "\"1.2.3\""),
        ("2024-01-01", "\"2024-01-01\""),
        ("12345678901234567890", "12345678901234567890"),
        ("!!str 5", "\"5\""),
        ("!unsafe '{{ x }}'", "\"{{ x }}\""),
        ("&a [1, *b]", "[1, 2]"),
        ("{<<: {a: 1}, b: 2}", "{\"a\": 1, \"b\": 2}"),
        ("{2: a, yes: b, ~: c}", "{\"2\": \"a\", \"true\": \"b\", \"null\": \"c\"}"),
        ("|-\n  5", "\"5\""),
        ("one\n  two", "\"one two\""),
    ] {
        // An anchor stands before its use.
        let out = rendered("{{ value | to_json }}", &format!("other: &b 2\nvalue: {scalar}\n"));
        assert_eq!(out.as_deref(), Ok(json), "{scalar}");
    }
}
