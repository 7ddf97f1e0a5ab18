//! A small part of SQL: `SELECT` from one table, for the questions that scripts ask.
//!
//! Columns, `*`, `COUNT SUM MIN MAX AVG`, `AS`, `WHERE` with `AND OR NOT`, comparisons, `LIKE ILIKE IN BETWEEN IS NULL`,
//! `ORDER BY`, `LIMIT`; numbers, strings, `now()` and `interval '10 minutes'` with `+` and `-`. Casts are passed over.
//! Everything else is a mistake with words. Never writes, never recurses deeper than [`parse::DEEPEST`].

mod lex;
mod parse;
mod run;

pub use run::Cell;

use run::{Aggregate, Expression};

/// A question that was understood.
#[derive(Debug)]
pub struct Query {
    /// In small letters.
    pub table: String,
    /// Empty: all columns.
    columns: Vec<Column>,
    condition: Option<Expression>,
    order: Vec<(Expression, bool)>,
    limit: Option<usize>,
}

#[derive(Debug)]
struct Column {
    name: String,
    what: What,
}

#[derive(Debug)]
enum What {
    Of(Expression),
    /// `None` counts rows.
    All(Aggregate, Option<Expression>),
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[&str] = &["at", "server", "result", "n"];
    const NOW: i64 = 1_000_000_000_000;

    fn ask(text: &str) -> Result<Vec<String>, String> {
        let row = |minutes: i64, server: &str, result: &str, n: f64| {
            let text = |text: &str| Cell::Text(text.into());
            vec![Cell::Time(NOW - minutes * 60_000), text(server), text(result), Cell::Number(n)]
        };
        let rows = [row(1, "mx.a", "451 busy", 3.0), row(5, "mx.b", "250 ok", 1.0), row(90, "mx.a", "451 no", 2.0)];
        let found = Query::read(text)?.run(COLUMNS, &rows, NOW)?;
        let shown = |row: &Vec<(String, Cell)>| {
            let pair = |(name, cell): &(String, Cell)| format!("{name}={}", cell.shown().unwrap_or("null".into()));
            row.iter().map(pair).collect::<Vec<_>>().join(" ")
        };
        Ok(found.iter().map(shown).collect())
    }

    #[test]
    fn questions_are_answered() {
        for (text, expected) in [
            ("SELECT COUNT(*) FROM t", &["count=3"][..]),
            ("select count(*) as c from t where server = 'mx.a' and at > now() - interval '10 minutes'", &["c=1"]),
            ("SELECT COUNT(*) FROM t WHERE result LIKE '4%' AND at > now() - '1 hour'::interval;", &["count=1"]),
            ("select server, n from t order by n desc limit 2", &["server=mx.a n=3", "server=mx.a n=2"]),
            ("select server from t where n between 1 and 2 order by server", &["server=mx.a", "server=mx.b"]),
            ("select n from t where result not like '4%' or n = '3'", &["n=3", "n=1"]),
            ("select sum(n), min(n), max(n), avg(n) from t", &["sum=6 min=1 max=3 avg=2"]),
            ("select n from t where server in ('mx.b', 'x') and not (n <> 1)", &["n=1"]),
            ("select n from t where upper(server) ilike 'MX.B'", &["n=1"]),
            ("select n from t where server is null", &[]),
            ("select count(*) from t where server = 'it''s'", &["count=0"]),
            ("select max(at) from t where at < '2001-09-09 01:00:00'", &["max=2001-09-09 00:16:40"]),
        ] {
            assert_eq!(
                ask(text).as_deref(),
                Ok(&expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn all_columns() {
        assert_eq!(ask("select * from t limit 1").unwrap()[0].split(' ').count(), 4 + 2);
    }

    #[test]
    fn what_is_not_understood_is_a_mistake() {
        for text in [
            "",
            "delete from t",
            "select",
            "select x from t",
            "select n from t where",
            "select n from t group by n",
            "select n from t where n = ",
            "select n from t; drop table t",
            "select n from t where server = 'open",
            "select n, count(*) from t",
            &format!("select n from t where {}n = 1{}", "(".repeat(200), ")".repeat(200)),
            &format!("select n from t where {}n = 1", "not ".repeat(10_000)),
        ] {
            assert!(ask(text).is_err(), "{text}");
        }
    }
}
