//! From JSON Schema text to something that can be walked quickly.

mod given;

use serde_json::{Number, Value};

use super::equal::same;
use super::node::{
    Additional, Alternatives, Choices, Combined, ListRules, Node, ObjectRules, Property, TextRules, Types,
};
use super::numbers::{Bound, BoundKind, NumberRules};
use super::pass;
use super::pattern::Pattern;
use super::place::Place;
use super::variants::Variants;
use crate::errors::{ErrorKind, PluginError, Result};

pub(super) use given::unsupported;
use given::{array, count, dependent, number, object, step, strings, text, types};

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// The root first, then each definition that is referred to.
    pub(super) nodes: Vec<Node>,
    /// For values that the schema says nothing of.
    pub(super) anything: Node,
}

impl Schema {
    /// Compiles a JSON Schema.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported), naming keyword and place, when
    /// the schema uses what is not supported: references out of the schema,
    /// patterns that look around, keywords that types never need.
    pub fn compile(schema: &Value) -> Result<Self> {
        let mut compiler = Compiler { root: schema, references: Vec::new(), nodes: vec![Node::default()] };
        let root = compiler.node(schema, &Place::ROOT)?;
        compiler.nodes[0] = root;
        compiler.refuse_circles()?;
        Ok(Self { nodes: compiler.nodes, anything: Node::default() })
    }
}

/// Keywords that say nothing about which documents fit.
fn is_annotation(keyword: &str) -> bool {
    let known = [
        "$schema",
        "$id",
        "$defs",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "format",
        "deprecated",
        "readOnly",
        "writeOnly",
        "contentEncoding",
        "contentMediaType",
    ];
    keyword.starts_with("x-") || known.contains(&keyword)
}

struct Compiler<'a> {
    root: &'a Value,
    /// The definitions that are referred to, and where they are compiled.
    references: Vec<(&'a str, usize)>,
    nodes: Vec<Node>,
}

impl<'a> Compiler<'a> {
    fn node(&mut self, schema: &'a Value, place: &Place<'_>) -> Result<Node> {
        let keywords = match schema {
            Value::Bool(true) => return Ok(Node::default()),
            Value::Bool(false) => return Ok(Node { types: Types::NONE, ..Node::default() }),
            Value::Object(keywords) => keywords,
            _ => return Err(unsupported(place, "a schema is an object or a truth value")),
        };
        let mut node = Node::default();
        let mut rules = Vec::new();
        for (keyword, value) in keywords {
            if !is_annotation(keyword) {
                self.keyword(&mut node, keyword, value, &place.field(keyword))?;
                rules.push(keyword.as_str());
            }
        }
        if let Some(object) = &mut node.object {
            object.mark_required();
        }
        node.pass = pass::of(&node, &rules);
        Ok(node)
    }

    fn keyword(&mut self, node: &mut Node, keyword: &str, value: &'a Value, place: &Place<'_>) -> Result<()> {
        match keyword {
            "type" => node.types = types(value, place)?,
            "enum" => node.choose("enum", array(value, place)?.clone()),
            "const" => node.choose("const", vec![value.clone()]),
            "minimum" => node.bound(BoundKind::Minimum, number(value, place)?),
            "maximum" => node.bound(BoundKind::Maximum, number(value, place)?),
            "exclusiveMinimum" => node.bound(BoundKind::ExclusiveMinimum, number(value, place)?),
            "exclusiveMaximum" => node.bound(BoundKind::ExclusiveMaximum, number(value, place)?),
            "multipleOf" => node.numbers().multiple_of = Some(step(value, place)?),
            "minLength" => node.text().length.min = Some(count(value, place)?),
            "maxLength" => node.text().length.max = Some(count(value, place)?),
            "pattern" => node.text().pattern = Some(Pattern::compile(text(value, place)?, place)?),
            "items" | "prefixItems" | "minItems" | "maxItems" | "uniqueItems" | "contains"
            | "minContains" | "maxContains" => self.list_keyword(node.list(), keyword, value, place)?,
            "properties"
            | "required"
            | "patternProperties"
            | "additionalProperties"
            | "minProperties"
            | "maxProperties"
            | "propertyNames"
            | "dependentRequired"
            | "unevaluatedProperties" => {
                self.object_keyword(node.object(), keyword, value, place)?;
            }
            _ => self.combining_keyword(node.combined(), keyword, value, place)?,
        }
        Ok(())
    }

