//! The POP3 service over real sockets, on a real store.

mod office;
mod session;
mod tls;
