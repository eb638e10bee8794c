#[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, clippy::unused_async)]
fn greet(params: GreetParams, ctx: &Context) -> Result<Greeting> {
    ctx.log_message("greeting", "info");
    Ok(Greeting { message: params.name })
}
///The action `greet`, by which it is exported and tested.
#[allow(missing_debug_implementations, non_camel_case_types)]
struct greet {}
#[allow(deprecated)]
impl ::synapse_sdk::__private::ActionMeta for greet {
    const FACTS: &'static ::synapse_sdk::__private::ActionFacts = &::synapse_sdk::__private::ActionFacts {
        name: "greet",
        item: "greet",
        module: ::core::module_path!(),
        description: "",
        category: ::core::option::Option::None,
        method: ::core::option::Option::None,
        input: ::core::option::Option::None,
        output: ::core::option::Option::None,
        exclusive: false,
        declared_result: ::core::option::Option::None,
        strict_result: false,
        pure: false,
        examples: &[],
    };
    type Takes = ::synapse_sdk::__private::NoData;
    type Gives = ::synapse_sdk::__private::NoData;
    fn def() -> &'static ::synapse_sdk::__private::ActionDef {
        static DEF: ::synapse_sdk::__private::ActionDef = ::synapse_sdk::__private::ActionDef::of::<
            greet,
        >();
        ::synapse_sdk::__private::inventory::submit! {
            ::synapse_sdk::__private::Registration(< greet as
            ::synapse_sdk::__private::ActionMeta > ::def,)
        }
        &DEF
    }
    fn make<'ctx>(ctx: &'ctx ::synapse_sdk::Context) -> ::synapse_sdk::Result<Self> {
        ::core::result::Result::Ok(greet {})
    }
}
#[allow(deprecated)]
impl ::synapse_sdk::Action for greet {
    type Params = GreetParams;
    type Output = <Result<Greeting> as ::synapse_sdk::__private::ActionReturn>::Output;
    fn execute(
        &self,
        params: Self::Params,
        ctx: &::synapse_sdk::Context,
    ) -> ::synapse_sdk::Result<
        <Result<Greeting> as ::synapse_sdk::__private::ActionReturn>::Output,
    > {
        let ctx: &Context = ctx;
        <Result<
            Greeting,
        > as ::synapse_sdk::__private::ActionReturn>::into_result(greet(params, ctx))
            .map_err(
                <<Result<
                    Greeting,
                > as ::synapse_sdk::__private::ActionReturn>::Error as ::synapse_sdk::__private::ActionError>::into_plugin_error,
            )
    }
}
