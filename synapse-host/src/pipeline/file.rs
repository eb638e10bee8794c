//! The reader of a pipeline's file.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use synapse_sdk::ErrorKind;
use synapse_sdk::suggest::nearest;
use synapse_sdk::words::Word;

use super::condition::Condition;
use super::expression::{Expression, Head};
use super::model::{Input, InputType, Location, Node, OnFailure, Param, Pipeline, Places, RetryPolicy};
use crate::config::fields::{Field, Fields};
use crate::config::problems::{Place, Problem, Problems, Severity};
use crate::config::yaml::{self, Content, Entry};
use crate::plugin_ref::PluginRef;
use crate::run::{Mode, Resources};
use crate::size::bytes;

/// A pipeline that can be used, and what is questionable about its file.
#[derive(Debug)]
pub struct Read {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What its author should look at.
    pub warnings: Vec<Problem>,
}

/// Reads the text of a pipeline's file, which is called `file` and lies in
/// `folder`.
///
/// # Errors
/// Every problem, warnings included, if at least one of them is an error.
pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Read, Vec<Problem>> {
    match parse_as_far_as_possible(text, file, folder) {
        (Some(pipeline), problems) if !has_errors(&problems) => Ok(Read { pipeline, warnings: problems }),
        (_, problems) => Err(problems),
    }
}

pub(super) fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// The same of a file with errors: what can be made of it, and everything that
/// is wrong or questionable.
pub(super) fn parse_as_far_as_possible(
    text: &str,
    file: &str,
    folder: &Path,
) -> (Option<Pipeline>, Vec<Problem>) {
    let mut problems = Problems::default();
    let hidden = hide_references(text);
    let root = yaml::read_or(&hidden, "give at least `nodes`", &mut problems);
    let pipeline = root.map(|mut root| {
        show_references(&mut root);
        pipeline(&root, text, file, folder, &mut problems)
    });
    (pipeline.flatten(), problems.sorted())
}

/// Characters that mean something to YAML, moved out of its way: `${a.b}` may
/// then stand in `{…}` and `[…]` without quotes. Columns stay what they are.
const HIDDEN: u32 = 0xE000;

fn hide_references(text: &str) -> Cow<'_, str> {
    if !text.contains("${") {
        return Cow::Borrowed(text);
    }
    let mut hidden = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let line_end = rest[at..].find('\n').map_or(rest.len(), |end| at + end);
        let Some(end) = rest[at..line_end].find('}').map(|end| at + end + 1) else {
            hidden.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        hidden.push_str(&rest[..=at]);
        for c in rest[at + 1..end].chars() {
            let special = "{}[],:#&*!|>'\"%@`?".contains(c);
            hidden.push(if special { char::from_u32(HIDDEN + u32::from(c)).unwrap_or(c) } else { c });
        }
        rest = &rest[end..];
    }
    hidden.push_str(rest);
    Cow::Owned(hidden)
}

fn shown(text: &str) -> String {
    let back = |c: char| match u32::from(c) {
        code @ 0xE000..=0xE07F => char::from_u32(code - HIDDEN).unwrap_or(c),
        _ => c,
    };
    text.chars().map(back).collect()
}

fn show_references(node: &mut yaml::Node) {
    match &mut node.content {
        Content::Scalar(scalar) if !scalar.text.is_ascii() => scalar.text = shown(&scalar.text),
        Content::Scalar(_) => {}
        Content::List(items) => items.iter_mut().for_each(show_references),
        Content::Map(entries) => entries.iter_mut().for_each(|entry| {
            if !entry.key.text.is_ascii() {
                entry.key.text = shown(&entry.key.text);
            }
            show_references(&mut entry.value);
        }),
    }
}

