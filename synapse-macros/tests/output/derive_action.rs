#[allow(deprecated)]
impl ::synapse_sdk::__private::ActionMeta for CountAction {
    const FACTS: &'static ::synapse_sdk::__private::ActionFacts = &::synapse_sdk::__private::ActionFacts {
        name: "count",
        item: "CountAction",
        module: ::core::module_path!(),
        description: "Counts its calls.",
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
            CountAction,
        >();
        const _: () = <() as ::synapse_sdk::__private::SameAs<
            <CountAction as ::synapse_sdk::Action>::Params,
        >>::SAME;
        ::synapse_sdk::__private::inventory::submit! {
            ::synapse_sdk::__private::Registration(< CountAction as
            ::synapse_sdk::__private::ActionMeta > ::def,)
        }
        &DEF
    }
    fn make<'ctx>(ctx: &'ctx ::synapse_sdk::Context) -> ::synapse_sdk::Result<Self> {
        #[allow(unused_imports)]
        use ::synapse_sdk::__private::DefaultSetup as _;
        let setup: fn(&'ctx ::synapse_sdk::Context) -> _ = <CountAction>::setup;
        ::synapse_sdk::__private::SetupReturn::<CountAction>::into_made(setup(ctx))
    }
}
