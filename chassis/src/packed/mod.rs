//! A map for states with very many entries: a block of bytes, and an overlay of what has changed since.
//!
//! A snapshot holds the block as it is, so that reading it back costs no more than its bytes: an entry is found by
//! binary search and decoded when somebody asks for it. The overlay is layered, so a clone shares most of it. The price
//! is a look-up that may go through all of them, and entries that are decoded anew each time.
//!
//! This module must not know what keys and values mean.

mod block;
mod bytes;

use std::hash::Hash;

pub use self::bytes::{Reader, TooLarge, put_number, put_section, put_text, take_section};
use crate::desk::LayeredMap;
use ::bytes::Bytes;
use block::{Block, BlockWriter};

/// What entries are found by.
pub trait Key: Clone + Eq + Hash {
    /// Kind and content. Equal keys have equal parts, and different ones different parts.
    fn parts(&self) -> (u8, &[u8]);
}

pub trait Value: Clone {
    fn write(&self, out: &mut Vec<u8>);

    /// Reads what [`Value::write`] wrote; `None` where the bytes are something else.
    fn read(bytes: Reader<'_>) -> Option<Self>;
}

/// Cheap to clone, to change, and to read back from bytes.
#[derive(Debug, Clone)]
pub struct PackedMap<K: Key, V: Value> {
    base: Block,
    /// `None` for what is in the base and was removed.
    overlay: LayeredMap<K, Option<V>>,
}

impl<K: Key, V: Value> Default for PackedMap<K, V> {
    fn default() -> Self {
        Self {
            base: Block::default(),
            overlay: LayeredMap::default(),
        }
    }
}

impl<K: Key, V: Value> PackedMap<K, V> {
    pub fn get(&self, key: &K) -> Option<V> {
        match self.overlay.get(key) {
            Some(changed) => changed.clone(),
            None => V::read(self.base.find(key.parts())?),
        }
    }

    pub fn insert(&mut self, key: K, value: V) {
        self.overlay.insert(key, Some(value));
    }

    pub fn remove(&mut self, key: &K) {
        if self.base.find(key.parts()).is_some() {
            self.overlay.insert(key.clone(), None);
        } else {
            self.overlay.remove(key.clone());
        }
    }

    /// See [`LayeredMap::settle`].
    pub fn settle(&mut self) {
        self.overlay.settle();
    }

    /// Shows every entry, by the parts of its key, in their order.
    pub fn visit(&self, mut each: impl FnMut((u8, &[u8]), V)) {
        let mut changed: Vec<(&K, &Option<V>)> = self.overlay.iter().collect();
        changed.sort_unstable_by(|a, b| a.0.parts().cmp(&b.0.parts()));
        let mut changed = changed.into_iter().peekable();
        let mut show = |parts: (u8, &[u8]), value: Option<V>| {
            if let Some(value) = value {
                each(parts, value);
            }
        };
        for (parts, value) in self.base.entries() {
            while let Some((key, value)) = changed.next_if(|(key, _)| key.parts() < parts) {
                show(key.parts(), value.clone());
            }
            match changed.next_if(|(key, _)| key.parts() == parts) {
                Some((_, value)) => show(parts, value.clone()),
                None => show(parts, V::read(value)),
            }
        }
        for (key, value) in changed {
            show(key.parts(), value.clone());
        }
    }

    /// Writes every entry that is worth it as one block.
    ///
    /// # Errors
    /// [`TooLarge`] above 4 GiB.
    pub fn pack(&self, out: &mut Vec<u8>, worth: impl Fn(&V) -> bool) -> Result<(), TooLarge> {
        let mut block = BlockWriter::default();
        self.visit(|parts, value| {
            if worth(&value) {
                block.push(parts, &value);
            }
        });
        block.finish(out)
    }

    /// Takes a block that [`PackedMap::pack`] wrote; `None` where the bytes are something else.
    pub fn unpack(block: Bytes) -> Option<Self> {
        Some(Self {
            base: Block::open(block)?,
            overlay: LayeredMap::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Key for u16 {
        /// Even and odd keys are of different kinds, and a key is as long as its number.
        fn parts(&self) -> (u8, &[u8]) {
            (u8::from(self.is_multiple_of(2)), &[7; 300][..usize::from(*self)])
        }
    }

    impl Value for u64 {
        fn write(&self, out: &mut Vec<u8>) {
            put_number(out, *self);
        }

        fn read(mut bytes: Reader<'_>) -> Option<Self> {
            bytes.number()
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u16, u64),
        Remove(u16),
        Repack,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let key = 0..200_u16;
        let step = prop_oneof![
            6 => (key.clone(), any::<u64>()).prop_map(|(key, value)| Step::Insert(key, value)),
            3 => key.prop_map(Step::Remove),
            1 => Just(Step::Repack),
        ];
        prop::collection::vec(step, 1..200)
    }

    fn repacked(map: &PackedMap<u16, u64>) -> PackedMap<u16, u64> {
        let mut bytes = Vec::new();
        map.pack(&mut bytes, |_| true).unwrap();
        PackedMap::unpack(Bytes::from(bytes)).unwrap()
    }

    proptest! {
        #[test]
        fn it_is_a_map_however_often_it_is_packed(steps in steps()) {
            let mut map = PackedMap::default();
            let mut plain = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        map.insert(key, value);
                        plain.insert(key, value);
                    }
                    Step::Remove(key) => {
                        map.remove(&key);
                        plain.remove(&key);
                    }
                    Step::Repack => map = repacked(&map),
                }
                let mut shown = 0;
                map.visit(|_, _| shown += 1);
                prop_assert_eq!(shown, plain.len());
            }
            for key in 0..200 {
                prop_assert_eq!(map.get(&key), plain.get(&key).copied());
            }
        }

        #[test]
        fn bytes_that_are_no_block_are_refused_or_harmless(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(map) = PackedMap::<u16, u64>::unpack(Bytes::from(bytes)) {
                map.visit(|_, _| {});
                map.get(&1);
            }
        }
    }

    #[test]
    fn a_clone_does_not_see_what_comes_later() {
        let mut map = PackedMap::default();
        map.insert(1, 10);
        let mut map = repacked(&map);
        let before = map.clone();
        map.insert(1, 11);
        map.insert(2, 20);
        assert_eq!((before.get(&1), before.get(&2)), (Some(10), None));
    }

    #[test]
    fn what_is_not_worth_it_is_left_out() {
        let mut map = PackedMap::default();
        map.insert(1, 10);
        map.insert(2, 20);
        let mut bytes = Vec::new();
        map.pack(&mut bytes, |value| *value > 15).unwrap();
        let packed = PackedMap::<u16, u64>::unpack(Bytes::from(bytes)).unwrap();
        assert_eq!((packed.get(&1), packed.get(&2)), (None, Some(20)));
    }
}
