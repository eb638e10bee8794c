//! The fields of one object: which there are, in which order, shown when.

use serde_json::{Value, json};

use super::builder::{Builder, Place};
use super::condition::{Condition, value_in_row, value_of};
use super::ids::join;
use super::item::{Field, Item, options};
use super::shape::{Shape, Tagged, tagged};
use super::view::View;

/// A field of an object, or of some of its variants.
struct Part<'a> {
    name: &'a str,
    schema: &'a Value,
    view: View<'a>,
    required: bool,
    /// The tags of the variants that have it; none if it is always there.
    tags: Vec<Value>,
}

/// What stands at one place of the list.
struct Entry {
    order: i64,
    group: Option<String>,
    items: Vec<Value>,
}

/// The object that the fields belong to.
pub(super) struct Level<'a, 'f> {
    pub(super) view: &'f View<'a>,
    /// Its default, from which its fields have theirs.
    pub(super) default: Option<&'a Value>,
    /// Label and help, for want of a better place shown on the tag.
    pub(super) heading: Option<(&'f str, Option<String>)>,
}

impl<'a> Builder {
    /// The items for the fields of an object.
    pub(super) fn level(&mut self, level: &Level<'a, '_>, place: &Place) -> Vec<Value> {
        let tagged = tagged(level.view);
        let always = level.view.properties().into_iter().map(|(name, schema)| part(name, schema, level.view));
        let always: Vec<Part<'_>> = always.filter(|part| !part.view.is_marked("exclude")).collect();
        let of_variants = tagged.as_ref().map(parts_of_variants).unwrap_or_default();
        let all: Vec<&Part<'_>> = always.iter().chain(&of_variants).collect();

        let mut entries: Vec<Entry> =
            always.iter().map(|part| self.entry(part, None, level, place, &all)).collect();
        if let Some(tagged) = &tagged {
            entries.push(self.tag(tagged, level, place));
            let tag = Some(tagged.tag);
            entries.extend(of_variants.iter().map(|part| self.entry(part, tag, level, place, &all)));
        }
        arranged(entries)
    }

    fn entry(
        &mut self,
        part: &Part<'a>,
        tag: Option<&str>,
        level: &Level<'a, '_>,
        place: &Place,
        all: &[&Part<'a>],
    ) -> Entry {
        let given = level.default.filter(|default| tag.is_none_or(|tag| part.is_of(&default[tag])));
        let mut field = Field::new(
            Some(part.name),
            part.name,
            part.view.clone(),
            given.and_then(|default| default.get(part.name)),
        );
        field.required = part.required;
        field.condition = self.condition(part, tag, place, all);
        field.key = join(&place.with_all(part.tags.iter().filter_map(Value::as_str).chain([part.name])));
        let is_asked_about = !place.in_row && all.iter().any(|other| asks_about(&other.view, part.name));
        if is_asked_about && tagged_alone(&part.view).is_none() {
            field.id = Some(self.ids.of(&place.with(part.name)));
        }
        Entry {
            order: part.view.hint("order").and_then(Value::as_i64).unwrap_or(0),
            group: part.view.hint("group").and_then(Value::as_str).map(str::to_owned),
            items: self.items(&field, place),
        }
    }

    /// The select that says which variant it is.
    fn tag(&mut self, tagged: &Tagged<'a>, level: &Level<'a, '_>, place: &Place) -> Entry {
        let chosen = level.default.and_then(|default| default.get(tagged.tag));
        let mut field =
            Field::new(Some(tagged.tag), tagged.tag, level.view.inside(&Value::Bool(true)), chosen);
        let mut help = None;
        if let Some((label, own_help)) = level.heading.as_ref().filter(|_| level.view.properties().is_empty())
        {
            field.label = (*label).to_owned();
            help.clone_from(own_help);
        }
        field.id = (!place.in_row).then(|| self.ids.of(&place.with(tagged.tag)));
        let mut item = Item::new("select", &field);
        item.put_some("value", chosen.cloned());
        item.put_some("placeholder", chosen.cloned());
        item.put_some("help", help);
        item.put("required", true);
        let choices: Vec<_> = tagged.variants.iter().map(|variant| variant.choice.clone()).collect();
        item.put("options", options(&choices, false));
        Entry { order: 0, group: None, items: vec![item.finish("", &Condition::default())] }
    }

    /// When a field is shown: for its variants, and as its author says.
    fn condition(
        &mut self,
        part: &Part<'a>,
        tag: Option<&str>,
        place: &Place,
        all: &[&Part<'a>],
    ) -> Condition {
        let mut condition = Condition::default();
        if let Some(tag) = tag.filter(|_| !part.tags.is_empty())
            && let Some(subject) = self.subject(place, &[tag])
        {
            condition = condition.and(subject, part.tags.clone());
        }
        let asked = part.view.hint("if").and_then(Value::as_object);
        for (name, values) in asked.into_iter().flatten() {
            // Nobody can answer for a field that is not in the form.
            let sibling = all.iter().find(|sibling| sibling.name == name);
            let subject = sibling.and_then(|sibling| self.subject_of(sibling, place));
            let Some((subject, values)) = subject.zip(values.as_array()) else { continue };
            condition = condition.and(subject, values.clone());
        }
        condition
    }

    fn subject_of(&mut self, part: &Part<'a>, place: &Place) -> Option<String> {
        match tagged_alone(&part.view) {
            Some(tagged) => self.subject(place, &[part.name, tagged.tag]),
            None => self.subject(place, &[part.name]),
        }
    }

    /// The value of a field as an expression.
    fn subject(&mut self, place: &Place, path: &[&str]) -> Option<String> {
        if place.in_row {
            return value_in_row(path);
        }
        Some(value_of(&self.ids.of(&place.with_all(path.iter().copied()))))
    }
}

impl Part<'_> {
    fn is_of(&self, tag: &Value) -> bool {
        self.tags.is_empty() || self.tags.contains(tag)
    }
}

fn part<'a>(name: &'a str, schema: &'a Value, owner: &View<'a>) -> Part<'a> {
    Part { name, schema, view: owner.inside(schema), required: owner.requires(name), tags: Vec::new() }
}

