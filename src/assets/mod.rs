//! Files from outside, pinned and checked.
