//! From what stands on the command line to files: names, folders, quoted patterns.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use glob::MatchOptions;

use super::STANDARD_INPUT;
use crate::error::IntakeError;

/// The files that `patterns` name, sorted by path, each once.
///
/// A pattern is a file, a folder (with all folders in it), a glob such as `exports/**/*.csv.gz`, or `-` for standard
/// input. Within folders and globs, names that start with `.` or `_` are left out, as Spark and Hive do: such files
/// are marks of other tools. A file that is named in full is always taken.
///
/// # Errors
/// [`IntakeError::NoFiles`] naming the first pattern that leads to no file, [`IntakeError::UnreadableFile`] where a
/// folder cannot be listed.
pub fn expand(patterns: &[String]) -> Result<Vec<PathBuf>, IntakeError> {
    let mut files = BTreeSet::new();
    for pattern in patterns {
        let found = expand_one(pattern)?;
        if found.is_empty() {
            return Err(IntakeError::NoFiles { pattern: pattern.clone() });
        }
        files.extend(found);
    }
    Ok(files.into_iter().collect())
}

fn expand_one(pattern: &str) -> Result<Vec<PathBuf>, IntakeError> {
    let path = Path::new(pattern);
    let mut files = Vec::new();
    if path.is_dir() {
        walk(path, &mut files)?;
    } else if pattern == STANDARD_INPUT || path.exists() {
        files.push(path.to_owned());
    } else {
        for path in matches(pattern)? {
            if path.is_dir() { walk(&path, &mut files)? } else { files.push(path) }
        }
    }
    Ok(files)
}

/// What a glob finds; nothing where the text is no glob.
fn matches(pattern: &str) -> Result<Vec<PathBuf>, IntakeError> {
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let Ok(paths) = glob::glob_with(pattern, options) else { return Ok(Vec::new()) };
    // A part such as `_incoming` that the pattern itself spells is meant.
    let spelled: BTreeSet<&str> = pattern.split(['/', '\\']).collect();
    let meant =
        |path: &PathBuf| path.iter().filter_map(|part| part.to_str()).all(|p| !hidden(p) || spelled.contains(p));
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|error| unlistable(error.path(), error.error()))?;
        if meant(&path) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Adds the files below `folder`. A link to a folder is not followed, so that no circle of links is walked.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), IntakeError> {
    for entry in fs::read_dir(folder).map_err(|error| unlistable(folder, &error))? {
        let entry = entry.map_err(|error| unlistable(folder, &error))?;
        if entry.file_name().to_str().is_some_and(hidden) {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| unlistable(&path, &error))?;
        if kind.is_dir() {
            walk(&path, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a name is that of another tool's mark. `.` and `..` are ways, not names.
fn hidden(name: &str) -> bool {
    name.starts_with(['.', '_']) && name != "." && name != ".."
}

fn unlistable(path: &Path, error: &io::Error) -> IntakeError {
    IntakeError::UnreadableFile { path: path.display().to_string(), problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["b.csv", "a.csv", "_SUCCESS", ".c.csv", "in/d.csv", "in/e.json", "_old/f.csv", "bare/_g.csv"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "x").expect("a file");
        }
        dir
    }

    fn expanded(dir: &tempfile::TempDir, patterns: &[&str]) -> Vec<String> {
        let full = |pattern: &&str| dir.path().join(pattern).display().to_string();
        let files = expand(&patterns.iter().map(full).collect::<Vec<_>>()).expect("files");
        let short = |path: &PathBuf| path.strip_prefix(dir.path()).expect("below").display().to_string();
        files.iter().map(short).collect()
    }

    #[test]
    fn a_folder_gives_all_files_below_it_sorted_and_without_other_tools_marks() {
        assert_eq!(expanded(&folder(), &[""]), ["a.csv", "b.csv", "in/d.csv", "in/e.json"]);
    }

    #[test]
    fn a_glob_gives_what_it_matches_and_a_file_is_there_once() {
        let dir = folder();
        assert_eq!(expanded(&dir, &["*.csv", "b.csv", "in/*.json"]), ["a.csv", "b.csv", "in/e.json"]);
        assert_eq!(expanded(&dir, &["**/*.csv"]), ["a.csv", "b.csv", "in/d.csv"]);
        assert_eq!(expanded(&dir, &["i*"]), ["in/d.csv", "in/e.json"], "a matched folder is walked");
    }

    #[test]
    fn what_is_named_in_full_is_taken_whatever_its_name() {
        let dir = folder();
        assert_eq!(expanded(&dir, &["_SUCCESS", "_old/*.csv"]), ["_SUCCESS", "_old/f.csv"]);
        fs::write(dir.path().join("x[1].csv"), "x").expect("a file");
        assert_eq!(expanded(&dir, &["x[1].csv"]), ["x[1].csv"], "a name that looks like a glob");
        assert_eq!(expand(&["-".to_owned()]), Ok(vec![PathBuf::from("-")]));
    }

    #[test]
    fn a_pattern_that_leads_to_no_file_is_named() {
        let dir = folder();
        for name in ["none.csv", "*.parquet", "bare", "x[.csv"] {
            let pattern = dir.path().join(name).display().to_string();
            let error = expand(&[dir.path().display().to_string(), pattern.clone()]).expect_err("nothing there");
            assert_eq!(error, IntakeError::NoFiles { pattern });
        }
    }
}
