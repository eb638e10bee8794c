//! A manifest: what a plugin, or a file beside it, says of its actions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_host::check::{described, differs};
use synapse_host::config;
use synapse_host::differences;
use synapse_sdk::manifest::Manifest;
use synapse_sdk::schema::{Schema, form, with_defaults};

const CONFIG: &str = "name: N\ncode: n\nversion: 0.1.0\ncategory: custom\nactions:\n  train: {method: job}\n";

fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) else { return };
    let _ = described(&manifest);
    assert!(differs(&manifest, &manifest).is_none());
    let empty = Manifest { sdk: String::new(), actions: Vec::new(), data_types: Vec::new() };
    let _ = differs(&manifest, &empty);
    let config = config::parse(CONFIG).expect("a config").config;
    let _ = differences::between(&config, CONFIG, &manifest);
    for action in &manifest.actions {
        let _ = form::form(&action.params);
        let _ = with_defaults(&action.params, &serde_json::json!({}));
        if let Ok(schema) = Schema::compile(&action.params) {
            let _ = schema.check(&serde_json::json!({ "epochs": 1 }));
        }
    }
});
