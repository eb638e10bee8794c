//! Joins requests that come together into one call of an action that takes a list, and parts what it gives.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::manifest::ActionSpec;
use synapse_sdk::schema::{Schema, pattern};
use synapse_sdk::{ErrorKind, PluginError};

use super::{Endpoint, Line, Reply};

/// What somebody who deploys says of joining requests.
#[derive(Clone, Debug)]
pub(crate) struct BatchOptions {
    /// Items of one call at most.
    pub(crate) most: usize,
    /// How long the first of them waits for others.
    pub(crate) wait: Duration,
    /// The list that is joined, and that which is parted, where the schemas leave a choice: `rows=predictions`.
    pub(crate) over: Option<String>,
}

/// How requests are joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::run) struct Batching {
    most: usize,
    wait: Duration,
    /// The param that is a list.
    items: String,
    /// The part of the result that has one entry for each of them; `None` when the result itself is the list.
    results: Option<String>,
}

impl Batching {
    /// How requests for an action can be joined.
    ///
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) when it takes or gives no list, or several.
    pub(in crate::run) fn of(action: &ActionSpec, wanted: &BatchOptions) -> Result<Self> {
        let said = wanted.over.as_deref().map(|text| text.split_once('=').unwrap_or((text, "")));
        let (items, results) = said.unwrap_or_default();
        let taken = lists(&action.params);
        let items = match items {
            "" => only(&taken, &action.name, "takes")?,
            name if taken.contains(&name) => name,
            name => {
                return Err(refused(format!("`{name}` is no list among the params of `{}`", action.name)));
            }
        };
        let results = match results {
            "" if is_list(&action.result) => None,
            "" => Some(only(&lists(&action.result), &action.name, "gives")?),
            // What an untyped result has, its schema does not tell.
            name => Some(name),
        };
        let most_items = action.params["properties"][items]["maxItems"].as_u64();
        if let Some(fewer) = most_items.filter(|fewer| *fewer < wanted.most as u64) {
            return Err(refused(format!(
                "`{items}` takes {fewer} items at most, --max-batch is {}",
                wanted.most
            )));
        }
        Ok(Self {
            most: wanted.most,
            wait: wanted.wait,
            items: items.to_owned(),
            results: results.map(str::to_owned),
        })
    }

    /// A request's own items, and its other params.
    fn taken_apart(&self, params: &str) -> Option<(Vec<Value>, Map<String, Value>)> {
        let mut params: Map<String, Value> = serde_json::from_str(params).ok()?;
        match params.get_mut(&self.items)?.take() {
            Value::Array(items) if !items.is_empty() => Some((items, params)),
            _ => None,
        }
    }

    /// A result in parts, of which each has as many entries as a request had items, and all else that the result has.
    ///
    /// # Errors
    /// [`Execution`](ErrorKind::Execution) when it has not one entry for each item.
    fn parted(&self, result: &str, counts: &[usize]) -> Result<Vec<Value>> {
        let mut whole: Value = serde_json::from_str(result).context("the result")?;
        let list = match &self.results {
            None => Some(&mut whole),
            Some(name) => whole.get_mut(name),
        };
        let entries = match list.map(Value::take) {
            Some(Value::Array(entries)) => entries,
            _ => Vec::new(),
        };
        let wanted: usize = counts.iter().sum();
        if entries.len() != wanted {
            let message =
                format!("the action gave {} results for {wanted} items of joined requests", entries.len());
            return Err(PluginError::new(ErrorKind::Execution, message)
                .hint("give one result for each item, or deploy it without --max-batch"));
        }
        let mut entries = entries.into_iter();
        let part = |count: &usize| {
            let own = Value::Array(entries.by_ref().take(*count).collect());
            match &self.results {
                None => own,
                Some(name) => {
                    let mut part = whole.clone();
                    part[name.as_str()] = own;
                    part
                }
            }
        };
        Ok(counts.iter().map(part).collect())
    }
}

fn refused(message: String) -> PluginError {
    PluginError::new(ErrorKind::Usage, message)
        .hint("--batch-over rows=predictions names the list of the params and that of the result")
}

/// The properties of a schema that are lists.
fn lists(schema: &Value) -> Vec<&str> {
    let properties = schema["properties"].as_object();
    properties
        .into_iter()
        .flatten()
        .filter(|(_, kind)| is_list(kind))
        .map(|(name, _)| name.as_str())
        .collect()
}

fn is_list(schema: &Value) -> bool {
    match &schema["type"] {
        Value::Array(types) => types.iter().any(|kind| kind == "array"),
        kind => kind == "array",
    }
}

