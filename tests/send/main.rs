//! The way out, end to end: intake, queue, sender and notifications, all real, towards smarthosts that misbehave.

#[path = "../peers/smarthost.rs"]
mod smarthost;

mod drops;
mod failures;
mod flow;
mod notifications;
mod office;
mod relay;
mod tls;
