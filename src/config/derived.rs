//! A value worked out from the settings beside it, once, at first use: lookup tables, parsed networks.
//!
//! A copy starts empty, since what was copied may be changed before it is used. So whoever changes settings works on a
//! fresh copy, never on one that was read from through its derived values. It is no setting: it is not stored, takes no
//! part in comparisons and prints as nothing.

use std::fmt;
use std::sync::OnceLock;

pub struct Derived<T>(OnceLock<T>);

impl<T> Derived<T> {
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(make)
    }
}

impl<T> Default for Derived<T> {
    fn default() -> Derived<T> {
        Derived(OnceLock::new())
    }
}

impl<T> Clone for Derived<T> {
    fn clone(&self) -> Derived<T> {
        Derived::default()
    }
}

impl<T> PartialEq for Derived<T> {
    fn eq(&self, _other: &Derived<T>) -> bool {
        true
    }
}

impl<T> fmt::Debug for Derived<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}
