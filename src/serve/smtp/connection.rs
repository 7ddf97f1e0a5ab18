//! One SMTP session on its socket.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use async_io::Async;

use super::pace::Pace;
use super::rules::Ruling;
use super::{Rights, Service, etrn, is_in, offer, people, throttle};
use crate::config::{AntiRelay, Config, RblAction, Secret, ServiceEncryption};
use crate::intake::{Draft, MailParams, Refusal, Source, Submitter};
use crate::live::SessionGuard;
use crate::mail::{Address, Recipient};
use crate::net::{Stream, now_ms};
use crate::policy::access::is_listed;
use crate::policy::{Event, Lists, LoggedIn, Place, blacklists};
use crate::proto::smtp::server::{
    Answer, Claim, End, LoginPolicy, Mail, Mistake, Next, Reply, Request, Session, Settings,
};
use crate::route::Destination;
use crate::serve::Context;
use crate::serve::wire::{Fill, OnStop, Wire};
use crate::store::{Change, JournalRow};

pub(super) async fn serve(
    context: Context,
    service: Service,
    tcp: Async<TcpStream>,
    peer: IpAddr,
    guard: SessionGuard,
) {
    let mut connection = match Connection::begin(context, service, tcp, peer, guard).await {
        Ok(connection) => connection,
        Err(error) => return log::debug!("smtp: {peer}: {error}"),
    };
    if let Err(error) = connection.run().await {
        log::debug!("smtp: {peer}: {error}");
    }
}

struct Connection {
    context: Context,
    wire: Wire,
    session: Session,
    /// Of the mail that is announced.
    destinations: Vec<Destination>,
    /// What rules have said of it.
    ruling: Option<Box<Ruling>>,
    /// The recipient, while there is just one.
    only_recipient: Option<Address>,
    /// Who hands that mail in.
    submitter: Submitter,
    draft: Option<Box<Draft>>,
    /// Silence longer than this ends the session.
    limit: Duration,
    pace: Pace,
    service: Service,
    peer: IpAddr,
    /// The client's address may send out without a login.
    trusted: bool,
    /// The return path is an address of this box, or empty; only looked at where it has to be.
    sender_is_ours: bool,
    /// Whether the realtime blacklists have been asked, and which one has the client.
    looked_up: bool,
    listed: Option<Box<str>>,
    /// Mails taken.
    taken: u64,
    guard: SessionGuard,
}

/// Serves a peer that we have connected to and that now is the client (RFC 2645 §4.2). It is a relay like any other: it may
/// not send out, and is asked for no login and no encryption beyond what the connection has. Gives how many mails it brought.
pub(super) async fn serve_reversed(
    context: Context,
    service: Service,
    stream: Stream,
    peer: IpAddr,
) -> io::Result<u64> {
    let guard = context.board.session("smtp", peer, now_ms());
    let rights = Rights { log_in: false, no_auth: false, clear_login: false };
    let settings = Settings {
        encrypted: stream.is_encrypted(),
        starttls: false,
        require_tls: false,
        login: LoginPolicy::Off,
        ..offer(&service, rights, peer)
    };
    let wire = Wire::new(stream, context.stop.clone());
    let mut connection = Connection::new(context, service, Session::new(settings), wire, peer, false, guard);
    // A provider is no stranger.
    connection.looked_up = true;
    let result = connection.run().await;
    match connection.taken {
        // What was taken is taken, however the connection ended.
        0 => result.map(|()| 0),
        taken => Ok(taken),
    }
}

impl Connection {
    async fn begin(
        context: Context,
        service: Service,
        tcp: Async<TcpStream>,
        peer: IpAddr,
        guard: SessionGuard,
    ) -> io::Result<Connection> {
        let rights = Rights::of(&context, &service, peer);
        let session = Session::new(offer(&service, rights, peer));
        let mut wire = Wire::new(Stream::plain(tcp)?, context.stop.clone());
        wire.limit(throttle(&context, &service));
        if service.encryption == ServiceEncryption::Implicit {
            wire.start_tls(&context.tls).await?;
        }
        Ok(Connection::new(context, service, session, wire, peer, rights.no_auth, guard))
    }

    fn new(
        context: Context,
        service: Service,
        session: Session,
        wire: Wire,
        peer: IpAddr,
        trusted: bool,
        guard: SessionGuard,
    ) -> Connection {
        let limit = Duration::from_secs(service.timeout.into());
        Connection {
            context,
            wire,
            session,
            destinations: Vec::new(),
            ruling: None,
            only_recipient: None,
            submitter: Submitter::default(),
            draft: None,
            limit,
            pace: Pace::new(limit, Instant::now()),
            peer,
            trusted,
            sender_is_ours: true,
            looked_up: false,
            listed: None,
            service,
            taken: 0,
            guard,
        }
    }

