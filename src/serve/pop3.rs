//! The POP3 service.
