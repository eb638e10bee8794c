#[derive(
    ::synapse_sdk::__private::serde::Serialize,
    ::synapse_sdk::__private::serde::Deserialize,
    ::synapse_sdk::__private::schemars::JsonSchema
)]
#[serde(crate = "::synapse_sdk::__private::serde")]
#[schemars(crate = "::synapse_sdk::__private::schemars")]
#[serde(rename_all = "snake_case")]
/// How training steps.
pub enum Optimiser {
    /// With momentum.
    Adam,
    PlainSgd,
}
#[diagnostic::do_not_recommend]
impl ::synapse_sdk::Params for Optimiser {}
