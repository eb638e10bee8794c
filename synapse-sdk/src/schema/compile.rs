//! From JSON Schema text to something that can be walked quickly.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::numbers::{CountRules, NumberRules};
use super::pass::{self, Pass};
use crate::errors::{ErrorKind, PluginError, Result};

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    /// The root first, then each definition that is referred to.
    pub(super) nodes: Vec<Node>,
    /// For values that the schema says nothing of.
    pub(super) anything: Node,
}

/// One schema within a schema.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) types: Option<Vec<Type>>,
    pub(super) choices: Option<Vec<Value>>,
    pub(super) reference: Option<usize>,
    pub(super) all_of: Vec<Node>,
    pub(super) any_of: Vec<Node>,
    pub(super) one_of: Vec<Node>,
    pub(super) number: NumberRules,
    pub(super) length: CountRules,
    pub(super) items: Option<Box<Node>>,
    pub(super) prefix_items: Vec<Node>,
    pub(super) item_count: CountRules,
    pub(super) unique_items: bool,
    pub(super) object: ObjectRules,
    /// The schema `false`: nothing fits.
    pub(super) never: bool,
    pub(super) pass: Pass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

#[derive(Debug, Default)]
pub(super) struct ObjectRules {
    pub(super) properties: Vec<Property>,
    pub(super) required: Vec<String>,
    /// How many of the properties are required.
    pub(super) required_properties: usize,
    pub(super) additional: Additional,
    pub(super) count: CountRules,
}

#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) node: Node,
    pub(super) required: bool,
}

#[derive(Debug, Default)]
pub(super) enum Additional {
    #[default]
    Allowed,
    Refused,
    Checked(Box<Node>),
}

/// Keywords that say nothing about which documents fit.
const ANNOTATIONS: &[&str] = &[
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
];

impl Schema {
    /// Compiles a JSON Schema.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported), naming keyword and place, when
    /// the schema uses what `#[params]` never emits.
    pub fn compile(schema: &Value) -> Result<Self> {
        let mut compiler =
            Compiler { root: schema, references: BTreeMap::new(), nodes: vec![Node::default()] };
        let root = compiler.node(schema, "")?;
        compiler.nodes[0] = root;
        if let Some(circle) = (0..compiler.nodes.len()).find(|index| leads_to_itself(&compiler.nodes, *index))
        {
            let named = compiler.references.iter().find(|(_, index)| **index == circle);
            let place = named.map_or("", |(target, _)| target.trim_start_matches('#'));
            return Err(unsupported(place, "it leads back to itself without reading any of the value"));
        }
        Ok(Self { nodes: compiler.nodes, anything: Node::default() })
    }
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
        targets.extend(self.reference);
        for part in self.all_of.iter().chain(&self.any_of).chain(&self.one_of) {
            part.refers_in_place(targets);
        }
    }
}

struct Compiler<'a> {
    root: &'a Value,
    references: BTreeMap<String, usize>,
    nodes: Vec<Node>,
}

