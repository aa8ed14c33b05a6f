//! The seeded views of an image.
