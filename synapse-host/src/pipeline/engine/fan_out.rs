//! A node that runs once for each element of a list.

use std::sync::Arc;

use serde_json::Value;
use synapse_sdk::errors::Result;

use super::{Engine, FanOut, News, State, Task, status_of};
use crate::pipeline::report::NodeStatus;

impl Engine {
    pub(super) fn open_fan_out(&self, state: &mut State, index: usize, list: Vec<Value>) -> bool {
        let kept = (0..list.len())
            .map(|item| self.earlier.results.get(&(index, Some(item))).map(|kept| kept.0.clone()));
        let results: Vec<Option<Value>> = kept.collect();
        let left = results.iter().filter(|result| result.is_none()).count();
        state.news.push(News::Items { node: index, count: list.len() });
        for item in (0..list.len()).filter(|item| results[*item].is_some()) {
            state.news.push(News::Item { task: (index, Some(item)), failed: false });
        }
        if left == 0 {
            let all = results.into_iter().flatten().collect();
            // An empty list was not finished before: there is nothing to it.
            let status = if list.is_empty() { NodeStatus::Succeeded } else { NodeStatus::Kept };
            let attempts = (0..list.len()).map(|item| self.earlier.attempts.get(&(index, Some(item))));
            state.nodes[index].attempts = attempts.flatten().copied().max().unwrap_or(1);
            self.end_node(state, index, status, Some(Value::Array(all)), None);
            return false;
        }
        let limit = self.node(index).concurrency.unwrap_or(usize::MAX);
        let list = Arc::new(list);
        state.nodes[index].fan_out =
            Some(FanOut { list, results, next: 0, running: 0, left, failed: None, limit });
        true
    }

    pub(super) fn next_of(state: &mut State, index: usize) -> Option<Task> {
        let Some(fan_out) = &mut state.nodes[index].fan_out else { return Some((index, None)) };
        while fan_out.results.get(fan_out.next).is_some_and(Option::is_some) {
            fan_out.next += 1;
        }
        if fan_out.next >= fan_out.list.len() || fan_out.running >= fan_out.limit {
            return None;
        }
        let item = fan_out.next;
        fan_out.next += 1;
        fan_out.running += 1;
        if fan_out.next < fan_out.list.len() && fan_out.running < fan_out.limit {
            state.ready.push_front(index);
        }
        Some((index, Some(item)))
    }

    pub(super) fn end_item(&self, state: &mut State, index: usize, item: usize, result: Result<Value>) {
        state.news.push(News::Item { task: (index, Some(item)), failed: result.is_err() });
        let Some(fan_out) = &mut state.nodes[index].fan_out else { return };
        fan_out.running -= 1;
        match result {
            Ok(value) => {
                fan_out.results[item] = Some(value);
                fan_out.left -= 1;
            }
            Err(error) => drop(fan_out.failed.get_or_insert(error.context(format!("element {item}")))),
        }
        if fan_out.failed.is_some() {
            // No further elements; the node ends with those that run.
            fan_out.next = fan_out.list.len();
            state.ready.retain(|ready| *ready != index);
            if fan_out_is_over(state, index)
                && let Some(error) =
                    state.nodes[index].fan_out.as_mut().and_then(|fan_out| fan_out.failed.take())
            {
                self.end_node(state, index, status_of(&error), None, Some(error));
            }
            return;
        }
        if fan_out.left == 0 {
            let all = std::mem::take(&mut fan_out.results).into_iter().flatten().collect();
            self.end_node(state, index, NodeStatus::Succeeded, Some(Value::Array(all)), None);
        } else if fan_out.next < fan_out.list.len() && !state.ready.contains(&index) && !self.stopping() {
            state.ready.push_front(index);
            self.ready.notify_one();
        }
    }
}

fn fan_out_is_over(state: &State, index: usize) -> bool {
    state.nodes[index].fan_out.as_ref().is_some_and(|fan_out| fan_out.running == 0)
}
