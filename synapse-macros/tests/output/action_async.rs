#[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, clippy::unused_async)]
/// Waits.
#[cfg(feature = "waiting")]
async fn wait(_params: (), ctx: &Context) -> std::io::Result<()> {
    ctx.end_log();
    Ok(())
}
#[cfg(feature = "waiting")]
///The action `wait`, by which it is exported and tested.
#[allow(missing_debug_implementations, non_camel_case_types)]
struct wait {}
#[cfg(feature = "waiting")]
#[allow(deprecated)]
impl ::synapse_sdk::__private::ActionMeta for wait {
    const FACTS: &'static ::synapse_sdk::__private::ActionFacts = &::synapse_sdk::__private::ActionFacts {
        name: "wait",
        item: "wait",
        module: ::core::module_path!(),
        description: "Waits a while",
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
            wait,
        >();
        ::synapse_sdk::__private::inventory::submit! {
            ::synapse_sdk::__private::Registration(< wait as
            ::synapse_sdk::__private::ActionMeta > ::def,)
        }
        &DEF
    }
    fn make<'ctx>(ctx: &'ctx ::synapse_sdk::Context) -> ::synapse_sdk::Result<Self> {
        ::core::result::Result::Ok(wait {})
    }
}
#[cfg(feature = "waiting")]
#[allow(deprecated)]
impl ::synapse_sdk::Action for wait {
    type Params = ();
    type Output = <std::io::Result<
        (),
    > as ::synapse_sdk::__private::ActionReturn>::Output;
    fn execute(
        &self,
        params: Self::Params,
        ctx: &::synapse_sdk::Context,
    ) -> ::synapse_sdk::Result<
        <std::io::Result<()> as ::synapse_sdk::__private::ActionReturn>::Output,
    > {
        let ctx: &Context = ctx;
        ::synapse_sdk::__private::run_async(
            ctx,
            async {
                <std::io::Result<
                    (),
                > as ::synapse_sdk::__private::ActionReturn>::into_result(
                        wait(params, ctx).await,
                    )
                    .map_err(
                        <<std::io::Result<
                            (),
                        > as ::synapse_sdk::__private::ActionReturn>::Error as ::synapse_sdk::__private::ActionError>::into_plugin_error,
                    )
            },
        )
    }
}
