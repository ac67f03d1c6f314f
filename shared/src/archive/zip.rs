//! A strict reader of zip files in memory.
