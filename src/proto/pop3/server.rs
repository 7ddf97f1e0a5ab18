//! The server side of a POP3 session.
