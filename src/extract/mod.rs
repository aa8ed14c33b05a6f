//! Images through a backbone.
