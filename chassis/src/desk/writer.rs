//! Who wrote a commit: each desk marks the ids of its commits, so that replicas can tell each other apart.

use uuid::Uuid;

/// A desk that commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Writer([u8; MARK]);

const MARK: usize = 4;
/// The version of an id whose bits are its maker's own: RFC 9562, section 5.8.
const CUSTOM: usize = 8;

impl Writer {
    /// All who do not mark their commits.
    pub(crate) const UNKNOWN: Self = Self([0; MARK]);

    pub(crate) fn new() -> Self {
        Self(rand::random())
    }

    /// A new id for a commit, `UUIDv8`: the writer's mark in the last 32 bits, random ones before.
    pub(crate) fn commit_id(self) -> Uuid {
        let mut bytes: [u8; 16] = rand::random();
        bytes[16 - MARK..].copy_from_slice(&self.0);
        Uuid::new_v8(bytes)
    }

    /// Who chose the id.
    pub(crate) fn of(commit_id: Uuid) -> Self {
        if commit_id.get_version_num() != CUSTOM {
            return Self::UNKNOWN;
        }
        let [.., a, b, c, d] = commit_id.into_bytes();
        Self([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commits_id_tells_by_whom_it_is_and_is_new_each_time() {
        let (writer, other) = (Writer::new(), Writer::new());
        let id = writer.commit_id();
        assert_eq!(Writer::of(id), writer);
        assert_ne!(Writer::of(id), other);
        assert_ne!(writer.commit_id(), id);
    }

    #[test]
    fn ids_of_no_known_form_are_of_one_writer() {
        assert_eq!(Writer::of(Uuid::now_v7()), Writer::UNKNOWN);
    }
}
