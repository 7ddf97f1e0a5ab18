//! DNS messages: building questions, judging and reading answers.
