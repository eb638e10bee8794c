//! How an author tests actions: no host, no cluster.

use ::greet::{Roster, greet, greet_all};
use synapse_sdk::prelude::*;

#[test]
fn greets_in_the_language_of_the_environment() -> Result<()> {
    let executor = LocalExecutor::new().env([("GREETING", "Moin")]);
    let run = executor.execute::<greet>(json!({ "name": "Ada" }))?;
    assert_eq!(run["message"], "Moin Ada!");
    assert_eq!(run.messages(), [(Level::Info, "Moin Ada!")]);
    Ok(())
}

#[test]
fn an_empty_name_is_refused() {
    let error = LocalExecutor::new().execute::<greet>(json!({ "name": "" })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(error.details_json()[0]["pointer"], "/name");
}

#[test]
fn greets_all_and_reports_progress() -> Result<()> {
    let run = LocalExecutor::new().execute::<greet_all>(json!({ "names": ["Ada", "Alan"] }))?;
    assert_eq!(run[1]["message"], "Hello Alan!");
    let overall: Vec<_> = run.progress("").iter().map(|progress| progress.overall).collect();
    assert_eq!(overall, [50.0, 100.0]);
    Ok(())
}

#[test]
fn the_roster_is_set_up_from_the_environment() -> Result<()> {
    let executor = LocalExecutor::new().env([("ROSTER_TITLE", "Pioneers")]);
    let run = executor.execute::<Roster>(json!({ "name": "Grace" }))?;
    assert_eq!(run.value(), &json!({ "title": "Pioneers", "met": ["Grace"] }));
    Ok(())
}
