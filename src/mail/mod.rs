//! Mail as values: addresses, envelopes, headers; reading and building messages. No I/O, no clock.

pub mod address;
pub mod date;
pub mod dsn;
pub mod envelope;
pub mod header;
pub mod idn;
pub mod modify;

pub use address::{Address, AddressError};
pub use envelope::{BodyType, Envelope, LanServer, Notify, Recipient, Ret};
pub use header::Header;
