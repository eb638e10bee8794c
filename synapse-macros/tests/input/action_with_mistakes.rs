#[action(nmae = "greet")]
fn greet(name: &str) {}
