#[action]
fn greet(params: GreetParams, ctx: &Context) -> Result<Greeting> {
    ctx.log_message("greeting", "info");
    Ok(Greeting { message: params.name })
}
