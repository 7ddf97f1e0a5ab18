//! Who may connect, log in, relay. Decides on the configuration snapshot; the services carry out.

pub mod access;
mod logins;
mod memory;

pub use access::{Admission, Lists};
pub use logins::{LoggedIn, Logins};
