//! One connection to the relay: takes entries from the pool while its session has room, and tells what became of them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_listener::EventListener;
use smol::future::FutureExt;

use crate::proto::smtp::client::{Content, Event, Failure, Session};
use crate::store::{Body, QueueEntry, RecipientState, StoreError};

use super::Shared;
use super::attempt::{Attempt, Tried, mail, recipients, unsendable};
use super::line::Line;
use super::open::{Open, open};
use super::pool::{PIECE, Seat};
use super::wire::{Until, Wire, Woke};

/// How long a connection with nothing to do is kept for the next mail.
const KEEP: Duration = Duration::from_secs(8);
/// How long transactions under way may take when stopping has begun.
const STOPPING: Duration = Duration::from_secs(10);
/// How long the reply to QUIT is waited for when stopping.
const GOODBYE: Duration = Duration::from_secs(2);
/// The next piece of a large body is read when less than this waits to be written.
const LOW_WATER: usize = PIECE / 2;

/// Opens a session and sends until there is nothing more to send for a while, the line changes, or it breaks.
pub async fn run(shared: Arc<Shared>, line: Arc<Line>, mut seat: Seat) {
    let opened = async { Some(open(&line, &shared.resolver, &shared.stop).await) }
        .or(async {
            shared.stop.stopping().await;
            None
        })
        .await;
    match opened {
        None => {}
        Some(Err(reason)) => shared.failed(&mut seat, &line, &reason),
        Some(Ok(open)) => {
            seat.ready();
            shared.works(&line, &open.host);
            Box::new(Connection::new(shared, line, seat, open)).send().await;
        }
    }
}

struct Connection {
    shared: Arc<Shared>,
    line: Arc<Line>,
    seat: Seat,
    wire: Wire,
    session: Session,
    host: Arc<str>,
    /// In the order of their transactions.
    attempts: VecDeque<Attempt>,
    /// The large body of the last transaction.
    file: Option<File>,
    piece: Vec<u8>,
    /// Transactions begun.
    began: u64,
    /// Set while there is room and nothing to fill it.
    work: Option<EventListener>,
    /// When stopping was noticed.
    stopping: Option<Instant>,
}

impl Connection {
    fn new(shared: Arc<Shared>, line: Arc<Line>, seat: Seat, open: Open) -> Connection {
        let Open { wire, session, host } = open;
        Connection {
            shared,
            line,
            seat,
            wire,
            session,
            host,
            attempts: VecDeque::new(),
            file: None,
            piece: Vec::new(),
            began: 0,
            work: None,
            stopping: None,
        }
    }

    async fn send(mut self: Box<Self>) {
        loop {
            self.fill();
            if self.session.wants_content() && self.session.output().len() < LOW_WATER {
                self.read_piece().await;
            } else {
                self.hand_in().await;
                self.wait().await;
            }
            if let Some(failure) = self.events() {
                return self.end(failure).await;
            }
        }
    }

    // -- giving ---------------------------------------------------------------------------------------------------

    /// No more entries are taken.
    fn is_closing(&self) -> bool {
        self.stopping.is_some() || !self.shared.is_current(&self.line)
    }

    /// Begins transactions while there is room and something to send.
    fn fill(&mut self) {
        while self.session.can_begin() {
            if !self.attempts.back().is_some_and(Attempt::has_more) {
                match self.take() {
                    Some(entry) => self.attempts.push_back(Attempt::new(entry)),
                    None => break,
                }
            }
            self.begin();
        }
        if !self.session.can_begin() {
            self.work = None;
        }
        self.seat.room(self.work.is_some());
    }

    fn take(&mut self) -> Option<Arc<QueueEntry>> {
        if self.is_closing() {
            return None;
        }
        let alone = self.attempts.is_empty();
        self.shared.pool.take(alone).or_else(|| {
            if self.work.is_some() {
                return None;
            }
            self.work = Some(self.shared.pool.on_work());
            // What came between the first look and the listening.
            self.shared.pool.take(alone)
        })
    }

