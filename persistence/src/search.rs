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
}

/// The distinct words of a text, sorted: runs of letters and digits, in lower case, without accents.
pub fn tokens(text: &str) -> Vec<String> {
    let folded: String = text
        .nfkd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .collect();
    let mut words: Vec<String> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn words_are_folded_and_distinct() {
        assert_eq!(tokens("Übermut, ÉTÉ été  2026!"), ["2026", "ete", "ubermut"]);
        assert_eq!(tokens(" … "), Vec::<String>::new());
    }
}
