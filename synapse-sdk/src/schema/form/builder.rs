//! From a field and the shape of its schema to its inputs.

use serde_json::{Map, Value, json};

use super::bounds;
use super::condition::value_of;
use super::ids::{Ids, join};
use super::item::{Field, Item, options};
use super::level::Level;
use super::shape::{NamedVariant, Shape};
use crate::schema::defaults::fill;

/// What is known while a form is made.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) ids: Ids,
}

/// Where in the form.
#[derive(Clone, Default)]
pub(super) struct Place {
    /// The names of the fields around it.
    path: Vec<String>,
    /// In a row of a list, of which there may be many: ids would not tell them
    /// apart.
    pub(super) in_row: bool,
}

impl Place {
    /// The path of a field here.
    pub(super) fn with(&self, name: &str) -> Vec<String> {
        self.with_all([name])
    }

    pub(super) fn with_all<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
        self.path.iter().cloned().chain(names.into_iter().map(str::to_owned)).collect()
    }

    /// Inside of a field here.
    fn within(&self, name: Option<&str>) -> Self {
        Self { path: self.with_all(name), in_row: self.in_row }
    }

    fn row_of(&self, name: Option<&str>) -> Self {
        Self { path: self.with_all(name), in_row: true }
    }
}

impl<'a> Builder {
    /// The inputs for a field: mostly one.
    pub(super) fn items(&mut self, field: &Field<'a>, place: &Place) -> Vec<Value> {
        if field.view.is_marked("hidden") {
            return vec![hidden(field)];
        }
        match shape_of(field, place) {
            Shape::Named(variants) => self.named(&variants, field, place),
            shape => vec![self.item(&shape, field, place)],
        }
    }

    fn item(&mut self, shape: &Shape<'a>, field: &Field<'a>, place: &Place) -> Value {
        let mut item = Item::new(formkit_of(shape), field);
        let (value, placeholder) = values(shape, field);
        item.put_some("value", value);
        item.put_some("placeholder", field.view.hint("placeholder").cloned().or(placeholder));
        item.put_some("help", field.help());
        if field.required && !matches!(shape, Shape::Boolean) {
            item.put("required", true);
        }
        self.rest(&mut item, shape, field, place);
        item.put_widget(&field.view);
        item.finish(&field.key, &field.condition)
    }

    /// What is particular to the shape.
    fn rest(&mut self, item: &mut Item, shape: &Shape<'a>, field: &Field<'a>, place: &Place) {
        let view = &field.view;
        match shape {
            Shape::Integer => item.bounds(bounds::of_integer(view)),
            Shape::Float => item.bounds(bounds::of_float(view)),
            Shape::Boolean | Shape::Named(_) => {}
            Shape::Text(_) => item.text_rules(view),
            Shape::Choice(choices) => item.put("options", options(choices, view.nullable)),
            Shape::Choices(choices) => {
                item.put("options", options(choices, false));
                item.several(view);
            }
            Shape::Group => {
                let heading = Some((field.label.as_str(), field.help()));
                let level = Level { view, default: field.default, heading };
                item.put("children", self.level(&level, &place.within(field.name)));
            }
            Shape::Fixed(schemas) => item.put("children", self.fixed(schemas, field, place)),
            Shape::Rows(row) => {
                item.row_count(view);
                let level = Level { view: row, default: None, heading: None };
                item.put("children", self.level(&level, &place.row_of(field.name)));
            }
            Shape::Items(each) => {
                item.row_count(view);
                let each = Field::new(None, "Item", each.clone(), None);
                item.put("children", self.items(&each, &place.row_of(field.name)));
            }
            Shape::Json => item.put("json", true),
        }
    }

    /// One input for each item of a tuple.
    fn fixed(&mut self, schemas: &[&'a Value], field: &Field<'a>, place: &Place) -> Vec<Value> {
        let mut items = Vec::new();
        for (index, schema) in schemas.iter().enumerate() {
            let number = (index + 1).to_string();
            let given = field.default.and_then(|default| default.get(index));
            let mut each = Field::new(None, &format!("Item {number}"), field.view.inside(schema), given);
            each.required = !each.view.nullable;
            let place = place.within(field.name).within(Some(&number));
            items.extend(self.items(&each, &place));
        }
        items
    }

    /// A select that is not part of the value, and for each variant what it is
    /// written as: its name, or a group with its name around its content.
    fn named(&mut self, variants: &[NamedVariant<'a>], field: &Field<'a>, place: &Place) -> Vec<Value> {
        let name = field.name.unwrap_or_default();
        let id = self.ids.of(&place.with(name));
        let chosen = variants.iter().find(|variant| is_chosen(variant, field.default));
        let chosen = chosen.map(|variant| variant.name);

        let mut select = Item::labelled("select", Some(&format!("{name}_variant")), Some(&id), &field.label);
        select.put_some("value", chosen);
        select.put_some("placeholder", field.view.hint("placeholder").cloned().or(chosen.map(Value::from)));
        select.put_some("help", field.help());
        if field.required {
            select.put("required", true);
        }
        let choices: Vec<_> = variants.iter().map(|variant| variant.choice.clone()).collect();
        select.put("options", options(&choices, field.view.nullable));
        select.put("ignore", true);
        let mut items = vec![select.finish(&field.key, &field.condition)];
        for variant in variants {
            let item = self.named_variant(variant, field, place);
            let shown = field.condition.clone().and(value_of(&id), vec![variant.name.into()]);
            items.push(item.finish(&join(&place.with_all([name, variant.name])), &shown));
        }
        items
    }

    fn named_variant(&mut self, variant: &NamedVariant<'a>, field: &Field<'a>, place: &Place) -> Item {
        let Some(content) = &variant.content else {
            let mut item = Item::labelled("hidden", field.name, None, &field.label);
            item.put("value", variant.name);
            return item;
        };
        let given = field.default.and_then(|default| default.get(variant.name));
        let mut inner = Field::new(Some(variant.name), variant.name, content.clone(), given);
        inner.required = !content.nullable;
        let mut item = Item::labelled("group", field.name, None, &field.label);
        item.put("children", self.items(&inner, &place.within(field.name)));
        item
    }
}

/// The shape of a field, as far as it can be shown here.
fn shape_of<'a>(field: &Field<'a>, place: &Place) -> Shape<'a> {
    let shape = Shape::of(&field.view);
    let as_text = field.view.hint("widget").is_some_and(|widget| widget == "textarea");
    match shape {
        Shape::Integer | Shape::Float | Shape::Boolean | Shape::Text(_) | Shape::Choice(_) => shape,
        _ if as_text => Shape::Json,
        Shape::Named(_) if place.in_row || field.name.is_none() => Shape::Json,
        _ => shape,
    }
}