    async fn run(&mut self) -> io::Result<()> {
        loop {
            let step = self.session.feed(self.wire.input());
            let used = step.used;
            match step.next {
                Next::Text(text) => {
                    // Not kept already: what is left is only read.
                    if let Some(draft) = &mut self.draft
                        && let Err(refusal) = draft.write(text).await
                    {
                        self.draft = None;
                        self.session.refuse_body(reply_to(&refusal));
                    }
                    self.wire.consume(used);
                }
                Next::Read => {
                    self.wire.consume(used);
                    self.flush().await?;
                    self.note_mistakes();
                    self.read().await?;
                }
                Next::Write => {
                    self.wire.consume(used);
                    self.flush().await?;
                }
                Next::Ask(request) => {
                    self.wire.consume(used);
                    let answer = self.answer(request).await;
                    self.session.answer(answer);
                }
                Next::Abandon => {
                    self.wire.consume(used);
                    self.draft = None;
                }
                Next::StartTls => {
                    self.flush().await?;
                    self.wire.start_tls(&self.context.tls).await?;
                    self.session.encrypted();
                }
                Next::Close => break,
            }
        }
        self.note_mistakes();
        self.flush().await?;
        self.wire.close().await;
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.session.output().is_empty() {
            self.wire.write_all(self.session.output(), self.limit).await?;
            self.session.clear_output();
        }
        Ok(())
    }

    async fn read(&mut self) -> io::Result<()> {
        let on_stop = if self.session.is_busy() { OnStop::Finish } else { OnStop::Leave };
        let before = self.wire.input().len();
        let wait = self.pace.wait(self.session.is_in_message(), before == 0, Instant::now());
        if wait.is_zero() {
            self.session.end(End::TimedOut);
            return Ok(());
        }
        match self.wire.fill(wait, on_stop).await {
            Fill::Bytes => self.pace.came(self.wire.input().len() - before),
            Fill::Gone => self.session.end(End::Gone),
            Fill::TimedOut => self.session.end(End::TimedOut),
            Fill::Stopping => self.session.end(End::Stopping),
            Fill::Failed(error) => return Err(error),
        }
        Ok(())
    }

