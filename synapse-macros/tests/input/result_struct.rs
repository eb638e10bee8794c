#[result]
pub struct Greeting {
    /// The greeting
    message: String,
}
