use synapse_sdk::prelude::*;

#[params]
union Number {
    whole: u32,
    float: f32,
}

fn main() {
    let _ = Number { whole: 1 };
    let _ = Number { float: 1.0 };
}
