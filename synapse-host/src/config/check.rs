//! The rules of `config.yaml`.

use super::action::actions;
use super::fields::{Field, Fields};
use super::identity::identity;
use super::model::{PluginConfig, Requires};
use super::problems::{Problem, Problems};
use super::requirement::Requirement;
use super::words::{
    AnnotationCategory, AnnotationTool, Category, DataKind, PackageManager, UnknownWord, Word,
};
use super::yaml::{Entry, Node};
use serde_json::Value;
use std::collections::BTreeMap;

const NO_EFFECT: &str = "this has no effect on a Rust plugin";

/// Keys of `runtime_env` that install Python packages.
const PYTHON_INSTALLERS: [&str; 3] = ["pip", "uv", "conda"];

/// The config at `root`. A value that stands in for a missing or bad one is
/// always accompanied by an error among `problems`.
pub(super) fn plugin(root: &Node, problems: &mut Problems) -> Option<PluginConfig> {
    let document = Field { path: String::new(), node: root };
    let mut fields = document.fields(problems)?;
    let identity = identity(&mut fields, problems);
    let package_manager = package_manager(&mut fields, problems);
    let config = PluginConfig {
        name: identity.name,
        code: identity.code,
        version: identity.version,
        variant: fields.text("variant", problems),
        category: identity.category.unwrap_or(Category::Custom),
        description: fields.text("description", problems).unwrap_or_default(),
        readme: text_or(&mut fields, "readme", "README.md", problems),
        package_manager,
        package_manager_options: package_manager_options(&mut fields, package_manager, problems),
        wheels_dir: text_or(&mut fields, "wheels_dir", "wheels", problems),
        env: environment(&mut fields, problems),
        runtime_env: runtime_env(&mut fields, problems),
        data_type: data_type(&mut fields, identity.category, problems),
        tasks: fields.texts("tasks", problems),
        supported_data_types: supported_data_types(&mut fields, problems),
        supported_annotation_tools: annotation_tools(&mut fields, problems),
        annotation_category: fields.word("annotation_category", problems),
        annotation_type: fields.word("annotation_type", problems),
        smart_tool: fields.word("smart_tool", problems),
        requires: requires(&mut fields, problems),
        dependencies: dependencies(&mut fields, problems),
        tags: fields.texts("tags", problems),
        actions: actions(&mut fields, problems),
    };
    fields.finish(problems);
    Some(config)
}

fn text_or(fields: &mut Fields<'_>, key: &'static str, default: &str, problems: &mut Problems) -> String {
    let text = fields.text(key, problems);
    text.unwrap_or_else(|| default.to_owned())
}

fn package_manager(fields: &mut Fields<'_>, problems: &mut Problems) -> PackageManager {
    let Some(field) = fields.get("package_manager") else {
        return PackageManager::Cargo;
    };
    let manager = field.word(problems).unwrap_or(PackageManager::Cargo);
    if manager != PackageManager::Cargo {
        problems.push(
            field
                .warning(format!("`{manager}`: {NO_EFFECT}"))
                .hint("dependencies are listed in Cargo.toml; write `package_manager: cargo`"),
        );
    }
    manager
}

fn package_manager_options(
    fields: &mut Fields<'_>,
    manager: PackageManager,
    problems: &mut Problems,
) -> Vec<String> {
    let Some(field) = fields.get("package_manager_options") else {
        return Vec::new();
    };
    let options = field.texts(problems);
    if manager != PackageManager::Cargo && !options.is_empty() {
        problems.push(
            field
                .warning(format!("options of `{manager}`: {NO_EFFECT}"))
                .hint("with `package_manager: cargo` they are given to `cargo build`"),
        );
    }
    options
}

fn environment(fields: &mut Fields<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let Some(variables) = map_at(fields, "env", problems) else {
        return BTreeMap::new();
    };
    variables
        .all()
        .filter_map(|(entry, field)| {
            let name = variable_name(entry, &field, problems)?;
            let value = variable_value(entry, &field, problems)?;
            Some((name, value))
        })
        .collect()
}

fn variable_name(entry: &Entry, field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    let name = &entry.key.text;
    if name.is_empty() || name.contains(['=', '\0']) {
        let message = format!("`{name}` cannot name an environment variable");
        problems.push(Problem::error(entry.key_at, field.path.clone(), message));
        return None;
    }
    Some(name.clone())
}

fn variable_value(entry: &Entry, field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    if field.node.is_null() {
        let message = "no value is given; the variable is set to the empty text";
        let warning = Problem::warning(entry.key_at, field.path.clone(), message);
        problems.push(warning.hint("write \"\" if that is meant"));
        return Some(String::new());
    }
    let value = &field.scalar("text, a number, true or false", problems)?.text;
    if value.contains('\0') {
        problems.push(field.error("an environment variable cannot hold a NUL character"));
        return None;
    }
    Some(value.clone())
}

