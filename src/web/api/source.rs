//! A mail's own text, for people who look for a fault.

use std::io::Read;

use super::{Api, ApiError};
use crate::store::{Body, MailId};

/// More of it is not shown; the end says so.
const MOST: u64 = 3 * 1024 * 1024;

/// `head`, then the body.
pub async fn of(api: &Api, mail: MailId, head: &str) -> Result<Vec<u8>, ApiError> {
    let body = api.store.body(mail)?.ok_or_else(|| ApiError::Unknown(format!("mail {mail}")))?;
    let cut = body.size() > MOST;
    let mut text = head.as_bytes().to_vec();
    let read = smol::unblock(move || match body {
        Body::Inline(bytes) => Ok(bytes.get(..bytes.len().min(MOST as usize)).unwrap_or_default().to_vec()),
        Body::File { file, .. } => {
            let mut bytes = Vec::new();
            file.take(MOST).read_to_end(&mut bytes).map(|_| bytes)
        }
    });
    text.extend(read.await.map_err(|error| ApiError::Conflict(format!("the mail cannot be read: {error}")))?);
    if cut {
        text.extend_from_slice(b"\r\n[the rest is not shown]\r\n");
    }
    Ok(text)
}
