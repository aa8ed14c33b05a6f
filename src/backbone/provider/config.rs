//! Providers as YAML says them: a name, a name with its options, or a list tried in order.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Provider, ProviderKind};

/// The providers that a pipeline asks for, in order: the first that is usable on the machine runs.
/// One name alone is one that must be usable.
///
/// ```yaml
/// provider: cpu
/// provider: {openvino: {precision: bf16}}
/// provider: [cuda, {openvino: {precision: bf16}}, cpu]
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Providers(Vec<Provider>);

impl Providers {
    /// Each provider in order; at least one.
    #[must_use]
    pub fn all(&self) -> &[Provider] {
        &self.0
    }
}

impl From<Provider> for Providers {
    fn from(provider: Provider) -> Self {
        Self(vec![provider])
    }
}

impl Default for Providers {
    fn default() -> Self {
        Provider::default().into()
    }
}

impl fmt::Display for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(Provider::name).collect();
        f.write_str(&names.join(", "))
    }
}

impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneVisitor)
    }
}

struct OneVisitor;

impl<'de> Visitor<'de> for OneVisitor {
    type Value = Provider;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a provider's name, or one name with its options: {cuda: {device: 0}}")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Provider, E> {
        let kind = name.parse::<ProviderKind>();
        kind.map(Provider::from)
            .map_err(|unknown| E::unknown_variant(&unknown.found, &ProviderKind::NAMES))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Provider, A::Error> {
        let Some(kind) = map.next_key::<ProviderKind>()? else {
            return Err(de::Error::custom(format!(
                "expected a provider's name; known: {}",
                ProviderKind::NAMES.join(", ")
            )));
        };
        let provider = match kind {
            ProviderKind::Cpu => Provider::Cpu(map.next_value()?),
            ProviderKind::Cuda => Provider::Cuda(map.next_value()?),
            ProviderKind::Tensorrt => Provider::Tensorrt(map.next_value()?),
            ProviderKind::Openvino => Provider::Openvino(map.next_value()?),
        };
        match map.next_key::<ProviderKind>()? {
            None => Ok(provider),
            Some(_) => Err(de::Error::custom(
                "expected one provider; to try several in order, give a list: [{cuda: {...}}, cpu]",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Providers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Providers;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a provider's name, a name with its options, or a list of them")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Providers, E> {
        OneVisitor.visit_str(name).map(Providers::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Providers, A::Error> {
        OneVisitor.visit_map(map).map(Providers::from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Providers, A::Error> {
        let mut providers = Vec::new();
        while let Some(provider) = list.next_element::<Provider>()? {
            if providers.contains(&provider) {
                let twice = format!("`{}` stands in the list twice", provider.name());
                return Err(de::Error::custom(twice));
            }
            providers.push(provider);
        }
        if providers.is_empty() {
            return Err(de::Error::custom("the list of providers is empty"));
        }
        Ok(Providers(providers))
    }
}

/// A provider without settings is written as its name, as `cpu` always was; else with every
/// default filled in.
impl Serialize for Provider {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Self::Cpu(options) = self
            && options.threads.is_none()
        {
            return serializer.serialize_str(self.name());
        }
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Cpu(options) => map.serialize_entry(self.name(), options)?,
            Self::Cuda(options) => map.serialize_entry(self.name(), options)?,
            Self::Tensorrt(options) => map.serialize_entry(self.name(), options)?,
            Self::Openvino(options) => map.serialize_entry(self.name(), options)?,
        }
        map.end()
    }
}

impl Serialize for Providers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            list => list.serialize(serializer),
        }
    }
}
