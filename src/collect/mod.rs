//! POP3 collectors.
