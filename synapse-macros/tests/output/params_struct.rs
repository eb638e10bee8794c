#[derive(
    ::synapse_sdk::__private::serde::Serialize,
    ::synapse_sdk::__private::serde::Deserialize,
    ::synapse_sdk::__private::schemars::JsonSchema
)]
#[serde(crate = "::synapse_sdk::__private::serde")]
#[schemars(crate = "::synapse_sdk::__private::schemars")]
#[serde(deny_unknown_fields)]
/// Who to greet, and how.
pub struct GreetParams {
    /// Name to greet
    #[schemars(extend("minLength" = 1))]
    name: String,
    #[serde(default = "GreetParams::__default_times")]
    #[schemars(extend("minimum" = 1, "maximum" = 9))]
    times: u8,
}
#[doc(hidden)]
#[allow(
    clippy::unnecessary_literal_bound,
    reason = "defaults are written by the author"
)]
impl GreetParams {
    #[doc(hidden)]
    fn __default_times() -> u8 {
        1
    }
}
impl GreetParams {
    ///These params with what has to be given; all else has its default.
    #[must_use]
    #[allow(dead_code, private_interfaces, clippy::too_many_arguments)]
    pub fn required(name: String) -> Self {
        Self {
            name,
            times: Self::__default_times(),
        }
    }
}
#[diagnostic::do_not_recommend]
impl ::synapse_sdk::Params for GreetParams {}
