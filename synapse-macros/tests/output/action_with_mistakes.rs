#[allow(unused_variables)]
fn greet(name: &str) {}
#[doc(hidden)]
#[allow(non_camel_case_types, dead_code)]
struct greet {}
impl ::synapse_sdk::__private::ActionMeta for greet {
    const FACTS: &'static ::synapse_sdk::__private::ActionFacts = &::synapse_sdk::__private::ActionFacts::unknown(
        "greet",
    );
    type Takes = ::synapse_sdk::__private::NoData;
    type Gives = ::synapse_sdk::__private::NoData;
    fn def() -> &'static ::synapse_sdk::__private::ActionDef {
        ::core::unreachable!()
    }
    fn make(_: &::synapse_sdk::Context) -> ::synapse_sdk::Result<Self> {
        ::core::unreachable!()
    }
}
::core::compile_error! {
    "no such key; did you mean `name`?"
}
::core::compile_error! {
    "the context is missing: add `ctx: &Context` behind the params"
}
::core::compile_error! {
    "an action returns a `Result`: add `-> Result<()>`, or the type of its result"
}
