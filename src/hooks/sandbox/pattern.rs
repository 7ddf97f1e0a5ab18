//! Lua's string patterns, with an end to the time they may take.
//!
//! Lua's own matcher can run for ever on a short pattern, inside C code where nothing stops it. This one reads a pattern
//! into items first, then matches by backtracking, and asks its `tick` every few thousand steps whether to go on. Mistakes
//! in a pattern are found when it is read. (Lua 5.4 reference manual §6.4.1)

/// Steps between two looks at the clock.
const STEPS: u32 = 4096;
/// Items of a pattern; matching nests as deep as there are items.
const MOST_ITEMS: usize = 400;
/// Captures, as in Lua.
const MOST_CAPTURES: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("malformed pattern ({0})")]
    Malformed(&'static str),
    #[error("{0} in the pattern")]
    Capture(&'static str),
    #[error("pattern too complex")]
    TooComplex,
    /// `tick` said so.
    #[error("the script has taken too long and was ended")]
    TimeUp,
}

/// The bytes an item stands for: one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Set([u64; 4]);

impl Set {
    fn of(bytes: impl Fn(u8) -> bool) -> Set {
        let mut set = Set([0; 4]);
        (0..=u8::MAX).filter(|byte| bytes(*byte)).for_each(|byte| set.add(byte));
        set
    }

    fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    fn join(&mut self, other: Set) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    fn turned(self) -> Set {
        Set(self.0.map(|word| !word))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Once,
    /// `?`
    Maybe,
    /// `*` and `+`: as many as possible, at least so many.
    Most(usize),
    /// `-`
    Fewest,
}

#[derive(Clone, Debug)]
enum Item {
    One(Set, Repeat),
    Open,
    Position,
    Close(usize),
    /// `%1`: the same text as that capture.
    Again(usize),
    /// `%bxy`
    Balance(u8, u8),
    /// `%f[set]`
    Frontier(Set),
    /// `$` at the end.
    End,
}

#[derive(Clone, Debug)]
pub struct Pattern {
    items: Vec<Item>,
    anchored: bool,
}

/// The clock of a search: asks its `tick` every few thousand steps, over all tries of the search together.
pub struct Ticker<'a> {
    steps: u32,
    tick: &'a mut dyn FnMut() -> bool,
}

impl<'a> Ticker<'a> {
    /// `tick` says whether to go on.
    pub fn new(tick: &'a mut dyn FnMut() -> bool) -> Ticker<'a> {
        Ticker { steps: 0, tick }
    }
}

/// What a capture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    Text(usize, usize),
    /// `()`: a place, counted from 0.
    Position(usize),
}

/// A match: its place, and the captures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub start: usize,
    pub end: usize,
    pub captures: Vec<Capture>,
}

impl Match {
    /// The captures, or the whole where there are none.
    pub fn given(&self) -> Vec<Capture> {
        if self.captures.is_empty() { vec![Capture::Text(self.start, self.end)] } else { self.captures.clone() }
    }
}

// -- reading ------------------------------------------------------------------------------------------------------

impl Pattern {
    /// `anchors`: whether a `^` at the start ties the match to where it begins; in `gmatch` it is an ordinary sign.
    pub fn read(pattern: &[u8], anchors: bool) -> Result<Pattern, PatternError> {
        let (anchored, rest) = match pattern.split_first() {
            Some((b'^', rest)) if anchors => (true, rest),
            _ => (false, pattern),
        };
        let mut reader = PatternReader { rest, items: Vec::new(), open: Vec::new(), captures: 0 };
        while !reader.rest.is_empty() {
            if reader.items.len() >= MOST_ITEMS {
                return Err(PatternError::TooComplex);
            }
            reader.item()?;
        }
        if !reader.open.is_empty() {
            return Err(PatternError::Capture("unfinished capture"));
        }
        Ok(Pattern { items: reader.items, anchored })
    }

    pub fn is_anchored(&self) -> bool {
        self.anchored
    }
}

struct PatternReader<'a> {
    rest: &'a [u8],
    items: Vec<Item>,
    /// Captures that are not closed yet.
    open: Vec<usize>,
    captures: usize,
}

