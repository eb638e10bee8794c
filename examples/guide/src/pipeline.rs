//! Two actions as the steps of a third.

use synapse_sdk::prelude::*;

use crate::overview::{ConvertParams, convert};

/// What to look at.
#[params]
pub struct SurveyParams {
    output_path: String,
    files_converted: u32,
    #[param(default = 10)]
    wanted: u32,
}

/// What was seen.
#[result]
#[derive(Clone)]
pub struct Survey {
    path: String,
    enough: bool,
}

/// Tells whether a converted dataset is large enough.
#[action(category = DataValidation)]
pub fn survey(params: SurveyParams, _ctx: &Context) -> Result<Survey> {
    Ok(Survey { enough: params.files_converted >= params.wanted, path: params.output_path })
}

/// Converts a dataset and looks at what came of it.
#[action(category = Export)]
pub fn prepare(params: ConvertParams, ctx: &Context) -> Result<Survey> {
    let run = preparation().run(params, ctx)?;
    Ok(run.output().clone())
}

/// The steps of `prepare`: what `survey` takes has the names that `convert`
/// gives it.
fn preparation() -> Pipeline<(survey, (convert, ()))> {
    Pipeline::start::<convert>().then::<survey>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_fit_together() {
        assert_eq!(preparation().check().expect("no gaps"), [""; 0]);
    }
}
