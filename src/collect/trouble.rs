//! What can end a collector's session, and how the administrator reads it.

use crate::intake::Refusal;
use crate::proto::pop3::client::Failure;
use crate::store::StoreError;

#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The settings name no server.
    #[error("no server is set")]
    NoHost,
    /// Neither the target nor a main administrator exists.
    #[error("nobody is set who gets the mail")]
    NoTarget,
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("{0}")]
    Pop3(#[from] Failure),
    /// The connection ended in the middle.
    #[error("connection lost: {0}")]
    Lost(String),
    /// No byte within the time a reply may take.
    #[error("no reply")]
    Silent,
    /// Bytes trickle, but nothing gets done.
    #[error("no progress")]
    Stuck,
    /// The box has no room for more.
    #[error("no room")]
    NoRoom,
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// A provider that is to send by SMTP, and what it said or did.
    #[error("{0}")]
    Turn(String),
    /// Intake failed again and again; the reasons are in the log.
    #[error("intake: {0}")]
    Intake(Refusal),
}

impl Trouble {
    /// The session broke while it was working: a new one may go on where it stopped.
    pub fn is_drop(&self) -> bool {
        matches!(
            self,
            Trouble::Lost(_) | Trouble::Silent | Trouble::Pop3(Failure::Unexpected(_) | Failure::LineTooLong)
        )
    }

    /// For the status page: what is wrong, what it means, what to do.
    pub fn words(&self, host: &str, user: &str) -> String {
        match self {
            Trouble::NoHost => {
                "No POP3 server is set: enter the provider's server in the settings of this collector.".into()
            }
            Trouble::NoTarget => {
                "Nobody is set who gets this mail: choose a user in the settings of this collector, or \
                 a main administrator. Until then mail waits at the provider."
                    .into()
            }
            Trouble::Unreachable(reason) => {
                format!("{host} does not answer ({reason}). Mail waits there, the next try follows.")
            }
            Trouble::Tls(reason) => {
                format!("No encrypted connection with {host}: {reason}. Mail waits there and nothing is lost.")
            }
            Trouble::Pop3(failure) => failure_words(failure, host, user),
            Trouble::Lost(reason) => {
                format!("The connection to {host} broke off ({reason}). The next try goes on where it stopped.")
            }
            Trouble::Silent => format!("{host} stopped answering. The next try goes on where it stopped."),
            Trouble::Stuck => {
                format!("{host} sends so slowly that nothing gets done. The next try goes on where it stopped.")
            }
            Trouble::NoRoom => {
                "This box has no room for more mail. Mail waits at the provider until space is made.".into()
            }
            Trouble::Store(error) => format!("Mail could not be stored: {error}. It waits at the provider."),
            Trouble::Turn(said) => format!("{said} Mail waits at the provider, the next try follows."),
            Trouble::Intake(_) => {
                "Mail could not be taken in, the log has the reason. It waits at the provider.".into()
            }
        }
    }
}

fn failure_words(failure: &Failure, host: &str, user: &str) -> String {
    match failure {
        Failure::Login { text, code } if code.is_temporary() => {
            format!("Your provider does not let {user} in at the moment: {text}. The next try follows.")
        }
        Failure::Login { text, .. } => format!(
            "Your provider refused the password for {user}; mail waits there and nothing is lost. It said: {text}"
        ),
        Failure::Refused(text) => format!("{host} takes no connection at the moment: {text}. The next try follows."),
        Failure::NotPop3 => format!("What answers at {host} is no POP3 server: check server and port."),
        Failure::NoStls => {
            format!("{host} offers no encryption by STLS, so no password was sent. Try SSL with port 995 instead.")
        }
        Failure::NotOffered(method) => format!(
            "{host} does not offer a login by {method}, so no password was sent. Choose another method in the settings \
             of this collector."
        ),
        Failure::BadLogin => "User name or password contain a control character: enter them again.".into(),
        Failure::LineTooLong | Failure::EndlessList | Failure::Unexpected(_) => {
            format!(
                "{host} answered something that makes no sense ({failure}). Mail waits there, the next try follows."
            )
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        match refusal {
            Refusal::NoRoom => Trouble::NoRoom,
            other => Trouble::Intake(other),
        }
    }
}
