//! The store of images of a scene.

use std::fs;
use std::path::PathBuf;

use super::Scene;

/// Where a scene's images are.
pub fn store(scene: &Scene) -> PathBuf {
    scene.home().join(".local/kakuri/images")
}

/// Names in a folder of the store.
pub fn names(scene: &Scene, folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(store(scene).join(folder)) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
