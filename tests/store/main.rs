//! The store from outside: what is committed is there, after any crash, exactly once.

mod common;
mod faults;
mod flow;
mod kill;
mod limits;
mod model;
mod property;
