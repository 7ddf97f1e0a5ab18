//! The client side of an SMTP session.
