//! What the end-to-end tests share: the built command, plugins to run it on,
//! and a way to run it that cannot hang.
//!
//! Each [`Synapse`] has a home folder of its own and an environment without
//! whatever the shell of the tester holds, so that tests can run at once and
//! anywhere.

mod build;
mod bundled;
mod command;
mod created;
pub mod frames;
mod generated;
mod heads;
mod map_case;
mod patched;
mod shape;
mod terminal;
mod tls_front;

pub use build::{aborting_library, example, library, synapse, workspace};
pub use bundled::Bundled;
pub use command::{Ended, Invocation, Running, Synapse, can_mount, goes_away, is_alive};
pub use created::Nursery;
pub use generated::Generated;
pub use heads::{Certificates, Head};
pub use map_case::MapCase;
pub use patched::Patched;
pub use shape::fits;
pub use terminal::{CTRL_C, DOWN, ENTER, Terminal, UP};
pub use tls_front::TlsFront;
