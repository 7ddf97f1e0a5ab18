//! The SMTP service over real sockets, on a real store: what the dialog scripts cannot say.

mod keeping;
mod limits;
mod office;
