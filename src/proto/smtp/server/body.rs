//! The message while it is received: text, count of bytes, and whether it is still wanted.

use super::reply::Reply;
use super::text::Text;

#[derive(Debug)]
pub(super) struct Body {
    text: Text,
    size: u64,
    /// Why the message will be refused. What follows is read to its end and thrown away.
    refused: Option<Reply>,
}

/// What a look at the input gave.
pub(super) enum Piece<'a> {
    Text(&'a [u8]),
    /// The message has just been refused; what was kept of it can go.
    Refused,
    /// The end of `DATA`.
    End,
    /// The input is used up.
    More,
}

impl Body {
    pub(super) fn of_data() -> Body {
        Body { text: Text::of_data(), size: 0, refused: None }
    }

    pub(super) fn of_chunks() -> Body {
        Body { text: Text::of_chunks(), size: 0, refused: None }
    }

    /// `limit`: most bytes of a message, 0 for any. Gives how much of `input` was used.
    pub(super) fn take<'a>(&mut self, input: &'a [u8], limit: u64) -> (usize, Piece<'a>) {
        let mut used = 0;
        loop {
            if self.text.is_ended() {
                return (used, Piece::End);
            }
            let rest = input.get(used..).unwrap_or_default();
            if rest.is_empty() {
                return (used, Piece::More);
            }
            let (count, text) = self.text.next(rest);
            used += count;
            self.size += text.len() as u64;
            if self.text.is_smuggling() {
                // Whatever else is wrong with it, so that how the input was cut makes no difference.
                if self.refused.replace(Reply::smuggling()).is_none() {
                    return (used, Piece::Refused);
                }
            }
            if self.refused.is_some() {
                continue;
            }
            if limit != 0 && self.size > limit {
                self.refused = Some(Reply::too_large());
                return (used, Piece::Refused);
            }
            if !text.is_empty() {
                return (used, Piece::Text(text));
            }
        }
    }

    pub(super) fn refuse(&mut self, reply: Reply) {
        self.refused.get_or_insert(reply);
    }

    pub(super) fn take_refusal(&mut self) -> Option<Reply> {
        self.refused.take()
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }
}
