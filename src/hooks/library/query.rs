//! `VPOP3.PostgresQuery`: the tables that scripts ask, from what the store has.
//!
//! `outqueue.sendattempts`: one row an attempt at sending, newest first, of the last four days at most: `starttime`,
//! `server`, `result` (begins with the code of the server's reply), `connection`, `recipients`, `messageid`.

use std::time::Duration;

use mlua::{Lua, Table};

use super::sql::{Cell, Query};
use crate::net::{now_ms, timeout};
use crate::store::{SendAttempt, Store};

/// Rows of a table that are looked at.
const MOST: usize = 20_000;
/// Longest question, bytes.
const LONGEST: usize = 4096;

const COLUMNS: &[&str] = &["starttime", "server", "result", "connection", "recipients", "messageid"];

/// Rows of names and values. `Err`: why not, for a person.
pub fn run(store: &Store, text: &str, left: Duration) -> Result<Vec<Vec<(String, Cell)>>, String> {
    if text.len() > LONGEST {
        return Err("the query is too long".into());
    }
    let query = Query::read(text)?;
    let rows = match query.table.as_str() {
        "outqueue.sendattempts" | "sendattempts" => attempts(store, left)?,
        other => return Err(format!("there is no table {other} here")),
    };
    query.run(COLUMNS, &rows, now_ms())
}

fn attempts(store: &Store, left: Duration) -> Result<Vec<Vec<Cell>>, String> {
    // What was tried a moment ago counts.
    let _ = async_io::block_on(timeout(left.min(Duration::from_secs(1)), store.settled()));
    let row = |attempt: SendAttempt| {
        vec![
            Cell::Time(attempt.at),
            Cell::Text(attempt.server),
            Cell::Text(attempt.result),
            Cell::Number(f64::from(attempt.connection)),
            Cell::Number(f64::from(attempt.recipients)),
            Cell::Text(attempt.mail.to_string()),
        ]
    };
    Ok(store.attempts(MOST).map_err(|error| error.to_string())?.into_iter().map(row).collect())
}

/// As a list of rows, each a table by column; values are strings.
pub fn table(lua: &Lua, rows: Vec<Vec<(String, Cell)>>) -> mlua::Result<Table> {
    let row = |row: Vec<(String, Cell)>| {
        let pairs = row.into_iter().filter_map(|(name, cell)| Some((name, cell.shown()?)));
        lua.create_table_from(pairs)
    };
    let rows = rows.into_iter().map(row).collect::<mlua::Result<Vec<Table>>>()?;
    lua.create_sequence_from(rows)
}
