//! What can go wrong between a path and a running ONNX Runtime, and how each is put to a person.

use std::path::PathBuf;

use super::super::provider::ProviderKind;
use super::choose::PassedOver;
use super::search::{Build, Candidate};
use super::{OLDEST_MINOR, PINNED_VERSION};

/// Why there is no usable ONNX Runtime. Every message ends with the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Nothing was asked for, and the cache folder has no library.
    #[error(
        "ONNX Runtime's shared library was not found\n  \
         tried: the command line: nothing given\n  \
         tried: ORT_DYLIB_PATH: not set\n  \
         tried: {}: no such file\n  {}", path.display(), way_out()
    )]
    NotFound {
        /// The last place that was looked at.
        path: PathBuf,
    },
    /// The cache folder has no build with the provider.
    #[error(
        "provider `{provider}` needs a build of ONNX Runtime that is not fetched yet\n  \
         tried: {}: no such file\n  get it: {}", path.display(), Build::of(*provider).fetch()
    )]
    NotFetched {
        /// The provider.
        provider: ProviderKind,
        /// Where the library would lie.
        path: PathBuf,
    },
    /// The library that was asked for is a build without the provider.
    #[error(
        "{at} is ONNX Runtime {version} without the provider `{provider}`\n  \
         has: {}\n  get it: {}{}", names(has), Build::of(*provider).fetch(), at.by.undo()
    )]
    ProviderAbsent {
        /// The provider.
        provider: ProviderKind,
        /// The library, and who asked for it.
        at: Candidate,
        /// Its version.
        version: String,
        /// The providers that it has.
        has: Vec<ProviderKind>,
    },
    /// The provider needs something that this machine lacks.
    #[error("provider `{provider}` cannot run on this machine\n  {}", complaints.join("\n  "))]
    NotUsable {
        /// The provider.
        provider: ProviderKind,
        /// What is missing and what to do, a line each.
        complaints: Vec<String>,
    },
    /// A choice that is left to measurements, asked of what makes none.
    #[error("`auto` chooses by measuring, and here a provider has to be named")]
    Undecided,
    /// None of the providers in a list can run.
    #[error(
        "none of the providers that were asked for can run on this machine{}",
        each(reasons)
    )]
    NoneUsable {
        /// Each provider with its reason.
        reasons: Vec<PassedOver>,
    },
    /// A library that the provider needs was found and cannot be loaded.
    #[error("{} is needed by the provider and cannot be loaded: {reason}", path.display())]
    Dependency {
        /// The library.
        path: PathBuf,
        /// What the system's loader said.
        reason: String,
    },
    /// A library was asked for by name and is not there.
    #[error("ONNX Runtime's shared library {at} does not exist\n  {}", way_out())]
    Missing {
        /// What was asked for, and by whom.
        at: Candidate,
    },
    /// The path leads to a folder, a device or a file that can't be read.
    #[error(
        "ONNX Runtime's shared library {at} cannot be read: {reason}\n  {}",
        way_out()
    )]
    Unreadable {
        /// What was asked for, and by whom.
        at: Candidate,
        /// What stands in the way.
        reason: String,
    },
    /// The file is no shared library of this machine, or is cut short.
    #[error(
        "{at} is not a shared library that this machine can load: {reason}\n  {}",
        way_out()
    )]
    NotALibrary {
        /// What was asked for, and by whom.
        at: Candidate,
        /// What the check or the system's loader said.
        reason: String,
    },
    /// A shared library, but of something else.
    #[error(
        "{at} is a shared library, but not ONNX Runtime: {reason}\n  {}",
        way_out()
    )]
    NotOnnxRuntime {
        /// What was asked for, and by whom.
        at: Candidate,
        /// What is missing in it.
        reason: String,
    },
    /// ONNX Runtime, of a version that lacks the interface catpipe uses.
    #[error(
        "{at} is ONNX Runtime {found}, which is too old\n  \
         found: {found}\n  {}",
        way_out()
    )]
    TooOld {
        /// What was asked for, and by whom.
        at: Candidate,
        /// The version it gives itself.
        found: String,
    },
    /// ONNX Runtime of a version that has moved on, or one built without the common interface.
    #[error(
        "{at} is ONNX Runtime {found}, which does not offer interface version {OLDEST_MINOR}\n  \
         found: {found}\n  {}",
        way_out()
    )]
    NoInterface {
        /// What was asked for, and by whom.
        at: Candidate,
        /// The version it gives itself.
        found: String,
    },
    /// The library is right, but could not be set up.
    #[error("ONNX Runtime {at} could not be set up: {reason}\n  {}", way_out())]
    Environment {
        /// What was asked for, and by whom.
        at: Candidate,
        /// What it said.
        reason: String,
    },
    /// Another library is loaded already, and a process can hold one only.
    #[error(
        "this process already uses ONNX Runtime from {}, and can't change to {}: \
         start catpipe anew to use the other", loaded.display(), wanted.display()
    )]
    AnotherLoaded {
        /// The one in use.
        loaded: PathBuf,
        /// The one asked for now.
        wanted: PathBuf,
    },
}

impl RuntimeError {
    /// Whether the library, or the one that it builds on, is not there at all.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. } | Self::NotFetched { .. } | Self::Missing { .. }
        )
    }

    /// Whether it only says that a provider cannot be had here: then the next of a list may be
    /// tried. A library that is damaged or is not what was named is no such case.
    pub(super) fn lets_try_the_next(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::NotFetched { .. }
                | Self::ProviderAbsent { .. }
                | Self::NotUsable { .. }
        )
    }
}

fn names(kinds: &[ProviderKind]) -> String {
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

fn each(reasons: &[PassedOver]) -> String {
    reasons
        .iter()
        .map(|one| format!("\n{}", one.reason))
        .collect()
}

fn way_out() -> String {
    format!(
        "needed: ONNX Runtime 1.{OLDEST_MINOR} or newer (tested with {PINNED_VERSION})\n  \
         get it: catpipe fetch runtime"
    )
}
