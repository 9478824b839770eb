//! What is measured, by subject.

mod booking;
mod footprint;
mod operating;
mod reading;

use crate::Outcome;
use crate::report::{Row, note};

/// How long and how often.
pub(crate) struct Options {
    pub(crate) only: Option<String>,
    pub(crate) turns: u32,
    pub(crate) seconds: u64,
    pub(crate) events: usize,
    /// In the histories that are rebuilt and verified.
    pub(crate) envelopes: u64,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        let wanted = self.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
        if wanted {
            note(&format!("measuring: {name}"));
        }
        wanted
    }
}

/// One after the other: they would disturb each other.
pub(crate) async fn all(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    if options.wants(booking::BURST) {
        rows.extend(booking::burst(options).await?);
    }
    if options.wants(booking::SUSTAINED) {
        rows.push(booking::sustained(options).await?);
    }
    if options.wants(booking::VISIBLE) {
        rows.push(booking::visible(options).await?);
    }
    if options.wants(reading::ONE) {
        rows.push(reading::one(options).await?);
    }
    if options.wants(reading::LIST) {
        rows.push(reading::list(options).await?);
    }
    if options.wants(footprint::IDLE) {
        rows.push(footprint::idle().await?);
    }
    if options.wants(footprint::START) {
        rows.push(footprint::start(options).await?);
    }
    if options.wants(operating::FIRST) {
        rows.push(operating::first_booking(options).await?);
    }
    if options.wants(operating::VERIFY) {
        rows.push(operating::verify(options).await?);
    }
    if options.wants(operating::REBUILD) {
        rows.extend(operating::rebuild(options).await?);
    }
    Ok(rows)
}

/// The one in the middle; of an even number the higher of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![2.0]), 2.0);
    }
}
