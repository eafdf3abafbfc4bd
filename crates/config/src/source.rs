//! Where configuration comes from: files, directories of them, texts, the environment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{Place, Problem};
use crate::ini;
use crate::layers::{Layer, Layers};

/// How large a file may be. A configuration of ten thousand lines is a mistake or an attack.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// How many files a directory may add.
pub const DIRECTORY_FILES_MAX: usize = 1024;

/// Where the original looked when no file was named. Those that exist are read, in this order.
pub const DEFAULT_FILES: [&str; 2] = ["/etc/neutron/neutron.conf", "/etc/neutron/dragonflow.ini"];

/// A source. In a list of them, later ones win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `--config-file`. It has to exist.
    File(PathBuf),
    /// `--config-dir`: the files `*.conf` in it, by name. It has to exist.
    Directory(PathBuf),
    /// A text that somebody has made, with a name to call it by in errors.
    Text {
        /// What errors call it.
        name: String,
        /// The content.
        text: String,
    },
}

impl Source {
    /// The files that are read when none is named: those of [`DEFAULT_FILES`] that exist.
    pub fn defaults() -> Vec<Self> {
        let existing = DEFAULT_FILES.iter().map(Path::new).filter(|path| path.exists());
        existing.map(|path| Self::File(path.to_owned())).collect()
    }
}

/// What the machine and the process say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The name of the machine: the default of `[DEFAULT] host`.
    pub host_name: String,
    /// Environment variables. `OS_<SECTION>__<OPTION>` sets an option and wins over every file; all others are left alone.
    pub variables: BTreeMap<String, String>,
}

impl Environment {
    /// A machine of this name, and no variables.
    pub fn new(host_name: impl Into<String>) -> Self {
        Self { host_name: host_name.into(), variables: BTreeMap::new() }
    }

    /// The variables of this process, as far as they are valid text.
    #[must_use]
    pub fn with_process_variables(mut self) -> Self {
        let texts = std::env::vars_os()
            .filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
        self.variables.extend(texts);
        self
    }
}

/// Reads everything; what cannot be read is in the problems.
pub(crate) fn collect(sources: &[Source], environment: &Environment, problems: &mut Vec<Problem>) -> Layers {
    let mut layers = Layers::default();
    for source in sources {
        match source {
            Source::File(path) => add_file(path, &mut layers, problems),
            Source::Directory(path) => match files_of(path) {
                Ok(files) => files.iter().for_each(|file| add_file(file, &mut layers, problems)),
                Err(reason) => problems.push(unreadable(path, reason)),
            },
            Source::Text { name, text } => add_text(name, text, &mut layers, problems),
        }
    }
    layers.push(Layer::from_environment(&environment.variables));
    layers
}

fn files_of(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| describe(&error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| describe(&error))?.path();
        // As a shell's *.conf: hidden files are left out.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|extension| extension == "conf") && !hidden {
            files.push(path);
        }
        if files.len() > DIRECTORY_FILES_MAX {
            return Err(format!("more than {DIRECTORY_FILES_MAX} configuration files"));
        }
    }
    files.sort();
    Ok(files)
}

fn add_file(path: &Path, layers: &mut Layers, problems: &mut Vec<Problem>) {
    match read(path) {
        Ok(text) => add_text(&path.display().to_string(), &text, layers, problems),
        Err(reason) => problems.push(unreadable(path, reason)),
    }
}

fn read(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| describe(&error))?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|error| describe(&error))?;
    check_size(bytes.len())?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line} is not UTF-8")
    })
}

fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "does not exist".to_owned(),
        ErrorKind::PermissionDenied => "may not be read by this user".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

fn unreadable(path: &Path, reason: String) -> Problem {
    Problem::Unreadable { path: path.display().to_string(), reason }
}

fn check_size(bytes: usize) -> Result<(), String> {
    if bytes > FILE_BYTES_MAX {
        return Err(format!("a configuration file has at most {FILE_BYTES_MAX} bytes"));
    }
    Ok(())
}

fn add_text(name: &str, text: &str, layers: &mut Layers, problems: &mut Vec<Problem>) {
    if let Err(reason) = check_size(text.len()) {
        problems.push(Problem::Unreadable { path: name.to_owned(), reason });
        return;
    }
    let parsed = ini::parse(text);
    layers.push(Layer::from_entries(name, parsed.entries));
    problems.extend(parsed.errors.into_iter().map(|error| {
        let place = Place { source: name.into(), line: Some(error.line) };
        Problem::Syntax { place, fault: error.fault, text: error.text }
    }));
}
