//! Pipelines of data types with several ancestors, and `required` of params of
//! every form.
#![deny(warnings)]
#![forbid(unsafe_code)]

use synapse_sdk::data_type::Dataset;
use synapse_sdk::prelude::*;

/// COCO with masks for every pixel.
#[derive(DataType)]
#[data_type(parent = CocoDataset)]
pub struct Panoptic;

/// The same of streets.
#[derive(DataType)]
#[data_type(parent = Panoptic)]
pub struct Streets;

mod deep {
    use synapse_sdk::prelude::*;

    #[derive(Debug, Default, PartialEq)]
    #[params]
    enum Speed {
        #[default]
        Slow,
    }

    fn half() -> f64 {
        0.5
    }

    /// A type that others do not see within one that they do.
    #[params]
    #[derive(Debug)]
    pub(crate) struct Sorted {
        pub(crate) r#type: String,
        pub(crate) names: Vec<String>,
        speed: Speed,
        #[param(default = [1, 2])]
        pub(crate) sizes: Vec<u32>,
        #[param(default)]
        pub(crate) on: bool,
        pub(crate) note: Option<String>,
        #[serde(default = "half")]
        pub(crate) share: f64,
    }

    pub(crate) fn sorted() -> Sorted {
        Sorted::required("t".to_owned(), vec!["n".to_owned()], Speed::Slow)
    }

    pub(crate) fn is_slow(sorted: &Sorted) -> bool {
        sorted.speed == Speed::Slow
    }
}

#[params]
struct NothingRequired {
    #[param(default = 4)]
    size: u32,
}

#[action(output = Streets)]
fn drive(_params: (), _ctx: &Context) -> Result<u32> {
    Ok(1)
}

#[action(input = CocoDataset)]
fn look(params: NothingRequired, _ctx: &Context) -> Result<u32> {
    Ok(params.size)
}

#[action(input = Dataset, output = Dataset)]
fn mix(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {
    let sorted = deep::sorted();
    assert!(deep::is_slow(&sorted) && sorted.sizes == [1, 2] && !sorted.on && sorted.note.is_none());
    assert_eq!((sorted.r#type.as_str(), sorted.names.len(), sorted.share), ("t", 1, 0.5));
    let pipeline = Pipeline::start::<drive>()
        .then_with::<look>(|_| NothingRequired::required())
        .then_with::<look>(|earlier| NothingRequired { size: **earlier + 1 })
        .then::<mix>()
        .narrow()
        .then::<look>();
    let run = pipeline.run((), &LocalExecutor::new().context()).expect("it runs");
    assert_eq!((*run.output(), *run.results().get::<drive>()), (4, 1));
}
