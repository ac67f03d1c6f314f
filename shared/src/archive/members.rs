//! The files of a whole archive in memory, each expanded when it is asked for.
