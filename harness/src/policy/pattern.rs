//! zot's patterns of repository names.

use regex::Regex;

/// A pattern over repository names, as a key of `http.accessControl.repositories` (zot v2.1.20: doublestar v4).
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Reads a pattern. `**` as a whole part stands for any number of parts, also none; elsewhere a star stays within
    /// its part. `?`, `[…]` and `{…,…}` are what they are in a shell, `\` takes the next letter as it is. Only `**` within
    /// braces is not what it is for zot.
    ///
    /// `None` for what is none: zot ends at the start then ("failed to compile authorization pattern").
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text.chars().collect(), at: 0, braces: 0, out: String::from("^") };
        reader.read()?;
        let regex = Regex::new(&format!("(?s){}$", reader.out)).ok()?;
        Some(Self { text: text.to_owned(), regex })
    }

    /// Whether it stands for this name.
    #[must_use]
    pub fn matches(&self, repository: &str) -> bool {
        self.regex.is_match(repository)
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A repository for which this pattern stands, with `word` where it leaves room; `None` where none was found.
    #[must_use]
    pub fn sample(&self, word: &str) -> Option<String> {
        let mut sample = String::new();
        let mut letters = self.text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '*' => {
                    while letters.next_if_eq(&'*').is_some() {}
                    sample.push_str(word);
                }
                '?' => sample.push('x'),
                '[' => sample.push(letters.by_ref().take_while(|letter| *letter != ']').last()?),
                '{' => {
                    let choice: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
                    sample.push_str(choice.split(',').next()?);
                }
                '\\' => sample.push(letters.next()?),
                plain => sample.push(plain),
            }
        }
        Some(sample).filter(|sample| self.matches(sample))
    }
}

/// What a star within a part becomes.
const STAR: &str = "[^/]*";

/// Translates a pattern, letter by letter.
struct Reader {
    rest: Vec<char>,
    at: usize,
    braces: usize,
    out: String,
}

impl Reader {
    fn read(&mut self) -> Option<()> {
        while let Some(letter) = self.next() {
            match letter {
                '*' => self.star(),
                '?' => self.out.push_str("[^/]"),
                '[' => self.class()?,
                '{' => {
                    self.braces += 1;
                    self.out.push_str("(?:");
                }
                ',' if self.braces > 0 => self.out.push('|'),
                '}' if self.braces > 0 => {
                    self.braces -= 1;
                    self.out.push(')');
                }
                '\\' => {
                    let plain = self.next()?;
                    self.plain(plain);
                }
                plain => self.plain(plain),
            }
        }
        (self.braces == 0).then_some(())
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.rest.get(self.at).copied()?;
        self.at += 1;
        Some(letter)
    }

    fn plain(&mut self, letter: char) {
        self.out.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
    }

    /// One star, or two that are a whole part, with the slash that a missing part takes with it.
    fn star(&mut self) {
        let begins = self.at == 1 || self.rest.get(self.at - 2) == Some(&'/');
        let ends = matches!(self.rest.get(self.at + 1), None | Some('/'));
        if !(begins && ends && self.rest.get(self.at) == Some(&'*')) {
            return self.out.push_str(STAR);
        }
        self.at += 1;
        match self.next() {
            Some(_) => self.out.push_str("(?:.*/)?"),
            // `a/**` stands for `a`, too.
            None if self.out.ends_with('/') => {
                self.out.pop();
                // But a star before it stands for no nothing then: `a*/**` is `ab` and `a/b`, and not `a` (observed).
                match self.out.strip_suffix(STAR) {
                    Some(before) => self.out = format!("{before}(?:[^/]*/.*|[^/]+)"),
                    None => self.out.push_str("(?:/.*)?"),
                }
            }
            None => self.out.push_str(".*"),
        }
    }

    fn class(&mut self) -> Option<()> {
        self.out.push_str("[[^/]&&[");
        if matches!(self.rest.get(self.at), Some('^' | '!')) {
            self.at += 1;
            self.out.push('^');
        }
        let first = self.at;
        loop {
            match self.next()? {
                ']' if self.at > first + 1 => break,
                ']' => return None,
                '\\' => {
                    let plain = self.next()?;
                    self.plain(plain);
                }
                '-' => self.out.push('-'),
                plain => self.plain(plain),
            }
        }
        self.out.push_str("]]");
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, repository: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(repository)
    }

    #[test]
    fn patterns_stand_for_what_they_stand_for_in_zot() {
        let table = include_str!("../../../fixtures/golden/patterns.txt");
        let names = ["a", "b", "c", "ab", "a/b", "b/a", "a-b/c", "a/b/c", "ab/a/b"];
        let differ: Vec<String> = table
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let (pattern, wanted) = line.split_once(' ').unwrap_or((line, ""));
                let matched: Vec<&str> = names.into_iter().filter(|name| matches(pattern, name)).collect();
                (matched.join(" ") != wanted).then(|| format!("{line}: {}", matched.join(" ")))
            })
            .collect();
        assert!(differ.is_empty(), "{differ:#?}");
    }

    #[test]
    fn stars_stay_within_their_part_and_two_of_them_do_not() {
        for (pattern, repository) in [
            ("**", "a/b"),
            ("a/**", "a/b/c"),
            ("a/**", "a"),
            ("abc/**", "abc/d/e"),
            ("a,b", "a,b"),
            ("[!a]x", "!x"),
            ("**/b", "b"),
            ("**/b", "x/y/b"),
            ("a/**/b", "a/b"),
            ("a/**/b", "a/x/y/b"),
            ("*/b", "a/b"),
            ("a-?", "a-1"),
            ("a**", "abc"),
            ("[a-c]x", "bx"),
            ("[!a]x", "bx"),
            ("{a,b/c}/d", "b/c/d"),
            ("a.b", "a.b"),
            ("a\\*", "a*"),
        ] {
            assert!(matches(pattern, repository), "{pattern} {repository}");
        }
        for (pattern, repository) in [
            ("*", "a/b"),
            ("a/**", "ab"),
            ("a/*", "a/b/c"),
            ("a/*", "a"),
            ("b", "a/b"),
            ("a**", "a/b"),
            ("[!a]x", "ax"),
            ("a?b", "a/b"),
            ("[!a]", "/"),
            ("a.b", "axb"),
            ("{a,b}", "c"),
            ("a,b", "a"),
        ] {
            assert!(!matches(pattern, repository), "{pattern} {repository}");
        }
    }

    #[test]
    fn what_zot_refuses_is_no_pattern() {
        for bad in ["[", "[]", "{a", "a\\", "[a"] {
            assert!(Pattern::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_sample_is_a_name_that_the_pattern_stands_for() {
        let sample = |pattern: &str| Pattern::parse(pattern).and_then(|pattern| pattern.sample("w"));
        for (pattern, name) in
            [("**", "w"), ("a/**", "a/w"), ("a/*/c", "a/w/c"), ("{a,b}/x-?", "a/x-x"), ("[ab]c", "bc")]
        {
            assert_eq!(sample(pattern).as_deref(), Some(name), "{pattern}");
        }
        assert_eq!(sample("[!a]c"), None);
    }

    proptest! {
        #[test]
        fn a_sample_always_matches(text in "[a-c*?{},/\\[\\]-]{1,8}") {
            if let Some(pattern) = Pattern::parse(&text)
                && let Some(sample) = pattern.sample("word")
            {
                prop_assert!(pattern.matches(&sample));
            }
        }
    }
}
