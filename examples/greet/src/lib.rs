//! The smallest plugin: three actions in the three forms there are.
#![forbid(unsafe_code)]

use std::sync::Mutex;

use synapse_sdk::prelude::*;

/// Who to greet, and how.
#[params]
pub struct GreetParams {
    /// Name to greet
    #[param(length(min = 1))]
    name: String,
    /// Whether to be formal
    #[param(default = false)]
    formal: bool,
}

/// What was said.
#[result]
pub struct Greeting {
    message: String,
}

/// Greets someone.
#[action(category = Custom, example = { "name": "Ada" } => { "message": "Hello Ada!" })]
pub fn greet(params: GreetParams, ctx: &Context) -> Result<Greeting> {
    let message = greeting(&params.name, params.formal, ctx);
    ctx.log_message(&message, "info");
    Ok(Greeting { message })
}

/// Who to greet together.
#[params]
pub struct GreetAllParams {
    /// Names to greet, in order
    #[param(items(min = 1, max = 1000))]
    names: Vec<String>,
}

/// Greets several people, each in a future of their own.
#[action]
pub async fn greet_all(params: GreetAllParams, ctx: &Context) -> Result<Vec<Greeting>> {
    let total = params.names.len();
    let mut greetings = Vec::with_capacity(total);
    for (index, name) in params.names.iter().enumerate() {
        let message = async { greeting(name, false, ctx) }.await;
        greetings.push(Greeting { message });
        ctx.set_progress(index + 1, total, None)?;
    }
    Ok(greetings)
}

/// Remembers whom it has met, as long as its worker lives.
#[derive(Action)]
#[action(name = "roster", exclusive)]
pub struct Roster {
    title: String,
    met: Mutex<Vec<String>>,
}

impl Roster {
    fn setup(ctx: &Context) -> Result<Self> {
        let title = ctx.env().get("ROSTER_TITLE").unwrap_or("Guests").to_owned();
        Ok(Self { title, met: Mutex::default() })
    }
}

/// Everyone met so far.
#[result]
pub struct RosterResult {
    title: String,
    met: Vec<String>,
}

impl Action for Roster {
    type Params = GreetParams;
    type Output = RosterResult;

    fn execute(&self, params: GreetParams, _ctx: &Context) -> Result<RosterResult> {
        let mut met = self.met.lock().map_err(|_| ExecutionError::new("an earlier call panicked"))?;
        met.push(params.name);
        Ok(RosterResult { title: self.title.clone(), met: met.clone() })
    }
}

fn greeting(name: &str, formal: bool, ctx: &Context) -> String {
    let hello = ctx.env().get("GREETING").unwrap_or("Hello");
    let prefix = if formal { "Dear" } else { hello };
    format!("{prefix} {name}!")
}

synapse_sdk::export_plugin!(greet, greet_all, Roster);
