use super::{Harness, Suite};
use crate::{Collection, Search, StoreError, Stores};

pub(super) async fn run(suite: &mut Suite, h: &dyn Harness) {
    suite.check("words are found by their beginnings", prefixes(h)).await;
    suite.check("every word of the search has to match", all_words(h)).await;
    suite.check("case and accents do not matter", folded(h)).await;
    suite.check("new words take the place of the old", replaced(h)).await;
    suite.check("an empty text removes", removed(h)).await;
    suite
        .check("a text without words finds nothing", without_words(h))
        .await;
    suite
        .check("ids come in order, at most as many as asked for", limited(h))
        .await;
    suite
        .check("characters with a meaning to stores separate words", separators(h))
        .await;
    suite.check("every script is found", scripts(h)).await;
    suite
        .check("many matches are intersected rightly", many_matches(h))
        .await;
    suite.check("very long texts are indexed", long_texts(h)).await;
    suite.check("collections do not see each other", isolated(h)).await;
    suite
        .check("an undeclared collection is refused by name", undeclared(h))
        .await;
    suite.check("search is dropped with its collection", dropped(h)).await;
    suite.check("a scan meets all words once, by id", scanned(h)).await;
    suite
        .check("words are seen by other handles and after opening again", shared(h))
        .await;
}

fn collection(name: &str) -> Collection {
    Collection {
        name: name.to_owned(),
        indexes: &[],
    }
}

async fn declared(h: &dyn Harness) -> Stores {
    let stores = h.open().await;
    stores.documents.declare(&collection("events")).await.unwrap();
    stores
}

async fn index(search: &dyn Search, entries: &[(&str, &str)]) {
    let entries: Vec<(String, String)> = entries
        .iter()
        .map(|(id, text)| ((*id).to_owned(), (*text).to_owned()))
        .collect();
    search.index("events", &entries).await.unwrap();
}

async fn found(search: &dyn Search, text: &str) -> Vec<String> {
    search.find("events", text, 100).await.unwrap()
}

const NOTHING: [&str; 0] = [];

async fn prefixes(h: &dyn Harness) {
    let search = declared(h).await.search;
    index(
        &*search,
        &[
            ("1", "Opera Aida"),
            ("2", "operating theatre"),
            ("3", "Rock opera"),
            ("4", "cooperate"),
        ],
    )
    .await;
    assert_eq!(found(&*search, "oper").await, ["1", "2", "3"]);
    assert_eq!(found(&*search, "opera").await, ["1", "2", "3"]);
    assert_eq!(found(&*search, "operat").await, ["2"]);
    assert_eq!(found(&*search, "operas").await, NOTHING);
    assert_eq!(found(&*search, "c").await, ["4"]);
}

async fn all_words(h: &dyn Harness) {
    let search = declared(h).await.search;
    index(
        &*search,
        &[
            ("1", "The Magic Flute, Vienna"),
            ("2", "Magic Mike Live"),
            ("3", "Vienna Waits"),
        ],
    )
    .await;
    assert_eq!(found(&*search, "magic vienna").await, ["1"]);
    assert_eq!(found(&*search, "vi mag fl").await, ["1"]);
    assert_eq!(found(&*search, "mag m").await, ["1", "2"]);
    assert_eq!(found(&*search, "magic tokyo").await, NOTHING);
}

async fn folded(h: &dyn Harness) {
    let search = declared(h).await.search;
    index(
        &*search,
        &[("1", "Café Zürich"), ("2", "CAFE\u{301} TACVBA"), ("3", "ﬁne arts")],
    )
    .await;
    assert_eq!(found(&*search, "cafe").await, ["1", "2"]);
    assert_eq!(found(&*search, "CAFÉ zur").await, ["1"]);
    assert_eq!(found(&*search, "FINE").await, ["3"]);
}

async fn replaced(h: &dyn Harness) {
    let search = declared(h).await.search;
    index(&*search, &[("1", "old name shared"), ("2", "old friend")]).await;
    index(&*search, &[("1", "new name shared")]).await;
    assert_eq!(found(&*search, "old").await, ["2"]);
    assert_eq!(found(&*search, "new").await, ["1"]);
    assert_eq!(found(&*search, "shared name").await, ["1"]);
    index(&*search, &[("1", "first"), ("1", "second")]).await;
    assert_eq!(found(&*search, "first").await, NOTHING);
    assert_eq!(found(&*search, "second").await, ["1"]);
}

async fn removed(h: &dyn Harness) {
    let search = declared(h).await.search;
    index(&*search, &[("1", "jazz"), ("2", "jazz"), ("3", "jazz")]).await;
    index(&*search, &[("1", ""), ("3", " … "), ("unknown", "")]).await;
    assert_eq!(found(&*search, "jazz").await, ["2"]);
}

async fn without_words(h: &dyn Harness) {
    let search = declared(h).await.search;
    index(&*search, &[("1", "jazz")]).await;
    for text in ["", " ", "-", "%"] {
        assert_eq!(found(&*search, text).await, NOTHING, "{text:?}");
    }
}

async fn limited(h: &dyn Harness) {
    let search = declared(h).await.search;
    index(
        &*search,
        &[
            ("d", "ab"),
            ("b", "aa"),
            ("c", "ac ad ae"),
            ("a", "az"),
            ("é", "a"),
            ("B", "a"),
        ],
    )
    .await;
    assert_eq!(search.find("events", "a", 3).await.unwrap(), ["B", "a", "b"]);
    assert_eq!(search.find("events", "a", 1).await.unwrap(), ["B"]);
    assert_eq!(
        search.find("events", "a", usize::MAX).await.unwrap(),
        ["B", "a", "b", "c", "d", "é"]
    );
}

