//! The SMTP service over real sockets, on a real store: what the dialog scripts cannot say.

mod access;
mod addresses;
mod blacklists;
mod intruders;
mod keeping;
mod limits;
mod office;
mod people;
mod rules;
mod scripts;
