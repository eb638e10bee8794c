//! What authors who know other frameworks write, and what it is called here.

/// What to write instead of a key that does not exist.
pub(super) fn instead(key: &str) -> Option<&'static str> {
    Some(match key {
        "min" | "minimum" | "min_value" | "gte" => "write `ge = …`: greater or equal",
        "max" | "maximum" | "max_value" | "lte" => "write `le = …`: less or equal",
        "exclusive_min" | "exclusive_minimum" => "write `gt = …`: greater than",
        "exclusive_max" | "exclusive_maximum" => "write `lt = …`: less than",
        "range" => "write the bounds as keys: `ge = …, le = …`",
        "len" | "size" | "min_length" | "max_length" => "write `length(min = …, max = …)`",
        "min_items" | "max_items" => "write `items(min = …, max = …)`",
        "unique" | "unique_items" => "write `items(unique)`",
        "min_entries" | "max_entries" | "min_properties" | "max_properties" => {
            "write `entries(min = …, max = …)`"
        }
        "inner" | "item" | "dive" => {
            "write `each(…)` for the items of a list; nested `#[params]` types are checked by themselves"
        }
        "nested" => "leave it out: nested `#[params]` types are checked by themselves",
        "regex" | "regexp" | "format" => "write `pattern = \"…\"`",
        "validate" | "validator" | "custom" => "write `check = …` with a function or a closure",
        "description" | "desc" | "doc" | "about" => {
            "write a doc comment above the field, `/// …`: it is the description"
        }
        "title" | "verbose_name" => "write `label = \"…\"`",
        "required" => "leave it out: a field without `default` that is no `Option` is required",
        "optional" | "nullable" => "leave it out and write `Option<…>` as the type, or give a `default`",
        "choices" | "enum" | "options" | "one_of" | "values" => {
            "make the type an enum with `#[params]` on it: its variants are the choices"
        }
        "skip" => {
            "write `#[serde(skip)]` for a field that callers cannot give, \
                   or `exclude_from_ui` for one that stands in no form"
        }
        "flatten" => "write `#[serde(flatten)]`",
        "name" => "write `rename = \"…\"`",
        "aliases" => "write `alias = \"…\"`, once for each",
        "exclude" | "ui_exclude" => "write `exclude_from_ui`",
        "tooltip" | "hint" => "write `help = \"…\"`",
        "depends_on" | "show_if" | "visible_if" | "when" => "write `if(field = value)`",
        _ => return None,
    })
}
