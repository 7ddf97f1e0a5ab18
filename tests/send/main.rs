//! The way out, end to end: intake, queue, sender and notifications, all real, towards smarthosts that misbehave.

#[path = "../peers/dns.rs"]
mod dns;
#[path = "../peers/smarthost.rs"]
mod smarthost;

mod direct;
mod drops;
mod failures;
mod flow;
mod lan;
mod limits;
mod notifications;
mod office;
mod queue;
mod relay;
mod scripts;
mod senders;
mod tls;
mod world;