fn runtime_env(fields: &mut Fields<'_>, problems: &mut Problems) -> Value {
    let Some(field) = fields.get("runtime_env") else {
        return Value::Null;
    };
    let Some(keys) = field.fields(problems) else {
        return Value::Null;
    };
    for key in PYTHON_INSTALLERS {
        warn_of_no_effect(&keys, key, "dependencies are listed in Cargo.toml", problems);
    }
    field.json_map(problems)
}

fn warn_of_no_effect(fields: &Fields<'_>, key: &str, hint: &str, problems: &mut Problems) {
    if let Some(entry) = fields.entry(key) {
        let warning = Problem::warning(entry.key_at, fields.path_of(key), NO_EFFECT);
        problems.push(warning.hint(hint));
    }
}

fn data_type(
    fields: &mut Fields<'_>,
    category: Option<Category>,
    problems: &mut Problems,
) -> Option<DataKind> {
    if let Some(field) = fields.get("data_type") {
        return field.word(problems);
    }
    if category == Some(Category::NeuralNet)
        && let Some(entry) = fields.entry("category")
    {
        let kinds: Vec<&str> = DataKind::ALL.iter().map(|kind| kind.as_str()).collect();
        problems.push(
            Problem::warning(
                entry.key_at,
                "data_type",
                "a neural_net plugin should say what data it works on",
            )
            .hint(format!("add `data_type:` with one of {}", kinds.join(", "))),
        );
    }
    None
}

fn supported_data_types(fields: &mut Fields<'_>, problems: &mut Problems) -> Vec<DataKind> {
    let plural = fields.get("supported_data_types");
    let singular = fields.get("supported_data_type");
    if let (Some(_), Some(second)) = (&plural, &singular) {
        problems
            .push(second.error("this means the same as `supported_data_types`").hint("keep one of the two"));
    }
    let field = plural.or(singular);
    field.map(|f| f.words(problems)).unwrap_or_default()
}

fn annotation_tools(
    fields: &mut Fields<'_>,
    problems: &mut Problems,
) -> BTreeMap<AnnotationCategory, Vec<AnnotationTool>> {
    let Some(categories) = map_at(fields, "supported_annotation_tools", problems) else {
        return BTreeMap::new();
    };
    categories
        .all()
        .filter_map(|(entry, field)| {
            let tools = field.words(problems);
            let category = key_word(entry, &field, problems)?;
            Some((category, tools))
        })
        .collect()
}

fn key_word<W: Word>(entry: &Entry, field: &Field<'_>, problems: &mut Problems) -> Option<W> {
    let found = W::find(&entry.key.text);
    if found.is_none() {
        let unknown = UnknownWord::of::<W>(&entry.key.text);
        let problem = Problem::error(entry.key_at, field.path.clone(), unknown.to_string());
        problems.push(problem.maybe_hint(unknown.suggestion()));
    }
    found
}

fn requires(fields: &mut Fields<'_>, problems: &mut Problems) -> Requires {
    let Some(mut keys) = map_at(fields, "requires", problems) else {
        return Requires::default();
    };
    let requires = Requires {
        sdk: version_requirement(&mut keys, "sdk", problems),
        rust: keys.text("rust", problems),
        python: keys.text("python", problems),
        cuda: keys.text("cuda", problems),
    };
    let hint = "remove it, or write `rust: \">=1.95\"`";
    warn_of_no_effect(&keys, "python", hint, problems);
    keys.finish(problems);
    requires
}

/// Only that of the SDK is ever asked, so one that cannot be read is no error.
fn version_requirement(
    fields: &mut Fields<'_>,
    key: &'static str,
    problems: &mut Problems,
) -> Option<String> {
    let field = fields.get(key)?;
    let text = field.text(problems)?;
    if text.parse::<Requirement>().is_err() {
        let warning = field.warning(format!("`{text}` does not say which versions"));
        problems.push(warning.hint("for example \">=0.1,<0.3\""));
    }
    Some(text)
}

fn dependencies(fields: &mut Fields<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let Some(codes) = map_at(fields, "dependencies", problems) else {
        return BTreeMap::new();
    };
    codes.all().filter_map(|(entry, field)| Some((entry.key.text.clone(), field.text(problems)?))).collect()
}

fn map_at<'n>(fields: &mut Fields<'n>, key: &'static str, problems: &mut Problems) -> Option<Fields<'n>> {
    fields.get(key).and_then(|field| field.fields(problems))
}
