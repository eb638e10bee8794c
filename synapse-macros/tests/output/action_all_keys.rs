#[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, clippy::unused_async)]
/// Trains a model.
///
/// In rounds.
pub(crate) fn train(params: TrainParams, _ctx: &Context) -> Result<Value> {
    Ok(json!({ "epochs" : params.epochs }))
}
///The action `train`, by which it is exported and tested.
#[allow(missing_debug_implementations, non_camel_case_types)]
pub(crate) struct train {}
#[allow(deprecated)]
impl ::synapse_sdk::__private::ActionMeta for train {
    const FACTS: &'static ::synapse_sdk::__private::ActionFacts = &::synapse_sdk::__private::ActionFacts {
        name: "train-fast",
        item: "train",
        module: ::core::module_path!(),
        description: "Trains a model.\n\nIn rounds.",
        category: ::core::option::Option::Some(::synapse_sdk::Category::NeuralNet),
        method: ::core::option::Option::Some(::synapse_sdk::Method::RestApi),
        input: ::core::option::Option::Some(
            <YoloDataset as ::synapse_sdk::DataType>::FACTS,
        ),
        output: ::core::option::Option::Some(
            <data_type::ModelWeights as ::synapse_sdk::DataType>::FACTS,
        ),
        exclusive: true,
        declared_result: ::core::option::Option::Some("Trained"),
        strict_result: true,
        pure: true,
        examples: &[
            ::synapse_sdk::__private::ActionExample {
                params: "{\"epochs\":2}",
                result: ::core::option::Option::Some(
                    "{\"epochs\":2,\"note\":\"a \\\"b\\\"\"}",
                ),
            },
            ::synapse_sdk::__private::ActionExample {
                params: "{}",
                result: ::core::option::Option::None,
            },
        ],
    };
    type Takes = YoloDataset;
    type Gives = data_type::ModelWeights;
    fn def() -> &'static ::synapse_sdk::__private::ActionDef {
        static DEF: ::synapse_sdk::__private::ActionDef = ::synapse_sdk::__private::ActionDef::of::<
            train,
        >()
            .with_result::<train, Trained>();
        const _: () = <TrainParams as ::synapse_sdk::__private::SameAs<
            TrainParams,
        >>::SAME;
        ::synapse_sdk::__private::inventory::submit! {
            ::synapse_sdk::__private::Registration(< train as
            ::synapse_sdk::__private::ActionMeta > ::def,)
        }
        &DEF
    }
    fn make<'ctx>(ctx: &'ctx ::synapse_sdk::Context) -> ::synapse_sdk::Result<Self> {
        ::core::result::Result::Ok(train {})
    }
}
#[allow(deprecated)]
impl ::synapse_sdk::Action for train {
    type Params = TrainParams;
    type Output = <Result<Value> as ::synapse_sdk::__private::ActionReturn>::Output;
    fn execute(
        &self,
        params: Self::Params,
        ctx: &::synapse_sdk::Context,
    ) -> ::synapse_sdk::Result<
        <Result<Value> as ::synapse_sdk::__private::ActionReturn>::Output,
    > {
        let ctx: &Context = ctx;
        <Result<
            Value,
        > as ::synapse_sdk::__private::ActionReturn>::into_result(train(params, ctx))
            .map_err(
                <<Result<
                    Value,
                > as ::synapse_sdk::__private::ActionReturn>::Error as ::synapse_sdk::__private::ActionError>::into_plugin_error,
            )
    }
}
