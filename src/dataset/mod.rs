//! Where examples come from.
