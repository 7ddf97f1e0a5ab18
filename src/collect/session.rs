//! From a host name to a logged-in session, what it lists, and sessions one after another until the mailbox is done.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::download::Download;
use super::examine::{Known, examine};
use super::job::{Job, Memory, Outcome};
use super::link::{Link, handshake};
use super::listing::Listing;
use super::plan::{self, Plan};
use super::script;
use super::trouble::Trouble;
use super::turn;
use crate::config::{CollectionMethod, CollectorEncryption, Pop3Authentication};
use crate::hooks::Instance;
use crate::net::dns;
use crate::net::tls::ClientTls;
use crate::proto::pop3::client::{Command, Encryption, Event, Login, Method, Session};
use crate::store::{Change, Held, StoreError};

/// For the connection to one address.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// New sessions in one run after a drop, as long as each brings mail.
const RECONNECTS: u32 = 10;
/// Unique-ids forgotten in one commit at most.
const FORGET: usize = 1000;

/// Runs sessions until the mailbox is done, or one breaks without having brought anything.
pub(super) async fn collect(job: &Arc<Job>, memory: &mut Memory) -> (Outcome, Result<(), Trouble>) {
    let (outcome, result) = match job.collector.method {
        CollectionMethod::Pop3 => pop3(job, memory).await,
        CollectionMethod::SmtpFeed => turn::feed(job).await,
        CollectionMethod::Odmr => turn::odmr(job).await,
    };
    job.log(|| match &result {
        Ok(()) => format!("{}, {} deleted at the provider", outcome.words(), outcome.deleted),
        Err(trouble) => job.words(trouble),
    });
    (outcome, result)
}

async fn pop3(job: &Arc<Job>, memory: &mut Memory) -> (Outcome, Result<(), Trouble>) {
    let mut outcome = Outcome::default();
    let mut again = 0;
    loop {
        let before = outcome.collected;
        match session(job, memory, &mut outcome).await {
            Ok(()) => {
                let Outcome { collected, deleted, .. } = outcome;
                log::info!(
                    "collector {}: {collected} collected, {deleted} deleted at the provider",
                    job.collector.name
                );
                return (outcome, Ok(()));
            }
            Err(trouble) if trouble.is_drop() && is_resumed(job, again) && outcome.collected > before => {
                log::info!("collector {}: {trouble}; connecting again", job.collector.name);
                job.log(|| format!("{trouble}; connecting again"));
                // The first time at once; then with some time for the server to let go of the mailbox.
                async_io::Timer::after(Duration::from_secs(again.into())).await;
                again += 1;
            }
            Err(trouble) => return (outcome, Err(trouble)),
        }
    }
}

/// Another session may follow one that broke.
fn is_resumed(job: &Job, again: u32) -> bool {
    again < RECONNECTS && !job.share.is_over()
}

async fn session(job: &Arc<Job>, memory: &mut Memory, outcome: &mut Outcome) -> Result<(), Trouble> {
    let link = open(job).await?;
    let mut script = script::open(job).await;
    let result = in_session(job, memory, outcome, link, &mut script).await;
    script::end(&mut script).await;
    result
}

async fn in_session(
    job: &Arc<Job>,
    memory: &mut Memory,
    outcome: &mut Outcome,
    mut link: Link,
    script: &mut Option<Instance>,
) -> Result<(), Trouble> {
    let by_script = script::has_rules(script.as_ref());
    let listing = list(&mut link, job.needs_sizes() || by_script).await?;
    // Read after the login: whoever had the mailbox before has let go of it.
    let (seen, held) = known(job).await?;
    let mut rules = job.rules();
    rules.headers_first |= by_script;
    let mut plan = plan::plan(&listing.messages(), &seen, &held, rules, |key| memory.is_troublesome(key));
    let wanted = plan.fetch.len() + plan.examine.len();
    for fetches in [&mut plan.fetch, &mut plan.examine] {
        fetches.retain(|fetch| !fetch.key.as_deref().is_some_and(|key| memory.is_refused(key)));
    }
    outcome.skipped = (wanted - plan.fetch.len() - plan.examine.len()) as u64;
    if plan::renamed(&listing.messages(), &seen, rules) {
        job.problem(
            "Your provider seems to have given the messages left there new identifiers: they are collected again.",
        );
    }
    let (obsolete, released) = match listing.is_complete() {
        true => {
            let messages = listing.messages();
            (plan::obsolete(&messages, &seen, rules), plan::released(&messages, &held, rules))
        }
        false => Default::default(),
    };
    drop(listing);
    examine(job, &mut link, &mut plan, Known { seen: &seen, held: &held }, script.as_mut()).await?;
    outcome.too_large = plan.too_large;
    outcome.kept_by_rule = plan.kept_by_rule;
    outcome.deleted_by_rule += plan.deleted_by_rule;
    Box::pin(work(job, memory, outcome, link, plan, seen, script.as_mut())).await?;
    let collector = job.collector.id;
    let forget = obsolete.chunks(FORGET).map(|uids| Change::ForgetUids { collector, uids: uids.to_vec() });
    let release = released.chunks(FORGET).map(|uids| Change::ReleaseMessages { collector, uids: uids.to_vec() });
    for change in forget.chain(release) {
        job.services.intake.store.post(vec![change]).await?;
    }
    Ok(())
}

