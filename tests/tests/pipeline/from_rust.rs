//! Pipelines run by a program of one's own.

use serde_json::{Map, json};
use synapse_host::home::Home;
use synapse_host::pipeline::{Changed, News, NodeStatus, RunOptions, Watcher, load, resume, start};
use synapse_host::plugin_ref::Resolver;
use synapse_host::record::Status;
use synapse_sdk::ErrorKind;
use synapse_sdk::errors::Result;

use super::Case;

/// Notes what begins, and stops the run once a node of this name does.
#[derive(Default)]
struct Notes {
    started: Vec<usize>,
    ended: Vec<(usize, NodeStatus)>,
    stop_at: Option<usize>,
}

impl Watcher for Notes {
    fn news(&mut self, news: Vec<News>) {
        for one in news {
            match one {
                News::Started { task, .. } => self.started.push(task.0),
                News::Ended { node, status, .. } => self.ended.push((node, status)),
                _ => {}
            }
        }
    }

    fn stop(&self) -> usize {
        usize::from(self.stop_at.is_some_and(|node| self.started.contains(&node)))
    }
}

#[test]
fn a_run_that_failed_is_gone_on_with_in_the_same_program() -> Result<()> {
    let case = Case::logging(
        "inputs: {start: 1}
nodes:
  a: {plugin: PIPED, action: mark, params: {file: LOG, name: a, start: '${inputs.start}'}}
  b: {plugin: PIPED, action: mark, params: {file: LOG, name: b, start: 0, add: ['${a.value}'], failures: 1}}
output: ${b.value}
",
    );
    let (home, mut resolver) = (Home::at(case.synapse.home()), Resolver::default());
    let options = RunOptions { jobs: 2, ..RunOptions::default() };
    let plan = load(&case.file(), &mut resolver, true)?;
    let wrong = start(plan, &Map::from_iter([("start".into(), json!("x"))]), &home, &options, &mut ());
    assert_eq!(wrong.map(|report| report.status).map_err(|error| error.kind()), Err(ErrorKind::Validation));

    let (plan, mut notes) = (load(&case.file(), &mut resolver, true)?, Notes::default());
    let inputs = Map::from_iter([("start".to_owned(), json!(7))]);
    let failed = start(plan, &inputs, &home, &options, &mut notes)?;
    assert_eq!((failed.status, &failed.output), (Status::Failed, &json!(null)));
    assert_eq!(
        failed.error.map(|error| error.to_string()),
        Some("node `b` failed: b is not ready".to_owned())
    );
    assert_eq!(notes.ended, [(0, NodeStatus::Succeeded), (1, NodeStatus::Failed)]);

    let resumed = resume(&home, &failed.id, &mut resolver, Changed::Refuse, None, &mut ())?;
    assert_eq!((resumed.status, resumed.output), (Status::Succeeded, json!(7)));
    assert_eq!(resumed.nodes[0].status, NodeStatus::Kept);
    assert_eq!(case.log(), ["a 1", "b 1", "b 2"]);
    Ok(())
}

#[test]
fn a_program_may_stop_a_run_and_go_on_with_it_later() -> Result<()> {
    let case = Case::logging(
        "nodes:
  a: {plugin: PIPED, action: mark, params: {file: LOG, name: a, sleep: 60000}}
  b: {plugin: PIPED, action: mark, needs: a, params: {file: LOG, name: b}}
",
    );
    let (home, mut resolver) = (Home::at(case.synapse.home()), Resolver::default());
    let options = RunOptions::default();
    let plan = load(&case.file(), &mut resolver, true)?;
    let mut notes = Notes { stop_at: Some(0), ..Notes::default() };
    let stopped = start(plan, &Map::new(), &home, &options, &mut notes)?;
    assert_eq!(stopped.status, Status::Cancelled);
    assert_eq!(stopped.nodes[1].status, NodeStatus::NotRun);
    let missing = resume(&home, "1999", &mut resolver, Changed::Refuse, Some(&options), &mut ());
    assert_eq!(missing.map(|report| report.status).map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    let mut again = Notes { stop_at: Some(0), ..Notes::default() };
    resume(&home, &stopped.id, &mut resolver, Changed::Refuse, Some(&options), &mut again)?;
    assert_eq!(case.log(), ["a 1", "a 2"]);
    Ok(())
}
