//! Answering a question from rows.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Query, What};

/// A value in a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// Unix milliseconds.
    Time(i64),
    /// Milliseconds.
    Interval(i64),
}

#[derive(Clone, Debug)]
pub enum Expression {
    Value(Cell),
    Column(String),
    Now,
    Case(bool, Box<Expression>),
    Add(bool, Box<Expression>, Box<Expression>),
    Compare(&'static str, Box<Expression>, Box<Expression>),
    Like(Box<Expression>, Box<Expression>, bool),
    In(Box<Expression>, Vec<Expression>),
    IsNull(Box<Expression>),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Count,
    Sum,
    Min,
    Max,
    Avg,
}

impl Aggregate {
    pub fn named(word: &str) -> Option<Aggregate> {
        Some(match word {
            "count" => Aggregate::Count,
            "sum" => Aggregate::Sum,
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "avg" => Aggregate::Avg,
            _ => return None,
        })
    }

    fn of(self, cells: Vec<Cell>) -> Cell {
        let there = || cells.iter().filter(|cell| **cell != Cell::Null);
        let sum = || there().filter_map(Cell::number).sum::<f64>();
        let count = there().count();
        match self {
            Aggregate::Count => Cell::Number(count as f64),
            _ if count == 0 => Cell::Null,
            Aggregate::Sum => Cell::Number(sum()),
            Aggregate::Avg => Cell::Number(sum() / count as f64),
            Aggregate::Min => there().min_by(|a, b| a.order(b)).cloned().unwrap_or(Cell::Null),
            Aggregate::Max => there().max_by(|a, b| a.order(b)).cloned().unwrap_or(Cell::Null),
        }
    }
}

/// `10 minutes`, `1 day 2 hours`.
pub fn interval(text: &str) -> Result<Cell, String> {
    let mistake = || format!("'{text}' is no interval such as '10 minutes'");
    let mut words = text.split_whitespace();
    let mut sum = 0.0;
    while let Some(number) = words.next() {
        let number: f64 = number.parse().map_err(|_| mistake())?;
        let unit = words.next().map(|unit| unit.to_lowercase());
        sum += number
            * match unit.as_deref().map(|unit| unit.trim_end_matches('s')) {
                Some("second" | "sec") => 1e3,
                Some("minute" | "min") => 6e4,
                Some("hour") => 3.6e6,
                Some("day") => 8.64e7,
                Some("week") => 6.048e8,
                _ => return Err(mistake()),
            };
    }
    Ok(Cell::Interval(sum as i64))
}

impl Cell {
    fn number(&self) -> Option<f64> {
        match self {
            Cell::Number(number) => Some(*number),
            Cell::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A time, also where it is written out, in UTC.
    fn time(&self) -> Option<i64> {
        match self {
            Cell::Time(time) => Some(*time),
            Cell::Text(text) => {
                let civil: DateTime = text.trim().replacen(' ', "T", 1).parse().ok()?;
                civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond())
            }
            _ => None,
        }
    }

    /// As the reference product gives it: a string; `None` for NULL.
    pub fn shown(&self) -> Option<String> {
        Some(match self {
            Cell::Null => return None,
            Cell::Bool(value) => if *value { "t" } else { "f" }.into(),
            Cell::Number(number) => number.to_string(),
            Cell::Text(text) => text.clone(),
            Cell::Time(time) => {
                let time = Timestamp::from_millisecond(*time).unwrap_or_default();
                time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
            }
            Cell::Interval(length) => format!("{} seconds", *length as f64 / 1e3),
        })
    }

    fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
            (Cell::Time(_), _) | (_, Cell::Time(_)) => self.time().cmp(&other.time()),
            (Cell::Interval(a), Cell::Interval(b)) => a.cmp(b),
            (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            },
        }
    }

    fn is_true(&self) -> bool {
        *self == Cell::Bool(true)
    }
}

/// One row while it is looked at.
struct Row<'a> {
    columns: &'a [&'a str],
    cells: &'a [Cell],
    now: i64,
}

impl Row<'_> {
    fn value(&self, of: &Expression) -> Cell {
        let truth = |of: &Expression| self.value(of).is_true();
        match of {
            Expression::Value(cell) => cell.clone(),
            Expression::Now => Cell::Time(self.now),
            Expression::Column(name) => {
                let place = self.columns.iter().position(|column| column == name);
                place.and_then(|place| self.cells.get(place)).cloned().unwrap_or(Cell::Null)
            }
            Expression::Case(upper, of) => match self.value(of) {
                Cell::Text(text) => Cell::Text(if *upper { text.to_uppercase() } else { text.to_lowercase() }),
                other => other,
            },
            Expression::Add(plus, a, b) => added(*plus, &self.value(a), &self.value(b)),
            Expression::Compare(sign, a, b) => compared(sign, &self.value(a), &self.value(b)),
            Expression::Like(text, pattern, any_case) => match (self.value(text), self.value(pattern)) {
                (Cell::Text(text), Cell::Text(pattern)) if *any_case => {
                    Cell::Bool(like(&text.to_lowercase(), &pattern.to_lowercase()))
                }
                (Cell::Text(text), Cell::Text(pattern)) => Cell::Bool(like(&text, &pattern)),
                _ => Cell::Null,
            },
            Expression::In(of, list) => {
                let value = self.value(of);
                Cell::Bool(list.iter().any(|one| compared("=", &value, &self.value(one)).is_true()))
            }
            Expression::IsNull(of) => Cell::Bool(self.value(of) == Cell::Null),
            Expression::Not(of) => match self.value(of) {
                Cell::Null => Cell::Null,
                value => Cell::Bool(!value.is_true()),
            },
            Expression::And(a, b) => Cell::Bool(truth(a) && truth(b)),
            Expression::Or(a, b) => Cell::Bool(truth(a) || truth(b)),
        }
    }
}

