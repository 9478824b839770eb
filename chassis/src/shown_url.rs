//! URLs of stores and brokers as they may be shown: in logs, on the console and in errors.

/// Without credentials, and without what its query has.
///
/// Where a `?` stands before an `@`, it may be in a password that is not encoded as it should be, or the `@` in the query:
/// then no more than the scheme is shown.
pub fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return before_query(url).to_owned();
    };
    let (credentials, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    match credentials.contains('?') {
        true => format!("{scheme}://…"),
        false => format!("{scheme}://{}", before_query(host)),
    }
}

fn before_query(text: &str) -> &str {
    text.split_once('?').map_or(text, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_secrets() {
        for (url, shown) in [
            ("sqlite:/var/lib/event", "sqlite:/var/lib/event"),
            ("embedded:/var/lib/broker", "embedded:/var/lib/broker"),
            ("kafka:a:1,b:2?sasl.password=s3cret", "kafka:a:1,b:2"),
            ("amqp://broker:5672/%2f", "amqp://broker:5672/%2f"),
            ("amqp://me:s3@cret@broker/%2f?exchange=a", "amqp://broker/%2f"),
            ("mongodb://me:s3c/ret@a:1,b/events?x=y", "mongodb://a:1,b/events"),
            ("mongodb://me:s3?cret@a:1,b/events?x=y", "mongodb://…"),
            ("mongodb://a/events?x=s3@cret", "mongodb://…"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
