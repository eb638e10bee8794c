/// Panoramas with labels.
#[derive(DataType)]
#[data_type(parent = YoloDataset, format = "panorama")]
pub struct Panoramas;