async fn separators(h: &dyn Harness) {
    let search = declared(h).await.search;
    index(
        &*search,
        &[
            ("1", "rock%pop"),
            ("2", "jazz_funk"),
            ("3", "a\"b*c?[d]"),
            ("4", "rockabilly"),
        ],
    )
    .await;
    assert_eq!(found(&*search, "pop").await, ["1"]);
    assert_eq!(found(&*search, "funk").await, ["2"]);
    assert_eq!(found(&*search, "b c d").await, ["3"]);
    assert_eq!(found(&*search, "roc%ly").await, NOTHING);
    assert_eq!(found(&*search, "jaz_").await, ["2"]);
    assert_eq!(found(&*search, "*").await, NOTHING);
    assert_eq!(found(&*search, "rock' OR '1").await, NOTHING);
    assert_eq!(found(&*search, "rock\"*").await, ["1", "4"]);
}

async fn scripts(h: &dyn Harness) {
    let search = declared(h).await.search;
    index(
        &*search,
        &[
            ("1", "Чайковский"),
            ("2", "東京ドーム"),
            ("3", "𐐷𐐲𐑌"),
            ("4", "\u{10fffd}x"),
        ],
    )
    .await;
    assert_eq!(found(&*search, "ЧАЙ").await, ["1"]);
    assert_eq!(found(&*search, "東京").await, ["2"]);
    assert_eq!(found(&*search, "𐐷").await, ["3"]);
    assert_eq!(found(&*search, "x").await, ["4"]);
}

/// So many that no store can be tempted to look at the first few only.
async fn many_matches(h: &dyn Harness) {
    let search = declared(h).await.search;
    let text = |n: usize| {
        format!(
            "concert series{} n{n:04} {}",
            n % 7,
            if n.is_multiple_of(2) { "evening" } else { "matinee" }
        )
    };
    let entries: Vec<(String, String)> = (0..5000).map(|n| (format!("{n:04}"), text(n))).collect();
    search.index("events", &entries).await.unwrap();
    let expected: Vec<String> = (0..5000).filter(|n| n % 14 == 4).map(|n| format!("{n:04}")).collect();
    assert_eq!(
        search.find("events", "conc series4 even", usize::MAX).await.unwrap(),
        expected
    );
    assert_eq!(
        search.find("events", "conc series4 even", 10).await.unwrap(),
        expected[..10]
    );
    assert_eq!(
        search.find("events", "c s e", 3).await.unwrap(),
        ["0000", "0002", "0004"]
    );
    assert_eq!(search.find("events", "n4999 c", 3).await.unwrap(), ["4999"]);
    assert_eq!(search.find("events", "c n0001 evening", 3).await.unwrap(), NOTHING);
}

async fn long_texts(h: &dyn Harness) {
    let search = declared(h).await.search;
    let words: Vec<String> = (0..20_000).map(|n| format!("word{n}")).collect();
    index(&*search, &[("1", &words.join(" ")), ("2", &"x".repeat(100_000))]).await;
    assert_eq!(found(&*search, "word7").await, ["1"]);
    assert_eq!(found(&*search, &"x".repeat(1_000)).await, ["2"]);
}

async fn isolated(h: &dyn Harness) {
    let stores = declared(h).await;
    for name in ["Events", "events_2"] {
        stores.documents.declare(&collection(name)).await.unwrap();
    }
    index(&*stores.search, &[("1", "jazz")]).await;
    for name in ["Events", "events_2"] {
        assert_eq!(stores.search.find(name, "jazz", 10).await.unwrap(), NOTHING, "{name}");
    }
}

async fn undeclared(h: &dyn Harness) {
    let search = h.open().await.search;
    let find = search.find("missing", "jazz", 10).await;
    assert!(
        matches!(&find, Err(StoreError::Broken(why)) if why.contains("missing")),
        "{find:?}"
    );
    let index = search.index("missing", &[("1".to_owned(), "jazz".to_owned())]).await;
    assert!(
        matches!(&index, Err(StoreError::Broken(why)) if why.contains("missing")),
        "{index:?}"
    );
}

async fn dropped(h: &dyn Harness) {
    let stores = declared(h).await;
    index(&*stores.search, &[("1", "jazz")]).await;
    stores.documents.drop_collection("events").await.unwrap();
    stores.documents.declare(&collection("events")).await.unwrap();
    assert_eq!(found(&*stores.search, "jazz").await, NOTHING);
}

async fn scanned(h: &dyn Harness) {
    let search = declared(h).await.search;
    let texts = [
        ("b", "Rock opera"),
        ("", "first"),
        ("a", "one two"),
        ("é", "jazz"),
        ("gone", "soon"),
        ("a b", "Z"),
    ];
    index(&*search, &texts).await;
    index(&*search, &[("gone", ""), ("a", "two three")]).await;
    let expected = [
        ("", vec!["first"]),
        ("a", vec!["three", "two"]),
        ("a b", vec!["z"]),
        ("b", vec!["opera", "rock"]),
        ("é", vec!["jazz"]),
    ];
    for limit in [1, 2, 5, 100] {
        let mut all: Vec<(String, Vec<String>)> = Vec::new();
        loop {
            let after = all.last().map(|(id, _)| id.as_str());
            let page = search.scan("events", after, limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        let found = all
            .iter()
            .map(|(id, words)| (id.as_str(), words.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!(found.collect::<Vec<_>>(), expected, "in pages of {limit}");
    }
}

async fn shared(h: &dyn Harness) {
    let stores = declared(h).await;
    index(&*stores.search, &[("1", "jazz")]).await;
    assert_eq!(found(&*h.reopen().await.search, "jazz").await, ["1"]);
    drop(stores);
    let search = h.reopen().await.search;
    index(&*search, &[("1", "blues")]).await;
    assert_eq!(found(&*search, "jazz").await, NOTHING);
}