impl PatternReader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn item(&mut self) -> Result<(), PatternError> {
        let Some(byte) = self.next() else { return Ok(()) };
        let set = match byte {
            b'(' => return self.open(),
            b')' => {
                let capture = self.open.pop().ok_or(PatternError::Capture("invalid capture"))?;
                self.items.push(Item::Close(capture));
                return Ok(());
            }
            b'$' if self.rest.is_empty() => {
                self.items.push(Item::End);
                return Ok(());
            }
            b'%' => match self.next().ok_or(PatternError::Malformed("ends with '%'"))? {
                b'b' => {
                    let missing = PatternError::Malformed("missing arguments to '%b'");
                    let (Some(open), Some(close)) = (self.next(), self.next()) else { return Err(missing) };
                    self.items.push(Item::Balance(open, close));
                    return Ok(());
                }
                b'f' => {
                    let missing = PatternError::Malformed("missing '[' after '%f' in pattern");
                    let set = if self.next() == Some(b'[') { self.set()? } else { return Err(missing) };
                    self.items.push(Item::Frontier(set));
                    return Ok(());
                }
                digit @ b'0'..=b'9' => return self.again(digit),
                class => class_of(class),
            },
            b'[' => self.set()?,
            b'.' => Set([u64::MAX; 4]),
            plain => Set::of(|byte| byte == plain),
        };
        let repeat = match self.rest.first() {
            Some(b'?') => Repeat::Maybe,
            Some(b'*') => Repeat::Most(0),
            Some(b'+') => Repeat::Most(1),
            Some(b'-') => Repeat::Fewest,
            _ => Repeat::Once,
        };
        if repeat != Repeat::Once {
            self.next();
        }
        self.items.push(Item::One(set, repeat));
        Ok(())
    }

    fn open(&mut self) -> Result<(), PatternError> {
        if self.captures >= MOST_CAPTURES {
            return Err(PatternError::Capture("too many captures"));
        }
        if self.rest.first() == Some(&b')') {
            self.next();
            self.items.push(Item::Position);
        } else {
            self.open.push(self.captures);
            self.items.push(Item::Open);
        }
        self.captures += 1;
        Ok(())
    }

    fn again(&mut self, digit: u8) -> Result<(), PatternError> {
        let capture = usize::from(digit).checked_sub(usize::from(b'1'));
        let closed = capture.filter(|capture| *capture < self.captures && !self.open.contains(capture));
        let capture = closed.ok_or(PatternError::Capture("invalid capture index"))?;
        self.items.push(Item::Again(capture));
        Ok(())
    }

    /// What stands in brackets, behind the first.
    fn set(&mut self) -> Result<Set, PatternError> {
        let missing = PatternError::Malformed("missing ']'");
        let turned = self.rest.first() == Some(&b'^');
        if turned {
            self.next();
        }
        let mut set = Set([0; 4]);
        let mut first = true;
        loop {
            let byte = self.next().ok_or(missing.clone())?;
            if byte == b']' && !first {
                return Ok(if turned { set.turned() } else { set });
            }
            first = false;
            if byte == b'%' {
                set.join(class_of(self.next().ok_or(missing.clone())?));
                continue;
            }
            match self.rest {
                [b'-', to, ..] if *to != b']' => {
                    let to = *to;
                    self.rest = self.rest.get(2..).unwrap_or_default();
                    (byte..=to).for_each(|byte| set.add(byte));
                }
                _ => set.add(byte),
            }
        }
    }
}

/// `%a` and the like; a capital letter stands for all others; any other sign for itself.
fn class_of(class: u8) -> Set {
    let set = match class.to_ascii_lowercase() {
        b'a' => Set::of(|byte| byte.is_ascii_alphabetic()),
        b'c' => Set::of(|byte| byte.is_ascii_control()),
        b'd' => Set::of(|byte| byte.is_ascii_digit()),
        b'g' => Set::of(|byte| byte.is_ascii_graphic()),
        b'l' => Set::of(|byte| byte.is_ascii_lowercase()),
        b'p' => Set::of(|byte| byte.is_ascii_punctuation()),
        b's' => Set::of(|byte| byte == b' ' || (9..=13).contains(&byte)),
        b'u' => Set::of(|byte| byte.is_ascii_uppercase()),
        b'w' => Set::of(|byte| byte.is_ascii_alphanumeric()),
        b'x' => Set::of(|byte| byte.is_ascii_hexdigit()),
        // Of older versions, where a pattern could not hold a zero byte.
        b'z' => Set::of(|byte| byte == 0),
        _ => return Set::of(|byte| byte == class),
    };
    if class.is_ascii_uppercase() { set.turned() } else { set }
}

