//! The server side of an SMTP session.
