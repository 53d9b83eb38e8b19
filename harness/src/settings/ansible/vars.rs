//! The variables, and the rendering with them.

use std::collections::{HashMap, HashSet};
use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, escape_formatter};

use super::values::{Dict, List, Missing, Watch, check, python};
use super::yaml::{self, Node, Place};
use super::{RenderError, Template, VarsFile, filters};

/// How deep variables may refer to each other.
const DEPTH: usize = 30;

/// What `ansible_managed` says unless somebody sets it otherwise.
const MANAGED: &str = "Ansible managed";

/// Everything that a template can name.
pub(super) struct Vars {
    nodes: HashMap<String, Arc<Node>>,
    env: Environment<'static>,
    /// The functions of the engine, which are no variables.
    functions: HashSet<String>,
    /// The variables' templates that are being rendered, the outermost first.
    open: Mutex<Vec<Place>>,
    pub(super) watch: Arc<Watch>,
}

impl Vars {
    pub(super) fn read(files: &[VarsFile]) -> Result<Arc<Self>, RenderError> {
        let mut nodes = HashMap::new();
        for file in files {
            nodes.extend(yaml::read(file)?);
        }
        let env = environment()?;
        let functions = env.globals().map(|(name, _)| name.to_owned()).collect();
        Ok(Arc::new(Self { nodes, env, functions, open: Mutex::default(), watch: Arc::default() }))
    }

    pub(super) fn render(self: &Arc<Self>, template: &Template) -> Result<String, RenderError> {
        let place = Place { file: template.name.as_str().into(), line: 1, name: template.name.clone() };
        let rendered = self.env.render_named_str(&template.name, &template.text, self.root());
        let text = rendered.map_err(|error| self.explain(&error, &place))?;
        match self.watch.first() {
            None => Ok(with_line_feeds(text, &template.text)),
            Some(unmet) => Err(match unmet.place {
                Some(place) => {
                    RenderError::Undefined { file: place.file.to_string(), line: place.line, name: unmet.name }
                }
                None => {
                    let line = first_mention(&template.text, &unmet.name);
                    RenderError::Undefined { file: template.name.clone(), line, name: unmet.name }
                }
            }),
        }
    }

    fn root(self: &Arc<Self>) -> Value {
        Value::from_object(Root(Arc::clone(self)))
    }

    /// The value of a node. An error becomes a value, too, and strikes when that is used.
    pub(super) fn resolve(self: &Arc<Self>, node: &Arc<Node>) -> Value {
        match &**node {
            Node::Plain(value) => value.clone(),
            Node::List(items) => Value::from_object(List::lazy(items, self)),
            Node::Dict { entries, name } => Value::from_object(Dict::lazy(entries, name, self)),
            Node::Vault(Place { file, line, name }) => {
                failed(RenderError::Vault { file: file.to_string(), line: *line, name: name.clone() })
            }
            Node::Template { text, place } => self.evaluate(text, place),
        }
    }

    fn evaluate(self: &Arc<Self>, text: &str, place: &Place) -> Value {
        if let Err(error) = self.enter(place) {
            return failed(error);
        }
        let mark = self.watch.mark();
        let result = self.evaluate_open(text, place);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match result {
            Ok(value) => value,
            // A default can still be given for it, as for any other undefined value.
            Err(RenderError::Undefined { file, line, name }) => {
                self.watch.rewind(mark);
                Missing::value(name, Some(Place { file: file.into(), line, name: place.name.clone() }), &self.watch)
            }
            Err(error) => failed(error),
        }
    }

    fn evaluate_open(self: &Arc<Self>, text: &str, place: &Place) -> Result<Value, RenderError> {
        let explain = |error: Error| self.explain(&error, place);
        // A template that is but one expression keeps its type.
        if let Some(expression) = expression_of(text)
            && let Ok(compiled) = self.env.compile_expression(expression)
        {
            let value = compiled.eval(self.root()).map_err(explain)?;
            if value.is_undefined() {
                check(&value).map_err(explain)?;
            }
            return Ok(match value.as_str() {
                Some(result) => with_line_feeds(result.to_owned(), text).into(),
                None => value,
            });
        }
        let result = self.env.render_named_str(&place.file, text, self.root()).map_err(explain)?;
        Ok(with_line_feeds(result, text).into())
    }

