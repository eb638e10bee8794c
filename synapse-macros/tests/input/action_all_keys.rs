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
    strict_result = true
)]
pub(crate) fn train(params: TrainParams, _ctx: &Context) -> Result<Value> {
    Ok(json!({ "epochs": params.epochs }))
}