// -- matching -----------------------------------------------------------------------------------------------------

impl Pattern {
    /// The first match that begins at `from` or later; only at `from`, where the pattern is anchored.
    pub fn find(&self, text: &[u8], from: usize, ticker: &mut Ticker<'_>) -> Result<Option<Match>, PatternError> {
        for start in from..=text.len() {
            let found = self.at(text, start, ticker)?;
            if found.is_some() || self.anchored {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The match that begins at `start`.
    pub fn at(&self, text: &[u8], start: usize, ticker: &mut Ticker<'_>) -> Result<Option<Match>, PatternError> {
        let mut run = Run { text, ticker, captures: Vec::new() };
        let end = run.items(&self.items, start)?;
        Ok(end.map(|end| {
            let capture = |(start, end): &(usize, Ended)| match end {
                Ended::At(end) => Capture::Text(*start, *end),
                Ended::Position | Ended::NotYet => Capture::Position(*start),
            };
            Match { start, end, captures: run.captures.iter().map(capture).collect() }
        }))
    }
}

#[derive(Clone, Copy)]
enum Ended {
    NotYet,
    At(usize),
    Position,
}

struct Run<'a, 'b> {
    text: &'a [u8],
    ticker: &'a mut Ticker<'b>,
    captures: Vec<(usize, Ended)>,
}

impl Run<'_, '_> {
    fn step(&mut self) -> Result<(), PatternError> {
        self.ticker.steps += 1;
        if self.ticker.steps < STEPS {
            return Ok(());
        }
        self.ticker.steps = 0;
        if (self.ticker.tick)() { Ok(()) } else { Err(PatternError::TimeUp) }
    }

    fn is_in(&self, set: &Set, at: usize) -> bool {
        self.text.get(at).is_some_and(|byte| set.has(*byte))
    }

    /// Where the match of `items` that begins at `at` ends. Captures are as before where there is none.
    fn items(&mut self, mut items: &[Item], mut at: usize) -> Result<Option<usize>, PatternError> {
        while let Some((item, rest)) = items.split_first() {
            self.step()?;
            items = rest;
            let next = match item {
                Item::One(set, Repeat::Once) => self.is_in(set, at).then_some(at + 1),
                Item::One(set, Repeat::Maybe) => {
                    if self.is_in(set, at)
                        && let Some(end) = self.items(rest, at + 1)?
                    {
                        return Ok(Some(end));
                    }
                    Some(at)
                }
                Item::One(set, Repeat::Most(least)) => return self.most(set, *least, rest, at),
                Item::One(set, Repeat::Fewest) => return self.fewest(set, rest, at),
                Item::Open => return self.capture((at, Ended::NotYet), rest, at),
                Item::Position => return self.capture((at, Ended::Position), rest, at),
                Item::Close(capture) => return self.close(*capture, rest, at),
                Item::Again(capture) => self.again(*capture, at),
                Item::Balance(open, close) => self.balance(*open, *close, at)?,
                Item::Frontier(set) => {
                    let before = at.checked_sub(1).and_then(|at| self.text.get(at)).copied().unwrap_or(0);
                    let here = self.text.get(at).copied().unwrap_or(0);
                    (!set.has(before) && set.has(here)).then_some(at)
                }
                Item::End => (at == self.text.len()).then_some(at),
            };
            match next {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    fn most(&mut self, set: &Set, least: usize, rest: &[Item], at: usize) -> Result<Option<usize>, PatternError> {
        let mut end = at;
        while self.is_in(set, end) {
            self.step()?;
            end += 1;
        }
        for end in (at + least..=end).rev() {
            if let Some(found) = self.items(rest, end)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn fewest(&mut self, set: &Set, rest: &[Item], mut at: usize) -> Result<Option<usize>, PatternError> {
        loop {
            if let Some(found) = self.items(rest, at)? {
                return Ok(Some(found));
            }
            if !self.is_in(set, at) {
                return Ok(None);
            }
            at += 1;
        }
    }

    fn capture(&mut self, new: (usize, Ended), rest: &[Item], at: usize) -> Result<Option<usize>, PatternError> {
        let before = self.captures.len();
        self.captures.push(new);
        let found = self.items(rest, at)?;
        if found.is_none() {
            self.captures.truncate(before);
        }
        Ok(found)
    }

    fn close(&mut self, capture: usize, rest: &[Item], at: usize) -> Result<Option<usize>, PatternError> {
        if let Some((_, end)) = self.captures.get_mut(capture) {
            *end = Ended::At(at);
        }
        let found = self.items(rest, at)?;
        if let (None, Some((_, end))) = (found, self.captures.get_mut(capture)) {
            *end = Ended::NotYet;
        }
        Ok(found)
    }

    fn again(&self, capture: usize, at: usize) -> Option<usize> {
        let Some((start, Ended::At(end))) = self.captures.get(capture) else { return None };
        let wanted = self.text.get(*start..*end)?;
        let here = self.text.get(at..)?;
        here.starts_with(wanted).then_some(at + wanted.len())
    }

    fn balance(&mut self, open: u8, close: u8, at: usize) -> Result<Option<usize>, PatternError> {
        if self.text.get(at) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1;
        let mut end = at + 1;
        while let Some(byte) = self.text.get(end).copied() {
            self.step()?;
            end += 1;
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(end));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, pattern: &str) -> Option<(usize, usize)> {
        let pattern = Pattern::read(pattern.as_bytes(), true).unwrap();
        pattern.find(text.as_bytes(), 0, &mut Ticker::new(&mut || true)).unwrap().map(|found| (found.start, found.end))
    }

    #[test]
    fn finds_what_lua_finds() {
        for (text, pattern, expected) in [
            ("hello world", "o w", Some((4, 7))),
            ("hello", "l+", Some((2, 4))),
            ("hello", "^l", None),
            ("hello", "o$", Some((4, 5))),
            ("a$b", "$b", Some((1, 3))),
            ("hello", "h.-l", Some((0, 3))),
            ("hello", "h.*l", Some((0, 4))),
            ("abc123", "%a+", Some((0, 3))),
            ("abc123", "%A+", Some((3, 6))),
            ("x = [[a]]", "%[%[.-%]%]", Some((4, 9))),
            ("THE (quick) fox", "%((%a+)%)", Some((4, 11))),
            ("f(a(b)c)d", "%b()", Some((1, 8))),
            ("THE (quick) fox", "%f[%a]%a+%f[%A]", Some((0, 3))),
            ("abcabc", "(abc)%1", Some((0, 6))),
            ("a]b", "[]]", Some((1, 2))),
            ("a-z", "[a%-]+", Some((0, 2))),
            ("q", "[^a-p]", Some((0, 1))),
            ("", "", Some((0, 0))),
            ("colour", "colou?r", Some((0, 6))),
            ("color", "colou?r", Some((0, 5))),
            ("a-", "[a-]+", Some((0, 2))),
            ("x\0y", "%z", Some((1, 2))),
        ] {
            assert_eq!(find(text, pattern), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn mistakes_are_found() {
        for pattern in ["%", "[a", "[a%", "(a", "a)", "%1", "(%1)", "%bx", "%fa", "[", "[]", &"()".repeat(33)] {
            assert!(Pattern::read(pattern.as_bytes(), true).is_err(), "{pattern}");
        }
        assert_eq!(Pattern::read("a?".repeat(500).as_bytes(), true).unwrap_err(), PatternError::TooComplex);
    }

    #[test]
    fn captures_are_undone_when_a_try_fails() {
        let pattern = Pattern::read(b"(a*)(b?)()c", true).unwrap();
        let found = pattern.find(b"xaabc", 0, &mut Ticker::new(&mut || true)).unwrap().unwrap();
        assert_eq!(found.captures, [Capture::Text(1, 3), Capture::Text(3, 4), Capture::Position(4)]);
    }

    #[test]
    fn what_explodes_is_ended() {
        let pattern = Pattern::read("a*".repeat(30).as_bytes(), true).unwrap();
        let text = format!("{}b", "a".repeat(60));
        let exploding = Pattern::read(format!("{}c", "a*".repeat(30)).as_bytes(), true).unwrap();
        let mut ticks = 0;
        let mut tick = || {
            ticks += 1;
            ticks < 10
        };
        assert_eq!(exploding.find(text.as_bytes(), 0, &mut Ticker::new(&mut tick)), Err(PatternError::TimeUp));
        assert!(pattern.find(text.as_bytes(), 0, &mut Ticker::new(&mut || true)).unwrap().is_some());
    }
}
