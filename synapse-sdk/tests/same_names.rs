//! Names that stand for two things within one plugin: a description tells both,
//! so that a host can refuse them.

use synapse_sdk::data_type::{CocoDataset, YoloDataset};
use synapse_sdk::manifest::Manifest;
use synapse_sdk::prelude::*;

mod left {
    use super::*;

    /// A twin.
    #[derive(DataType)]
    #[data_type(id = "twin", parent = CocoDataset)]
    pub(crate) struct Twin;

    #[action(name = "act", input = Twin)]
    pub(crate) fn act(_params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

mod right {
    use super::*;

    /// The other twin.
    #[derive(DataType)]
    #[data_type(id = "twin", parent = YoloDataset)]
    pub(crate) struct Twin;

    #[action(name = "act", input = Twin)]
    pub(crate) fn act(_params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

#[test]
fn both_are_told() {
    let manifest = Manifest::of_this_image();
    let actions: Vec<_> = manifest.actions.iter().map(|action| action.name.as_str()).collect();
    assert_eq!(actions, ["act", "act"]);
    let twins = manifest.data_types.iter().filter(|data_type| data_type.id == "twin");
    let mut parents: Vec<_> = twins.filter_map(|data_type| data_type.parent.as_deref()).collect();
    parents.sort_unstable();
    assert_eq!(parents, ["coco_dataset", "yolo_dataset"]);
    // What both have in common stands there once.
    let datasets = manifest.data_types.iter().filter(|data_type| data_type.id == "dataset");
    assert_eq!(datasets.count(), 1);
}
