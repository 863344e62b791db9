//! Lanes kept from question to question: a question of the same shape reads them instead of files. Files never change, so
//! what is kept of one is right for as long as it is there.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::people::{columns::Texts, lanes::Piece};

/// Most shapes of which anything is kept, texts included.
const SHAPES_MAX: usize = 64;

/// What is kept, within a budget of bytes.
#[derive(Debug)]
pub struct HotLanes {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    shapes: HashMap<String, Shape>,
    bytes: usize,
    /// Counts uses.
    clock: u64,
}

/// All that is kept for questions of one shape.
#[derive(Debug, Default)]
struct Shape {
    texts: Arc<Texts>,
    /// Each with the bytes that it was counted for: keys that a question reads later are its own.
    files: HashMap<String, (Arc<Piece>, usize)>,
    bytes: usize,
    used_at: u64,
}

impl HotLanes {
    /// Nothing yet, within `bytes_max`; 0 keeps nothing.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    /// The texts and their codes of a shape, which its lanes speak in.
    pub fn texts(&self, shape: &str) -> Arc<Texts> {
        if self.bytes_max == 0 {
            return Arc::default();
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&kept.used(shape).texts)
    }

    /// What is kept of a shape's files, if it still speaks in these texts.
    pub fn files(&self, shape: &str, texts: &Arc<Texts>) -> HashMap<String, Arc<Piece>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.used(shape);
        let pieces = found.files.iter().map(|(name, (piece, _))| (name.clone(), Arc::clone(piece)));
        if Arc::ptr_eq(&found.texts, texts) { pieces.collect() } else { HashMap::new() }
    }

    /// Bytes that may be kept.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Keeps a file's lanes, if there is room; shapes that were not used for longest make room.
    pub fn keep(&self, shape: &str, texts: &Arc<Texts>, file: &str, piece: &Arc<Piece>) {
        let bytes = piece.bytes();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.bytes + bytes > self.bytes_max {
            let others = kept.shapes.iter().filter(|(name, _)| *name != shape);
            let Some(oldest) = others.min_by_key(|(_, shape)| shape.used_at).map(|(name, _)| name.clone()) else {
                return;
            };
            let freed = kept.shapes.remove(&oldest).map_or(0, |shape| shape.bytes);
            kept.bytes -= freed;
        }
        let found = kept.used(shape);
        if Arc::ptr_eq(&found.texts, texts) && found.files.insert(file.to_owned(), (Arc::clone(piece), bytes)).is_none()
        {
            found.bytes += bytes;
            kept.bytes += bytes;
        }
    }

    /// Forgets files that are no more.
    pub fn retain(&self, exists: impl Fn(&str) -> bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut freed = 0;
        for shape in kept.shapes.values_mut() {
            let before = shape.bytes;
            shape.files.retain(|name, (_, bytes)| {
                let stays = exists(name);
                shape.bytes -= if stays { 0 } else { *bytes };
                stays
            });
            freed += before - shape.bytes;
        }
        kept.bytes -= freed;
    }
}

impl Kept {
    fn used(&mut self, shape: &str) -> &mut Shape {
        self.clock += 1;
        while self.shapes.len() >= SHAPES_MAX && !self.shapes.contains_key(shape) {
            let oldest = self.shapes.iter().min_by_key(|(_, shape)| shape.used_at).map(|(name, _)| name.clone());
            let freed = oldest.and_then(|oldest| self.shapes.remove(&oldest)).map_or(0, |shape| shape.bytes);
            self.bytes -= freed;
        }
        let found = self.shapes.entry(shape.to_owned()).or_default();
        found.used_at = self.clock;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::Lanes;

    fn piece(rows: usize) -> Arc<Piece> {
        Arc::new(Piece { lanes: Lanes { at: vec![0; rows], ..Lanes::default() }, ..Piece::default() })
    }

    #[test]
    fn the_shape_not_used_for_longest_makes_room_and_a_file_that_is_gone_frees_its_own() {
        let hot = HotLanes::new(piece(100).bytes() * 3);
        let texts: Vec<Arc<Texts>> = ["a", "b", "c"].map(|shape| hot.texts(shape)).into();
        hot.keep("a", &texts[0], "1", &piece(100));
        hot.keep("b", &texts[1], "1", &piece(100));
        hot.keep("b", &texts[1], "2", &piece(100));
        assert_eq!(hot.files("a", &texts[0]).len(), 1);
        hot.keep("c", &texts[2], "1", &piece(50));
        assert_eq!(["a", "c"].map(|shape| hot.files(shape, &hot.texts(shape)).len()), [1, 1]);
        assert!(hot.files("b", &texts[1]).is_empty(), "b was not used for longest, and what comes back speaks anew");
        hot.keep("c", &texts[2], "2", &piece(1_000));
        assert_eq!(hot.files("c", &texts[2]).len(), 1, "what is larger than the budget is not kept");
        hot.keep("c", &texts[2], "3", &piece(10));
        hot.retain(|name| name == "3");
        let left = hot.files("c", &texts[2]);
        assert_eq!(left.keys().collect::<Vec<_>>(), ["3"]);
        // Keys that a question reads later are not taken off again.
        left["3"].keys.set(vec![0; 1_000]).unwrap();
        hot.retain(|_| false);
        assert!(hot.files("c", &texts[2]).is_empty());
        hot.keep("c", &texts[2], "4", &piece(300));
        assert_eq!(hot.files("c", &texts[2]).len(), 1, "all room is free again");
    }
}
