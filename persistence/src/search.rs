use std::collections::BTreeSet;

use async_trait::async_trait;
use unicode_normalization::UnicodeNormalization;

use crate::StoreError;

/// Full-text search by the beginnings of words, the same on every store because [`tokens`] cuts the words.
///
/// A collection has to be declared with [`crate::DocumentStore::declare`] first, and is dropped with it.
#[async_trait]
pub trait Search: Send + Sync {
    /// Sets the words by which each `(id, text)` is found, in place of those set before. An empty text removes it.
    async fn index(&self, collection: &str, entries: &[(String, String)]) -> Result<(), StoreError>;

    /// Ids of at most `limit` documents that have, for each word of `text`, a word that begins with it; by id.
    /// A text without words finds nothing.
    async fn find(&self, collection: &str, text: &str, limit: usize) -> Result<Vec<String>, StoreError>;

    /// What is found behind the id `after`, at most `limit` of it, in the order of the ids' bytes: the way through all
    /// words of a collection.
    async fn scan(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Indexed>, StoreError>;
}

/// An id, and the words by which it is found, sorted.
pub type Indexed = (String, Vec<String>);

/// Words of one text that count, and characters of one word; what is behind them is cut off.
const MAX_WORDS: usize = 500;
const MAX_WORD_CHARS: usize = 64;

/// The distinct words of a text, sorted: runs of letters and digits, in lower case, without accents.
///
/// At most the first 500 words, each by at most its first 64 characters, so that no text makes an index unwieldy.
pub fn tokens(text: &str) -> Vec<String> {
    let folded: String = text
        .nfkd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .collect();
    let mut words = BTreeSet::new();
    for word in folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        words.insert(word.chars().take(MAX_WORD_CHARS).collect::<String>());
        if words.len() == MAX_WORDS {
            break;
        }
    }
    words.into_iter().collect()
}

/// The words of a search, the longest first because it has the fewest matches. One that begins another says nothing.
pub(crate) fn asked_for(text: &str) -> Vec<String> {
    let mut words = tokens(text);
    words.dedup_by(|longer, shorter| {
        let implied = longer.starts_with(shorter.as_str());
        if implied {
            std::mem::swap(longer, shorter);
        }
        implied
    });
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// Lies behind all words that begin with `word`: they hold letters and digits only, which this character is not.
pub(crate) fn end_of_range(word: &str) -> String {
    format!("{word}{}", char::MAX)
}

#[cfg(test)]
mod tests {
    use super::{asked_for, tokens};

    #[test]
    fn words_are_folded_and_distinct() {
        assert_eq!(tokens("Übermut, ÉTÉ été  2026!"), ["2026", "ete", "ubermut"]);
        assert_eq!(tokens(" … "), Vec::<String>::new());
    }

    #[test]
    fn a_text_has_a_bounded_number_of_bounded_words() {
        let many: Vec<String> = (0..1000).map(|n| format!("w{n}")).collect();
        assert_eq!(tokens(&many.join(" ")).len(), 500);
        assert_eq!(tokens(&"é".repeat(100)), ["e".repeat(64)]);
    }

    #[test]
    fn a_word_that_begins_another_is_not_asked_for() {
        assert_eq!(asked_for("rock ro rocks jazz ja"), ["rocks", "jazz"]);
        assert_eq!(asked_for(" "), Vec::<String>::new());
    }
}
