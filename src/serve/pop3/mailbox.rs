//! The mailbox of a session: a snapshot from login to the end, and the lock on it.
//!
//! Ten thousand messages take a quarter of a megabyte: the head lines, which are the same for most, are kept once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use super::super::Context;
use super::super::locks::MailboxLock;
use crate::net::now_ms;
use crate::proto::pop3::server::{Maildrop, Message};
use crate::store::{Body, Change, MailId, MailboxId, MessageRow, Store, StoreError};

/// A body in a file is read in pieces of this size.
const PIECE: usize = 64 * 1024;

pub struct Mailbox {
    id: MailboxId,
    /// Head lines, each once; a message's `note` is a place in it.
    heads: Vec<Arc<str>>,
    _lock: MailboxLock,
}

pub enum Opened {
    Mailbox(Mailbox, Maildrop),
    InUse,
    Failed,
}

/// A body, opened.
pub enum Content {
    Inline(Arc<[u8]>),
    File(Pieces),
}

impl Content {
    /// Bytes of it that will stand in the output at a time.
    pub fn buffered(&self) -> usize {
        match self {
            Content::Inline(bytes) => bytes.len(),
            Content::File(_) => PIECE,
        }
    }
}

impl Mailbox {
    /// The inbox of a user, with all that has arrived until now.
    pub async fn open(context: &Context, user: u32) -> Opened {
        let id = MailboxId::inbox(user);
        let Some(lock) = context.locks.take(id) else { return Opened::InUse };
        match rows(&context.intake.store, id).await {
            Ok(rows) => {
                let (messages, heads) = compact(rows);
                Opened::Mailbox(Mailbox { id, heads, _lock: lock }, Maildrop::new(user, messages))
            }
            Err(error) => {
                problem(context, format!("the mailbox of user {user} cannot be opened: {error}"));
                Opened::Failed
            }
        }
    }

    /// Head and body of a message; `None` when it cannot be read, which is logged.
    pub fn read(&self, context: &Context, message: &Message) -> Option<(Arc<str>, Content)> {
        let mail = MailId(message.name);
        let head = self.heads.get(usize::try_from(message.note).ok()?)?;
        let content = match context.intake.store.body(mail) {
            Ok(Some(Body::Inline(bytes))) => Content::Inline(bytes),
            Ok(Some(Body::File { file, .. })) => Content::File(Pieces { file: Some(file), spare: Vec::new() }),
            Ok(None) => {
                problem(context, format!("mail {mail} has no body"));
                return None;
            }
            Err(error) => {
                problem(context, format!("mail {mail} cannot be read: {error}"));
                return None;
            }
        };
        Some((head.clone(), content))
    }

    /// All or none; whether it is done.
    pub async fn delete(&self, context: &Context, uids: Vec<u32>) -> bool {
        let delete = Change::DeleteMessages { mailbox: self.id, uids };
        match context.intake.store.commit(vec![delete]).await {
            Ok(()) => true,
            Err(error) => {
                problem(context, format!("messages of user {} are not deleted: {error}", self.id.user));
                false
            }
        }
    }
}

async fn rows(store: &Store, id: MailboxId) -> Result<Vec<MessageRow>, StoreError> {
    store.settled().await?;
    let store = store.clone();
    // A large mailbox is many pages, which may have to come from a slow card.
    smol::unblock(move || store.messages(id)).await
}

fn compact(rows: Vec<MessageRow>) -> (Vec<Message>, Vec<Arc<str>>) {
    let mut heads: Vec<Arc<str>> = Vec::new();
    let mut places: HashMap<Arc<str>, u32> = HashMap::new();
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows {
        let note = match places.get(row.head.as_str()) {
            Some(place) => *place,
            None => {
                let place = u32::try_from(heads.len()).unwrap_or(u32::MAX);
                let head: Arc<str> = row.head.into();
                heads.push(head.clone());
                places.insert(head, place);
                place
            }
        };
        messages.push(Message { uid: row.uid, note, name: row.mail.0, size: row.size });
    }
    (messages, heads)
}

fn problem(context: &Context, text: String) {
    log::error!("pop3: {text}");
    context.board.problem(now_ms(), "pop3", text);
}

/// A file read piece by piece, off the executor's threads.
pub struct Pieces {
    /// `None` only while a read is running.
    file: Option<File>,
    spare: Vec<u8>,
}

impl Pieces {
    /// `None` at the end.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let file = self.file.take().ok_or(io::ErrorKind::Other)?;
        let mut piece = std::mem::take(&mut self.spare);
        let (file, piece) = smol::unblock(move || {
            piece.clear();
            (&file).take(PIECE as u64).read_to_end(&mut piece)?;
            io::Result::Ok((file, piece))
        })
        .await?;
        self.file = Some(file);
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// A piece that is done with, as room for the next.
    pub fn give_back(&mut self, piece: Vec<u8>) {
        self.spare = piece;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    #[test]
    fn equal_heads_are_kept_once() {
        let row = |uid, head: &str| MessageRow {
            uid,
            mail: MailId(u64::from(uid) + 100),
            size: 10,
            received_at: 0,
            head: head.into(),
        };
        let (messages, heads) = compact(vec![row(1, "A\r\n"), row(3, "B\r\n"), row(4, "A\r\n")]);
        assert_eq!(heads.len(), 2);
        assert_eq!(
            messages.iter().map(|m| (m.uid, m.note, m.name)).collect::<Vec<_>>(),
            [(1, 0, 101), (3, 1, 103), (4, 0, 104)]
        );
    }

    #[test]
    fn a_file_is_read_to_its_end_in_bounded_pieces() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..3 * PIECE + 5).map(|at| at as u8).collect();
        file.write_all(&content).unwrap();
        file.rewind().unwrap();
        let mut pieces = Pieces { file: Some(file), spare: Vec::new() };
        let mut got = Vec::new();
        smol::block_on(async {
            while let Some(piece) = pieces.next().await.unwrap() {
                assert!(piece.len() <= PIECE);
                got.extend_from_slice(&piece);
                pieces.give_back(piece);
            }
        });
        assert_eq!(got, content);
    }
}