fn only<'a>(lists: &[&'a str], action: &str, does: &str) -> Result<&'a str> {
    match lists {
        [one] => Ok(one),
        [] => Err(refused(format!("`{action}` {does} no list, so its requests cannot be joined"))),
        _ => Err(refused(format!("`{action}` {does} several lists: {}", lists.join(", ")))),
    }
}

/// Where requests wait for others.
pub(super) struct Joining {
    batching: Batching,
    schema: Schema,
    waiting: Sender<Asked>,
}

/// A request that waits.
pub(super) struct Asked {
    line: Arc<Line>,
    id: u64,
    body: String,
    items: Vec<Value>,
    /// Its other params: those of requests that are joined are equal.
    rest: Map<String, Value>,
}

impl Joining {
    /// # Errors
    /// As [`Schema::compile`].
    pub(super) fn new(batching: Batching, params: &Value) -> Result<(Self, Receiver<Asked>)> {
        pattern::enable();
        let schema = Schema::compile(params)?;
        let (waiting, asked) = channel();
        Ok((Self { batching, schema, waiting }, asked))
    }

    /// Whether a request waits for others now. One that may break its rules, or has nothing to join, is
    /// answered by itself.
    pub(super) fn takes(&self, line: &Arc<Line>, id: u64, body: &str) -> bool {
        if !self.schema.accepts(body.as_bytes()) {
            return false;
        }
        let Some((items, rest)) = self.batching.taken_apart(body) else { return false };
        let asked = Asked { line: Arc::clone(line), id, body: body.to_owned(), items, rest };
        self.waiting.send(asked).is_ok()
    }
}

/// Joins what waits, for as long as the endpoint answers.
pub(super) fn join(endpoint: &Arc<Endpoint>, joining: &Joining, asked: &Receiver<Asked>) {
    let Batching { most, wait, .. } = joining.batching;
    while let Ok(first) = asked.recv() {
        let until = Instant::now() + wait;
        let mut count = first.items.len();
        let mut together = vec![first];
        while count < most
            && let Ok(next) = asked.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            count += next.items.len();
            together.push(next);
        }
        for batch in batches(together, most) {
            if let [one] = &batch[..] {
                alone(endpoint, one);
                continue;
            }
            let (endpoint, batching) = (Arc::clone(endpoint), joining.batching.clone());
            let threads = endpoint.threads.clone();
            threads.spawn_blocking(move || answer(&endpoint, &batching, &batch));
        }
    }
}

/// Those whose other params are equal, as many together as one call may have.
fn batches(together: Vec<Asked>, most: usize) -> Vec<Vec<Asked>> {
    let mut batches: Vec<Vec<Asked>> = Vec::new();
    let mut left = VecDeque::from(together);
    while let Some(first) = left.pop_front() {
        let mut count = first.items.len();
        let mut batch = vec![first];
        let mut others = VecDeque::new();
        for asked in left {
            match asked.rest == batch[0].rest && count + asked.items.len() <= most {
                true => {
                    count += asked.items.len();
                    batch.push(asked);
                }
                false => others.push_back(asked),
            }
        }
        left = others;
        batches.push(batch);
    }
    batches
}

/// Answers one with a call of its own.
fn alone(endpoint: &Endpoint, asked: &Asked) {
    endpoint.start(&asked.line, asked.id, &asked.body, false);
}

