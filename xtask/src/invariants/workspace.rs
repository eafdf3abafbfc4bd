//! What the rules look at: the crates with their direct dependencies, and the text files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell::{cargo, command, read, root};

#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) crates: Vec<Crate>,
    pub(super) files: Vec<SourceFile>,
}

#[derive(Debug)]
pub(super) struct Crate {
    pub(super) name: String,
    /// Relative to the workspace, such as `crates/openflow`.
    pub(super) directory: String,
    /// The workspace's own crates that it depends on, other than for its tests.
    pub(super) internal: BTreeSet<String>,
    pub(super) manifest: String,
}

#[derive(Debug)]
pub(super) struct SourceFile {
    /// Relative to the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl SourceFile {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Files that only tests contain: beside the code, or in a crate's `tests/`.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    pub(super) fn belongs_to(&self, directory: &str) -> bool {
        self.path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
    }
}

pub(super) fn load() -> Result<Workspace> {
    let metadata = read(&mut cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let root = root().canonicalize().context("find the workspace")?;
    Ok(Workspace { crates: crates(&metadata, &root)?, files: text_files()? })
}

fn crates(metadata: &str, root: &Path) -> Result<Vec<Crate>> {
    let metadata: Value = serde_json::from_str(metadata).context("parse the output of cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    packages.iter().map(|package| one_crate(package, root)).collect()
}

fn one_crate(package: &Value, root: &Path) -> Result<Crate> {
    let name = package["name"].as_str().context("a package without a name")?.to_owned();
    let path = PathBuf::from(package["manifest_path"].as_str().context("a package without a manifest")?);
    let directory = path.parent().unwrap_or(root);
    let directory =
        directory.strip_prefix(root).with_context(|| format!("{name} is outside the workspace"))?;
    let dependencies = package["dependencies"].as_array().context("a package without dependencies")?;
    let internal = dependencies
        .iter()
        // A crate of the workspace is found by path and not in a registry.
        .filter(|dependency| dependency["path"].is_string() && dependency["kind"].as_str() != Some("dev"))
        .filter_map(|dependency| dependency["name"].as_str())
        .map(str::to_owned)
        .collect();
    let manifest = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(Crate { name, directory: directory.to_string_lossy().into_owned(), internal, manifest })
}

/// Every text file that is, or is about to be, in the repository.
fn text_files() -> Result<Vec<SourceFile>> {
    let listing =
        read(&mut command("git", &["ls-files", "--cached", "--others", "--exclude-standard", "-z"]))?;
    let mut files = Vec::new();
    for path in listing.split('\0').filter(|path| !path.is_empty()) {
        // A file deleted and not yet committed is listed; one that is no text is not ours to judge.
        if let Ok(text) = fs::read_to_string(root().join(path)) {
            files.push(SourceFile { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dependencies_by_path_and_leaves_those_of_tests_out() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let metadata = serde_json::json!({"packages": [{
            "name": "one",
            "manifest_path": root.join("Cargo.toml"),
            "dependencies": [
                {"name": "two", "path": "/w/two", "kind": null},
                {"name": "three", "path": "/w/three", "kind": "build"},
                {"name": "testkit", "path": "/w/testkit", "kind": "dev"},
                {"name": "serde", "kind": null},
            ],
        }]});
        let crates = crates(&metadata.to_string(), root).unwrap();
        assert_eq!(crates[0].internal.iter().collect::<Vec<_>>(), ["three", "two"]);
    }

    #[test]
    fn knows_test_files() {
        let file = |path: &str| SourceFile { path: path.to_owned(), text: String::new() };
        assert!(file("crates/a/src/b/tests.rs").is_test() && file("crates/a/tests/b.rs").is_test());
        assert!(!file("crates/a/src/testserver.rs").is_test());
        assert!(file("crates/a/src/lib.rs").belongs_to("crates/a"));
        assert!(!file("crates/ab/src/lib.rs").belongs_to("crates/a"));
    }
}
