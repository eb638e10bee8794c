//! Which kind of input a schema needs.

use serde_json::Value;

use super::view::{Alternatives, View};

/// The kinds of inputs.
pub(super) enum Shape<'a> {
    Integer,
    Float,
    Boolean,
    /// Text, with the FormKit input for its format.
    Text(&'static str),
    /// One of these.
    Choice(Vec<Choice<'a>>),
    /// Some of these.
    Choices(Vec<Choice<'a>>),
    /// Fields, those of a tagged enum's variants included.
    Group,
    /// A variant whose name is the only field, or the value.
    Named(Vec<NamedVariant<'a>>),
    /// So many items, each with an input of its own.
    Fixed(Vec<&'a Value>),
    /// Any number of objects.
    Rows(View<'a>),
    /// Any number of values that are no objects.
    Items(View<'a>),
    /// Nothing fits but JSON itself.
    Json,
}

/// A value to choose, and what is said of it.
#[derive(Clone)]
pub(super) struct Choice<'a> {
    pub(super) value: Value,
    pub(super) title: Option<&'a str>,
    pub(super) description: Option<&'a str>,
}

/// A variant of an enum that writes its name around its content.
pub(super) struct NamedVariant<'a> {
    pub(super) choice: Choice<'a>,
    pub(super) name: &'a str,
    /// None for a variant without content, which is its name.
    pub(super) content: Option<View<'a>>,
}

/// An enum whose variants say in a field of their own which one they are.
pub(super) struct Tagged<'a> {
    pub(super) tag: &'a str,
    pub(super) variants: Vec<TaggedVariant<'a>>,
}

/// One of its variants.
pub(super) struct TaggedVariant<'a> {
    pub(super) choice: Choice<'a>,
    pub(super) view: View<'a>,
}

/// More items than these are not laid out one by one.
const MOST_FIXED: u64 = 16;

impl<'a> Shape<'a> {
    pub(super) fn of(view: &View<'a>) -> Self {
        if view.circular {
            return Self::Json;
        }
        if let Some(choices) = choices(view) {
            return Self::Choice(choices);
        }
        match view.kind().or_else(|| kind_by_keywords(view)) {
            Some("integer") => Self::Integer,
            Some("number") => Self::Float,
            Some("boolean") => Self::Boolean,
            Some("string") => Self::Text(input_for(view)),
            Some("array") => of_list(view),
            Some("object") if is_group(view) => Self::Group,
            _ => named(view).map_or(Self::Json, Self::Named),
        }
    }
}

fn kind_by_keywords(view: &View<'_>) -> Option<&'static str> {
    (!view.properties().is_empty() || tagged(view).is_some()).then_some("object")
}

fn is_group(view: &View<'_>) -> bool {
    let is_closed = view.get("additionalProperties") == Some(&Value::Bool(false));
    !view.properties().is_empty() || tagged(view).is_some() || is_closed
}

fn input_for(view: &View<'_>) -> &'static str {
    match view.get("format").and_then(Value::as_str).unwrap_or_default() {
        "date" => "date",
        "date-time" | "partial-date-time" => "datetime-local",
        "time" | "partial-time" => "time",
        "email" => "email",
        "uri" | "url" => "url",
        _ => "text",
    }
}

fn of_list<'a>(view: &View<'a>) -> Shape<'a> {
    if let Some(first) = view.get("prefixItems").and_then(Value::as_array) {
        let is_all = view.get("maxItems").and_then(Value::as_u64) == Some(first.len() as u64)
            || view.get("items") == Some(&Value::Bool(false));
        return if is_all { Shape::Fixed(first.iter().collect()) } else { Shape::Json };
    }
    let Some(schema) = view.get("items") else { return Shape::Json };
    let item = view.inside(schema);
    let count = |keyword| view.get(keyword).and_then(Value::as_u64);
    let fixed = count("minItems").filter(|least| count("maxItems") == Some(*least) && *least <= MOST_FIXED);
    match (Shape::of(&item), fixed) {
        (Shape::Json | Shape::Named(_), _) => Shape::Json,
        (_, Some(count)) => Shape::Fixed((0..count).map(|_| schema).collect()),
        (Shape::Choice(choices), None) => Shape::Choices(choices),
        (Shape::Group, None) => Shape::Rows(item),
        _ => Shape::Items(item),
    }
}

/// The values of an enum without content.
fn choices<'a>(view: &View<'a>) -> Option<Vec<Choice<'a>>> {
    let choices =
        match view.get("const").map(std::slice::from_ref).or_else(|| values_of_enum(view.get("enum"))) {
            Some(values) => undescribed(values).collect(),
            None => view.alternatives().first().and_then(described)?,
        };
    let are_plain =
        choices.iter().all(|choice: &Choice<'_>| !choice.value.is_array() && !choice.value.is_object());
    (are_plain && !choices.is_empty()).then_some(choices)
}

fn values_of_enum(keyword: Option<&Value>) -> Option<&[Value]> {
    Some(keyword?.as_array()?.as_slice())
}

fn undescribed(values: &[Value]) -> impl Iterator<Item = Choice<'_>> {
    let values = values.iter().filter(|value| !value.is_null());
    values.map(|value| Choice { value: value.clone(), title: None, description: None })
}