/// Answers requests with one call. When that fails they are asked again one by one, so that it costs only
/// those whose fault it is.
fn answer(endpoint: &Arc<Endpoint>, batching: &Batching, batch: &[Asked]) {
    let mut params = batch[0].rest.clone();
    let items = batch.iter().flat_map(|asked| asked.items.iter().cloned()).collect();
    params.insert(batching.items.clone(), Value::Array(items));
    let params = Value::Object(params).to_string();
    let result = match endpoint.call(&params) {
        Ok(result) => {
            let counts: Vec<usize> = batch.iter().map(|asked| asked.items.len()).collect();
            batching.parted(&result, &counts)
        }
        // It would take as long again, or nobody waits any more.
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Cancelled) => Err(error),
        // Whoever crashes it again shall take nobody along.
        Err(error) if error.kind() == ErrorKind::WorkerCrashed => {
            return batch
                .iter()
                .for_each(|asked| asked.line.reply(asked.id, &Reply::of(endpoint.call(&asked.body))));
        }
        Err(_) => {
            return batch.iter().for_each(|asked| alone(endpoint, asked));
        }
    };
    match result {
        Ok(parts) => {
            for (asked, part) in batch.iter().zip(parts) {
                asked.line.reply(asked.id, &Reply::json(200, &part.to_string()));
            }
        }
        Err(error) => batch.iter().for_each(|asked| asked.line.reply(asked.id, &Reply::error(&error))),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn action(params: Value, result: Value) -> ActionSpec {
        let spec = json!({ "name": "predict", "item": "predict", "module": "p", "params": params, "result": result });
        serde_json::from_value(spec).unwrap()
    }

    fn of(params: Value, result: Value, over: &str) -> Result<(String, Option<String>), String> {
        let over = Some(over.to_owned()).filter(|over| !over.is_empty());
        let wanted = BatchOptions { most: 8, wait: Duration::ZERO, over };
        match Batching::of(&action(params, result), &wanted) {
            Ok(batching) => Ok((batching.items, batching.results)),
            Err(error) => Err(error.message().to_owned()),
        }
    }

    #[test]
    fn the_schemas_tell_which_lists_are_joined_and_parted() {
        let list = json!({ "type": "array" });
        let one = json!({ "properties": { "rows": list, "model": { "type": "string" } } });
        let two = json!({ "properties": { "rows": list, "tags": { "type": ["array", "null"] } } });
        let few = json!({ "properties": { "rows": { "type": "array", "maxItems": 4 } } });
        let none = json!({ "properties": {} });
        let (rows, untyped) = ("rows".to_owned(), json!(true));
        assert_eq!(of(one.clone(), list.clone(), ""), Ok((rows.clone(), None)));
        assert_eq!(of(one.clone(), one.clone(), ""), Ok((rows.clone(), Some(rows.clone()))));
        assert_eq!(of(two.clone(), two.clone(), "rows=tags"), Ok((rows.clone(), Some("tags".to_owned()))));
        assert_eq!(of(one.clone(), untyped.clone(), "rows=out"), Ok((rows, Some("out".to_owned()))));
        assert_eq!(of(two, list.clone(), "").unwrap_err(), "`predict` takes several lists: rows, tags");
        let refused = of(one.clone(), untyped, "").unwrap_err();
        assert_eq!(refused, "`predict` gives no list, so its requests cannot be joined");
        assert!(of(none, list.clone(), "").unwrap_err().contains("takes no list"));
        assert!(of(one, list.clone(), "model").unwrap_err().contains("`model` is no list"));
        assert_eq!(of(few, list, "").unwrap_err(), "`rows` takes 4 items at most, --max-batch is 8");
    }

    fn batching(results: Option<&str>) -> Batching {
        let results = results.map(str::to_owned);
        Batching { most: 8, wait: Duration::ZERO, items: "rows".to_owned(), results }
    }

    #[test]
    fn each_gets_its_own_part_of_a_result() {
        let parts = batching(None).parted("[1, 2, 3]", &[1, 2]).unwrap();
        assert_eq!(parts, [json!([1]), json!([2, 3])]);
        let parts = batching(Some("out")).parted(r#"{"model": "m", "out": [1, 2, 3]}"#, &[2, 1]).unwrap();
        let texts: Vec<_> = parts.iter().map(Value::to_string).collect();
        assert_eq!(texts, [r#"{"model":"m","out":[1,2]}"#, r#"{"model":"m","out":[3]}"#]);
        for wrong in ["[1]", "{}", "7", r#"{"out": [1]}"#] {
            assert!(batching(Some("out")).parted(wrong, &[1, 1]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_requests_that_are_alike_are_joined_and_no_more_than_may_be() {
        let line = Arc::new(Line::nowhere());
        let asked = |id: u64, params: &str| {
            let (items, rest) = batching(None).taken_apart(params).unwrap();
            Asked { line: Arc::clone(&line), id, body: params.to_owned(), items, rest }
        };
        let rows = |id: u64, count: usize| asked(id, &json!({ "rows": vec![0; count] }).to_string());
        let other = asked(9, r#"{"rows": [1], "model": "m"}"#);
        let all = vec![rows(1, 3), other, rows(2, 5), rows(3, 1), rows(4, 20), rows(5, 1)];
        let ids = |batch: &Vec<Asked>| batch.iter().map(|asked| asked.id).collect::<Vec<_>>();
        let joined: Vec<_> = batches(all, 8).iter().map(ids).collect();
        assert_eq!(joined, [vec![1, 2], vec![9], vec![3, 5], vec![4]]);
        for alone in ["", "[]", "{}", r#"{"rows": 1}"#, r#"{"rows": []}"#] {
            assert!(batching(None).taken_apart(alone).is_none(), "{alone}");
        }
    }
}
