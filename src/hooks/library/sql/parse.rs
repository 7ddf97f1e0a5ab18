//! From words to a question.

use super::lex::{Token, tokens};
use super::run::{Aggregate, Cell, Expression, interval};
use super::{Column, Query, What};

/// Brackets and `NOT`s in each other.
pub const DEEPEST: usize = 50;

struct Parser {
    tokens: std::vec::IntoIter<Token>,
    depth: usize,
}

type Parsed<T> = Result<T, String>;

impl Query {
    pub fn read(text: &str) -> Parsed<Query> {
        let mut parser = Parser { tokens: tokens(text)?.into_iter(), depth: 0 };
        let query = parser.query()?;
        parser.sign(";");
        match parser.tokens.next() {
            None => Ok(query),
            Some(token) => Err(format!("{token:?} is not understood there")),
        }
    }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.as_slice().first()
    }

    fn word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Word(known)) if known == word);
        if there {
            self.tokens.next();
        }
        there
    }

    fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Sign(known)) if *known == sign);
        if there {
            self.tokens.next();
        }
        there
    }

    fn must(&mut self, there: bool, what: &str) -> Parsed<()> {
        if there { Ok(()) } else { Err(format!("{what} is missing")) }
    }

    fn name(&mut self) -> Parsed<String> {
        match self.tokens.next() {
            Some(Token::Word(name)) => Ok(name),
            _ => Err("a name is missing".into()),
        }
    }

    fn query(&mut self) -> Parsed<Query> {
        let there = self.word("select");
        self.must(there, "SELECT")?;
        let mut columns = Vec::new();
        if !self.sign("*") {
            loop {
                columns.push(self.column()?);
                if !self.sign(",") {
                    break;
                }
            }
        }
        let there = self.word("from");
        self.must(there, "FROM")?;
        let mut table = self.name()?;
        if self.sign(".") {
            table = format!("{table}.{}", self.name()?);
        }
        let condition = if self.word("where") { Some(self.any()?) } else { None };
        let mut order = Vec::new();
        if self.word("order") {
            let there = self.word("by");
            self.must(there, "BY")?;
            loop {
                let by = self.sum()?;
                let down = self.word("desc");
                if !down {
                    self.word("asc");
                }
                order.push((by, down));
                if !self.sign(",") {
                    break;
                }
            }
        }
        let limit = match self.word("limit").then(|| self.tokens.next()) {
            None => None,
            Some(Some(Token::Number(limit))) => Some(limit as usize),
            Some(_) => return Err("LIMIT needs a number".into()),
        };
        let whole = columns.iter().filter(|column| matches!(column.what, What::All(..))).count();
        if whole != 0 && whole != columns.len() {
            return Err("columns beside COUNT and the like need GROUP BY, which is not understood".into());
        }
        Ok(Query { table, columns, condition, order, limit })
    }

    fn column(&mut self) -> Parsed<Column> {
        let aggregate = match (self.peek(), self.tokens.as_slice().get(1)) {
            (Some(Token::Word(word)), Some(Token::Sign("("))) => Aggregate::named(word),
            _ => None,
        };
        let (mut name, what) = match aggregate {
            Some(aggregate) => {
                let name = self.name()?;
                self.sign("(");
                let of = if self.sign("*") { None } else { Some(self.sum()?) };
                let there = self.sign(")");
                self.must(there, "a closing bracket")?;
                (name, What::All(aggregate, of))
            }
            None => {
                let of = self.sum()?;
                let name = if let Expression::Column(name) = &of { name.clone() } else { "?column?".into() };
                (name, What::Of(of))
            }
        };
        if self.sign("::") {
            self.name()?;
        }
        if self.word("as") {
            name = self.name()?;
        }
        Ok(Column { name, what })
    }

    fn any(&mut self) -> Parsed<Expression> {
        let mut left = self.all()?;
        while self.word("or") {
            left = Expression::Or(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Parsed<Expression> {
        let mut left = self.not()?;
        while self.word("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed<Expression> {
        if !self.word("not") {
            return self.comparison();
        }
        self.deeper(|parser| Ok(Expression::Not(Box::new(parser.not()?))))
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Parser) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the query is nested too deep".into());
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn comparison(&mut self) -> Parsed<Expression> {
        let left = self.sum()?;
        for sign in ["=", "<>", "!=", "<=", ">=", "<", ">"] {
            if self.sign(sign) {
                return Ok(Expression::Compare(sign, Box::new(left), Box::new(self.sum()?)));
            }
        }
        if self.word("is") {
            let not = self.word("not");
            let there = self.word("null");
            self.must(there, "NULL")?;
            let is = Expression::IsNull(Box::new(left));
            return Ok(if not { Expression::Not(Box::new(is)) } else { is });
        }
        let not = self.word("not");
        let found = if self.word("like") {
            Expression::Like(Box::new(left), Box::new(self.sum()?), false)
        } else if self.word("ilike") {
            Expression::Like(Box::new(left), Box::new(self.sum()?), true)
        } else if self.word("in") {
            let there = self.sign("(");
            self.must(there, "an opening bracket")?;
            let mut list = vec![self.sum()?];
            while self.sign(",") {
                list.push(self.sum()?);
            }
            let there = self.sign(")");
            self.must(there, "a closing bracket")?;
            Expression::In(Box::new(left), list)
        } else if self.word("between") {
            let low = self.sum()?;
            let there = self.word("and");
            self.must(there, "AND")?;
            let high = self.sum()?;
            let above = Expression::Compare(">=", Box::new(left.clone()), Box::new(low));
            Expression::And(Box::new(above), Box::new(Expression::Compare("<=", Box::new(left), Box::new(high))))
        } else if not {
            return Err("NOT is not understood there".into());
        } else {
            left
        };
        Ok(if not { Expression::Not(Box::new(found)) } else { found })
    }

    fn sum(&mut self) -> Parsed<Expression> {
        let mut left = self.single()?;
        loop {
            let plus = self.sign("+");
            if !plus && !self.sign("-") {
                return Ok(left);
            }
            left = Expression::Add(plus, Box::new(left), Box::new(self.single()?));
        }
    }

    fn single(&mut self) -> Parsed<Expression> {
        let mut value = match self.tokens.next() {
            Some(Token::Number(number)) => Expression::Value(Cell::Number(number)),
            Some(Token::Text(text)) => Expression::Value(Cell::Text(text)),
            Some(Token::Sign("-")) => match self.tokens.next() {
                Some(Token::Number(number)) => Expression::Value(Cell::Number(-number)),
                _ => return Err("a number is missing".into()),
            },
            Some(Token::Sign("(")) => {
                let inner = self.deeper(Parser::any)?;
                let there = self.sign(")");
                self.must(there, "a closing bracket")?;
                inner
            }
            Some(Token::Word(word)) => self.named(word)?,
            Some(token) => return Err(format!("{token:?} is not understood there")),
            None => return Err("the query ends too early".into()),
        };
        while self.sign("::") {
            let kind = self.name()?;
            if let (true, Expression::Value(Cell::Text(text))) = (kind == "interval", &value) {
                value = Expression::Value(interval(text)?);
            }
        }
        Ok(value)
    }

    fn named(&mut self, word: String) -> Parsed<Expression> {
        match word.as_str() {
            "null" => return Ok(Expression::Value(Cell::Null)),
            "current_timestamp" => return Ok(Expression::Now),
            "interval" => {
                return match self.tokens.next() {
                    Some(Token::Text(text)) => Ok(Expression::Value(interval(&text)?)),
                    _ => Err("INTERVAL needs a text such as '10 minutes'".into()),
                };
            }
            _ => {}
        }
        if !self.sign("(") {
            // A column may be named with its table.
            let name = if self.sign(".") { self.name()? } else { word };
            return Ok(Expression::Column(name));
        }
        if word == "now" {
            let there = self.sign(")");
            self.must(there, "a closing bracket")?;
            return Ok(Expression::Now);
        }
        let upper = match word.as_str() {
            "upper" => true,
            "lower" => false,
            _ => return Err(format!("there is no function {word} here")),
        };
        let of = self.deeper(Parser::sum)?;
        let there = self.sign(")");
        self.must(there, "a closing bracket")?;
        Ok(Expression::Case(upper, Box::new(of)))
    }
}
