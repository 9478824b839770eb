use thiserror::Error;

/// Names the part of a broker's URL that is wrong and the rule that it breaks, in one line and without any secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{part} {rule}")]
pub struct UrlError {
    part: String,
    rule: String,
}

impl UrlError {
    pub fn new(part: &str, rule: impl Into<String>) -> Self {
        Self {
            part: part.to_owned(),
            rule: rule.into(),
        }
    }
}