/// Downloads and deletes. However it ends, no commit is under way afterwards.
async fn work(
    job: &Arc<Job>,
    memory: &mut Memory,
    outcome: &mut Outcome,
    link: Link,
    plan: Plan,
    seen: HashMap<String, i64>,
    script: Option<&mut Instance>,
) -> Result<(), Trouble> {
    let mut download = Download::new(job, link, plan, seen, memory, outcome, script);
    let result = download.run().await;
    download.settle().await;
    result
}

/// What this collector has taken, and what it has left for now.
async fn known(job: &Job) -> Result<(HashMap<String, i64>, HashMap<String, Held>), Trouble> {
    let store = job.services.intake.store.clone();
    store.settled().await?;
    let id = job.collector.id;
    Ok(smol::unblock(move || Ok::<_, StoreError>((store.seen_uids(id)?, store.held(id)?))).await?)
}

/// Connects and logs in.
async fn open(job: &Job) -> Result<Link, Trouble> {
    let collector = &job.collector;
    let host = collector.host.trim();
    let mut stream = dns::connect(&job.services.resolver, host, collector.port, CONNECT_LIMIT)
        .await
        .map_err(|error| Trouble::Unreachable(error.to_string()))?;
    let encryption = match collector.encryption {
        CollectorEncryption::None | CollectorEncryption::Ssl => Encryption::AsIs,
        CollectorEncryption::Stls => Encryption::Required,
        CollectorEncryption::StlsIfAvailable => Encryption::IfAvailable,
    };
    if collector.encryption == CollectorEncryption::Ssl {
        stream = handshake(stream, &tls(job).await?, host).await?;
    }
    let login = Login { user: collector.login.user.clone(), password: collector.login.password.reveal().to_string() };
    let method = match collector.authentication {
        Pop3Authentication::PlainText => Method::Plain,
        Pop3Authentication::Apop => Method::Apop,
        Pop3Authentication::CramMd5 => Method::CramMd5,
    };
    let mut link = Link::new(stream, Session::new(encryption, login).with_method(method), job.services.limits);
    loop {
        match next_event(&mut link).await? {
            Setup::LoggedIn => return Ok(link),
            Setup::StartTls => link = link.encrypt(&tls(job).await?, host).await?,
        }
    }
}

enum Setup {
    LoggedIn,
    StartTls,
}

async fn next_event(link: &mut Link) -> Result<Setup, Trouble> {
    loop {
        let mut rest = link.input.filled();
        let event = link.session.next(&mut rest)?;
        let setup = match event {
            Some(Event::LoggedIn) => Some(Setup::LoggedIn),
            Some(Event::StartTls) => Some(Setup::StartTls),
            Some(_) | None => None,
        };
        let left = rest.len();
        link.input.keep(left);
        match setup {
            Some(setup) => return Ok(setup),
            None => link.exchange(true).await?,
        }
    }
}

/// Reading the authorities takes a file, so it is done off the executor.
async fn tls(job: &Job) -> Result<ClientTls, Trouble> {
    if job.collector.encryption == CollectorEncryption::StlsIfAvailable {
        return Ok(ClientTls::opportunistic());
    }
    let file = job.config.tls.ca_file.clone();
    smol::unblock(move || ClientTls::verified((!file.is_empty()).then(|| Path::new(&file))))
        .await
        .map_err(|error| Trouble::Tls(error.to_string()))
}

/// What the mailbox holds. A server without UIDL gives sizes only.
async fn list(link: &mut Link, sizes: bool) -> Result<Listing, Trouble> {
    let mut listing = Listing::default();
    link.session.ask(Command::Uidl);
    if sizes {
        link.session.ask(Command::List);
    }
    loop {
        let mut rest = link.input.filled();
        while let Some(event) = link.session.next(&mut rest)? {
            match event {
                Event::Uid { number, uid } => listing.uid(number, uid),
                Event::Size { number, size } => listing.size(number, size),
                Event::Done(Command::Uidl) => listing.has_uids = true,
                Event::Refused(Command::Uidl, _) if !sizes => link.session.ask(Command::List),
                Event::Refused(Command::List, text) if !listing.has_uids => {
                    return Err(Trouble::Lost(format!("the mailbox cannot be listed: {text}")));
                }
                _ => {}
            }
        }
        let left = rest.len();
        link.input.keep(left);
        if link.session.in_flight() == 0 {
            return Ok(listing);
        }
        link.exchange(true).await?;
    }
}
