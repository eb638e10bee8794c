//! The model file: safetensors that need nothing beside them, to predict with
//! and to go on training from.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    error::{Error, Result},
    model::Model,
    training::{Adam, Settings},
};

/// A model with all it takes to continue its training.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The model itself.
    pub model: Model,
    /// What it was trained with. Its seed gives the split it was trained on.
    pub settings: Settings,
    /// Epochs finished.
    pub epochs: u64,
    pub(crate) adam: Adam,
}

impl Checkpoint {
    /// Writes the file at once or not at all: a reader never sees a half.
    /// The same training gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder is missing or cannot be written to.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes()?;
        let temporary = temporary_beside(path);
        let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
        written.map_err(|source| {
            // Best effort: the error that matters is the one being returned.
            let _ = fs::remove_file(&temporary);
            Error::Io {
                doing: "cannot write",
                path: path.to_owned(),
                source,
            }
        })
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no readable file, [`Error::Checkpoint`] if it
    /// is damaged, of another program, format or architecture.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|source| Error::Io {
            doing: "cannot read",
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(&bytes).map_err(|error| match error {
            Error::Checkpoint { problem, .. } => Error::Checkpoint {
                path: Some(path.to_owned()),
                problem,
            },
            other => other,
        })
    }
}

/// In the same folder, since a rename is only atomic within a file system;
/// unique, since two trainings may save to one path.
fn temporary_beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{unique}.tmp", process::id()));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::Dataset, training::Trainer};

    fn trainer() -> (Trainer, Dataset) {
        let splits = Dataset::digits()
            .and_then(|digits| digits.split(1))
            .expect("split");
        let settings = Settings {
            hidden: 4,
            seed: 1,
            ..Settings::default()
        };
        let mut trainer = Trainer::new(&splits.train, settings).expect("trainer");
        trainer.epoch().expect("epoch");
        (trainer, splits.test)
    }

    #[test]
    fn a_saved_model_predicts_and_evaluates_as_before() {
        let (trainer, test) = trainer();
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("model.safetensors");
        trainer.checkpoint().save(&path).expect("save");
        let loaded = Checkpoint::load(&path).expect("load");
        assert_eq!(&loaded, trainer.checkpoint());
        assert_eq!(loaded.epochs, 1);

        let before = &trainer.checkpoint().model;
        let rows: Vec<Vec<f32>> = test
            .features()
            .rows()
            .into_iter()
            .map(|r| r.to_vec())
            .collect();
        assert_eq!(
            loaded.model.predict(&rows).expect("predict"),
            before.predict(&rows).expect("predict")
        );
        assert_eq!(
            loaded.model.evaluate(&test).expect("evaluate"),
            before.evaluate(&test).expect("evaluate")
        );
    }

    #[test]
    fn saving_replaces_the_file_and_leaves_nothing_else() {
        let (mut trainer, _) = trainer();
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("model.safetensors");
        trainer.checkpoint().save(&path).expect("save");
        trainer.epoch().expect("epoch");
        trainer.checkpoint().save(&path).expect("save again");
        assert_eq!(Checkpoint::load(&path).expect("load").epochs, 2);
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
    }

    #[test]
    fn who_reads_while_it_is_replaced_gets_the_old_file_whole() {
        let (mut trainer, _) = trainer();
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("model.safetensors");
        trainer.checkpoint().save(&path).expect("save");
        let mut reader = fs::File::open(&path).expect("open");
        trainer.epoch().expect("epoch");
        trainer.checkpoint().save(&path).expect("save again");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut bytes).expect("read");
        assert_eq!(Checkpoint::from_bytes(&bytes).expect("whole").epochs, 1);
    }

    #[test]
    fn a_failed_save_names_the_file_and_leaves_nothing() {
        let (trainer, _) = trainer();
        let folder = tempfile::tempdir().expect("folder");
        let missing = folder.path().join("no/model.safetensors");
        let error = trainer.checkpoint().save(&missing).expect_err("no folder");
        assert!(
            error.to_string().contains("no/model.safetensors"),
            "{error}"
        );

        // The rename fails, after the temporary file was written.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).expect("folder");
        trainer
            .checkpoint()
            .save(&taken)
            .expect_err("a folder is in the way");
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Checkpoint::load(Path::new("no/such.safetensors")).expect_err("missing");
        assert!(
            error
                .to_string()
                .starts_with("cannot read no/such.safetensors"),
            "{error}"
        );
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("model.safetensors");
        fs::write(&path, b"hello, world").expect("write");
        let error = Checkpoint::load(&path).expect_err("text").to_string();
        assert!(
            error.contains("model.safetensors is not a usable model"),
            "{error}"
        );
    }
}
