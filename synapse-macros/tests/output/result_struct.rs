#[derive(
    ::synapse_sdk::__private::serde::Serialize,
    ::synapse_sdk::__private::serde::Deserialize,
    ::synapse_sdk::__private::schemars::JsonSchema
)]
#[serde(crate = "::synapse_sdk::__private::serde")]
#[schemars(crate = "::synapse_sdk::__private::schemars")]
pub struct Greeting {
    /// The greeting
    message: String,
}
