/// Trains a model.
///
/// In rounds.
#[action(
    name = "train-fast",
    params = TrainParams,
    result = Trained,
    category = NeuralNet,
    method = "restapi",
    input = YoloDataset,
    output = data_type::ModelWeights,
    exclusive,
    strict_result = true,
    pure,
    example = { "epochs": 2 } => { "epochs": 2, "note": "a \"b\"" },
    example = {}
)]
pub(crate) fn train(params: TrainParams, _ctx: &Context) -> Result<Value> {
    Ok(json!({ "epochs": params.epochs }))
}
