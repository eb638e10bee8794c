/// How training steps.
#[params]
pub enum Optimiser {
    /// With momentum.
    Adam,
    PlainSgd,
}