    async fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Mail { return_path, size } => self.mail(return_path.as_ref(), size.unwrap_or(0)),
            Request::Recipient(recipient) => {
                if self.is_to_be_looked_up() {
                    Box::pin(self.look_up()).await;
                }
                self.recipient(recipient)
            }
            Request::Begin => {
                let source = self.source();
                match self.context.intake.begin(source, self.only_recipient.as_ref()) {
                    Ok(mut draft) => {
                        // Those who have logged in since are ours.
                        if let Some(list) = self.listed.as_deref().filter(|_| self.session.login().is_none()) {
                            draft.mark(&format!("X-RBL-Warning: [{}] is listed by {list}\r\n", self.peer));
                        }
                        self.draft = Some(Box::new(draft));
                        Answer::Yes
                    }
                    Err(refusal) => Answer::No(reply_to(&refusal)),
                }
            }
            Request::Verify(text) => Answer::Say(people::verify(&self.context.config.current(), &text)),
            Request::Expand(text) => Answer::Say(people::expand(&self.context.config.current(), &text)),
            Request::StartQueue(queue) => {
                if !is_listed(&self.service.etrn_access, self.peer) {
                    return Answer::No(Reply::queue_denied(&queue.domain));
                }
                Answer::Say(vec![Box::pin(etrn::start(&self.context.intake, &queue)).await])
            }
            // Boxed: the session's future is kept small for the thousands that are idle.
            Request::Commit(mail) => Box::pin(self.commit(mail)).await,
            Request::Challenge => match challenge(&self.context.config.current()) {
                Some(challenge) => Answer::Challenge(challenge),
                None => Answer::No(Reply::temporary()),
            },
            Request::Login(claim) => Box::pin(self.login(claim)).await,
        }
    }

    fn mail(&mut self, return_path: Option<&Address>, size: u64) -> Answer {
        self.destinations.clear();
        self.only_recipient = None;
        self.sender_is_ours = self.is_ours(return_path);
        let (login, may_relay) = (self.session.login(), self.may_relay());
        let user = self.context.intake.sender(login, may_relay, return_path);
        self.submitter = Submitter { may_relay, user, size };
        self.ruling = None;
        if let Err(refusal) = self.context.intake.room_for(size) {
            return Answer::No(reply_to(&refusal));
        }
        if let Some(mut ruling) = Ruling::begin(&self.service, self.peer, self.session.login(), return_path) {
            if let Some(reply) = ruling.on_sender(&self.service, &self.context.logs) {
                return self.refused_by_rule(reply);
            }
            self.ruling = Some(ruling);
        }
        Answer::Yes
    }

    fn is_to_be_looked_up(&self) -> bool {
        !self.service.rbl_servers.is_empty()
            && !self.looked_up
            && !self.trusted
            && self.session.login().is_none()
            && !is_in(self.service.not_looked_up(), self.peer)
    }

    /// In the realtime blacklists; once a session.
    async fn look_up(&mut self) {
        let (resolver, service) = (self.context.resolver.clone(), self.service.clone());
        let listed = blacklists::listed(&resolver, service.zones(), self.peer).await;
        if let Some(list) = &listed {
            self.note(Event::Blacklisted, list);
            log::info!("smtp: {}: listed by {list}", self.peer);
        }
        self.listed = listed.map(String::into_boxed_str);
        self.looked_up = true;
    }

    /// The list that keeps this recipient from getting the client's mail.
    fn refused_by(&self, recipient: &Address) -> Option<&str> {
        let list = self.listed.as_deref().filter(|_| self.session.login().is_none())?;
        let complaints = ["postmaster", "abuse"].iter().any(|name| name.eq_ignore_ascii_case(recipient.local()));
        (self.service.rbl_action == RblAction::Reject && !complaints).then_some(list)
    }

    fn may_relay(&self) -> bool {
        self.session.login().is_some() || (self.trusted && self.sender_is_ours)
    }

    /// Whether a sender may send out where the service looks at senders; everybody's may where it does not.
    fn is_ours(&self, return_path: Option<&Address>) -> bool {
        match (self.service.anti_relay, return_path) {
            (AntiRelay::ClientAddress, _) | (AntiRelay::ClientAndSenderAddress, None) => true,
            (AntiRelay::ClientAndSenderAddress, Some(address)) => {
                let config = self.context.config.current();
                config.is_local(&address.clone().or_domain(&config.general.default_domain))
            }
        }
    }

    fn note(&self, event: Event, data: &str) {
        self.context.watch.note(&self.service.config.security, Place::Smtp, self.peer, event, data);
    }

    /// Of those the session has found; the others are noted where they happen.
    fn note_mistakes(&mut self) {
        for mistake in self.session.take_mistakes() {
            match mistake {
                Mistake::Syntax(reply) => self.note(Event::SyntaxError, reply.text()),
                Mistake::TooLarge => self.note(Event::TooLarge, ""),
            }
        }
    }

    fn recipient(&mut self, recipient: Recipient) -> Answer {
        let address = recipient.address.clone();
        if let Some(list) = self.refused_by(&address) {
            log::info!("smtp: {}: recipient {address} refused: client listed by {list}", self.peer);
            return Answer::No(Reply::blacklisted(self.peer, list));
        }
        match self.context.intake.recipient_of(&self.submitter, recipient) {
            Ok(destinations) => {
                let out = destinations.iter().any(|place| matches!(place, Destination::Outgoing(_)));
                self.note(if out { Event::RelayAllowed } else { Event::GoodRecipient }, address.as_str());
                let first =
                    self.ruling.as_ref().map_or(self.destinations.is_empty(), |ruling| !ruling.has_recipients());
                self.only_recipient = first.then(|| address.clone());
                let destinations = match self.ruling.take() {
                    None => destinations,
                    Some(mut ruling) => {
                        let ruled = ruling.on_recipient(&self.service, &address, destinations, &self.context.logs);
                        self.ruling = Some(ruling);
                        match ruled {
                            Ok(undecided) => undecided,
                            Err(reply) => return self.refused_by_rule(reply),
                        }
                    }
                };
                self.destinations.extend(destinations);
                Answer::Yes
            }
            Err(refusal) => {
                log::info!("smtp: {}: recipient {address} refused: {refusal}", self.peer);
                match refusal {
                    Refusal::RelayDenied => self.note(Event::RelayDenied, address.as_str()),
                    Refusal::UnknownRecipient => self.note(Event::BadRecipient, address.as_str()),
                    _ => {}
                }
                if refusal == Refusal::RelayDenied && self.trusted {
                    return Answer::No(Reply::relay_denied_to_sender());
                }
                Answer::No(reply_to(&refusal))
            }
        }
    }

    fn source(&self) -> Source {
        Source::Smtp {
            client: self.peer,
            helo: self.session.hello().map(|hello| hello.name.clone()).unwrap_or_default(),
            with: self.session.protocol(),
            tls: self.wire.encryption(),
            auth_user: self.session.login().map(str::to_string),
            may_relay: self.submitter.may_relay,
            user: self.submitter.user,
        }
    }

    async fn commit(&mut self, mail: Mail) -> Answer {
        let Some(mut draft) = self.draft.take() else { return Answer::No(Reply::temporary()) };
        let Mail { return_path, body, smtputf8, ret, envid, .. } = mail;
        let mut destinations = std::mem::take(&mut self.destinations);
        let mut with = Vec::new();
        if let Some(ruling) = self.ruling.take() {
            if let Err(refusal) = draft.end_header().await {
                return Answer::No(reply_to(&refusal));
            }
            let ruled =
                ruling.on_message(&self.service, destinations, draft.header(), draft.size(), &self.context.logs);
            let fired = match ruled {
                Ok((places, fired)) => {
                    destinations = places;
                    fired
                }
                Err(reply) => return self.refused_by_rule(reply),
            };
            with =
                fired.into_iter().map(|line| Change::Journal(ruled_row(&draft, return_path.as_ref(), line))).collect();
            if destinations.is_empty() {
                return self.discard(&draft, with).await;
            }
        }
        let params = MailParams { return_path, body, smtputf8, ret, envid };
        match draft.finish(params, destinations, with).await {
            Ok(accepted) => {
                self.pace.mail(Instant::now());
                self.taken += 1;
                Answer::Queued(accepted.mail.to_string())
            }
            Err(refusal) => {
                log::info!("smtp: {}: mail refused: {refusal}", self.peer);
                Answer::No(reply_to(&refusal))
            }
        }
    }

    /// What a rule has discarded is answered as if it were kept; only the journal knows.
    async fn discard(&mut self, draft: &Draft, with: Vec<Change>) -> Answer {
        self.note(Event::RuleMatched, "discarded");
        match self.context.intake.store.commit(with).await {
            Ok(()) => Answer::Queued(draft.mail_id().to_string()),
            Err(error) => {
                log::error!("smtp: a discarded mail is not in the journal: {error}");
                Answer::No(Reply::temporary())
            }
        }
    }

    fn refused_by_rule(&self, reply: Reply) -> Answer {
        self.note(Event::RuleMatched, reply.text());
        Answer::No(reply)
    }

    async fn login(&mut self, claim: Claim) -> Answer {
        let config = self.context.config.current();
        let translated = self.context.intake.hooks.login_name("SMTP", claim.name()).await;
        let name = translated.as_deref().unwrap_or(claim.name());
        let user = match &claim {
            Claim::Password { password, .. } => {
                self.context.logins.password(&config, name, &Secret::new(password.as_str())).await
            }
            Claim::CramMd5 { challenge, digest, .. } => self.context.logins.cram_md5(&config, name, challenge, digest),
        };
        let lists = Lists::of_smtp(&self.service.config, &self.service);
        match user {
            Some(LoggedIn { name, user }) if !config.user(user).is_some_and(|user| user.allow_smtp) => {
                log::info!("smtp: {}: login refused: {name} may not use SMTP", self.peer);
                Answer::No(Reply::bad_login())
            }
            Some(LoggedIn { name, .. }) if !lists.admit_user(self.peer, &name) => {
                log::info!("smtp: {}: login refused: {name} may not log in from there", self.peer);
                self.note(Event::BadLogin, &name);
                Answer::No(Reply::bad_login())
            }
            Some(LoggedIn { name, .. }) => {
                log::debug!("smtp: {}: {name} logged in", self.peer);
                self.guard.user(&name);
                Answer::LoggedIn(name)
            }
            None => {
                log::info!("smtp: {}: login refused: {claim:?}", self.peer);
                self.note(Event::BadLogin, claim.name());
                Answer::No(Reply::bad_login())
            }
        }
    }
}

