//! The program from outside: commands, exit statuses, the lines people get to read.

mod access;
mod appliance;
mod config;
mod connections;
mod errors;
mod hooks;
mod mappings;
mod names;
mod program;
mod queue;
mod rules;
mod service;
mod users;