fn pipeline(
    root: &yaml::Node,
    text: &str,
    file: &str,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Pipeline> {
    let document = Field { path: String::new(), node: root };
    let mut fields = document.fields(problems)?;
    let name = fields.text("name", problems);
    let description = fields.text("description", problems).unwrap_or_default();
    let inputs = inputs(&mut fields, problems);
    let plugins = plugins(&mut fields, problems);
    let on_failure = fields.word("on_failure", problems).unwrap_or(OnFailure::Stop);
    let rollback = flag(&mut fields, "rollback", problems).unwrap_or(false);
    let nodes = nodes(&mut fields, &plugins, folder, problems);
    let output = fields.get("output");
    let output_at = output.as_ref().map_or(Place::START, |field| field.node.at);
    let output = output.and_then(|field| expression(&field, problems));
    fields.refuse_unknown(problems);
    let name = name.unwrap_or_else(|| default_name(file));
    let file = file.to_owned();
    let folder = folder.to_owned();
    let text = text.to_owned();
    let pipeline = Pipeline {
        name,
        description,
        inputs,
        nodes,
        on_failure,
        rollback,
        output,
        folder,
        file,
        text,
        output_at,
    };
    check_references(&pipeline, problems);
    Some(pipeline)
}

fn default_name(file: &str) -> String {
    let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| "pipeline".to_owned())
}

fn inputs(fields: &mut Fields<'_>, problems: &mut Problems) -> Vec<Input> {
    let Some(map) = fields.get("inputs").and_then(|field| field.fields(problems)) else { return Vec::new() };
    map.all().filter_map(|(entry, field)| input(entry, &field, problems)).collect()
}

fn input(entry: &Entry, field: &Field<'_>, problems: &mut Problems) -> Option<Input> {
    let (name, at) = (name_of(entry, field, problems)?, entry.key_at);
    if !matches!(field.node.content, Content::Map(_)) {
        // `epochs: 20` is short for its default.
        let default = field.json(problems);
        let kind = InputType::of(&default);
        let default = (!field.node.is_null()).then_some(default);
        return Some(Input { name, kind, default, description: String::new(), at });
    }
    let mut fields = field.fields(problems)?;
    let kind: Option<InputType> = fields.word("type", problems);
    let given = fields.get("default");
    let default = given.as_ref().map(|field| field.json(problems));
    let description = fields.text("description", problems).unwrap_or_default();
    fields.refuse_unknown(problems);
    if let (Some(kind), Some(default), Some(given)) = (kind, &default, &given)
        && !kind.admits(default)
    {
        problems.push(given.error(format!("the default {default} is no {kind}")));
    }
    let kind = kind.or_else(|| default.as_ref().and_then(InputType::of));
    Some(Input { name, kind, default, description, at })
}

/// Short names for plugins.
fn plugins(fields: &mut Fields<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let Some(map) = fields.get("plugins").and_then(|field| field.fields(problems)) else { return Vec::new() };
    map.all().filter_map(|(entry, field)| Some((entry.key.text.clone(), field.text(problems)?))).collect()
}

fn nodes(
    fields: &mut Fields<'_>,
    plugins: &[(String, String)],
    folder: &Path,
    problems: &mut Problems,
) -> Vec<Node> {
    let example = "\n  greet: {plugin: examples/greet, action: greet}";
    let Some(map) = fields.require("nodes", example, problems).and_then(|field| field.fields(problems))
    else {
        return Vec::new();
    };
    if map.is_empty() {
        let hint = format!("for example `nodes:{example}`");
        problems.push(Problem::error(Place::START, "nodes", "a pipeline needs at least one node").hint(hint));
    }
    map.all().filter_map(|(entry, field)| node(entry, &field, plugins, folder, problems)).collect()
}

