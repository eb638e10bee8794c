/// Waits.
#[action(description = "Waits a while")]
#[cfg(feature = "waiting")]
async fn wait(_params: (), ctx: &Context) -> std::io::Result<()> {
    ctx.end_log();
    Ok(())
}
