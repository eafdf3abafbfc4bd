//! Things that several units may want at once, and that are told as a whole when any of them comes or goes.

use std::collections::BTreeMap;

/// Each thing, with how many units want it.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    wanted: BTreeMap<T, u32>,
    has_changed: bool,
}

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self { wanted: BTreeMap::new(), has_changed: false }
    }
}

impl<T: Ord + Clone> Counted<T> {
    /// Takes what a unit wants in the place of what it wanted. What it wants as before is not touched.
    pub(crate) fn replace(&mut self, before: &[T], now: &[T]) {
        if before == now {
            return;
        }
        for thing in now {
            let count = self.wanted.entry(thing.clone()).or_default();
            *count += 1;
            self.has_changed |= *count == 1;
        }
        for thing in before {
            if let Some(count) = self.wanted.get_mut(thing) {
                *count -= 1;
                if *count == 0 {
                    self.wanted.remove(thing);
                    self.has_changed = true;
                }
            }
        }
    }

    /// All of them, if any came or went since the last call.
    pub(crate) fn settle(&mut self) -> Option<Vec<T>> {
        std::mem::take(&mut self.has_changed).then(|| self.all())
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> Vec<T> {
        self.wanted.keys().cloned().collect()
    }
}
