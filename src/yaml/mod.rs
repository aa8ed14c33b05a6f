//! YAML whose errors name file, line and column.
