//! Native heads on cached features.
