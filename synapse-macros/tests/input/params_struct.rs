/// Who to greet, and how.
#[params]
pub struct GreetParams {
    /// Name to greet
    #[param(length(min = 1))]
    name: String,
    #[param(default = 1, ge = 1, le = 9)]
    times: u8,
}
