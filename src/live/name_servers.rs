//! What the board says of name servers: the result of the last DNS test, in plain words.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::Board;
use crate::net::dns::{Answer, Asked, NameServer, Probe};

/// A server that takes longer makes mail slow.
const SLOW: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NameServersState {
    /// All servers in use have passed the test, or none is made yet.
    pub ok: bool,
    /// Plain words.
    pub state: String,
    /// Unix milliseconds; `None`: not yet.
    pub tested_at: Option<i64>,
    /// Those in use, in the order they are asked.
    pub servers: Vec<NameServerState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameServerState {
    /// With its port, where that is not 53.
    pub address: String,
    /// The system knows it; it is in no list of ours.
    pub detected: bool,
    /// It can be used.
    pub ok: bool,
    pub state: String,
    /// `None` before it is tested.
    pub existing: Option<LookupState>,
    pub missing: Option<LookupState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookupState {
    pub name: String,
    /// Milliseconds.
    pub took: u64,
    /// `exists`, `does not exist`, or how it failed.
    pub answer: String,
}

#[derive(Debug, Default)]
pub(super) struct Tested {
    at: Option<i64>,
    probes: Vec<Probe>,
}

impl Board {
    /// Notes the result of a test.
    pub fn name_servers_tested(&self, at: i64, probes: Vec<Probe>) {
        self.with_name_servers(|tested| *tested = Tested { at: Some(at), probes });
    }

    /// Whether these, and no others, were tested last.
    pub fn are_tested(&self, current: &[NameServer]) -> bool {
        self.with_name_servers(|tested| {
            tested.at.is_some() && tested.probes.iter().map(|probe| &probe.server).eq(current)
        })
    }

    /// The servers in use, with what the last test has said of them.
    pub fn name_servers(&self, current: &[NameServer]) -> NameServersState {
        self.with_name_servers(|tested| {
            let probe = |server: &NameServer| tested.probes.iter().find(|probe| probe.server == *server);
            let servers: Vec<NameServerState> =
                current.iter().map(|server| NameServerState::of(server, probe(server))).collect();
            let known = servers.iter().filter(|server| server.existing.is_some()).count();
            let good = servers.iter().filter(|server| server.ok).count();
            let (ok, state) = match (servers.len(), known, good) {
                (0, ..) => (false, "there is no name server: no mail server can be found".into()),
                (_, 0, _) => (true, "not tested yet".into()),
                (all, _, good) if all == good => (true, "fine".into()),
                (_, _, 0) => (false, ALL_BAD.into()),
                (all, ..) => (false, format!("{good} of {all} name servers can be relied on")),
            };
            NameServersState { ok, state, tested_at: tested.at, servers }
        })
    }
}

const ALL_BAD: &str = "no name server can be relied on: see whether the line is up, and what the router says";

impl NameServerState {
    fn of(server: &NameServer, probe: Option<&Probe>) -> NameServerState {
        let (ok, state) = probe.map_or((true, "not tested yet".into()), verdict);
        NameServerState {
            address: shown(server.address),
            detected: server.detected,
            ok,
            state,
            existing: probe.map(|probe| LookupState::of(&probe.existing)),
            missing: probe.map(|probe| LookupState::of(&probe.missing)),
        }
    }
}

impl LookupState {
    fn of(asked: &Asked) -> LookupState {
        let answer = match &asked.answer {
            Answer::Exists => "exists",
            Answer::DoesNotExist => "does not exist",
            Answer::Failed(how) => how,
        };
        let took = u64::try_from(asked.took.as_millis()).unwrap_or(u64::MAX);
        LookupState { name: asked.name.clone(), took, answer: answer.to_string() }
    }
}

/// Whether the server is of use, and why not.
fn verdict(probe: &Probe) -> (bool, String) {
    let Probe { existing, missing, .. } = probe;
    let slowest = existing.took.max(missing.took);
    match (&existing.answer, &missing.answer) {
        (Answer::Failed(how), Answer::Failed(_)) => (false, how.clone()),
        (Answer::Failed(how), _) => (false, format!("{how}, asked for {}", existing.name)),
        (Answer::DoesNotExist, _) => {
            (false, format!("says that {} does not exist: it does not know the Internet", existing.name))
        }
        (Answer::Exists, Answer::Exists) => (false, LYING.into()),
        // Many a server takes its time over names that do not exist; what it costs is a mail to a wrong address.
        (Answer::Exists, Answer::Failed(how)) => (true, format!("works, but {how} for a name that does not exist")),
        (Answer::Exists, Answer::DoesNotExist) if slowest > SLOW => {
            (true, format!("works, but slowly ({} ms)", slowest.as_millis()))
        }
        (Answer::Exists, Answer::DoesNotExist) => (true, format!("fine ({} ms)", slowest.as_millis())),
    }
}

const LYING: &str = "says of names that do not exist that they do: blacklists would seem to list everybody, and mail to \
                     mistyped domains would not come back; use another one";

fn shown(address: SocketAddr) -> String {
    if address.port() == 53 { address.ip().to_string() } else { address.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(last: u8) -> NameServer {
        NameServer { address: ([192, 0, 2, last], 53).into(), detected: last > 1 }
    }

    fn probe(last: u8, existing: Answer, missing: Answer, ms: u64) -> Probe {
        let asked = |name: &str, answer| Asked { name: name.into(), took: Duration::from_millis(ms), answer };
        Probe { server: server(last), existing: asked("a.example", existing), missing: asked("x.example", missing) }
    }

    #[test]
    fn a_server_is_judged_by_both_answers() {
        use Answer::{DoesNotExist, Exists};
        let failed = |how: &str| Answer::Failed(how.into());
        for (existing, missing, ms, ok, words) in [
            (Exists, DoesNotExist, 12, true, "fine (12 ms)"),
            (Exists, DoesNotExist, 1800, true, "works, but slowly (1800 ms)"),
            (Exists, Exists, 12, false, LYING),
            (Exists, failed("failed"), 12, true, "works, but failed for a name that does not exist"),
            (DoesNotExist, DoesNotExist, 5, false, "says that a.example does not exist: it does not know the Internet"),
            (failed("does not answer"), failed("does not answer"), 4000, false, "does not answer"),
            (failed("failed"), DoesNotExist, 9, false, "failed, asked for a.example"),
        ] {
            assert_eq!(verdict(&probe(1, existing, missing, ms)), (ok, words.to_string()));
        }
    }

    #[test]
    fn the_state_is_of_the_servers_in_use() {
        let board = Board::default();
        let state = board.name_servers(&[server(1)]);
        assert_eq!((state.ok, state.state.as_str(), state.tested_at), (true, "not tested yet", None));
        assert!(!board.name_servers(&[]).ok);
        let good = |last| probe(last, Answer::Exists, Answer::DoesNotExist, 5);
        let bad = |last| {
            probe(last, Answer::Failed("does not answer".into()), Answer::Failed("does not answer".into()), 4000)
        };
        board.name_servers_tested(7, vec![good(1), bad(2)]);
        assert!(board.are_tested(&[server(1), server(2)]) && !board.are_tested(&[server(1)]));
        let state = board.name_servers(&[server(1), server(2)]);
        assert_eq!((state.ok, state.state.as_str()), (false, "1 of 2 name servers can be relied on"));
        assert_eq!(state.servers[0].address, "192.0.2.1");
        assert_eq!((state.servers[0].detected, state.servers[1].detected), (false, true));
        assert_eq!(state.servers[1].missing.as_ref().map(|lookup| lookup.answer.as_str()), Some("does not answer"));
        assert_eq!(board.name_servers(&[server(1)]).state, "fine");
        assert_eq!(board.name_servers(&[server(2)]).state, ALL_BAD);
        assert_eq!(board.name_servers(&[server(9)]).state, "not tested yet");
    }
}