    /// The next transaction of the last attempt.
    fn begin(&mut self) {
        let Some(attempt) = self.attempts.back_mut() else { return };
        let entry = attempt.entry.clone();
        let content = match open_body(&self.shared, &entry) {
            Ok(Body::Inline(bytes)) => Content::Whole(bytes),
            Ok(Body::File { file, .. }) => {
                self.file = Some(file);
                Content::Pieces
            }
            Err(error) => {
                log::error!("mail {}: its body cannot be read: {error}", entry.mail);
                return attempt.fail_rest(RecipientState::Pending, "The box cannot read this mail at the moment");
            }
        };
        let utf8 = needs_utf8(&entry, self.session.capabilities().smtputf8, &content);
        let places = attempt.next_group(self.line.max_recipients());
        if places.is_empty() {
            return;
        }
        let to = recipients(&entry, places);
        match self.session.begin(self.began, &mail(&entry, utf8), to, content) {
            Ok(()) => {
                self.began += 1;
                attempt.begin(places.len());
            }
            Err(why) => attempt.fail_rest(RecipientState::Failed, &unsendable(&self.host, why)),
        }
    }

    /// Feeds the next piece of a large body.
    async fn read_piece(&mut self) {
        let Some(mut file) = self.file.take() else { return self.session.lost("no body to send") };
        let mut piece = std::mem::take(&mut self.piece);
        let (file, piece, read) = smol::unblock(move || {
            piece.resize(PIECE, 0);
            let read = file.read(&mut piece);
            (file, piece, read)
        })
        .await;
        match read {
            Ok(0) => {
                self.session.end_content();
                return;
            }
            Ok(n) => self.session.content(piece.get(..n).unwrap_or_default()),
            Err(error) => {
                log::error!("a body cannot be read: {error}");
                self.session.lost("the box cannot read the mail");
            }
        }
        (self.file, self.piece) = (Some(file), piece);
    }

    // -- waiting --------------------------------------------------------------------------------------------------

    async fn wait(&mut self) {
        let idle = self.attempts.is_empty();
        if idle && self.is_closing() {
            self.session.quit();
        }
        let limit = match (idle, self.stopping) {
            (true, None) => KEEP,
            (true, Some(_)) => GOODBYE,
            (false, Some(since)) => STOPPING.saturating_sub(since.elapsed()),
            (false, None) => super::limit(&self.session),
        };
        let until = Until {
            drained: self.session.wants_content(),
            called: self.work.as_mut(),
            stopping: self.stopping.is_none(),
        };
        match self.wire.wait(&mut self.session, limit, until).await {
            Woke::Input | Woke::Drained => {}
            Woke::Called => self.work = None,
            Woke::Stopping => self.stopping = Some(Instant::now()),
            Woke::Closed(how) => self.session.lost(how),
            Woke::Expired if idle && self.work.is_some() => {
                self.work = None;
                // A mail may have come at this very moment.
                if self.shared.pool.load().waiting == 0 {
                    self.session.quit();
                }
            }
            Woke::Expired => self.session.lost("it does not answer"),
        }
    }

    /// Takes in what has happened; the reason when the session is over.
    fn events(&mut self) -> Option<Failure> {
        while let Some(event) = self.session.event() {
            let first = self.attempts.iter_mut().find(|attempt| !attempt.is_over());
            match (event, first) {
                (Event::Finished { verdicts, .. }, Some(attempt)) => attempt.finished(&self.host, verdicts),
                (Event::Untouched { .. }, Some(attempt)) => attempt.untouched(),
                (Event::Ended(failure), _) => return Some(failure),
                _ => {}
            }
        }
        None
    }

    // -- telling --------------------------------------------------------------------------------------------------

    /// Hands the attempts that are over to the recorder.
    async fn hand_in(&mut self) {
        while self.attempts.front().is_some_and(Attempt::is_over) {
            let Some(attempt) = self.attempts.pop_front() else { return };
            if let Some(entry) = self.close(attempt).await {
                self.shared.pool.give_back(entry);
            }
        }
    }

