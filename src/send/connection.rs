//! One connection of a lane: takes parcels while its session has room, and tells what became of them.

mod scripted;

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
use super::lane::{Failed, Lane, PIECE, Parcel, Seat};
use super::line::Method;
use super::open::{Open, Peer, open};
use super::script::RunScript;
use super::utf8::{in_ascii, needs_utf8};
use super::wire::{Until, Wire, Woke};

/// How long a connection with nothing to do is kept for the next mail.
const KEEP: Duration = Duration::from_secs(8);
/// The same where it is one destination of many, whose turn may be over.
const KEEP_DIRECT: Duration = Duration::from_secs(2);
/// How long transactions under way may take when stopping has begun.
const STOPPING: Duration = Duration::from_secs(10);
/// How long the reply to QUIT is waited for when stopping.
const GOODBYE: Duration = Duration::from_secs(2);
/// The next piece of a large body is read when less than this waits to be written.
const LOW_WATER: usize = PIECE / 2;

/// Opens a session and sends until there is nothing more to send for a while, the line changes, or it breaks.
pub async fn run(shared: Arc<Shared>, lane: Arc<Lane>, mut seat: Seat) {
    let mut script = Box::pin(RunScript::open(&shared, &lane.line)).await;
    let opened = async { Some(open(&shared, &lane, &mut script).await) }
        .or(async {
            shared.stop.stopping().await;
            None
        })
        .await;
    match opened {
        None => {}
        Some(Err(failed)) => shared.failed(&mut seat, &lane, &failed),
        Some(Ok(open)) => {
            seat.ready();
            shared.works(&lane, &open.peer);
            if let Some(script) = &mut script {
                Box::pin(script.connected(&open.peer.host)).await;
            }
            Box::new(Connection::new(shared, lane, seat, open, script)).send().await;
        }
    }
}

struct Connection {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    seat: Seat,
    wire: Wire,
    session: Session,
    peer: Peer,
    script: Option<RunScript>,
    /// In the order of their transactions.
    attempts: VecDeque<Attempt>,
    /// The large body of the last transaction.
    file: Option<File>,
    piece: Vec<u8>,
    /// Transactions begun.
    began: u64,
    /// What this session may still send, by the limits of the sender.
    left: Left,
    /// Set while there is room and nothing to fill it.
    work: Option<EventListener>,
    /// When stopping was noticed.
    stopping: Option<Instant>,
}

/// The limits of one session, counted down.
struct Left {
    messages: u32,
    recipients: usize,
    /// Of one transaction.
    group: usize,
}

impl Left {
    /// 0 in the settings is no limit.
    fn of(lane: &Lane, wanted: [Option<u32>; 3]) -> Left {
        let limit = |setting: u32| if setting == 0 { u32::MAX } else { setting };
        let number = |setting: u32| usize::try_from(limit(setting)).unwrap_or(usize::MAX);
        let sender = &lane.line.sender;
        let [messages, recipients, group] = wanted;
        Left {
            messages: limit(messages.unwrap_or(sender.max_messages_per_session)),
            recipients: number(recipients.unwrap_or(sender.max_recipients_per_session)),
            group: group.map_or(lane.line.max_recipients(), number),
        }
    }

    fn is_over(&self) -> bool {
        self.messages == 0 || self.recipients == 0
    }
}

impl Connection {
    fn new(shared: Arc<Shared>, lane: Arc<Lane>, seat: Seat, open: Open, script: Option<RunScript>) -> Connection {
        let Open { wire, session, peer } = open;
        let wanted = script.as_ref().map(RunScript::limits).unwrap_or_default();
        Connection {
            shared,
            left: Left::of(&lane, wanted),
            script,
            lane,
            seat,
            wire,
            session,
            peer,
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
            self.fill().await;
            if self.session.wants_content() && self.session.output().len() < LOW_WATER {
                self.read_piece().await;
            } else {
                self.hand_in().await;
                self.wait().await;
                if let Some(script) = self.script.as_mut().filter(|_| self.session.question().is_some()) {
                    Box::pin(script.judge(&mut self.session)).await;
                }
            }
            if let Some(failure) = self.events() {
                return self.end(failure).await;
            }
        }
    }

    // -- giving ---------------------------------------------------------------------------------------------------

    /// No more parcels are taken.
    fn is_closing(&self) -> bool {
        self.stopping.is_some() || self.left.is_over() || !self.lane.line.is_open()
    }

    /// Begins transactions while there is room and something to send.
    async fn fill(&mut self) {
        while self.session.can_begin() {
            if !self.attempts.back().is_some_and(Attempt::has_more) {
                match self.take() {
                    Some(parcel) => self.attempts.push_back(Attempt::new(parcel)),
                    None => break,
                }
                if self.script.is_some() && !Box::pin(self.is_allowed()).await {
                    continue;
                }
                self.left.messages = self.left.messages.saturating_sub(1);
            }
            let path = if self.script.is_some() { Box::pin(self.return_path()).await } else { None };
            self.begin(path);
        }
        if !self.session.can_begin() {
            self.work = None;
        }
        self.seat.room(self.work.is_some());
    }

