//! Where does a plan lie that does not fit into memory? In a file without a name, which is gone when the plan is.

use std::cell::{Cell, OnceCell};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Store;
use crate::plan::Shelf;

/// A file, made when something is put there. Nobody can open it, and whatever happens to this process, it does not stay.
#[derive(Debug, Default)]
struct Nameless {
    /// Where it is made if possible: there is room for what the store remembers, and others cannot look in.
    folder: Option<PathBuf>,
    file: OnceCell<File>,
    length: Cell<u64>,
    held: Cell<usize>,
}

impl Nameless {
    fn file(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        // Whoever only looks at a store may be somebody who must not write beside it.
        let beside = self.folder.as_deref().map(tempfile::tempfile_in);
        let file = match beside {
            Some(Ok(file)) => file,
            Some(Err(_)) | None => tempfile::tempfile()?,
        };
        Ok(self.file.get_or_init(|| file))
    }
}

impl Shelf for Nameless {
    fn put(&self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.length.get();
        self.file()?.write_all_at(bytes, at)?;
        self.length.set(at + bytes.len() as u64);
        Ok(at)
    }
    fn take(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file()?.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }
    fn held(&self) -> &Cell<usize> {
        &self.held
    }
}

impl Store {
    /// A new one, for what does not fit into memory: a file without a name beside the store.
    pub fn shelf(&self) -> Rc<dyn Shelf> {
        Rc::new(Nameless { folder: self.folder.clone(), ..Nameless::default() })
    }
}

/// The folder that the file lies in.
pub(super) fn folder(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Mode;

    #[test]
    fn what_is_put_there_comes_back_and_no_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("crosstie.db"), Mode::Write).unwrap();
        let names = || std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
        let (shelf, before) = (store.shelf(), names());
        let places: Vec<u64> = [&b"one"[..], b"", b"three"].iter().map(|bytes| shelf.put(bytes).unwrap()).collect();
        assert_eq!(places, [0, 3, 3]);
        assert_eq!((shelf.take(3, 5).unwrap(), shelf.take(0, 3).unwrap()), (b"three".to_vec(), b"one".to_vec()));
        assert!(shelf.take(6, 3).is_err(), "beyond its end");
        assert_eq!(names(), before);
    }

    #[test]
    fn whoever_may_not_write_beside_the_store_puts_it_elsewhere() {
        let gone = Nameless { folder: Some("/nowhere/at/all".into()), ..Nameless::default() };
        assert_eq!(gone.put(b"bytes").and_then(|at| gone.take(at, 5)).unwrap(), b"bytes");
    }
}