fn formkit_of(shape: &Shape<'_>) -> &'static str {
    match shape {
        Shape::Integer | Shape::Float => "number",
        Shape::Boolean => "checkbox",
        Shape::Text(input) => input,
        Shape::Choice(_) | Shape::Choices(_) | Shape::Named(_) => "select",
        Shape::Group => "group",
        Shape::Fixed(_) => "list",
        Shape::Rows(_) | Shape::Items(_) => "repeater",
        Shape::Json => "textarea",
    }
}

/// Value and placeholder.
fn values(shape: &Shape<'_>, field: &Field<'_>) -> (Option<Value>, Option<Value>) {
    let default = field.default.cloned();
    match shape {
        Shape::Json => {
            let text =
                default.and_then(|default| serde_json::to_string_pretty(&default).ok()).map(Value::from);
            (text.clone(), text)
        }
        // To FormKit a checkbox that is required has to be ticked.
        Shape::Boolean if field.required && default.is_none() => (Some(false.into()), None),
        Shape::Choices(_) | Shape::Group | Shape::Fixed(_) | Shape::Rows(_) | Shape::Items(_) => {
            (default, None)
        }
        _ => (default.clone(), default),
    }
}

/// An input that nobody sees, for its value.
fn hidden(field: &Field<'_>) -> Value {
    let shape = Shape::of(&field.view);
    let mut item = Item::new("hidden", field);
    item.put_some("value", field.default.cloned().or_else(|| value_of_defaults(&shape, field)));
    if matches!(shape, Shape::Integer | Shape::Float) {
        item.put("number", true);
    }
    item.finish(&field.key, &field.condition)
}

/// What the defaults of its fields make a group.
fn value_of_defaults(shape: &Shape<'_>, field: &Field<'_>) -> Option<Value> {
    let is_group = matches!(shape, Shape::Group);
    let of_nothing = is_group.then(|| fill(&field.view.clone().for_default(), &Value::Object(Map::new())))?;
    Some(of_nothing).filter(|value| *value != json!({}))
}

fn is_chosen(variant: &NamedVariant<'_>, default: Option<&Value>) -> bool {
    match default {
        Some(Value::String(name)) => variant.content.is_none() && name == variant.name,
        Some(content) => variant.content.is_some() && content.get(variant.name).is_some(),
        None => false,
    }
}
