//! __NAME__: a Synapse plugin.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use synapse_sdk::prelude::*;

/// What to count, and how much of it to tell.
#[params]
pub struct MainParams {
    /// Text whose words are counted
    #[param(default = "to be or not to be", length(min = 1))]
    text: String,
    /// How many of the most frequent words to give
    #[param(default = 3, ge = 1, le = 100)]
    top: usize,
}

/// What was counted.
#[result]
pub struct MainResult {
    /// Words in the text
    words: usize,
    /// The most frequent words, each with its count
    frequent: Vec<WordCount>,
}

/// How often a word stands in the text.
#[result]
pub struct WordCount {
    word: String,
    count: usize,
}

/// Counts the words of a text. Put your own work in its place.
///
/// `pure` says that a call only computes: `synapse plugin test` may try it with
/// any params. The example is run and compared by it too.
#[action(
    pure,
    example = { "text": "to be or not to be", "top": 1 } => {
        "words": 6,
        "frequent": [{ "word": "be", "count": 2 }]
    },
)]
pub fn main(params: MainParams, ctx: &Context) -> Result<MainResult> {
    let words: Vec<&str> = params.text.split_whitespace().collect();
    let mut counts = BTreeMap::new();
    for (index, word) in words.iter().enumerate() {
        *counts.entry(*word).or_insert(0) += 1;
        // An error once the run is cancelled: `?` then ends the action.
        ctx.set_progress(index + 1, words.len(), "count")?;
    }
    let metrics = json!({ "words": words.len(), "distinct": counts.len() });
    ctx.set_metrics(metrics, "count")?;

    let counted = |(word, count): (&str, usize)| WordCount {
        word: word.to_owned(),
        count,
    };
    let mut frequent: Vec<WordCount> = counts.into_iter().map(counted).collect();
    frequent.sort_by_key(|entry| std::cmp::Reverse(entry.count));
    frequent.truncate(params.top);
    ctx.log_message(format!("{} words counted", words.len()), "success");
    Ok(MainResult {
        words: words.len(),
        frequent,
    })
}

synapse_sdk::export_plugin!(main);