/// The fields of the variants, those that several have in common once.
fn parts_of_variants<'a>(tagged: &Tagged<'a>) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for variant in &tagged.variants {
        let tag = &variant.choice.value;
        for (name, schema) in variant.view.properties().into_iter().filter(|(name, _)| *name != tagged.tag) {
            let mut new = part(name, schema, &variant.view);
            let same = |part: &&mut Part<'_>| {
                part.name == name && part.schema == schema && part.required == new.required
            };
            if let Some(known) = parts.iter_mut().find(same) {
                known.tags.push(tag.clone());
            } else if !new.view.is_marked("exclude") {
                new.tags.push(tag.clone());
                parts.push(new);
            }
        }
    }
    for part in &mut parts {
        if part.tags.len() == tagged.variants.len() {
            part.tags.clear();
        }
    }
    parts
}

fn asks_about(view: &View<'_>, name: &str) -> bool {
    view.hint("if").is_some_and(|asked| asked.get(name).is_some())
}

/// The tagged enum that a field is, if it is nothing else.
fn tagged_alone<'a>(view: &View<'a>) -> Option<Tagged<'a>> {
    let is_group = matches!(Shape::of(view), Shape::Group) && view.properties().is_empty();
    tagged(view).filter(|_| is_group)
}

/// By `order`, then each group of an author's together where its first stands.
fn arranged(mut entries: Vec<Entry>) -> Vec<Value> {
    entries.sort_by_key(|entry| entry.order);
    let mut arranged: Vec<(Option<String>, Vec<Value>)> = Vec::new();
    for entry in entries {
        let known = arranged.iter_mut().find(|(group, _)| group.is_some() && *group == entry.group);
        match known {
            Some((_, items)) => items.extend(entry.items),
            None => arranged.push((entry.group, entry.items)),
        }
    }
    arranged.into_iter().flat_map(|(group, items)| framed(group, items)).collect()
}

fn framed(group: Option<String>, items: Vec<Value>) -> Vec<Value> {
    let Some(name) = group.filter(|_| !items.is_empty()) else { return items };
    let legend = json!({ "$el": "legend", "children": name });
    let children: Vec<Value> = std::iter::once(legend).chain(items).collect();
    vec![json!({ "$el": "fieldset", "children": children })]
}