fn ruled_row(draft: &Draft, return_path: Option<&Address>, line: String) -> JournalRow {
    JournalRow {
        at: now_ms(),
        mail: Some(draft.mail_id()),
        event: "ruled".into(),
        from: return_path.map(Address::to_string).unwrap_or_default(),
        to: String::new(),
        detail: line,
    }
}

/// Never the same twice (RFC 2195 §2). `None` without random numbers: then there is no CRAM-MD5.
fn challenge(config: &Config) -> Option<String> {
    let random = getrandom::u64().ok()?;
    Some(format!("<{random:016x}.{}@{}>", now_ms(), config.general.host_name))
}

fn reply_to(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::UnknownRecipient => Reply::unknown_recipient(),
        Refusal::RelayDenied => Reply::relay_denied(),
        Refusal::SendingNotAllowed => Reply::sending_not_allowed(),
        Refusal::TooManyHops(_) => Reply::too_many_hops(),
        Refusal::TooLarge(_) => Reply::too_large(),
        Refusal::HeaderTooLarge(_) => Reply::header_too_large(),
        Refusal::NoRecipients => Reply::no_recipients(),
        Refusal::NoRoom => Reply::no_room(),
        Refusal::Temporary => Reply::temporary(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thousands of idle sessions are kept: each pays for all that a session may ever hold across a wait.
    #[test]
    fn an_idle_session_is_small() {
        fn size<F>(_: fn(Context, Service, Async<TcpStream>, IpAddr, SessionGuard) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        let size = size(serve);
        assert!(size <= 2048, "{size} bytes");
    }
}