fn node(
    entry: &Entry,
    field: &Field<'_>,
    plugins: &[(String, String)],
    folder: &Path,
    problems: &mut Problems,
) -> Option<Node> {
    let name = name_of(entry, field, problems);
    let mut fields = field.fields(problems)?;
    let place = |fields: &mut Fields<'_>, key| fields.get(key).map_or(entry.key_at, |field| field.node.at);
    let plugin = fields.require("plugin", "examples/greet", problems).and_then(|field| field.text(problems));
    let action = fields.require("action", "greet", problems).and_then(|field| field.text(problems));
    let for_each = fields.get("for_each").and_then(|field| expression(&field, problems));
    let condition = fields.get("if").and_then(|field| condition(&field, problems));
    let at = Places {
        node: entry.key_at,
        plugin: place(&mut fields, "plugin"),
        action: place(&mut fields, "action"),
        for_each: place(&mut fields, "for_each"),
        condition: place(&mut fields, "if"),
        mode: place(&mut fields, "mode"),
    };
    let isolated = flag(&mut fields, "isolated", problems).unwrap_or(false);
    let mode: Option<Mode> = fields.word("mode", problems);
    let node = Node {
        params: params(&mut fields, problems),
        needs: needs(&mut fields, problems),
        concurrency: number(&mut fields, "concurrency", problems)
            .and_then(|number| usize::try_from(number).ok()),
        mode: if isolated { Mode::Isolated } else { mode.unwrap_or(Mode::Local) },
        resources: resources(&mut fields, problems),
        env: env(&mut fields, problems),
        retry: retry(&mut fields, problems),
        timeout: time(&mut fields, "timeout", problems),
        cache: flag(&mut fields, "cache", problems),
        narrow: flag(&mut fields, "narrow", problems).unwrap_or(false),
        by_name: flag(&mut fields, "by_name", problems).unwrap_or(true),
        rollback: fields
            .get("rollback")
            .and_then(|field| Some((field.text(problems)?, Location(field.node.at)))),
        for_each,
        condition,
        at,
        name: name.clone().unwrap_or_default(),
        plugin: PluginRef::Code(String::new()),
        plugin_text: String::new(),
        action: action.clone().unwrap_or_default(),
    };
    fields.refuse_unknown(problems);
    // One that is broken is still there for those that refer to it.
    name.as_ref()?;
    let plugin = plugin.unwrap_or_default();
    let long = plugins.iter().find(|(short, _)| *short == plugin).map_or(&plugin, |(_, long)| long);
    Some(Node { plugin: plugin_ref(long, folder), plugin_text: plugin, ..node })
}

/// Paths start from the folder of the pipeline's file.
fn plugin_ref(text: &str, folder: &Path) -> PluginRef {
    let place = folder.join(text);
    let is_path = text.contains('/') || text.starts_with('.') || text.ends_with(".so") || place.exists();
    if is_path { PluginRef::Path(place) } else { PluginRef::Code(text.to_owned()) }
}

fn name_of(entry: &Entry, field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    const RESERVED: [&str; 4] = ["inputs", "item", "index", "run"];
    let name = &entry.key.text;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let fault = if !begins || !name.chars().all(plain) || name.len() > 64 {
        "use up to 64 letters, digits, `_` and `-`, beginning with a letter"
    } else if RESERVED.contains(&name.as_str()) {
        "that word means something else in `${…}`"
    } else {
        return Some(name.clone());
    };
    problems.push(
        Problem::error(entry.key_at, field.path.clone(), format!("`{name}` cannot be a name here"))
            .hint(fault),
    );
    None
}

fn params(fields: &mut Fields<'_>, problems: &mut Problems) -> Vec<Param> {
    let Some(map) = fields.get("params").and_then(|field| field.fields(problems)) else { return Vec::new() };
    let param = |(entry, field): (&Entry, Field<'_>)| {
        let value = expression(&field, problems)?;
        Some(Param { name: entry.key.text.clone(), value, at: field.node.at, name_at: entry.key_at })
    };
    map.all().filter_map(param).collect()
}

fn needs(fields: &mut Fields<'_>, problems: &mut Problems) -> Vec<(String, Location)> {
    let Some(field) = fields.get("needs") else { return Vec::new() };
    if let Content::Scalar(_) = field.node.content {
        let one = field.text(problems);
        return one.map(|name| (name, Location(field.node.at))).into_iter().collect();
    }
    let items = field.items(problems);
    items.iter().filter_map(|item| Some((item.text(problems)?, Location(item.node.at)))).collect()
}

