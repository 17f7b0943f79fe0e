//! Files that appear whole or not at all, whoever reads and whenever the process dies.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;

/// Puts `bytes` at `path` unless something is there already. Says whether it did.
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<bool> {
    let temporary = Temporary::write(path, bytes, mode)?;
    // A hard link is the one operation that both publishes a finished file and fails if the name is taken.
    match fs::hard_link(&temporary.0, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    }
    sync_directory(path)?;
    Ok(true)
}

/// Puts `bytes` at `path`, with these permissions, in place of what is there. Blocks until they are on the disk.
///
/// # Errors
/// Whatever the file system says; what was there is there still.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = Temporary::write(path, bytes, mode)?;
    fs::rename(&temporary.0, path)?;
    sync_directory(path)
}

/// A finished file under a name that nobody else uses; its name is removed on drop.
struct Temporary(PathBuf);

impl Temporary {
    fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}.tmp", HEXLOWER.encode(&random)));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        let temporary = Self(beside);
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename the name is gone already, which is the wanted state too.
        let _ = fs::remove_file(&self.0);
    }
}

/// The new name itself must survive a crash, not only the bytes.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}
