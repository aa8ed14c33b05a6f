//! The two calls that a state dict's pickle makes, and its names of storages.

use super::error::{PickleProblem, TensorProblem};
use super::pickle::Machine;
use super::value::{Element, Function, Storage, Tensor, Value};

/// The most axes of a tensor.
const AXES: usize = 8;

impl Machine<'_> {
    /// Calls a function with a tuple of arguments.
    pub(super) fn call(&mut self) -> Result<(), PickleProblem> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let arguments = self.members(arguments);
        let value = match (function, arguments) {
            (Value::Function(Function::OrderedDict), Some([])) => self.heap.dict(),
            // The last two say whether it is trained, and by which hooks.
            (
                Value::Function(Function::RebuildTensor),
                Some(&[storage, offset, shape, strides, _, _]),
            ) => self.tensor(storage, offset, shape, strides)?,
            _ => {
                let of = function.kind();
                return Err(PickleProblem::Call { of });
            }
        };
        self.push(value)
    }

    /// A storage by its name: `("storage", class, key, device, length)`, and in the old format
    /// `None` at the end, which could also be the description of a view.
    pub(super) fn persistent(&mut self) -> Result<(), PickleProblem> {
        let name = self.pop()?;
        let (tag, class, key, length) = match self.members(name) {
            Some(
                &[tag, class, key, _, length] | &[tag, class, key, _, length, Value::Other(_)],
            ) => (tag, class, key, length),
            _ => return Err(PickleProblem::Storage),
        };
        let (Value::Text(tag), Value::Class(element)) = (tag, class) else {
            return Err(PickleProblem::Storage);
        };
        let (Value::Text(key), Value::Integer(length)) = (key, length) else {
            return Err(PickleProblem::Storage);
        };
        if self.text(tag) != "storage" {
            return Err(PickleProblem::Storage);
        }
        let storage = self.storage(self.text(key), element, length)?;
        self.push(storage)
    }

    /// The storage of this key. The file names one anew for each tensor that views it.
    fn storage(
        &mut self,
        key: &str,
        element: Element,
        length: i64,
    ) -> Result<Value, PickleProblem> {
        let bytes = usize::try_from(length)
            .ok()
            .and_then(|length| Some((length, length.checked_mul(element.size())?)));
        let limit = self.limit();
        let Some((length, _)) = bytes.filter(|(_, bytes)| *bytes <= limit) else {
            let (key, limit) = (key.to_owned(), limit);
            return Err(PickleProblem::StorageLength { key, length, limit });
        };
        let storage = Storage {
            key: key.to_owned(),
            element,
            length,
        };
        if let Some(&known) = self.heap.by_key.get(key) {
            if self.heap.storages.get(known) != Some(&storage) {
                let key = storage.key;
                return Err(PickleProblem::StorageTwice { key });
            }
            return Ok(Value::Storage(known));
        }
        let place = self.heap.storages.len();
        self.heap.by_key.insert(storage.key.clone(), place);
        self.heap.storages.push(storage);
        Ok(Value::Storage(place))
    }

    /// A view of a storage, every element of which is inside of it.
    fn tensor(
        &mut self,
        storage: Value,
        offset: Value,
        shape: Value,
        strides: Value,
    ) -> Result<Value, PickleProblem> {
        let wrong = PickleProblem::Tensor;
        let (Value::Storage(storage), Value::Integer(offset)) = (storage, offset) else {
            return Err(wrong(TensorProblem::Arguments));
        };
        let shape = self.lengths(shape).map_err(wrong)?;
        let strides = self.lengths(strides).map_err(wrong)?;
        if shape.len() != strides.len() {
            return Err(wrong(TensorProblem::Arguments));
        }
        let length = (self.heap.storages.get(storage)).map_or(0, |storage| storage.length);
        let offset = usize::try_from(offset).ok();
        let Some(offset) = offset.filter(|offset| fits(*offset, &shape, &strides, length)) else {
            return Err(wrong(TensorProblem::Outside {
                shape,
                strides,
                length,
            }));
        };
        self.heap.tensors.push(Tensor {
            storage,
            offset,
            shape,
            strides,
        });
        Ok(Value::Tensor(self.heap.tensors.len() - 1))
    }

    /// A tuple of lengths.
    fn lengths(&self, value: Value) -> Result<Vec<usize>, TensorProblem> {
        let members = self.members(value).ok_or(TensorProblem::Arguments)?;
        if members.len() > AXES {
            return Err(TensorProblem::Axes { limit: AXES });
        }
        let length = |value: &Value| match value {
            Value::Integer(length) => usize::try_from(*length).ok(),
            _ => None,
        };
        let lengths: Option<Vec<usize>> = members.iter().map(length).collect();
        lengths.ok_or(TensorProblem::Arguments)
    }

    /// The members of a tuple.
    fn members(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::Tuple(tuple) => self.heap.tuples.get(tuple).map(Vec::as_slice),
            _ => None,
        }
    }
}

/// Whether every element of a view lies in a storage of this length. A view with more elements
/// than its storage, where some stand for many, would be small in the file and large in memory: it
/// does not fit either.
fn fits(offset: usize, shape: &[usize], strides: &[usize], length: usize) -> bool {
    let elements = (shape.iter()).try_fold(1usize, |product, axis| product.checked_mul(*axis));
    if elements == Some(0) {
        return offset <= length;
    }
    let last = (shape.iter().zip(strides)).try_fold(offset, |last, (axis, stride)| {
        last.checked_add((axis - 1).checked_mul(*stride)?)
    });
    elements.is_some_and(|elements| elements <= length) && last.is_some_and(|last| last < length)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_view_stays_inside_its_storage() {
        assert!(fits(0, &[2, 3], &[3, 1], 6));
        assert!(fits(0, &[2, 3], &[1, 2], 6), "transposed");
        assert!(fits(5, &[], &[], 6), "a scalar");
        assert!(fits(6, &[0, 9], &[9, 1], 6), "empty");
        assert!(!fits(1, &[2, 3], &[3, 1], 6));
        assert!(!fits(0, &[2, 3], &[4, 1], 6));
        assert!(!fits(6, &[], &[], 6));
        assert!(!fits(7, &[0], &[1], 6));
        assert!(!fits(0, &[7], &[0], 6), "one element shown seven times");
        assert!(!fits(0, &[usize::MAX, 2], &[1, 1], 6));
        assert!(!fits(0, &[2, 2], &[usize::MAX, 2], 6));
        assert!(!fits(usize::MAX, &[2], &[1], 6));
    }
}