fn expression(field: &Field<'_>, problems: &mut Problems) -> Option<Expression> {
    match Expression::parse(field.json(problems)) {
        Ok(expression) => Some(expression),
        Err(fault) => {
            problems.push(field.error(fault));
            None
        }
    }
}

fn condition(field: &Field<'_>, problems: &mut Problems) -> Option<Condition> {
    let scalar = field.scalar("a condition", problems)?;
    match Condition::parse(&scalar.text) {
        Ok(condition) => Some(condition),
        Err(fault) => {
            problems.push(field.error(fault).hint("for example `if: ${split.rows} > 100`"));
            None
        }
    }
}

fn flag(fields: &mut Fields<'_>, key: &'static str, problems: &mut Problems) -> Option<bool> {
    let field = fields.get(key)?;
    let value = field.json(problems).as_bool();
    if value.is_none() {
        problems.push(field.expected("true or false"));
    }
    value
}

fn number(fields: &mut Fields<'_>, key: &'static str, problems: &mut Problems) -> Option<u64> {
    let field = fields.get(key)?;
    let value = field.json(problems).as_u64().filter(|number| *number > 0);
    if value.is_none() {
        problems.push(field.expected("a whole number from 1 on"));
    }
    value
}

fn time(fields: &mut Fields<'_>, key: &'static str, problems: &mut Problems) -> Option<Duration> {
    let field = fields.get(key)?;
    let text = &field.scalar("a time", problems)?.text;
    let value = humantime::parse_duration(text).ok();
    if value.is_none() {
        problems.push(field.expected("a time such as 90s, 10m or 2h"));
    }
    value
}

fn resources(fields: &mut Fields<'_>, problems: &mut Problems) -> Resources {
    let Some(mut map) = fields.get("resources").and_then(|field| field.fields(problems)) else {
        return Resources::default();
    };
    let mut count = |key: &'static str, map: &mut Fields<'_>| {
        let field = map.get(key)?;
        let value = field.json(problems).as_f64().filter(|number| *number >= 0.0);
        if value.is_none() {
            problems.push(field.expected("a number"));
        }
        value
    };
    let (cpus, gpus) = (count("cpus", &mut map), count("gpus", &mut map));
    let memory = map.get("memory").and_then(|field| match bytes(&field.scalar("a size", problems)?.text) {
        Ok(bytes) => Some(bytes),
        Err(fault) => {
            problems.push(field.error(fault));
            None
        }
    });
    let open_files = number(&mut map, "open_files", problems);
    map.refuse_unknown(problems);
    Resources { cpus, gpus, memory, open_files }
}

fn env(fields: &mut Fields<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let Some(map) = fields.get("env").and_then(|field| field.fields(problems)) else { return Vec::new() };
    let pair = |(entry, field): (&Entry, Field<'_>)| {
        Some((entry.key.text.clone(), field.scalar("text, a number, true or false", problems)?.text.clone()))
    };
    map.all().filter_map(pair).collect()
}

fn retry(fields: &mut Fields<'_>, problems: &mut Problems) -> RetryPolicy {
    let Some(field) = fields.get("retry") else { return RetryPolicy::default() };
    if let Content::Scalar(_) = field.node.content {
        let attempts = number(fields, "retry", problems).and_then(|number| u32::try_from(number).ok());
        return RetryPolicy { attempts: attempts.unwrap_or(1), ..RetryPolicy::default() };
    }
    let Some(mut map) = field.fields(problems) else { return RetryPolicy::default() };
    let attempts = number(&mut map, "attempts", problems).and_then(|number| u32::try_from(number).ok());
    let backoff = time(&mut map, "backoff", problems).unwrap_or_default();
    let on = map
        .get("on")
        .map(|field| field.items(problems).iter().filter_map(|item| kind(item, problems)).collect());
    map.refuse_unknown(problems);
    RetryPolicy { attempts: attempts.unwrap_or(1), backoff, on }
}

