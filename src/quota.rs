//! May we write now?
