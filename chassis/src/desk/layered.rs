//! A map whose copies are cheap: most of it is shared, and only what is not settled yet is a copy's own.
//!
//! An aggregate is copied before every commit, changed many times, and then either kept or thrown away. A persistent
//! map pays for every change; this one pays once, when the change is settled in the copy that is kept.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// A map in two layers. [`LayeredMap::settle`] has to be called when one copy is left, or copies become expensive.
#[derive(Debug, Clone)]
pub struct LayeredMap<K, V> {
    settled: Arc<HashMap<K, V>>,
    /// Changed since; `None` where it was removed.
    fresh: HashMap<K, Option<V>>,
}

impl<K, V> Default for LayeredMap<K, V> {
    fn default() -> Self {
        Self {
            settled: Arc::default(),
            fresh: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> LayeredMap<K, V> {
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.fresh.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.settled.get(key),
        }
    }

    pub fn insert(&mut self, key: K, value: V) {
        self.fresh.insert(key, Some(value));
    }

    pub fn remove(&mut self, key: K) {
        self.fresh.insert(key, None);
    }

    /// Every entry, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let settled = self.settled.iter().filter(|(key, _)| !self.fresh.contains_key(*key));
        let fresh = self
            .fresh
            .iter()
            .filter_map(|(key, value)| Some((key, value.as_ref()?)));
        settled.chain(fresh)
    }

    /// Merges the layers. Cheap where there is no other copy.
    pub fn settle(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let settled = Arc::make_mut(&mut self.settled);
        for (key, value) in self.fresh.drain() {
            match value {
                Some(value) => _ = settled.insert(key, value),
                None => _ = settled.remove(&key),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_and_copies_are_their_own(steps in prop::collection::vec((0..4_u8, 0..12_u8, any::<u8>()), 0..200)) {
            let mut layered = LayeredMap::default();
            let mut plain = HashMap::new();
            let mut before = (layered.clone(), plain.clone());
            for (step, key, value) in steps {
                match step {
                    0 => layered.settle(),
                    1 => before = (layered.clone(), plain.clone()),
                    2 => {
                        layered.remove(key);
                        plain.remove(&key);
                    }
                    _ => {
                        layered.insert(key, value);
                        plain.insert(key, value);
                    }
                }
                let shown: HashMap<u8, u8> = layered.iter().map(|(key, value)| (*key, *value)).collect();
                prop_assert_eq!(&shown, &plain);
                for key in 0..12 {
                    prop_assert_eq!(layered.get(&key), plain.get(&key));
                    prop_assert_eq!(before.0.get(&key), before.1.get(&key));
                }
            }
        }
    }
}
