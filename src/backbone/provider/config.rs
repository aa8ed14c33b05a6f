//! Providers as YAML says them: a name, a name with its options, a list tried in order, or `auto`.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::auto::AutoOptions;
use super::{CpuOptions, Provider, ProviderKind};

/// The providers that a pipeline asks for, in order: the first that is usable on the machine runs.
/// One name alone is one that must be usable.
///
/// ```yaml
/// provider: cpu
/// provider: {openvino: {precision: bf16}}
/// provider: [cuda, {openvino: {precision: bf16}}, cpu]
/// provider: auto
/// provider: {auto: {parity: strict}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Providers(Asked);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Named(Vec<Provider>),
    Auto(AutoOptions),
}

/// Every name that may stand as `provider`, in the order in which they are listed to people.
const NAMES: [&str; 5] = {
    let [a, b, c, d] = ProviderKind::NAMES;
    [a, b, c, d, AUTO]
};

const AUTO: &str = "auto";

impl Providers {
    /// Each provider in order: at least one, or none where [`Providers::auto`] is to choose.
    #[must_use]
    pub fn all(&self) -> &[Provider] {
        match &self.0 {
            Asked::Named(providers) => providers,
            Asked::Auto(_) => &[],
        }
    }

    /// How the choice is to be made, where it is left to measurements.
    #[must_use]
    pub fn auto(&self) -> Option<&AutoOptions> {
        match &self.0 {
            Asked::Named(_) => None,
            Asked::Auto(options) => Some(options),
        }
    }
}

impl From<Provider> for Providers {
    fn from(provider: Provider) -> Self {
        Self(Asked::Named(vec![provider]))
    }
}

impl Default for Providers {
    fn default() -> Self {
        Provider::default().into()
    }
}

impl fmt::Display for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.auto().is_some() {
            return f.write_str(AUTO);
        }
        let names: Vec<_> = self.all().iter().map(Provider::name).collect();
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
        if name == AUTO {
            return Err(E::custom(ALONE));
        }
        let kind = name.parse::<ProviderKind>();
        kind.map(Provider::from)
            .map_err(|unknown| E::unknown_variant(&unknown.found, &NAMES))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Provider, A::Error> {
        match asked(map)? {
            Asked::Named(mut one) if one.len() == 1 => Ok(one.remove(0)),
            _ => Err(de::Error::custom(ALONE)),
        }
    }
}

/// One name with its options, be it a provider's or `auto`.
fn asked<'de, A: MapAccess<'de>>(mut map: A) -> Result<Asked, A::Error> {
    let Some(name) = map.next_key::<Name>()? else {
        return Err(de::Error::custom(format!(
            "expected a provider's name; known: {}",
            NAMES.join(", ")
        )));
    };
    let provider = match name {
        Name::Cpu => Provider::Cpu(map.next_value()?),
        Name::Cuda => Provider::Cuda(map.next_value()?),
        Name::Tensorrt => Provider::Tensorrt(map.next_value()?),
        Name::Openvino => Provider::Openvino(map.next_value()?),
        Name::Auto => {
            let auto = Asked::Auto(map.next_value()?);
            return only(map, auto);
        }
    };
    only(map, Asked::Named(vec![provider]))
}

fn only<'de, A: MapAccess<'de>>(mut map: A, asked: Asked) -> Result<Asked, A::Error> {
    match map.next_key::<Name>()? {
        None => Ok(asked),
        Some(_) => Err(de::Error::custom(
            "expected one provider; to try several in order, give a list: [{cuda: {...}}, cpu]",
        )),
    }
}

/// What a map may have as its key.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Cpu,
    Cuda,
    Tensorrt,
    Openvino,
    Auto,
}

const ALONE: &str = "`auto` measures every provider and stands alone: `provider: auto`";

impl<'de> Deserialize<'de> for Providers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Providers;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a provider's name, a name with its options, a list of them, or `auto`")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Providers, E> {
        if name == AUTO {
            return Ok(Providers(Asked::Auto(AutoOptions::default())));
        }
        OneVisitor.visit_str(name).map(Providers::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Providers, A::Error> {
        asked(map).map(Providers)
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
        Ok(Providers(Asked::Named(providers)))
    }
}

/// A provider without settings is written as its name, as `cpu` always was; else with every
/// default filled in.
impl Serialize for Provider {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Self::Cpu(options) = self
            && *options == CpuOptions::default()
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
        if let Asked::Auto(options) = &self.0 {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(AUTO, options)?;
            return map.end();
        }
        match self.all() {
            [one] => one.serialize(serializer),
            list => list.serialize(serializer),
        }
    }
}
