//! What a state dict's pickle builds.

use std::collections::HashMap;
use std::ops::Range;

/// One value. Text and compound values are places elsewhere, so that a value is as cheap to copy as
/// a number and nothing, however deeply nested, is ever walked or dropped recursively.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// `None`, a float, or another constant that no state dict depends on.
    Other(&'static str),
    /// `True` or `False`.
    Flag(bool),
    /// An integer of up to eight bytes.
    Integer(i64),
    /// UTF-8 in the pickle.
    Text(Text),
    /// A tuple in [`Heap::tuples`].
    Tuple(usize),
    /// A list in [`Heap::lists`].
    List(usize),
    /// A dictionary, ordered or not, in [`Heap::dicts`].
    Dict(usize),
    /// Something that is called.
    Function(Function),
    /// The class of a storage.
    Class(Element),
    /// A storage in [`Heap::storages`].
    Storage(usize),
    /// A tensor in [`Heap::tensors`].
    Tensor(usize),
}

impl Value {
    /// What it is, for errors.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Other(kind) => kind,
            Self::Flag(_) => "a flag",
            Self::Integer(_) => "an integer",
            Self::Text(_) => "a text",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dictionary",
            Self::Function(_) | Self::Class(_) => "a class or function",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// A text: where it stands in the pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The functions that a state dict calls; there are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`
    RebuildTensor,
}

/// The type of a storage's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// IEEE 754, four bytes.
    Float,
    /// IEEE 754, two bytes.
    Half,
    /// A signed integer of eight bytes.
    Long,
}

impl Element {
    /// Bytes of one element.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Float => 4,
            Self::Half => 2,
            Self::Long => 8,
        }
    }

    /// The type's name in PyTorch.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Float => "float32",
            Self::Half => "float16",
            Self::Long => "int64",
        }
    }
}

/// Elements in a row, which tensors are views of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Storage {
    /// Its name in the file.
    pub(super) key: String,
    pub(super) element: Element,
    /// How many elements it has.
    pub(super) length: usize,
}

/// A view of a storage. No index that it can reach lies outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) storage: usize,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl Tensor {
    /// How many elements it shows.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Where in the storage its elements lie, in the order of its shape.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let mut index = vec![0; self.shape.len()];
        let mut place = self.offset;
        let range: Range<usize> = 0..self.len();
        range.map(move |_| {
            let found = place;
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                place += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                place -= index[axis] * self.strides[axis];
                index[axis] = 0;
            }
            found
        })
    }
}

/// Everything that values point to.
#[derive(Debug, Default)]
pub(super) struct Heap {
    pub(super) tuples: Vec<Vec<Value>>,
    pub(super) lists: Vec<Vec<Value>>,
    pub(super) dicts: Vec<Vec<(Value, Value)>>,
    pub(super) storages: Vec<Storage>,
    /// The storages by their keys.
    pub(super) by_key: HashMap<String, usize>,
    pub(super) tensors: Vec<Tensor>,
}

impl Heap {
    pub(super) fn tuple(&mut self, values: Vec<Value>) -> Value {
        self.tuples.push(values);
        Value::Tuple(self.tuples.len() - 1)
    }

    pub(super) fn list(&mut self) -> Value {
        self.lists.push(Vec::new());
        Value::List(self.lists.len() - 1)
    }

    pub(super) fn dict(&mut self) -> Value {
        self.dicts.push(Vec::new());
        Value::Dict(self.dicts.len() - 1)
    }
}
