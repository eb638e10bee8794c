//! How an action's object is made when its type says nothing of it.

use crate::context::Context;
use crate::errors::Result;

/// Offers `setup` to types with a `Default`. A type's own `setup` goes before
/// it, because an associated function of the type goes before a trait's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made: it has no `setup` and no `Default`",
    label = "how is this made?",
    note = "derive `Default`, or write `impl {Self} {{ fn setup(ctx: &Context) -> Result<Self> {{ … }} }}`"
)]
pub trait DefaultSetup: Sized {
    /// The default value.
    ///
    /// # Errors
    /// None.
    fn setup(_ctx: &Context) -> Result<Self>;
}

impl<T: Default> DefaultSetup for T {
    fn setup(_ctx: &Context) -> Result<Self> {
        Ok(Self::default())
    }
}
