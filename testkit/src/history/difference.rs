use std::fmt;

/// What can be wrong between what was said and what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Acknowledged, and not in the journal.
    Lost,
    /// Asked once, and in the journal more than once.
    Doubled,
    /// In the journal, and nobody asked for it.
    Unasked,
    /// In the journal otherwise than it was asked or acknowledged.
    Altered,
    /// A booking raised the seats sold above the capacity then in force.
    Oversold,
    /// A stream has a gap, or its hashes do not follow each other.
    BrokenChain,
    /// In the journal, and not in the log; or in the log as something else.
    Unpublished,
    /// The log has a stream's versions in another order when they come for the first time.
    Disordered,
    /// Something is parked for good.
    Parked,
    /// A read showed less than the token that it presented.
    Stale,
    /// A view differs from what a replay of the journal says.
    View,
    /// The platform did not come to rest.
    Stuck,
}

#[derive(Debug, Clone)]
pub struct Difference {
    pub kind: Kind,
    pub what: String,
}

/// All that a check found.
#[derive(Debug, Default)]
pub struct Findings {
    differences: Vec<Difference>,
}

impl Findings {
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }

    pub fn has(&self, kind: Kind) -> bool {
        self.differences.iter().any(|difference| difference.kind == kind)
    }

    /// Without those of some kinds, which the test itself has brought about.
    pub fn except(mut self, kinds: &[Kind]) -> Self {
        self.differences.retain(|difference| !kinds.contains(&difference.kind));
        self
    }

    /// Panics with the first of them.
    pub fn assert_none(&self) {
        assert!(self.is_empty(), "{self}");
    }

    pub(super) fn add(&mut self, kind: Kind, what: impl Into<String>) {
        let what = what.into();
        self.differences.push(Difference { kind, what });
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} differences", self.differences.len())?;
        for difference in self.differences.iter().take(10) {
            write!(f, "\n  {:?}: {}", difference.kind, difference.what)?;
        }
        Ok(())
    }
}
