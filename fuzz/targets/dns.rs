//! Responses of name servers: a byte for the record type, then the message, judged against a question it may answer.

#![no_main]

use languages::proto::dns::{Judged, MAX_RECORDS, Question, RecordType};
use libfuzzer_sys::fuzz_target;

const TYPES: [RecordType; 5] = [RecordType::A, RecordType::Aaaa, RecordType::Mx, RecordType::Txt, RecordType::Ptr];

fuzz_target!(|data: &[u8]| {
    let Some((kind, message)) = data.split_first() else { return };
    let Ok(question) = Question::new("mail.office.example", TYPES[usize::from(*kind) % TYPES.len()]) else { return };
    let id = message.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
    if let Judged::Found { data, .. } = question.judge(id, message) {
        assert!(!data.is_empty() && data.len() <= MAX_RECORDS);
    }
});
