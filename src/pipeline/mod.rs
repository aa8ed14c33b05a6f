//! Pipelines: what is up to date, what runs, the run folder.
