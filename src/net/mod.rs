//! Sockets, TLS identities and policies, DNS resolver, time, text files that grow. Knows nothing of mail.

pub mod appender;
pub mod dns;
pub mod executor;
pub mod gateways;
pub mod listen;
pub mod stream;
pub mod time;
pub mod tls;

pub use appender::Appender;
pub use dns::Resolver;
pub use executor::Tasks;
pub use stream::Stream;
pub use time::{PLAUSIBLE, is_plausible, local_now, now_ms, timeout};
