//! Who may connect, log in, relay. Decides on the configuration snapshot; the services carry out.

pub mod access;
pub mod blacklists;
mod conduct;
mod event;
mod idslog;
mod logins;
mod memory;
mod pop3_logins;
mod watch;

pub use access::{Admission, Lists};
pub use event::Event;
pub use logins::{LoggedIn, Logins};
pub use pop3_logins::{LoggedOn, Pop3Logins};
pub use watch::{Noted, Place, Watch};
