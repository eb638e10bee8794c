//! Chooses the best of several models and reports on it.

use std::fs;

use synapse_sdk::prelude::*;

/// Models to choose from.
#[params]
pub struct ChooseParams {
    /// Their files
    #[param(items(min = 1))]
    models: Vec<String>,
    /// How good each of them is; more is better
    scores: Vec<f64>,
}

/// The best model.
#[result]
pub struct Choice {
    /// Its file
    model: String,
    /// How good it is
    score: f64,
    /// Which of the models it was, from 0
    index: usize,
}

/// Chooses the best of several models.
#[action(input = ModelWeights, output = ModelWeights, pure)]
pub fn choose(params: ChooseParams, _ctx: &Context) -> Result<Choice> {
    if params.models.len() != params.scores.len() {
        let message = format!("{} models have {} scores", params.models.len(), params.scores.len());
        return Err(ValidationError::new(message));
    }
    let ranked = params.models.into_iter().zip(params.scores).enumerate();
    let best = ranked.max_by(|(_, (_, left)), (_, (_, right))| left.total_cmp(right));
    let (index, (model, score)) = best.ok_or_else(|| ValidationError::new("there are no models"))?;
    Ok(Choice { model, score, index })
}

/// What to report.
#[params]
pub struct ReportParams {
    /// The model's file
    model: String,
    /// Share of held-out rows that are right
    accuracy: f64,
}

/// What was reported.
#[result]
pub struct Report {
    /// The report's file
    report: String,
    /// Share of held-out rows that are right
    accuracy: f64,
}

/// Writes down how good a model is.
#[action]
pub fn report(params: ReportParams, ctx: &Context) -> Result<Report> {
    let path = ctx.work_dir()?.join("report.md");
    let text =
        format!("# {}\n\n{:.1} % of held-out digits are right.\n", params.model, params.accuracy * 100.0);
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    ctx.log_message(format!("the best model has an accuracy of {:.3}", params.accuracy), "success");
    Ok(Report { report: path.display().to_string(), accuracy: params.accuracy })
}

synapse_sdk::export_plugin!(choose, report);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_score_wins() -> Result<()> {
        let params = json!({ "models": ["a", "b", "c"], "scores": [0.5, 0.9, 0.1] });
        let chosen = LocalExecutor::new().execute::<choose>(params)?;
        assert_eq!((&chosen["model"], &chosen["index"]), (&json!("b"), &json!(1)));
        let unequal = json!({ "models": ["a"], "scores": [] });
        assert!(LocalExecutor::new().execute::<choose>(unequal).is_err());
        Ok(())
    }
}
