use synapse_sdk::data_type::Dataset;
use synapse_sdk::prelude::*;

#[params]
struct DownloadParams {
    url: String,
}

#[result]
struct Downloaded {
    path: String,
}

#[derive(Action, Default)]
#[action(name = "download", output = Dataset)]
struct Download;

impl Action for Download {
    type Params = DownloadParams;
    type Output = Downloaded;

    fn execute(&self, params: DownloadParams, _ctx: &Context) -> Result<Downloaded> {
        Ok(Downloaded { path: params.url })
    }
}

#[params]
struct TrainParams {
    path: String,
    epochs: u32,
    #[param(default = 8)]
    batch: u32,
}

#[derive(Action, Default)]
#[action(name = "train", input = YoloDataset, output = ModelWeights)]
struct Train;

impl Action for Train {
    type Params = TrainParams;
    type Output = String;

    fn execute(&self, params: TrainParams, _ctx: &Context) -> Result<String> {
        Ok(params.path)
    }
}

fn main() {
    let _ = Pipeline::start::<Download>().narrow().then_with::<Train>(|d| TrainParams::required(d.path.clone(), 1));
    let _ = Pipeline::start::<Download>().then::<Train>();
}