    fn list_keyword(
        &mut self,
        rules: &mut ListRules,
        keyword: &str,
        value: &'a Value,
        place: &Place<'_>,
    ) -> Result<()> {
        match keyword {
            "items" => rules.rest = Some(self.node(value, place)?),
            "prefixItems" => rules.first = self.nodes(value, place)?,
            "minItems" => rules.count.min = Some(count(value, place)?),
            "maxItems" => rules.count.max = Some(count(value, place)?),
            "uniqueItems" => rules.unique = value == &Value::Bool(true),
            "contains" => rules.contains = Some(self.node(value, place)?),
            "minContains" => rules.contained.min = Some(count(value, place)?),
            _ => rules.contained.max = Some(count(value, place)?),
        }
        Ok(())
    }

    fn object_keyword(
        &mut self,
        rules: &mut ObjectRules,
        keyword: &str,
        value: &'a Value,
        place: &Place<'_>,
    ) -> Result<()> {
        match keyword {
            "properties" => rules.properties = self.properties(value, place)?,
            "required" => rules.required = strings(value, place)?,
            "patternProperties" => rules.patterns = self.patterns(value, place)?,
            "additionalProperties" => rules.additional = self.additional(value, place)?,
            "minProperties" => rules.count.min = Some(count(value, place)?),
            "maxProperties" => rules.count.max = Some(count(value, place)?),
            "propertyNames" => rules.names = Some(self.node(value, place)?),
            "dependentRequired" => rules.dependent = dependent(value, place)?,
            _ => match value {
                Value::Bool(false) => rules.closed = true,
                // It speaks of every field, which matters to one around it.
                Value::Bool(true) => rules.additional = Additional::Checked(Box::default()),
                _ => return Err(unsupported(place, "only true and false are supported")),
            },
        }
        Ok(())
    }

    fn combining_keyword(
        &mut self,
        combined: &mut Combined,
        keyword: &str,
        value: &'a Value,
        place: &Place<'_>,
    ) -> Result<()> {
        match keyword {
            "$ref" => combined.reference = Some(self.reference(value, place)?),
            "allOf" => combined.all_of = self.nodes(value, place)?,
            "anyOf" => combined.any_of = Some(self.alternatives(value, place)?),
            "oneOf" => combined.one_of = Some(self.alternatives(value, place)?),
            "not" => combined.not = Some(self.node(value, place)?),
            "if" => combined.condition = Some(self.node(value, place)?),
            "then" => combined.then = Some(self.node(value, place)?),
            "else" => combined.otherwise = Some(self.node(value, place)?),
            _ => return Err(unsupported(place, "this keyword is not supported")),
        }
        Ok(())
    }

    fn nodes(&mut self, value: &'a Value, place: &Place<'_>) -> Result<Vec<Node>> {
        let schemas = array(value, place)?.iter().enumerate();
        schemas.map(|(index, schema)| self.node(schema, &place.item(index))).collect()
    }

    fn alternatives(&mut self, value: &'a Value, place: &Place<'_>) -> Result<Alternatives> {
        let nodes = self.nodes(value, place)?;
        if nodes.is_empty() {
            return Err(unsupported(place, "expected at least one alternative"));
        }
        let variants = Variants::of(&nodes);
        Ok(Alternatives { nodes, variants })
    }

    fn properties(&mut self, value: &'a Value, place: &Place<'_>) -> Result<Vec<Property>> {
        let schemas = object(value, place)?.iter();
        schemas
            .map(|(name, schema)| {
                let place = place.field(name);
                let aliases = match schema.get("x-aliases") {
                    Some(names) => strings(names, &place.field("x-aliases"))?,
                    None => Vec::new(),
                };
                let node = self.node(schema, &place)?;
                Ok(Property { name: name.clone(), aliases, node, required: false })
            })
            .collect()
    }

    fn patterns(&mut self, value: &'a Value, place: &Place<'_>) -> Result<Vec<(Pattern, Node)>> {
        let schemas = object(value, place)?.iter();
        schemas
            .map(|(pattern, schema)| {
                let place = place.field(pattern);
                Ok((Pattern::compile(pattern, &place)?, self.node(schema, &place)?))
            })
            .collect()
    }

