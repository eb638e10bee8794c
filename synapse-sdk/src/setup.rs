//! How an action's object is made.

use crate::context::Context;
use crate::errors::{PluginError, Result};

/// Offers `setup` to all types. A type's own `setup` goes before it, because an
/// associated function of the type goes before a trait's.
pub trait DefaultSetup: Sized {
    /// The default value.
    ///
    /// # Errors
    /// None.
    fn setup(_ctx: &Context) -> Result<Self>
    where
        Self: Makeable;
}

impl<T> DefaultSetup for T {
    fn setup(_ctx: &Context) -> Result<Self>
    where
        Self: Makeable,
    {
        Ok(Self::made())
    }
}

/// What can be made out of nothing. Asked of the function and not of its type,
/// so that the message here is the one an author sees.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made: it has no `setup` and no `Default`",
    label = "how is this made?",
    note = "derive `Default`, or write `impl {Self} {{ fn setup(ctx: &Context) -> Result<Self> {{ … }} }}`"
)]
pub trait Makeable: Sized {
    /// The default value.
    fn made() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Makeable for T {
    fn made() -> Self {
        T::default()
    }
}

/// What a `setup` may return.
#[diagnostic::on_unimplemented(
    message = "`setup` of `{Made}` returns a `Result<Self>`, not `{Self}`",
    label = "its `setup` returns something else",
    note = "write `fn setup(ctx: &Context) -> Result<Self>`, which is not `async`; \
            another error than the SDK's is a standard error"
)]
pub trait SetupReturn<Made> {
    /// The same with the SDK's error.
    ///
    /// # Errors
    /// The error it held.
    fn into_made(self) -> Result<Made>;
}

#[diagnostic::do_not_recommend]
impl<T, E: Into<PluginError>> SetupReturn<T> for std::result::Result<T, E> {
    fn into_made(self) -> Result<T> {
        self.map_err(Into::into)
    }
}