fn added(plus: bool, a: &Cell, b: &Cell) -> Cell {
    let sign = if plus { 1 } else { -1 };
    match (a, b) {
        (Cell::Time(time), Cell::Interval(length)) => Cell::Time(time.saturating_add(sign * length)),
        (Cell::Interval(a), Cell::Interval(b)) => Cell::Interval(a.saturating_add(sign * b)),
        (Cell::Time(a), Cell::Time(b)) if !plus => Cell::Interval(a.saturating_sub(*b)),
        _ => match (a.number(), b.number()) {
            (Some(a), Some(b)) => Cell::Number(a + f64::from(sign as i32) * b),
            _ => Cell::Null,
        },
    }
}

fn compared(sign: &str, a: &Cell, b: &Cell) -> Cell {
    if *a == Cell::Null || *b == Cell::Null {
        return Cell::Null;
    }
    let order = a.order(b);
    Cell::Bool(match sign {
        "=" => order.is_eq(),
        "<>" | "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// `%` stands for anything, `_` for one character. Takes time in proportion to the product of the lengths, at most.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some('%') => {
                in_pattern += 1;
                retry = Some((in_pattern, at));
            }
            Some(sign) if *sign == '_' || text.get(at) == Some(sign) => {
                at += 1;
                in_pattern += 1;
            }
            _ => match &mut retry {
                Some((behind, from)) => {
                    *from += 1;
                    (in_pattern, at) = (*behind, *from);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(in_pattern).all(|sign| *sign == '%')
}

impl Query {
    /// Rows of names and values. `now`: Unix milliseconds.
    pub fn run(&self, columns: &[&str], rows: &[Vec<Cell>], now: i64) -> Result<Vec<Vec<(String, Cell)>>, String> {
        self.known(columns)?;
        let value = |cells: &[Cell], of: &Expression| Row { columns, cells, now }.value(of);
        let fits =
            |cells: &&Vec<Cell>| self.condition.as_ref().is_none_or(|condition| value(cells, condition).is_true());
        let mut found: Vec<&Vec<Cell>> = rows.iter().filter(fits).collect();
        if matches!(self.columns.first(), Some(column) if matches!(column.what, What::All(..))) {
            let one = self.columns.iter().filter_map(|column| {
                let What::All(aggregate, of) = &column.what else { return None };
                let cell = |cells: &&Vec<Cell>| of.as_ref().map_or(Cell::Bool(true), |of| value(cells, of));
                Some((column.name.clone(), aggregate.of(found.iter().map(cell).collect())))
            });
            return Ok(vec![one.collect()]);
        }
        found.sort_by(|a, b| {
            let orders = self.order.iter().map(|(by, down)| {
                let order = value(a, by).order(&value(b, by));
                if *down { order.reverse() } else { order }
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
        found.truncate(self.limit.unwrap_or(usize::MAX));
        let shown = |cells: &Vec<Cell>| match self.columns.as_slice() {
            [] => columns.iter().map(|name| name.to_string()).zip(cells.iter().cloned()).collect(),
            some => some
                .iter()
                .filter_map(|column| match &column.what {
                    What::Of(of) => Some((column.name.clone(), value(cells, of))),
                    What::All(..) => None,
                })
                .collect(),
        };
        Ok(found.into_iter().map(shown).collect())
    }

    /// All columns that are named must be there.
    fn known(&self, columns: &[&str]) -> Result<(), String> {
        let mut named: Vec<&Expression> = Vec::new();
        named.extend(&self.condition);
        named.extend(self.order.iter().map(|(by, _)| by));
        for column in &self.columns {
            match &column.what {
                What::Of(of) => named.push(of),
                What::All(_, of) => named.extend(of),
            }
        }
        while let Some(next) = named.pop() {
            match next {
                Expression::Column(name) if !columns.contains(&name.as_str()) => {
                    return Err(format!("there is no column {name} in {}", self.table));
                }
                Expression::Value(_) | Expression::Now | Expression::Column(_) => {}
                Expression::Case(_, of) | Expression::IsNull(of) | Expression::Not(of) => named.push(of),
                Expression::Add(_, a, b)
                | Expression::Compare(_, a, b)
                | Expression::Like(a, b, _)
                | Expression::And(a, b)
                | Expression::Or(a, b) => named.extend([&**a, &**b]),
                Expression::In(of, list) => {
                    named.push(of);
                    named.extend(list);
                }
            }
        }
        Ok(())
    }
}
