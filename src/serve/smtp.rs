//! The SMTP service.
