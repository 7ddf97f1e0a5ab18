//! The readers under test, compiled from the program's own sources, and what the targets share.

#[path = "../src/mail/mod.rs"]
pub mod mail;
#[path = "../src/proto/mod.rs"]
pub mod proto;
#[path = "../src/rules/mod.rs"]
pub mod rules;

/// How a target's input arrives: the first two bytes say how large the pieces are, in turn.
pub fn pieces(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (sizes, mut rest) = data.split_at(data.len().min(2));
    let mut turn = 0;
    std::iter::from_fn(move || {
        let size = sizes.get(turn % 2).map_or(1, |size| usize::from(*size) + 1);
        turn += 1;
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Of a Tuesday, for rules that ask for the time.
pub fn noon() -> jiff::civil::DateTime {
    jiff::civil::date(2026, 11, 24).at(12, 0, 0, 0)
}
