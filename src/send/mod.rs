//! The queue runner and the senders.
