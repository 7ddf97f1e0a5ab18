//! Asks the API: through the socket of the running program, or by opening the store where none runs.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde_json::Value;

use crate::config::Published;
use crate::gateway::{name_servers, process};
use crate::hooks::Hooks;
use crate::live::{Board, Signals, Wishes};
use crate::net::{Resolver, Tasks};
use crate::policy::{Logins, Watch};
use crate::store::{Store, StoreError};
use crate::web::{Api, Caller, OWNER, Request, Sessions, control_path, settings};

/// A backup takes its time.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Bytes of an answer at most.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

pub enum Client {
    /// A program runs.
    Running(UnixStream),
    /// None does.
    Opened(Box<Api>),
}

impl Client {
    /// With `create`, data is begun where there is none yet.
    pub fn connect(data: &Path, create: bool) -> anyhow::Result<Client> {
        match UnixStream::connect(control_path(data)) {
            Ok(socket) => Ok(Client::Running(socket)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                Ok(Client::Opened(Box::new(open(data, create)?)))
            }
            Err(error) => Err(error).with_context(|| control_path(data).display().to_string()),
        }
    }

    /// `path` below `/api/v1/`.
    pub fn call(self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Value> {
        let (status, json) = match self {
            Client::Running(socket) => over(socket, method, path, body)?,
            Client::Opened(api) => {
                let request = Request { method, path, body, caller: Caller::Owner, peer: None };
                let response = smol::block_on(api.handle(request));
                api.store.close()?;
                (response.status, response.body)
            }
        };
        let answer: Value = serde_json::from_slice(&json).context("the answer of the program")?;
        if status == 200 {
            return Ok(answer);
        }
        Err(anyhow!("{}", answer.get("error").and_then(Value::as_str).unwrap_or("refused without a reason")))
    }
}

/// Root acts as the service's user here, so that the service can read what is written.
fn open(data: &Path, create: bool) -> anyhow::Result<Api> {
    if create {
        process::prepare_data_dir(data, process::service_account(None)?.as_ref())?;
    } else if !data.is_dir() {
        bail!("there is no data in {}", data.display());
    }
    if let Some(owner) = process::owner_of(data) {
        process::give_up_root(&owner)?;
    }
    let store = match Store::open(data) {
        Err(StoreError::InUse(_)) => bail!("the program that runs on {} does not answer", data.display()),
        other => other?,
    };
    let config = Published::new(settings::stored(&store)?);
    let hooks = Hooks::default();
    hooks.load(&store)?;
    Ok(Api {
        watch: Watch::new(store.clone(), Tasks::default()),
        resolver: Resolver::new(name_servers::servers(&config.current())),
        store,
        config,
        board: Board::default(),
        signals: Signals::default(),
        logins: Logins::default(),
        hooks,
        running: false,
        started_at: 0,
        changing: Arc::default(),
        wishes: Wishes::default(),
        sessions: Sessions::default(),
        by: OWNER.into(),
    })
}

fn over(mut socket: UnixStream, method: &str, path: &str, body: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(Duration::from_secs(30)))?;
    let head = format!(
        "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body)).context("the running program")?;
    let mut bytes = Vec::new();
    socket.take(MAX_ANSWER).read_to_end(&mut bytes).context("the running program")?;
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut fields);
    let (Ok(httparse::Status::Complete(end)), Some(status)) = (response.parse(&bytes), response.code) else {
        bail!("the running program ended in the middle of its answer");
    };
    Ok((status, bytes.split_off(end)))
}
