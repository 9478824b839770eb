//! The folder for a replay: made for one verification, and gone afterwards.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use persistence::Stores;
use uuid::Uuid;

use super::AuditError;
use crate::operator::Workplace;

/// One verification of a service at a time works in it. What one that was killed has left, the next one removes.
pub(super) struct Scratch {
    folder: PathBuf,
    /// Told from those of all other folders, which may share the broker; the same for the next verification here.
    pub(super) group: String,
    _lock: File,
}

impl Scratch {
    pub(super) fn open(place: &Workplace) -> Result<Self, AuditError> {
        let service = place.settings.service;
        let folder = place.settings.data_dir.join(format!("verify-{service}"));
        let unusable = |cause| unusable(&folder, cause);
        fs::create_dir_all(&place.settings.data_dir).map_err(unusable)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.with_extension("lock"));
        let mut lock = lock.map_err(unusable)?;
        lock.try_lock().map_err(|_| AuditError::AtWork(service))?;
        let id = id_in(&mut lock).map_err(unusable)?;
        let scratch = Self {
            group: msgqueue::temporary_group(&format!("{service}.verify.{id}")),
            folder,
            _lock: lock,
        };
        scratch.remove()?;
        Ok(scratch)
    }

    pub(super) async fn stores(&self) -> Result<Stores, AuditError> {
        let url = format!("sqlite:{}", self.folder.display());
        persistence::open(&url)
            .await
            .map_err(|cause| unusable(&self.folder, cause))
    }

    pub(super) fn remove(&self) -> Result<(), AuditError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(&self.folder, error)),
            _ => Ok(()),
        }
    }
}

/// The id that a lock file holds; one is written where there is none.
fn id_in(lock: &mut File) -> std::io::Result<Uuid> {
    let mut text = String::new();
    // What is no text is no id either.
    let _ = lock.read_to_string(&mut text);
    if let Ok(id) = Uuid::parse_str(text.trim()) {
        return Ok(id);
    }
    let id = Uuid::now_v7();
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(id.to_string().as_bytes())?;
    Ok(id)
}

fn unusable(folder: &Path, cause: impl std::error::Error + Send + Sync + 'static) -> AuditError {
    AuditError::Folder {
        folder: folder.display().to_string(),
        cause: cause.into(),
    }
}
