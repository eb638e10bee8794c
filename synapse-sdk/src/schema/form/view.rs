//! A schema with its references followed, read as one.

use serde_json::{Map, Value};

/// One schema together with what it refers to: `$ref`, `allOf`, and the one
/// alternative that an `Option` leaves.
#[derive(Clone)]
pub(in crate::schema) struct View<'a> {
    root: &'a Value,
    /// The schema's own keywords first, then those it refers to.
    layers: Vec<&'a Map<String, Value>>,
    /// References that led here, those of the outer schemas first.
    followed: Vec<&'a str>,
    /// How many of `followed` belong to outer schemas.
    outer: usize,
    /// It is looked at for a default, not for a value that was given.
    for_default: bool,
    alternatives: Vec<Alternatives<'a>>,
    /// `null` fits as well.
    pub(in crate::schema) nullable: bool,
    /// It is one of the schemas that it stands in: not followed again.
    pub(in crate::schema) circular: bool,
}

/// Schemas of which a value fits one; the one for `null` left out.
#[derive(Clone)]
pub(in crate::schema) struct Alternatives<'a> {
    /// `oneOf`, not `anyOf`.
    pub(in crate::schema) exclusive: bool,
    pub(in crate::schema) schemas: Vec<&'a Value>,
}

impl<'a> View<'a> {
    /// The whole schema.
    pub(in crate::schema) fn whole(root: &'a Value) -> Self {
        Self::new(root, root, vec!["#"], false)
    }

    /// A schema within this one.
    pub(in crate::schema) fn inside(&self, schema: &'a Value) -> Self {
        Self::new(self.root, schema, self.followed.clone(), self.for_default)
    }

    /// A schema within this one, for the value that stands there. Values that
    /// were given end, however often their types contain themselves; defaults
    /// within defaults need not.
    pub(in crate::schema) fn of_value(&self, schema: &'a Value) -> Self {
        if self.for_default { self.inside(schema) } else { Self::new(self.root, schema, Vec::new(), false) }
    }

    /// The same, for a default.
    pub(in crate::schema) fn for_default(mut self) -> Self {
        self.for_default = true;
        self
    }

    fn new(root: &'a Value, schema: &'a Value, followed: Vec<&'a str>, for_default: bool) -> Self {
        let mut view = Self {
            root,
            layers: Vec::new(),
            outer: followed.len(),
            followed,
            for_default,
            alternatives: Vec::new(),
            nullable: false,
            circular: false,
        };
        view.add(schema);
        view
    }

    fn add(&mut self, schema: &'a Value) {
        let Value::Object(keywords) = schema else { return };
        self.layers.push(keywords);
        self.nullable |= allows_null(keywords);
        if let Some(target) = keywords.get("$ref").and_then(Value::as_str) {
            self.follow(target);
        }
        for part in list(keywords, "allOf") {
            self.add(part);
        }
        self.add_alternatives(list(keywords, "oneOf"), true);
        self.add_alternatives(list(keywords, "anyOf"), false);
    }

    fn follow(&mut self, target: &'a str) {
        if let Some(index) = self.followed.iter().position(|known| *known == target) {
            self.circular |= index < self.outer;
            return;
        }
        self.followed.push(target);
        let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        if let Some(definition) = found {
            self.add(definition);
        }
    }

    fn add_alternatives(&mut self, all: &'a [Value], exclusive: bool) {
        let schemas: Vec<&Value> = all.iter().filter(|schema| !is_null(schema)).collect();
        let or_null = schemas.len() < all.len();
        self.nullable |= or_null;
        match schemas.as_slice() {
            [] => {}
            [only] if or_null || !exclusive => self.add(only),
            _ => self.alternatives.push(Alternatives { exclusive, schemas }),
        }
    }

    /// A keyword; what stands nearest goes first.
    pub(in crate::schema) fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.layers.iter().find_map(|layer| layer.get(keyword))
    }

    /// A hint of `x-ui`.
    pub(in crate::schema) fn hint(&self, name: &str) -> Option<&'a Value> {
        self.layers.iter().find_map(|layer| layer.get("x-ui")?.get(name))
    }

    /// Whether a hint is set here or on the type referred to.
    pub(in crate::schema) fn is_marked(&self, name: &str) -> bool {
        let marked = |layer: &Map<String, Value>| layer.get("x-ui").is_some_and(|hints| hints[name] == true);
        self.layers.iter().any(|layer| marked(layer))
    }

    /// The type, when it is one, `null` aside.
    pub(in crate::schema) fn kind(&self) -> Option<&'a str> {
        match self.get("type")? {
            Value::String(kind) => Some(kind),
            Value::Array(kinds) => {
                let mut kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
                kinds.next().filter(|_| kinds.next().is_none())
            }
            _ => None,
        }
    }

    /// The fields, in order.
    pub(in crate::schema) fn properties(&self) -> Vec<(&'a str, &'a Value)> {
        let mut properties: Vec<(&str, &Value)> = Vec::new();
        for (name, schema) in
            self.layers.iter().filter_map(|layer| layer.get("properties")?.as_object()).flatten()
        {
            if !properties.iter().any(|(known, _)| known == name) {
                properties.push((name, schema));
            }
        }
        properties
    }

    /// Whether a field must be given.
    pub(in crate::schema) fn requires(&self, name: &str) -> bool {
        self.layers.iter().flat_map(|layer| list(layer, "required")).any(|required| required == name)
    }

    /// The alternatives, such as the variants of an enum.
    pub(in crate::schema) fn alternatives(&self) -> &[Alternatives<'a>] {
        &self.alternatives
    }

    /// The fields whose value is fixed, such as the tag of a variant.
    pub(in crate::schema) fn constants(&self) -> Vec<(&'a str, &'a Value)> {
        let properties = self.properties().into_iter();
        properties.filter_map(|(name, schema)| Some((name, constant(schema)?))).collect()
    }

    /// The one field that a variant consists of, when its name tells the
    /// variant.
    pub(in crate::schema) fn only_field(&self) -> Option<(&'a str, &'a Value)> {
        match self.properties().as_slice() {
            [only] if self.requires(only.0) && constant(only.1).is_none() => Some(*only),
            _ => None,
        }
    }
}

/// The only value that fits, if the schema says so itself.
pub(in crate::schema) fn constant(schema: &Value) -> Option<&Value> {
    let of_one = || schema.get("enum")?.as_array().filter(|values| values.len() == 1)?.first();
    schema.get("const").or_else(of_one)
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "null") || constant(schema) == Some(&Value::Null)
}

fn allows_null(keywords: &Map<String, Value>) -> bool {
    list(keywords, "type").contains(&Value::from("null")) || list(keywords, "enum").contains(&Value::Null)
}

fn list<'a>(keywords: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    keywords.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
