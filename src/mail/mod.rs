//! Mail as values: addresses, envelopes, headers; reading and building messages. No I/O, no clock.

pub mod address;
pub mod envelope;

pub use address::{Address, AddressError};
pub use envelope::{BodyType, Envelope, Notify, Recipient, Ret};
