//! Where lies a plan that is too large to be held in memory?

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::io;
use std::rc::Rc;

/// Bytes that are put away and read back in one go: some fifty changes, so that what is read in order costs next to
/// nothing, and what is read alone not much. The last ones of each route stay in memory, and a mesh has hundreds of routes.
const BLOCK_BYTES: usize = 16 << 10;
/// Bytes that all piles of one shelf hold in memory before they put any away: some thousand changes. Most plans are smaller, and
/// need no file.
const HELD_BYTES_MAX: usize = 512 << 10;

/// Where blocks are put away.
pub trait Shelf: Debug {
    /// Keeps the bytes; answers where.
    ///
    /// # Errors
    /// The system's: a full disk, above all.
    fn put(&self, bytes: &[u8]) -> io::Result<u64>;
    /// As many of them as were put there.
    ///
    /// # Errors
    /// The system's.
    fn take(&self, at: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Bytes that all its piles have held in memory, none of which is put away.
    fn held(&self) -> &Cell<usize>;
}

/// A plan could not be put down, or not read back.
#[derive(Debug, thiserror::Error)]
#[error(
    "the plan could not be kept: {0}\nhint: what does not fit into memory lies in a file beside the store, without a name, until the plan is done with: is the disk full or failing?"
)]
pub struct Unkept(#[from] io::Error);

impl Unkept {
    /// What came back is not what was put down.
    pub(super) fn garbled(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(io::Error::new(io::ErrorKind::InvalidData, what))
    }
}

impl From<Unkept> for io::Error {
    fn from(error: Unkept) -> Self {
        Self::other(error)
    }
}

/// Where in a pile something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    block: u32,
    offset: u32,
}

#[derive(Clone, Debug)]
enum Block {
    Held(Rc<[u8]>),
    Away { at: u64, length: usize },
}

/// Bytes, in the order in which they were put down. Without a shelf all of them are held.
#[derive(Clone, Debug, Default)]
pub(super) struct Pile {
    shelf: Option<Rc<dyn Shelf>>,
    blocks: Vec<Block>,
    /// What is put down next comes here; no block yet.
    open: Vec<u8>,
    /// The block that was read back last: what comes next mostly lies in it, too.
    last: RefCell<Option<(u32, Rc<[u8]>)>>,
}

impl Pile {
    pub(super) fn on(shelf: Option<Rc<dyn Shelf>>) -> Self {
        Self { shelf, ..Self::default() }
    }

    /// Puts down what is never torn apart.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Unkept> {
        if !self.open.is_empty() && self.open.len() + bytes.len() > BLOCK_BYTES {
            self.close()?;
        }
        self.open.extend_from_slice(bytes);
        *self.last.get_mut() = None;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Unkept> {
        let length = self.open.len();
        let block = match &self.shelf {
            Some(shelf) if shelf.held().get() + length > HELD_BYTES_MAX => {
                Block::Away { at: shelf.put(&self.open)?, length }
            }
            shelf => {
                if let Some(shelf) = shelf {
                    shelf.held().set(shelf.held().get() + length);
                }
                Block::Held(self.open.as_slice().into())
            }
        };
        self.blocks.push(block);
        self.open.clear();
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.open.is_empty()
    }

    /// Each block with its number, in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Result<(u32, Rc<[u8]>), Unkept>> + '_ {
        let all = self.blocks.len() + usize::from(!self.open.is_empty());
        (0..u32::try_from(all).unwrap_or(u32::MAX)).map(|number| Ok((number, self.block(number)?)))
    }

    fn block(&self, number: u32) -> Result<Rc<[u8]>, Unkept> {
        if let Some((_, block)) = self.last.borrow().as_ref().filter(|(last, _)| *last == number) {
            return Ok(block.clone());
        }
        let block: Rc<[u8]> = match self.blocks.get(number as usize) {
            Some(Block::Held(block)) => return Ok(block.clone()),
            Some(Block::Away { at, length }) => match &self.shelf {
                Some(shelf) => shelf.take(*at, *length)?.into(),
                None => return Err(Unkept::garbled("there is no shelf")),
            },
            None => self.open.as_slice().into(),
        };
        *self.last.borrow_mut() = Some((number, block.clone()));
        Ok(block)
    }

    /// What begins at this place, and all that lies behind it in the same block.
    pub(super) fn behind(&self, place: Place) -> Result<impl AsRef<[u8]> + use<>, Unkept> {
        Ok(Behind { block: self.block(place.block)?, offset: place.offset as usize })
    }
}

struct Behind {
    block: Rc<[u8]>,
    offset: usize,
}

impl AsRef<[u8]> for Behind {
    fn as_ref(&self) -> &[u8] {
        self.block.get(self.offset..).unwrap_or_default()
    }
}

impl Place {
    pub(super) fn new(block: u32, offset: usize) -> Self {
        Self { block, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }
}