impl Compiler<'_> {
    fn node(&mut self, schema: &Value, place: &str) -> Result<Node> {
        let keywords = match schema {
            Value::Bool(true) => return Ok(Node::default()),
            Value::Bool(false) => {
                return Ok(Node { never: true, ..Node::default() });
            }
            Value::Object(keywords) => keywords,
            _ => return Err(unsupported(place, "a schema is an object or a truth value")),
        };
        let mut node = Node::default();
        for (keyword, value) in keywords {
            self.keyword(&mut node, keyword, value, &format!("{place}/{keyword}"))?;
        }
        node.object.mark_required();
        node.pass = pass::of(&node, keywords.keys().filter(|keyword| !is_annotation(keyword)));
        Ok(node)
    }

    fn keyword(&mut self, node: &mut Node, keyword: &str, value: &Value, place: &str) -> Result<()> {
        match keyword {
            "type" => node.types = Some(types(value, place)?),
            "enum" => node.choices = Some(array(value, place)?.clone()),
            "const" => node.choices = Some(vec![value.clone()]),
            "$ref" => node.reference = Some(self.reference(value, place)?),
            "allOf" => node.all_of = self.list(value, place)?,
            "anyOf" => node.any_of = self.list(value, place)?,
            "oneOf" => node.one_of = self.list(value, place)?,
            "minimum" => node.number.minimum = Some(number(value, place)?),
            "maximum" => node.number.maximum = Some(number(value, place)?),
            "exclusiveMinimum" => node.number.exclusive_minimum = Some(number(value, place)?),
            "exclusiveMaximum" => node.number.exclusive_maximum = Some(number(value, place)?),
            "multipleOf" => node.number.multiple_of = Some(number(value, place)?),
            "minLength" => node.length.min = Some(count(value, place)?),
            "maxLength" => node.length.max = Some(count(value, place)?),
            "items" => node.items = Some(Box::new(self.node(value, place)?)),
            "prefixItems" => node.prefix_items = self.list(value, place)?,
            "minItems" => node.item_count.min = Some(count(value, place)?),
            "maxItems" => node.item_count.max = Some(count(value, place)?),
            "uniqueItems" => node.unique_items = value == &Value::Bool(true),
            "properties" => node.object.properties = self.properties(value, place)?,
            "required" => node.object.required = strings(value, place)?,
            "additionalProperties" => node.object.additional = self.additional(value, place)?,
            "minProperties" => node.object.count.min = Some(count(value, place)?),
            "maxProperties" => node.object.count.max = Some(count(value, place)?),
            other if is_annotation(other) => {}
            _ => return Err(unsupported(place, "this keyword is not supported")),
        }
        Ok(())
    }

    fn list(&mut self, value: &Value, place: &str) -> Result<Vec<Node>> {
        let schemas = array(value, place)?.iter().enumerate();
        schemas.map(|(index, schema)| self.node(schema, &format!("{place}/{index}"))).collect()
    }

    fn properties(&mut self, value: &Value, place: &str) -> Result<Vec<Property>> {
        let schemas = object(value, place)?.iter();
        schemas
            .map(|(name, schema)| {
                let node = self.node(schema, &format!("{place}/{name}"))?;
                Ok(Property { name: name.clone(), node, required: false })
            })
            .collect()
    }

    fn additional(&mut self, value: &Value, place: &str) -> Result<Additional> {
        Ok(match value {
            Value::Bool(true) => Additional::Allowed,
            Value::Bool(false) => Additional::Refused,
            schema => Additional::Checked(Box::new(self.node(schema, place)?)),
        })
    }

    /// A definition is compiled once and may refer to itself.
    fn reference(&mut self, value: &Value, place: &str) -> Result<usize> {
        let target = value.as_str().unwrap_or_default();
        if target == "#" {
            return Ok(0);
        }
        if let Some(&index) = self.references.get(target) {
            return Ok(index);
        }
        let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(definition) = found else {
            return Err(unsupported(place, "only references within the schema are supported"));
        };
        let definition = definition.clone();
        let index = self.nodes.len();
        self.nodes.push(Node::default());
        self.references.insert(target.to_owned(), index);
        self.nodes[index] = self.node(&definition, target)?;
        Ok(index)
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

fn is_annotation(keyword: &str) -> bool {
    ANNOTATIONS.contains(&keyword) || keyword.starts_with("x-")
}

fn types(value: &Value, place: &str) -> Result<Vec<Type>> {
    let words = match value {
        Value::Array(words) => words.as_slice(),
        word => std::slice::from_ref(word),
    };
    words
        .iter()
        .map(|word| match word.as_str() {
            Some("null") => Ok(Type::Null),
            Some("boolean") => Ok(Type::Boolean),
            Some("integer") => Ok(Type::Integer),
            Some("number") => Ok(Type::Number),
            Some("string") => Ok(Type::String),
            Some("array") => Ok(Type::Array),
            Some("object") => Ok(Type::Object),
            _ => Err(unsupported(place, "no such type")),
        })
        .collect()
}

fn array<'a>(value: &'a Value, place: &str) -> Result<&'a Vec<Value>> {
    value.as_array().ok_or_else(|| unsupported(place, "expected a list"))
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| unsupported(place, "expected an object"))
}

fn number(value: &Value, place: &str) -> Result<Number> {
    value.as_number().cloned().ok_or_else(|| unsupported(place, "expected a number"))
}

fn count(value: &Value, place: &str) -> Result<u64> {
    value.as_u64().ok_or_else(|| unsupported(place, "expected a count"))
}

fn strings(value: &Value, place: &str) -> Result<Vec<String>> {
    let words = array(value, place)?.iter();
    words
        .map(|word| word.as_str().map(str::to_owned).ok_or_else(|| unsupported(place, "expected names")))
        .collect()
}

fn unsupported(place: &str, why: &str) -> PluginError {
    PluginError::new(ErrorKind::Unsupported, format!("JSON Schema at #{place}: {why}"))
}
