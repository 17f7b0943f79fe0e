//! Where inputs start from: the golden vectors, and `tests/fuzz/corpus/<target>/`.
//!
//! A file `*.hex` holds one input per line as hexadecimal, blanks allowed, after `#` a remark. A file `*.txt` holds one
//! input per line as it is. Any other file is one input, byte for byte; the runner saves its findings so.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use data_encoding::HEXLOWER;

/// Which golden vectors seed which target, by the beginning of their names.
const VECTORS: &[(&str, &[&str])] = &[
    ("packet", &["packets/"]),
    ("forwarder", &["packets/"]),
    ("messaging-frame", &["messaging/"]),
    ("link-offer", &["transport-link/offer"]),
    ("link-agree", &["transport-link/agree"]),
    ("punch-offer", &["punch/offer"]),
    ("punch-answer", &["punch/answer"]),
    ("setup-source-message", &["setup/establish", "setup/ping"]),
    ("setup-node-message", &["setup/install", "setup/undo", "setup/inspect"]),
    ("setup-reply", &["setup/reply"]),
    ("record", &["records/"]),
    ("transport-entry", &["transport-link/entry"]),
    ("route-request", &["setup/signed-route-request"]),
    ("signed-record-json", &["json/signed-record"]),
    ("signed-transport-entry-json", &["json/signed-transport-entry"]),
];

/// An input and where it came from.
#[derive(Debug, Clone)]
pub struct Input {
    /// The vector, or the file and line.
    pub name: String,
    /// What the target is given.
    pub bytes: Vec<u8>,
}

/// The folder of a target's own inputs.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// All inputs of a target, in a fixed order.
///
/// # Errors
/// If a file cannot be read or is not formed as described above.
pub fn load(target: &str) -> anyhow::Result<Vec<Input>> {
    let mut inputs = vectors(target)?;
    for path in files(&folder(target))? {
        inputs.extend(read(&path).with_context(|| path.display().to_string())?);
    }
    ensure!(!inputs.is_empty(), "{target} has no inputs");
    Ok(inputs)
}

/// Saves a finding among the target's inputs, so that the tests replay it from then on.
///
/// # Errors
/// If the file cannot be written.
pub fn save(target: &str, input: &[u8]) -> anyhow::Result<PathBuf> {
    // FNV-1a: the same finding has the same name.
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let path = folder(target).join(format!("found-{hash:016x}"));
    fs::create_dir_all(folder(target))?;
    fs::write(&path, input).with_context(|| path.display().to_string())?;
    Ok(path)
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> anyhow::Result<Vec<Input>> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = fs::read(path)?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let decode: fn(&str) -> anyhow::Result<Vec<u8>> = match extension {
        Some("hex") => hex,
        Some("txt") => |line| Ok(line.as_bytes().to_vec()),
        _ => return Ok(vec![Input { name: file, bytes }]),
    };
    let text = String::from_utf8(bytes)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    lines.map(|(i, line)| Ok(Input { name: format!("{file}:{}", i + 1), bytes: decode(line)? })).collect()
}

fn hex(line: &str) -> anyhow::Result<Vec<u8>> {
    let digits = line.split('#').next().unwrap_or_default();
    let digits: String = digits.split_whitespace().collect();
    HEXLOWER.decode(digits.as_bytes()).with_context(|| format!("'{line}' is not hexadecimal"))
}

fn vectors(target: &str) -> anyhow::Result<Vec<Input>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protocol/wire/vectors");
    let wanted = VECTORS.iter().find(|(name, _)| *name == target).map_or(&[][..], |(_, wanted)| wanted);
    let mut inputs = Vec::new();
    for path in files(&folder)? {
        let protocol = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for line in fs::read_to_string(&path)?.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once(" = ").with_context(|| format!("'{line}' is no vector"))?;
            let name = format!("{protocol}/{name}");
            if wanted.iter().any(|beginning| name.starts_with(beginning)) {
                let bytes = if protocol == "json" { value.as_bytes().to_vec() } else { hex(value)? };
                inputs.push(Input { name, bytes });
            }
        }
    }
    ensure!(wanted.is_empty() || !inputs.is_empty(), "no vector begins with {wanted:?}");
    Ok(inputs)
}