    fn additional(&mut self, value: &'a Value, place: &Place<'_>) -> Result<Additional> {
        Ok(match value {
            Value::Bool(false) => Additional::Refused,
            schema => Additional::Checked(Box::new(self.node(schema, place)?)),
        })
    }

    /// A definition is compiled once and may refer to itself.
    fn reference(&mut self, value: &'a Value, place: &Place<'_>) -> Result<usize> {
        let target = value.as_str().unwrap_or_default();
        if target == "#" {
            return Ok(0);
        }
        if let Some((_, index)) = self.references.iter().find(|(known, _)| *known == target) {
            return Ok(*index);
        }
        let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(&percent_decoded(pointer)));
        let Some(definition) = found else {
            return Err(unsupported(place, "only references within the schema are supported"));
        };
        let index = self.nodes.len();
        self.nodes.push(Node::default());
        self.references.push((target, index));
        // A definition is named by its own place, not by where it is referred to.
        self.nodes[index] = match definition_name(target) {
            Some(name) => self.node(definition, &Place::ROOT.field("$defs").field(name))?,
            None => self.node(definition, place)?,
        };
        Ok(index)
    }

    /// A schema that leads back to itself without reading any of the value
    /// would be checked for ever.
    fn refuse_circles(&self) -> Result<()> {
        if self.references.is_empty() && !refers(&self.nodes[0]) {
            return Ok(());
        }
        let Some(circle) = (0..self.nodes.len()).find(|index| leads_to_itself(&self.nodes, *index)) else {
            return Ok(());
        };
        let named = self.references.iter().find(|(_, index)| *index == circle);
        let place = named.map_or("", |(target, _)| target.trim_start_matches('#'));
        let why = "it leads back to itself without reading any of the value";
        Err(PluginError::new(ErrorKind::Unsupported, format!("JSON Schema at #{place}: {why}")))
    }
}

fn refers(node: &Node) -> bool {
    let mut targets = Vec::new();
    node.refers_in_place(&mut targets);
    !targets.is_empty()
}

/// Whether a value would be checked against this node again and again.
fn leads_to_itself(nodes: &[Node], start: usize) -> bool {
    let mut reached = Vec::new();
    nodes[start].refers_in_place(&mut reached);
    let mut next = 0;
    while let Some(&index) = reached.get(next) {
        if index == start {
            return true;
        }
        if !reached[..next].contains(&index) {
            nodes[index].refers_in_place(&mut reached);
        }
        next += 1;
    }
    false
}

impl Node {
    /// The nodes that the same value is checked against.
    fn refers_in_place(&self, targets: &mut Vec<usize>) {
        let Some(combined) = &self.combined else { return };
        targets.extend(combined.reference);
        for part in combined.parts() {
            part.refers_in_place(targets);
        }
    }

    /// With both `enum` and `const`, what both list.
    fn choose(&mut self, keyword: &'static str, values: Vec<Value>) {
        match &mut self.choices {
            Some(choices) => choices.values.retain(|choice| values.iter().any(|value| same(choice, value))),
            none => *none = Some(Box::new(Choices { keyword, values })),
        }
    }

    fn bound(&mut self, kind: BoundKind, limit: Number) {
        self.numbers().bounds.push(Bound::new(kind, limit));
    }

    fn numbers(&mut self) -> &mut NumberRules {
        self.number.get_or_insert_default()
    }

    fn text(&mut self) -> &mut TextRules {
        self.text.get_or_insert_default()
    }

    fn list(&mut self) -> &mut ListRules {
        self.list.get_or_insert_default()
    }

    fn object(&mut self) -> &mut ObjectRules {
        self.object.get_or_insert_default()
    }

    fn combined(&mut self) -> &mut Combined {
        self.combined.get_or_insert_default()
    }
}

impl ObjectRules {
    fn mark_required(&mut self) {
        for property in &mut self.properties {
            property.required = self.required.contains(&property.name);
            self.required_properties += usize::from(property.required);
        }
    }
}

/// `A` in `#/$defs/A`.
fn definition_name(target: &str) -> Option<&str> {
    target.strip_prefix("#/$defs/").filter(|name| !name.contains(['/', '~', '%']))
}

/// References are written as parts of an address.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let escaped = text.get(index + 1..index + 3).and_then(|code| u8::from_str_radix(code, 16).ok());
        match (byte, escaped) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                index += 3;
            }
            _ => {
                decoded.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_default()
}