fn kind(field: &Field<'_>, problems: &mut Problems) -> Option<ErrorKind> {
    let text = &field.scalar("a kind of error", problems)?.text;
    let found = ErrorKind::find(text);
    if found.is_none() {
        let unknown = synapse_sdk::words::UnknownWord::of::<ErrorKind>(text);
        problems.push(field.error(unknown.to_string()).maybe_hint(unknown.suggestion()));
    }
    found
}

/// Names of nodes and inputs that do not exist.
fn check_references(pipeline: &Pipeline, problems: &mut Problems) {
    let names: Vec<&str> = pipeline.nodes.iter().map(|node| node.name.as_str()).collect();
    let known: HashSet<&str> = names.iter().copied().collect();
    let inputs: Vec<&str> = pipeline.inputs.iter().map(|input| input.name.as_str()).collect();
    let no_node = |at: Place, path: String, name: &str| {
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the nodes are {}", listed(&names)),
        };
        Problem::error(at, path, format!("there is no node `{name}`")).hint(hint)
    };
    let look = |at: Place, path: &str, head: &Head, fan_out: bool, problems: &mut Problems| match head {
        Head::Node(name) if !known.contains(name.as_str()) => {
            problems.push(no_node(at, path.to_owned(), name));
        }
        Head::Input(name) if !inputs.contains(&name.as_str()) => {
            let hint = match nearest(name, inputs.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if inputs.is_empty() => format!("add it: `inputs: {{{name}: {{type: string}}}}`"),
                None => format!("the inputs are {}", listed(&inputs)),
            };
            let problem = Problem::error(at, path.to_owned(), format!("there is no input `{name}`"));
            problems.push(problem.hint(hint));
        }
        Head::Item | Head::Index if !fan_out => {
            let message = "`${item}` and `${index}` are there only in a node with `for_each`";
            problems.push(Problem::error(at, path.to_owned(), message));
        }
        Head::Run(name) if !["id", "dir"].contains(&name.as_str()) => {
            let message = format!("there is no `run.{name}`");
            problems.push(Problem::error(at, path.to_owned(), message).hint("there are run.id and run.dir"));
        }
        _ => {}
    };
    for node in &pipeline.nodes {
        let path = |part: &str| format!("nodes.{}.{part}", node.name);
        for (name, at) in &node.needs {
            if !known.contains(name.as_str()) {
                problems.push(no_node(at.0, path("needs"), name));
            }
        }
        for (at, part, heads, fan_out) in node.heads() {
            heads.iter().for_each(|head| look(at, &path(&part), head, fan_out, problems));
        }
    }
    let output = pipeline.output.iter().flat_map(Expression::references);
    for path in output.flat_map(|reference| &reference.paths) {
        look(pipeline.output_at, "output", &path.head, false, problems);
    }
}

/// Up to twelve names.
pub(super) fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0..=SHOWN => names.join(", "),
        all => format!("{}, and {} more", names[..SHOWN].join(", "), all - SHOWN),
    }
}

impl Node {
    /// What each part of it refers to, where that stands, and whether it may
    /// refer to the element of a fan-out.
    pub(super) fn heads(&self) -> Vec<(Place, String, Vec<&Head>, bool)> {
        let fan_out = self.for_each.is_some();
        let mut all = Vec::new();
        for param in &self.params {
            let heads = param.value.references().into_iter().flat_map(|reference| &reference.paths);
            all.push((
                param.at,
                format!("params.{}", param.name),
                heads.map(|path| &path.head).collect(),
                fan_out,
            ));
        }
        if let Some(expression) = &self.for_each {
            let heads = expression.references().into_iter().flat_map(|reference| &reference.paths);
            all.push((
                self.at.for_each,
                "for_each".to_owned(),
                heads.map(|path| &path.head).collect(),
                false,
            ));
        }
        if let Some(condition) = &self.condition {
            let heads = condition.references().into_iter().flat_map(|reference| &reference.paths);
            all.push((self.at.condition, "if".to_owned(), heads.map(|path| &path.head).collect(), false));
        }
        all
    }
}

/// The folder that relative plugins of a file start from.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}