fn described<'a>(alternatives: &Alternatives<'a>) -> Option<Vec<Choice<'a>>> {
    let mut choices = Vec::new();
    for &schema in &alternatives.schemas {
        match schema.get("const") {
            Some(value) => choices.push(choice(value, schema)),
            None => choices.extend(undescribed(values_of_enum(schema.get("enum"))?)),
        }
    }
    Some(choices)
}

fn choice<'a>(value: &Value, schema: &'a Value) -> Choice<'a> {
    let text = |keyword| schema.get(keyword).and_then(Value::as_str);
    Choice { value: value.clone(), title: text("title"), description: text("description") }
}

/// The tagged enum among the alternatives of `view`.
pub(super) fn tagged<'a>(view: &View<'a>) -> Option<Tagged<'a>> {
    view.alternatives().iter().find_map(|alternatives| {
        let schemas = alternatives.schemas.iter();
        let views: Vec<(&Value, View<'_>)> = schemas.map(|schema| (*schema, view.inside(schema))).collect();
        let (_, first) = views.first()?;
        let mut tags = first.constants().into_iter().map(|(name, _)| name);
        let tag = tags.find(|tag| tells_apart(tag, views.iter().map(|(_, view)| view)))?;
        let variant = |(schema, view): (&'a Value, View<'a>)| {
            let choice = choice(constant_of(tag, &view)?, schema);
            Some(TaggedVariant { choice, view })
        };
        Some(Tagged { tag, variants: views.into_iter().filter_map(variant).collect() })
    })
}

/// Whether each variant has another text for the tag.
fn tells_apart<'v>(tag: &str, variants: impl Iterator<Item = &'v View<'v>>) -> bool {
    let mut seen = Vec::new();
    for variant in variants {
        match constant_of(tag, variant) {
            Some(Value::String(text)) if variant.requires(tag) && !seen.contains(&text) => seen.push(text),
            _ => return false,
        }
    }
    true
}

fn constant_of<'a>(name: &str, view: &View<'a>) -> Option<&'a Value> {
    view.constants().into_iter().find(|(constant, _)| *constant == name).map(|(_, value)| value)
}

/// The variants of an enum that writes their names around their content.
fn named<'a>(view: &View<'a>) -> Option<Vec<NamedVariant<'a>>> {
    let [alternatives] = view.alternatives() else { return None };
    if !alternatives.exclusive {
        return None;
    }
    let mut variants = Vec::new();
    for &schema in &alternatives.schemas {
        if let Some(names) = without_content(schema) {
            for value in names {
                let choice = choice(value, schema);
                variants.push(NamedVariant { choice, name: value.as_str()?, content: None });
            }
            continue;
        }
        let variant = view.inside(schema);
        let (name, content) = variant.only_field()?;
        let choice = choice(&Value::from(name), schema);
        variants.push(NamedVariant { choice, name, content: Some(variant.inside(content)) });
    }
    Some(variants)
}

fn without_content(schema: &Value) -> Option<&[Value]> {
    schema.get("const").map(std::slice::from_ref).or_else(|| values_of_enum(schema.get("enum")))
}