    fn enter(&self, place: &Place) -> Result<(), RenderError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let refused =
            |message| Err(RenderError::BadTemplate { file: place.file.to_string(), line: place.line, message });
        if let Some(start) = open.iter().position(|known| known == place) {
            let round: Vec<_> = open[start..].iter().chain([place]).map(|place| place.name.as_str()).collect();
            return refused(format!("the variables refer to each other in a circle: {}", round.join(", ")));
        }
        if open.len() >= DEPTH {
            return refused(format!("variables refer to variables more than {DEPTH} deep"));
        }
        open.push(place.clone());
        Ok(())
    }

    fn explain(&self, error: &Error, place: &Place) -> RenderError {
        let (file, line) = (place.file.to_string(), place.line + error.line().unwrap_or(1).saturating_sub(1));
        let mut source = error.source();
        while let Some(cause) = source {
            match cause.downcast_ref::<RenderError>() {
                Some(RenderError::Undefined { file: unknown, name, .. }) if unknown.is_empty() => {
                    return RenderError::Undefined { file, line, name: name.clone() };
                }
                Some(known) => return known.clone(),
                None => source = cause.source(),
            }
        }
        let unmet = self.watch.first();
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        match (error.kind(), unmet) {
            // Known before, so no fault of an undefined value.
            (
                ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::SyntaxError,
                _,
            ) => RenderError::BadTemplate { file, line, message: detail },
            (_, Some(unmet)) => match unmet.place {
                Some(place) => {
                    RenderError::Undefined { file: place.file.to_string(), line: place.line, name: unmet.name }
                }
                None => RenderError::Undefined { file, line, name: unmet.name },
            },
            (ErrorKind::UndefinedError, None) => {
                let name = error.detail().map_or("a value", |detail| detail.trim_end_matches(" is undefined"));
                RenderError::Undefined { file, line, name: name.to_owned() }
            }
            _ => RenderError::BadTemplate { file, line, message: detail },
        }
    }
}

/// What a template sees at the top: the variables, and something undefined under every other name.
struct Root(Arc<Vars>);

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root")
    }
}

impl Object for Root {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (vars, key) = (&self.0, key.as_str()?);
        match vars.nodes.get(key) {
            Some(node) => Some(vars.resolve(node)),
            None if key == "ansible_managed" => Some(MANAGED.into()),
            None if vars.functions.contains(key) => None,
            None => {
                let place = vars.open.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
                Some(Missing::value(key.to_owned(), place, &vars.watch))
            }
        }
    }
}

fn failed(error: RenderError) -> Value {
    Value::from(Error::new(ErrorKind::InvalidOperation, error.to_string()).with_source(error))
}

/// The expression of a text that is `{{ expression }}` and nothing else.
fn expression_of(text: &str) -> Option<&str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    Some(inner.strip_prefix(['-', '+']).unwrap_or(inner).trim_end_matches('-'))
}

/// What came of a template, with as many line feeds at the end as the template has: Jinja drops one, and trimmed blocks
/// another; Ansible puts back what is lacking.
fn with_line_feeds(mut result: String, template: &str) -> String {
    let count = |text: &str| text.len() - text.trim_end_matches('\n').len();
    let lacking = count(template).saturating_sub(count(&result));
    result.extend(std::iter::repeat_n('\n', lacking));
    result
}

/// The first line that speaks of `name`, or 1.
fn first_mention(text: &str, name: &str) -> usize {
    let root = name.split(['.', '[']).next().unwrap_or(name);
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mentions = |line: &str| line.split(|c| !is_part(c)).any(|word| word == root);
    text.lines().position(mentions).map_or(1, |index| index + 1)
}

/// An engine with Ansible's settings.
fn environment() -> Result<Environment<'static>, RenderError> {
    let mut env = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(false).keep_trailing_newline(false).build();
    env.set_syntax(syntax.map_err(|error| RenderError::BadTemplate {
        file: "the engine's settings".to_owned(),
        line: 1,
        message: error.to_string(),
    })?);
    // The names of templates end in `.json.j2` and the like; Ansible escapes nothing for that.
    env.set_auto_escape_callback(|_| AutoEscape::None);
    // For its debugging the engine looks variables up, which would pass for a use of them.
    env.set_debug(false);
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_formatter(|out, state, value| {
        if value.is_undefined() {
            return escape_formatter(out, state, value);
        }
        // At the top, and only there, Ansible writes nothing for None.
        let text = if value.is_none() { String::new() } else { python(value, false)? };
        out.write_str(&text).map_err(|_| Error::from(ErrorKind::WriteFailure))
    });
    env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    filters::install(&mut env);
    Ok(env)
}
