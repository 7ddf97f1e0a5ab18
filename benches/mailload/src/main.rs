//! `mailload source | sink | provider`: the three neighbours of a mail server, to measure one's own board with.
//!
//! Threads and blocking sockets of the standard library only, one thread a connection: simple enough to be trusted, and
//! far from being the bottleneck.

mod message;
mod options;
mod provider;
mod sink;
mod source;
mod stats;
mod wire;

use std::process::ExitCode;

use options::Options;

const USAGE: &str = "\
usage:
  mailload source --to HOST:PORT [--connections 10] [--messages N] [--seconds 10] [--size SIZES] [--per-connection 10]
                  [--from ADDRESS] [--rcpt ADDRESS]... [--login USER:PASSWORD] [--pipelining]
      sends messages and prints the rate, and how long the server takes from the last dot to its 250
  mailload sink --listen ADDRESS:PORT [--messages N] [--delay-ms 0] [--no-pipelining] [--chunking]
      takes messages, throws them away and prints how many; with --messages, ends after that many
  mailload provider --listen ADDRESS:PORT [--messages 1000] [--size SIZES] [--login bob:pw] [--no-pipelining]
      a mailbox to be collected over POP3; ends and prints the time when the last message is deleted
SIZES are bytes with weights, such as 4096 or 4096:70,51200:27,1048576:3";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let run = match mode.as_str() {
        "source" => source::run,
        "sink" => sink::run,
        "provider" => provider::run,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match Options::read(arguments).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("mailload {mode}: {reason}");
            ExitCode::FAILURE
        }
    }
}
