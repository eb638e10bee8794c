//! Converts datasets. Each action takes a dataset of any format and says which
//! one it gives, so a pipeline can put it between two others whose formats
//! differ, and `synapse pipeline check` offers it there.
//!
//! The work is the host's: the plugin asks for it and carries no readers or
//! writers of its own. The same content is converted once, and found again.

use std::path::PathBuf;

use synapse_sdk::data_type::Dataset;
use synapse_sdk::kinds::{DatasetResult, convert_dataset};
use synapse_sdk::prelude::*;

/// What to convert.
#[params]
pub struct ConvertParams {
    /// Folder of the dataset
    path: PathBuf,
    /// Format it is in; found by looking at it if left out
    from: Option<String>,
    /// Where to write it; a folder that is found again if left out
    output: Option<PathBuf>,
}

/// Converts to the format that the type `T` is of.
fn convert<T: DataType>(params: &ConvertParams, ctx: &Context) -> Result<DatasetResult> {
    let to = T::FACTS.format.unwrap_or(T::FACTS.id);
    convert_dataset(&params.path, params.from.as_deref(), to, params.output.as_deref(), ctx)
}

/// Makes YOLO of a dataset.
#[action(input = Dataset, output = YoloDataset)]
pub fn to_yolo(params: ConvertParams, ctx: &Context) -> Result<DatasetResult> {
    convert::<YoloDataset>(&params, ctx)
}

/// Makes COCO of a dataset.
#[action(input = Dataset, output = CocoDataset)]
pub fn to_coco(params: ConvertParams, ctx: &Context) -> Result<DatasetResult> {
    convert::<CocoDataset>(&params, ctx)
}

/// Makes Pascal VOC of a dataset.
#[action(input = Dataset, output = PascalVocDataset)]
pub fn to_voc(params: ConvertParams, ctx: &Context) -> Result<DatasetResult> {
    convert::<PascalVocDataset>(&params, ctx)
}

/// Makes DM v1 of a dataset.
#[action(input = Dataset, output = DmV1Dataset)]
pub fn to_dm_v1(params: ConvertParams, ctx: &Context) -> Result<DatasetResult> {
    convert::<DmV1Dataset>(&params, ctx)
}

/// Makes DM v2 of a dataset.
#[action(input = Dataset, output = DmV2Dataset)]
pub fn to_dm_v2(params: ConvertParams, ctx: &Context) -> Result<DatasetResult> {
    convert::<DmV2Dataset>(&params, ctx)
}

synapse_sdk::export_plugin!(to_yolo, to_coco, to_voc, to_dm_v1, to_dm_v2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_converts_is_told_where_nobody_does() -> Result<()> {
        let params = json!({ "path": env!("CARGO_MANIFEST_DIR") });
        let error = match LocalExecutor::new().execute::<to_yolo>(params) {
            Ok(_) => return Err(ValidationError::new("nobody converts here")),
            Err(error) => error,
        };
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        Ok(())
    }
}
