use std::error::Error;

/// An error and what it comes from, in one line. What an error has told of its cause already is not told again.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use persistence::{PutError, StoreError};

    use super::causes;

    #[test]
    fn every_cause_is_told_once() {
        let full = std::io::Error::other("the disk is full");
        let error = PutError::Store(StoreError::Unavailable(full.into()));
        assert_eq!(causes(&error), "the store is not available: the disk is full");
    }
}
