//! URLs of stores and brokers as they may be shown: in logs, on the console and in errors.

/// Without credentials, and without what its query has.
///
/// A password that is not encoded as it should be may hold any character, so all up to the last `@` counts as credentials.
pub fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return before_query(url).to_owned();
    };
    let behind_credentials = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{}", before_query(behind_credentials))
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
            ("mongodb://me:s3?c/ret@a:1,b/events?x=y", "mongodb://a:1,b/events"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
