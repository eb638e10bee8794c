//! `export_plugin!()` names no action; every other form stands in cfg.
#![deny(warnings)]

use synapse_sdk::prelude::*;

#[action]
#[cfg(any())]
fn left_out(_params: Missing, _ctx: &Context) -> Result<()> {
    Ok(())
}

#[deprecated]
#[action]
fn old(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

synapse_sdk::export_plugin!();

fn main() {
    assert_eq!(synapse_sdk::manifest::Manifest::of_this_image().actions.len(), 1);
}