    /// The entry, if nothing of it was tried.
    async fn close(&mut self, attempt: Attempt) -> Option<Arc<QueueEntry>> {
        self.shared.pool.release(&attempt.entry);
        match attempt.outcome(&self.host, self.session.capabilities().dsn) {
            Ok(tried) => {
                // The recorder ends after all connections.
                let _ = self.shared.results.send(tried).await;
                None
            }
            Err(entry) => Some(entry),
        }
    }

    async fn end(mut self: Box<Self>, failure: Failure) {
        let mut untried = Vec::new();
        while let Some(attempt) = self.attempts.pop_front() {
            untried.extend(self.close(attempt).await);
        }
        if failure != Failure::Quit && self.began > 0 && self.session.decided() == 0 {
            let reason = format!("The relay {} {failure}", self.host);
            self.shared.failed(&mut self.seat, &self.line, &reason);
        }
        // In front, the first of them last.
        for entry in untried.into_iter().rev() {
            self.shared.pool.give_back(entry);
        }
    }
}

impl Drop for Connection {
    /// Whatever ends a connection: what it had under way is not forgotten until the next start.
    fn drop(&mut self) {
        for attempt in self.attempts.drain(..) {
            self.shared.pool.release(&attempt.entry);
            let _ = self.shared.results.try_send(Tried::put_off(attempt.entry, "The box broke off"));
        }
    }
}

fn open_body(shared: &Shared, entry: &QueueEntry) -> Result<Body, StoreError> {
    let body = shared.store.body(entry.mail)?;
    body.ok_or_else(|| StoreError::Damaged(format!("the body of mail {} is missing", entry.mail)))
}

/// A mail marked SMTPUTF8 may go to a server without it as long as nothing in it needs it.
fn needs_utf8(entry: &QueueEntry, offered: bool, content: &Content) -> bool {
    let addresses = entry.return_path.iter().chain(entry.recipients.iter().map(|recipient| &recipient.address));
    if addresses.into_iter().any(|address| !address.is_ascii()) {
        return true;
    }
    entry.smtputf8
        && (offered
            || match content {
                Content::Whole(body) => {
                    let end = memchr::memmem::find(body, b"\r\n\r\n").unwrap_or(body.len());
                    !body.get(..end).unwrap_or_default().is_ascii()
                }
                Content::Pieces => true,
            })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::config::{Config, RelayHost, Sender};
    use crate::live::{Board, Signals, StopSource};
    use crate::net::{Resolver, Stream};
    use crate::proto::smtp::client::Encryption;
    use crate::send::tests::entry;
    use crate::store::Store;

    /// A panic, say.
    #[test]
    fn a_connection_that_vanishes_puts_its_mails_off() {
        let dir = tempfile::tempdir().unwrap();
        let (_source, stop) = StopSource::new();
        let (results, outcomes) = smol::channel::bounded(2);
        let shared = Arc::new(Shared {
            store: Store::open(dir.path()).unwrap(),
            signals: Signals::default(),
            board: Board::default(),
            resolver: Resolver::new(Vec::new()),
            stop: stop.clone(),
            pool: Arc::default(),
            line: std::sync::Mutex::default(),
            results,
        });
        let hosts = vec![RelayHost { host: "127.0.0.1".into(), port: 25 }];
        let sender = Sender { hosts, encryption: crate::config::RelayEncryption::None, ..Sender::default() };
        let connection = crate::config::Connection { sender: Some(sender), ..Default::default() };
        let line = Line::of(&Config { connections: vec![connection], ..Config::default() }).ok().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = async_io::Async::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap()).unwrap();
        let wire = Wire::new(Stream::plain(tcp).unwrap(), &stop);
        let session = Session::new(line.settings(Encryption::AsIs));
        let seat = Seat::take(&shared.pool);
        let open = Open { wire, session, host: "host".into() };
        let mut connection = Connection::new(shared, Arc::new(line), seat, open);
        connection.attempts.push_back(Attempt::new(Arc::new(entry(7, 2))));
        drop(connection);
        let tried = outcomes.try_recv().unwrap();
        assert_eq!((tried.entry.mail.0, tried.updates.len()), (7, 2));
        assert!(tried.updates.iter().all(|update| update.state == RecipientState::Pending));
    }
}
