//! The login form of an issuer, as far as a program can fill one in.

use html5gum::{DefaultEmitter, Token, Tokenizer};
use http::Method;
use url::Url;

use super::people::Visitor;
use crate::wire::Request;

/// A form with one field for a name and one for a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Where it goes, relative to its page.
    pub(crate) action: String,
    user: String,
    password: String,
    /// Fields that are sent back as they are.
    hidden: Vec<(String, String)>,
    /// A lab's issuer lets the person say what the tokens shall claim.
    claims: bool,
}

impl Form {
    /// The first form of the page that asks for a password; none where a script draws it.
    pub(crate) fn find(page: &str) -> Option<Self> {
        let mut form: Option<Draft> = None;
        // What stands in a script is no markup, and what stands in a template is not shown.
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let mut templates = 0_usize;
        for token in Tokenizer::new_with_emitter(page, emitter) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) if &tag.name[..] == b"template" => templates += 1,
                Token::EndTag(tag) if &tag.name[..] == b"template" => templates = templates.saturating_sub(1),
                _ if templates > 0 => {}
                Token::StartTag(tag) => {
                    let attribute = |name: &str| {
                        let value = tag.attributes.get(name.as_bytes())?;
                        Some(String::from_utf8_lossy(value.as_ref()).into_owned())
                    };
                    match (&tag.name[..], &mut form) {
                        (b"form", _) => {
                            let post = attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
                            form = Some(Draft {
                                action: attribute("action").unwrap_or_default(),
                                post,
                                ..Draft::default()
                            });
                        }
                        (b"input", Some(form)) => form.input(
                            &attribute("type").unwrap_or_default(),
                            attribute("name"),
                            attribute("value").unwrap_or_default(),
                        ),
                        (b"textarea", Some(form)) => form.claims |= attribute("name").as_deref() == Some("claims"),
                        _ => {}
                    }
                }
                Token::EndTag(tag) if &tag.name[..] == b"form" => {
                    if let Some(found) = form.take().and_then(Draft::finish) {
                        return Some(found);
                    }
                }
                _ => {}
            }
        }
        form.and_then(Draft::finish)
    }

    /// The form as this person sends it to `to`.
    pub(crate) fn filled(&self, to: Url, who: &Visitor) -> Request {
        let claims = who.claims.as_ref().filter(|_| self.claims).map(ToString::to_string);
        let fields = self.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let typed = [(self.user.as_str(), who.name.as_str()), (self.password.as_str(), who.password.expose())];
        Request::at(Method::POST, to)
            .form(fields.chain(typed).chain(claims.as_deref().map(|claims| ("claims", claims))))
    }
}

#[derive(Default)]
struct Draft {
    action: String,
    post: bool,
    users: Vec<String>,
    passwords: Vec<String>,
    hidden: Vec<(String, String)>,
    claims: bool,
}

impl Draft {
    fn input(&mut self, kind: &str, name: Option<String>, value: String) {
        let Some(name) = name else { return };
        match kind.to_ascii_lowercase().as_str() {
            "hidden" => self.hidden.push((name, value)),
            "password" => self.passwords.push(name),
            "" | "text" | "email" => self.users.push(name),
            _ => {}
        }
    }

    /// A form with other fields than these asks for something that we do not know.
    fn finish(self) -> Option<Form> {
        let (Ok([user]), Ok([password])) = (<[_; 1]>::try_from(self.users), <[_; 1]>::try_from(self.passwords)) else {
            return None;
        };
        let Self { action, hidden, claims, .. } = self;
        self.post.then_some(Form { action, user, password, hidden, claims })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_form_is_found_and_a_page_for_people_is_none() {
        let page = r#"<form action="/search"><input name="q"></form>
            <form method="POST" action="/auth?x=1&amp;y=2"><input type="hidden" name="csrf" value="t&quot;">
            <input name="login"><input type=password name="password"><button>Log in</button></form>"#;
        let form = Form::find(page).unwrap();
        assert_eq!(form.action, "/auth?x=1&y=2");
        assert_eq!((form.user.as_str(), form.password.as_str()), ("login", "password"));
        assert_eq!(form.hidden, [("csrf".to_owned(), "t\"".to_owned())]);
        for page in [
            "",
            "<script>draw()</script>",
            "<form><input name=u><input type=password name=p></form>",
            "<form method=post><input name=u><input name=otp><input type=password name=p></form>",
            "<form method=post><input type=password name=p></form>",
            "<script>var t='<form method=post><input name=u><input type=password name=p></form>'</script>",
            "<template><form method=post><input name=u><input type=password name=p></form></template>",
        ] {
            assert_eq!(Form::find(page), None, "{page}");
        }
    }

    #[test]
    fn a_form_ends_where_it_ends_and_a_template_hides_all_that_stands_in_it() {
        let fields = "<label>you</label><input name=u><input type=password name=p>";
        for page in [
            format!("<form method=post>{fields}</form><input name=search>"),
            format!("<template><p></p></template><form method=post>{fields}</form>"),
            format!("<form method=post>{fields}"),
        ] {
            assert!(Form::find(&page).is_some(), "{page}");
        }
        let hidden = format!("<template><p></p><form method=post>{fields}</form></template>");
        assert_eq!(Form::find(&hidden), None);
    }

    #[test]
    fn a_person_says_what_the_tokens_shall_claim_where_the_form_asks() {
        let page = |more: &str| format!("<form method=post><input name=u><input type=password name=p>{more}</form>");
        let asks = |more: &str| Form::find(&page(more)).unwrap().claims;
        assert!(asks("<textarea name=claims></textarea><textarea name=x></textarea>"));
        assert!(!asks("<textarea name=x></textarea>") && !asks(""));
    }
}
