use synapse_sdk::prelude::*;

#[params]
struct NameParams {
    #[param(pattern = "^(?!net)")]
    look_ahead: String,
    #[param(pattern = r"(a)\1")]
    back_reference: String,
    #[param(pattern = "(?i)net")]
    flag: String,
    #[param(pattern = "[[:alpha:]]+")]
    named_class: String,
    #[param(pattern = r"\Anet\z")]
    anchor: String,
    #[param(pattern = r"\p{Greek}")]
    property: String,
    #[param(pattern = "[a-z&&[^aeiou]]")]
    class_set: String,
    #[param(each(pattern = "(net"))]
    open: Vec<String>,
    #[param(pattern = 5)]
    number: String,
}

fn main() {
    let _ = |params: NameParams| {
        let NameParams { look_ahead, back_reference, flag, named_class, .. } = params;
        (look_ahead, back_reference, flag, named_class, params.anchor, params.property, params.class_set)
    };
    let _ = |params: NameParams| (params.open, params.number);
}
