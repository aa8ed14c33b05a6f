//! Values of provider options: checked where YAML is read, so that the error points at the value.

use serde::{Deserialize, Serialize};

/// A whole number of 1 to 1024: threads, rows, streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Count(u16);

impl Count {
    /// A default.
    pub(super) const fn constant(count: u16) -> Self {
        Self(count)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl TryFrom<u64> for Count {
    type Error = String;

    fn try_from(count: u64) -> Result<Self, String> {
        u16::try_from(count)
            .ok()
            .filter(|count| (1..=1024).contains(count))
            .map(Self)
            .ok_or_else(|| format!("must be between 1 and 1024, found {count}"))
    }
}

impl From<Count> for u64 {
    fn from(count: Count) -> Self {
        count.0.into()
    }
}

/// The number of a GPU, as the driver counts them: 0 to 255.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct DeviceId(u8);

impl DeviceId {
    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for DeviceId {
    type Error = String;

    fn try_from(id: u64) -> Result<Self, String> {
        u8::try_from(id)
            .map(Self)
            .map_err(|_| format!("must be the number of a GPU, 0 to 255, found {id}"))
    }
}

impl From<DeviceId> for u64 {
    fn from(id: DeviceId) -> Self {
        id.0.into()
    }
}
