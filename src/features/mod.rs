//! Row keys and the store of feature rows.
