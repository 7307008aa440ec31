//! Maps and sets by hash. Most of a round's time goes into looking names up, so they are hashed fast: with a seed of each
//! process, so that no text can be written beforehand whose names all collide.

use foldhash::fast::RandomState;

pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;
pub(crate) type IndexMap<K, V> = indexmap::IndexMap<K, V, RandomState>;