    fn take(&mut self) -> Option<Parcel> {
        if self.is_closing() || self.lane.line.meter.opens(Instant::now()).is_some() {
            return None;
        }
        let alone = self.attempts.is_empty();
        self.lane.take(alone).or_else(|| {
            if self.work.is_some() {
                return None;
            }
            self.work = Some(self.lane.on_work());
            // What came between the first look and the listening.
            self.lane.take(alone)
        })
    }

    /// The next transaction of the last attempt.
    fn begin(&mut self, path: Option<String>) {
        let line = self.lane.line.clone();
        let Some(attempt) = self.attempts.back_mut() else { return };
        let wanted = attempt.next_group(self.left.group.min(self.left.recipients)).len();
        let granted = line.meter.take(wanted, Instant::now());
        if granted == 0 {
            return attempt.leave_rest();
        }
        let entry = attempt.parcel.entry.clone();
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
        let places = attempt.next_group(granted);
        let offered = self.session.capabilities().smtputf8;
        let entry = if offered { entry } else { in_ascii(entry, places) };
        let utf8 = needs_utf8(&entry, places, offered, &content);
        let to = recipients(&entry, places);
        let mut mail = mail(&line, &entry, utf8);
        if let Some(path) = &path {
            mail.return_path = path;
        }
        match self.session.begin(self.began, &mail, to, content) {
            Ok(()) => {
                self.began += 1;
                self.left.recipients = self.left.recipients.saturating_sub(granted);
                attempt.begin(granted);
            }
            Err(why) => attempt.fail_rest(RecipientState::Failed, &unsendable(&self.peer, why)),
        }
    }

    /// Feeds the next piece of a large body.
    async fn read_piece(&mut self) {
        let Some(mut file) = self.file.take() else { return self.session.lost("no body to send") };
        let mut piece = std::mem::take(&mut self.piece);
        let (file, piece, read) = smol::unblock(move || {
            piece.clear();
            piece.reserve(PIECE);
            let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece);
            (file, piece, read)
        })
        .await;
        match read {
            Ok(n) if n < PIECE => return self.session.content(&piece, true),
            Ok(_) => self.session.content(&piece, false),
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
        let keep = if self.lane.line.method == Method::Direct { KEEP_DIRECT } else { KEEP };
        let limit = match (idle, self.stopping) {
            (true, None) => keep,
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
                if self.lane.is_empty() {
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
                (Event::Finished { verdicts, .. }, Some(attempt)) => {
                    self.shared.warn(&self.lane.line, &self.peer, &verdicts);
                    attempt.finished(&self.peer, verdicts);
                }
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
            if let Some(parcel) = self.close(attempt).await {
                self.shared.pool.give_back(&self.lane, parcel);
            }
        }
    }

    /// The parcel, if nothing of it was tried.
    async fn close(&mut self, attempt: Attempt) -> Option<Parcel> {
        self.lane.release(&attempt.parcel.entry);
        match attempt.outcome(&self.lane.line, &self.peer, self.session.capabilities().dsn) {
            Ok(tried) => {
                // The recorder ends after all connections.
                let _ = self.shared.results.send(tried).await;
                None
            }
            Err(parcel) => Some(parcel),
        }
    }

    async fn end(mut self: Box<Self>, failure: Failure) {
        let mut untried = Vec::new();
        while let Some(attempt) = self.attempts.pop_front() {
            untried.extend(self.close(attempt).await);
        }
        if failure != Failure::Quit && self.began > 0 && self.session.decided() == 0 {
            let reason = format!("The {} {failure}", self.peer.name).into();
            self.shared.failed(&mut self.seat, &self.lane, &Failed { reason, permanent: false, hold: None });
        }
        for parcel in untried {
            self.shared.pool.give_back(&self.lane, parcel);
        }
    }
}

impl Drop for Connection {
    /// Whatever ends a connection: what it had under way is not forgotten until the next start.
    fn drop(&mut self) {
        for attempt in self.attempts.drain(..) {
            self.lane.release(&attempt.parcel.entry);
            let line = &self.lane.line;
            let _ = self.shared.results.try_send(Tried::put_off(line, attempt.parcel, "The box broke off"));
        }
    }
}

fn open_body(shared: &Shared, entry: &QueueEntry) -> Result<Body, StoreError> {
    let body = shared.store.body(entry.mail)?;
    body.ok_or_else(|| StoreError::Damaged(format!("the body of mail {} is missing", entry.mail)))
}
