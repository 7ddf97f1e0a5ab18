//! Sockets, TLS identities and policies, DNS resolver, time. Knows nothing of mail.

pub mod dns;
pub mod executor;
pub mod gateways;
pub mod listen;
pub mod stream;
pub mod time;
pub mod tls;

pub use dns::Resolver;
pub use executor::Tasks;
pub use stream::Stream;
pub use time::{PLAUSIBLE, is_plausible, now_ms, timeout};
