//! The guide's pages. They stand here so that their examples are compiled and
//! run: `cargo test -p guide`.

#[doc = include_str!("plugin-development.md")]
pub mod plugin_development {}

#[doc = include_str!("defining-actions.md")]
pub mod defining_actions {}

#[doc = include_str!("parameters.md")]
pub mod parameters {}

#[doc = include_str!("forms.md")]
pub mod forms {}

#[doc = include_str!("runtime-context.md")]
pub mod runtime_context {}

#[doc = include_str!("local-execution.md")]
pub mod local_execution {}

#[doc = include_str!("ray.md")]
pub mod ray {}

#[doc = include_str!("serve.md")]
pub mod serve {}

#[doc = include_str!("data-types.md")]
pub mod data_types {}

#[doc = include_str!("steps.md")]
pub mod steps {}

#[doc = include_str!("dataset-conversion.md")]
pub mod dataset_conversion {}

#[doc = include_str!("pipelines.md")]
pub mod pipelines {}

#[doc = include_str!("from-python.md")]
pub mod from_python {}

#[doc = include_str!("training.md")]
pub mod training {}
