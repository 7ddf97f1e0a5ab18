//! Trying a provider out before its settings are saved: which servers it has, whether it takes the login, whether it
//! takes a mail. Each test is one session with a time limit, and tells what was said, passwords starred.

mod known;
mod pop3;
mod smtp;
mod spoken;

use std::io;
use std::path::Path;
use std::time::Duration;

use smol::io::{AsyncReadExt, AsyncWriteExt};

use crate::config::Config;
use crate::net::dns::{self, Resolver};
use crate::net::tls::ClientTls;
use crate::net::{Stream, timeout};

pub use known::suggest;
pub use pop3::Pop3;
pub use smtp::{Letter, Smtp};
use spoken::Spoken;

/// For a whole test.
const PATIENCE: Duration = Duration::from_secs(60);
/// For the connection to one address, and for each wait.
const STEP: Duration = Duration::from_secs(20);

/// How a test went.
#[derive(Debug)]
pub struct Tried {
    /// What is wrong, what it means, what to do; `None` where all went well.
    pub trouble: Option<String>,
    /// The lines of both sides, `C: ` and `S: ` in front.
    pub said: Vec<String>,
}

/// What a test needs of the box.
pub struct Means<'a> {
    pub resolver: &'a Resolver,
    pub config: &'a Config,
}

impl Means<'_> {
    async fn connect(&self, host: &str, port: u16) -> Result<Stream, String> {
        let host = host.trim();
        if host.is_empty() {
            return Err("No server is given.".into());
        }
        dns::connect(self.resolver, host, port, STEP).await.map_err(|error| {
            format!("{host} does not answer at port {port} ({error}). Check the name of the server and the port, and that the box reaches the Internet.")
        })
    }

    /// `checked`: the certificate must be good for the name.
    async fn encrypt(&self, stream: Stream, host: &str, checked: bool) -> Result<Stream, String> {
        let tls = if checked { self.verified().await? } else { ClientTls::opportunistic() };
        let trouble = |reason: String| {
            format!(
                "No encrypted connection with {host}: {reason}. Check the name of the server, the port, and the encryption."
            )
        };
        match timeout(STEP, stream.connect_tls(&tls, host.trim())).await {
            Ok(stream) => stream.map_err(|error| trouble(error.to_string())),
            Err(late) => Err(trouble(late.to_string())),
        }
    }

    async fn verified(&self) -> Result<ClientTls, String> {
        let file = self.config.tls.ca_file.clone();
        let read = smol::unblock(move || ClientTls::verified((!file.is_empty()).then(|| Path::new(&file))));
        read.await.map_err(|error| format!("The file of further authorities cannot be read: {error}"))
    }
}

/// Sends what there is to send, and waits for an answer.
async fn turn(stream: &mut Stream, output: &[u8], spoken: &mut Spoken) -> io::Result<Vec<u8>> {
    let step = async {
        stream.write_all(output).await?;
        stream.flush().await?;
        spoken.ours(output);
        let mut piece = vec![0; 8 * 1024];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Err(io::Error::other("the server closed it"));
        }
        piece.truncate(count);
        spoken.theirs(&piece);
        Ok(piece)
    };
    timeout(STEP, step).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn broken(host: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => format!("{host} stopped answering. Try again in a minute."),
        _ => format!("The connection to {host} broke off ({error}). Check the port and the encryption, and try again."),
    }
}

/// The whole within its limit.
async fn within(work: impl Future<Output = Tried>) -> Tried {
    let late = || Tried { trouble: Some("The provider takes too long to answer. Try again.".into()), said: Vec::new() };
    timeout(PATIENCE, work).await.unwrap_or_else(|_| late())
}
