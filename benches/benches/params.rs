//! What params cost: `cargo bench -p synapse-benches --bench params`.

use divan::{Bencher, black_box};
use synapse_benches::TrainParams;
use synapse_sdk::Params;
use synapse_sdk::schema::{Contract, Schema, json_schema};

const GOOD: &str = r#"{"dataset":123,"epochs":10,"batch_size":8,"learning_rate":0.02}"#;
const BAD: &str = r#"{"dataset":123,"epochs":-1,"batch_size":8,"learning_rate":2.5}"#;

fn main() {
    divan::main();
}

fn schema() -> Schema {
    Schema::of::<TrainParams>().expect("the schema is supported")
}

/// The limit: what serde alone takes.
#[divan::bench]
fn decoding_alone(bencher: Bencher) {
    bencher.bench(|| serde_json::from_str::<TrainParams>(black_box(GOOD)));
}

#[divan::bench]
fn checked_and_decoded(bencher: Bencher) {
    let schema = schema();
    bencher.bench(|| {
        let json = black_box(GOOD);
        schema.accepts(json.as_bytes()).then(|| serde_json::from_str::<TrainParams>(json))
    });
}

#[divan::bench]
fn two_violations_found(bencher: Bencher) {
    let schema = schema();
    bencher.bench(|| {
        let json = black_box(BAD).as_bytes();
        assert!(!schema.accepts(json));
        schema.check_text(json).map(|checked| checked.violations.len())
    });
}

#[divan::bench]
fn two_violations_as_an_error(bencher: Bencher) {
    bencher.bench(|| TrainParams::from_json(black_box(BAD)).is_err());
}

#[divan::bench]
fn schema_of_a_type() {
    black_box(json_schema::<TrainParams>(Contract::Params));
}

#[divan::bench]
fn schema_made_and_compiled() {
    black_box(schema());
}
