/// Counts its calls.
#[derive(Action)]
#[action(params = ())]
pub struct CountAction {
    calls: AtomicU32,
}
