//! Tells by one look at a text that it is canonical JSON (RFC 8785) as it stands, without building anything of it.
//!
//! It says yes only where it is sure. There is canonical JSON that it does not recognise, because telling would take
//! more than a look: other numbers than integers of a moderate size, names with anything but plain ASCII in them,
//! escapes of rare characters, deep nesting. Whoever asks needs a slower way for these.

/// Levels of nesting that are followed.
const DEEPEST: usize = 16;
/// Integers of so many digits are below 2^53, up to which all are written digit by digit.
const MOST_DIGITS: usize = 15;

pub(super) fn is_canonical(json: &str) -> bool {
    let mut scanner = Scanner { rest: json.as_bytes() };
    scanner.value(DEEPEST).is_some() && scanner.rest.is_empty()
}

/// Takes off the front what is surely canonical; `None` where something else stands there.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.rest.first()? {
            b'"' => self.text(),
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.integer(),
        }
    }

    /// Names have to rise: then they are sorted, and none is there twice.
    fn object(&mut self, depth: usize) -> Option<()> {
        self.byte(b'{')?;
        if self.byte(b'}').is_some() {
            return Some(());
        }
        let mut before = None;
        loop {
            let name = self.name()?;
            if before.is_some_and(|before| before >= name) {
                return None;
            }
            before = Some(name);
            self.byte(b':')?;
            self.value(depth)?;
            if self.byte(b',').is_none() {
                return self.byte(b'}');
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.byte(b'[')?;
        if self.byte(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.byte(b',').is_none() {
                return self.byte(b']');
            }
        }
    }

    /// RFC 8785 sorts by UTF-16, which is the order of the bytes where these are ASCII.
    fn name(&mut self) -> Option<&'a [u8]> {
        self.byte(b'"')?;
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ' | 0x80..);
        let end = self.rest.iter().position(special)?;
        let name = self.take(end)?;
        self.byte(b'"')?;
        Some(name)
    }

    fn text(&mut self) -> Option<()> {
        self.byte(b'"')?;
        loop {
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
            let end = self.rest.iter().position(special)?;
            self.take(end)?;
            if self.byte(b'"').is_some() {
                return Some(());
            }
            self.byte(b'\\')?;
            self.escaped()?;
        }
    }

    /// What has a short escape must have it; other escapes are rare.
    fn escaped(&mut self) -> Option<()> {
        let character = self.take(1)?;
        matches!(character, [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't']).then_some(())
    }

    fn integer(&mut self) -> Option<()> {
        if self.byte(b'0').is_some() {
            return Some(());
        }
        // There may be none; a zero behind it is not canonical.
        let _ = self.byte(b'-');
        let other = |byte: &u8| !byte.is_ascii_digit();
        let digits = self.rest.iter().position(other).unwrap_or(self.rest.len());
        let is_plain = (1..=MOST_DIGITS).contains(&digits) && self.rest.first() != Some(&b'0');
        self.take(digits).filter(|_| is_plain).map(drop)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        self.word(&[byte])
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::{Config, TestRunner};
    use serde_json::Value;

    use super::*;

    /// What the scanner saves: the text as the rules have it, if it can be read at all.
    fn by_the_rules(json: &str) -> Option<String> {
        let value: Value = serde_json::from_str(json).ok()?;
        String::from_utf8(serde_json_canonicalizer::to_vec(&value).ok()?).ok()
    }

    const NUMBERS: &[&str] = &[
        "0",
        "-0",
        "7",
        "-7",
        "10",
        "01",
        "-",
        "1.0",
        "1.5",
        "-1.50",
        "1e3",
        "1E3",
        "1e+3",
        "1e21",
        "1E-7",
        "0e0",
        "999999999999999",
        "-999999999999999",
        "1000000000000000",
        "9007199254740991",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "1e999",
        "00",
    ];

    const PIECES: &[&str] = &[
        "a",
        "b",
        "B",
        "Z",
        "z",
        " ",
        "/",
        "é",
        "𝄞",
        "\u{7f}",
        "\u{2028}",
        "\u{ffff}",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b",
        "\\n",
        "\\t",
        "\\u0041",
        "\\u000a",
        "\\u001f",
        "\\u001F",
        "\\ud834\\udd1e",
        "\\ud834",
        "\n",
        "\u{1}",
    ];

    const WORDS: &[&str] = &["true", "false", "null", "nul", "True"];

    /// To spoil a text with.
    const CHARACTERS: &[char] = &['"', '\\', '{', '}', ',', '0', '-', '.', 'e', 'a', ' ', '\u{0}'];

    const GAPS: &[&str] = &["", "", "", "", "", "", " ", "\n"];

    /// A text with its quotes. Most are plain, or next to nothing would be canonical.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "\"[ -!#-Z^-~]{0,3}\"",
            1 => vec(select(PIECES), 0..3).prop_map(|pieces| format!("\"{}\"", pieces.concat())),
        ]
    }

    fn list(open: char, parts: &[(String, &str)], close: char) -> String {
        let parts: Vec<String> = parts.iter().map(|(part, gap)| format!("{part}{gap}")).collect();
        format!("{open}{}{close}", parts.join(","))
    }

    fn field() -> impl Strategy<Value = String> {
        prop_oneof![4 => "\"[a-e]{1,2}\":", 1 => text().prop_map(|name| format!("{name}:"))]
    }

    /// JSON as anybody might write it, and what is almost JSON.
    fn json() -> impl Strategy<Value = String> {
        let word = select(WORDS).prop_map(str::to_owned);
        let plain = (-99_i64..99).prop_map(|number| number.to_string());
        let number = select(NUMBERS).prop_map(str::to_owned);
        let leaf = prop_oneof![1 => word, 3 => plain, 2 => number, 4 => text()];
        leaf.prop_recursive(5, 24, 4, |inner| {
            let part = (inner.clone(), select(GAPS));
            let named = (field(), inner).prop_map(|(name, value)| format!("{name}{value}"));
            let field = (named, select(GAPS));
            let fields = (vec(field, 0..4), any::<bool>()).prop_map(|(mut fields, sorted)| {
                if sorted {
                    fields.sort();
                }
                list('{', &fields, '}')
            });
            prop_oneof![vec(part, 0..4).prop_map(|parts| list('[', &parts, ']')), fields]
        })
    }

    /// The text with one of its characters left out or put in somewhere.
    fn spoiled(text: &str, place: prop::sample::Index, with: Option<char>) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let at = place.index(characters.len() + 1);
        match with {
            Some(with) => characters.insert(at, with),
            None => _ = characters.drain(at..characters.len().min(at + 1)),
        }
        characters.into_iter().collect()
    }

    fn right(text: &str) -> Result<bool, TestCaseError> {
        let said = is_canonical(text);
        if said {
            prop_assert_eq!(by_the_rules(text), Some(text.to_owned()));
        }
        Ok(said)
    }

    #[test]
    fn it_never_says_of_anything_else_that_it_is_canonical() {
        let (said, structured) = (Cell::new(0), Cell::new(0));
        let config = Config {
            cases: 20_000,
            failure_persistence: None,
            ..Config::default()
        };
        let character = prop::option::of(select(CHARACTERS));
        let strategy = (json(), any::<prop::sample::Index>(), character);
        let outcome = TestRunner::new(config).run(&strategy, |(json, place, with)| {
            if right(&json)? {
                said.set(said.get() + 1);
                structured.set(structured.get() + usize::from(json.len() > 10));
            }
            right(&spoiled(&json, place, with)).map(drop)
        });
        outcome.unwrap_or_else(|fault| panic!("{fault}"));
        assert!(
            said.get() > 2_000 && structured.get() > 200,
            "it was hardly ever said: {said:?} {structured:?}"
        );
    }

    #[test]
    fn usual_payloads_are_recognised() {
        for json in [
            "{}",
            "[]",
            "null",
            r#"{"booking_id":"0195","event_name":"Aïda \"in\" Verona\n","seats":2,"user_id":"guest-1"}"#,
            r#"{"a":{"b":[1,-2,0,999999999999999,true,false,null]},"b":[{},[]]}"#,
        ] {
            assert!(is_canonical(json), "{json}");
            assert_eq!(by_the_rules(json).as_deref(), Some(json));
        }
    }

    #[test]
    fn what_it_is_not_sure_of_is_left_to_the_rules() {
        let deep = format!("{}{}", "[".repeat(DEEPEST + 1), "]".repeat(DEEPEST + 1));
        let unsure = [r#"{"é":1}"#, "1.5", "9007199254740991", r#""\u001f""#, &deep];
        for json in unsure {
            assert!(!is_canonical(json), "{json}");
            assert_eq!(by_the_rules(json).as_deref(), Some(json));
        }
    }

    #[test]
    fn what_the_rules_would_change_is_not_canonical() {
        for json in [
            "",
            " {}",
            "{} ",
            "{\"a\": 1}",
            "[1 ]",
            "-0",
            "1.0",
            "1e3",
            "01",
            "9007199254740993",
            r#"{"b":1,"a":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,}"#,
            "[1,]",
            r#""\u0041""#,
            r#""\/""#,
            r#""\u000a""#,
            "\"\n\"",
            "\"",
            "truex",
            "{}{}",
            "\"a\"b",
            r#"{"ab":1,"a":1}"#,
        ] {
            assert!(!is_canonical(json), "{json}");
            assert_ne!(by_the_rules(json).as_deref(), Some(json));
        }
    }
}
