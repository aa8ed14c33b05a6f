//! Synthetic labelled images.
