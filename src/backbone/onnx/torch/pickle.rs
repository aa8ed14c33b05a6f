//! The few words of Python's pickle that a state dict is written in.
//!
//! A pickle is a program for a stack machine, and Python's own machine calls whatever function the
//! file names. This one knows the two functions and three storage classes that a state dict needs,
//! and calls nothing: an unknown name, like an unknown operation, ends the reading.

use std::collections::HashMap;

use super::error::PickleProblem;
use super::value::{Element, Function, Heap, Text, Value};

/// The most operations of one file; an EfficientNet's state dict has eleven thousand. It bounds
/// memory too: no operation makes more than a few hundred bytes that are not in the file.
const OPERATIONS: usize = 1 << 18;
/// The longest text; a tensor's name has some forty bytes.
const TEXT: usize = 1024;
/// The longest name of a module or of a function in it.
const NAME: usize = 128;

/// A pickle's problem and the place of the operation that has it.
pub(super) type Failed = (usize, PickleProblem);

/// Reads pickles that stand one after another in some bytes.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    place: usize,
    /// The most bytes that a storage can have: those of the whole file.
    limit: usize,
    stack: Vec<Value>,
    /// Where in the stack the marks stand.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    operations: usize,
    pub(super) heap: Heap,
}

impl<'a> Machine<'a> {
    /// A machine at the start of `bytes`, which are all or part of a file of `limit` bytes.
    pub(super) fn new(bytes: &'a [u8], limit: usize) -> Self {
        Self {
            bytes,
            place: 0,
            limit,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            operations: 0,
            heap: Heap::default(),
        }
    }

    /// Where the next pickle begins.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// The most bytes that a storage can have.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// The text that a value points to.
    pub(super) fn text(&self, text: Text) -> &'a str {
        // Checked when it was read.
        let bytes = self.bytes.get(text.start..text.end).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Reads one pickle.
    pub(super) fn run(&mut self) -> Result<Value, Failed> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        loop {
            let place = self.place;
            match self.step() {
                Ok(None) => {}
                Ok(Some(value)) => return Ok(value),
                Err(problem) => return Err((place, problem)),
            }
        }
    }

    /// Does one operation; the last one gives the pickle's value.
    fn step(&mut self) -> Result<Option<Value>, PickleProblem> {
        self.operations += 1;
        if self.operations > OPERATIONS {
            return Err(PickleProblem::TooLong { limit: OPERATIONS });
        }
        let [operation] = self.take()?;
        match operation {
            b'.' => return self.pop().map(Some),
            0x80 => self.protocol()?,
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(Value::Other("None")),
            0x88 => self.stack.push(Value::Flag(true)),
            0x89 => self.stack.push(Value::Flag(false)),
            b'K' => {
                let [byte] = self.take()?;
                self.stack.push(Value::Integer(i64::from(byte)));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.take()?);
                self.stack.push(Value::Integer(i64::from(value)));
            }
            b'J' => {
                let value = i32::from_le_bytes(self.take()?);
                self.stack.push(Value::Integer(i64::from(value)));
            }
            0x8a => self.long()?,
            b'G' => {
                let _: [u8; 8] = self.take()?;
                self.stack.push(Value::Other("a float"));
            }
            b'X' => self.unicode()?,
            b'c' => self.global()?,
            _ => self.compound(operation)?,
        }
        Ok(None)
    }

    /// The operations on what is on the stack or in the memo already.
    fn compound(&mut self, operation: u8) -> Result<(), PickleProblem> {
        match operation {
            b')' => self.tuple(0),
            0x85 => self.tuple(1),
            0x86 => self.tuple(2),
            0x87 => self.tuple(3),
            b't' => {
                let values = self.until_mark()?;
                let tuple = self.heap.tuple(values);
                self.push(tuple)
            }
            b']' => {
                let list = self.heap.list();
                self.push(list)
            }
            b'}' => {
                let dict = self.heap.dict();
                self.push(dict)
            }
            b'a' => {
                let value = self.pop()?;
                self.extend(vec![value])
            }
            b'e' => {
                let values = self.until_mark()?;
                self.extend(values)
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![key, value])
            }
            b'u' => {
                let values = self.until_mark()?;
                self.set(values)
            }
            b'q' => {
                let [key] = self.take()?;
                self.memorize(u32::from(key))
            }
            b'r' => {
                let key = u32::from_le_bytes(self.take()?);
                self.memorize(key)
            }
            b'h' => {
                let [key] = self.take()?;
                self.remember(u32::from(key))
            }
            b'j' => {
                let key = u32::from_le_bytes(self.take()?);
                self.remember(key)
            }
            b'Q' => self.persistent(),
            b'R' => self.call(),
            b'b' => self.build(),
            operation => Err(PickleProblem::Operation { operation }),
        }
    }

    /// The next `N` bytes.
    fn take<const N: usize>(&mut self) -> Result<[u8; N], PickleProblem> {
        let bytes = self.skip(N)?;
        bytes.try_into().map_err(|_| PickleProblem::CutOff)
    }

    fn skip(&mut self, length: usize) -> Result<&'a [u8], PickleProblem> {
        let end = self.place.checked_add(length);
        let bytes = end.and_then(|end| self.bytes.get(self.place..end));
        let bytes = bytes.ok_or(PickleProblem::CutOff)?;
        self.place += length;
        Ok(bytes)
    }

    pub(super) fn push(&mut self, value: Value) -> Result<(), PickleProblem> {
        self.stack.push(value);
        Ok(())
    }

    /// The value on top, which must lie above the last mark.
    pub(super) fn pop(&mut self) -> Result<Value, PickleProblem> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(PickleProblem::Stack);
        }
        self.stack.pop().ok_or(PickleProblem::Stack)
    }

    fn top(&self) -> Result<Value, PickleProblem> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let above = self.stack.get(floor..).unwrap_or_default();
        above.last().copied().ok_or(PickleProblem::Stack)
    }

    /// Everything above the last mark, and the mark.
    fn until_mark(&mut self) -> Result<Vec<Value>, PickleProblem> {
        let mark = self.marks.pop().ok_or(PickleProblem::Stack)?;
        if mark > self.stack.len() {
            return Err(PickleProblem::Stack);
        }
        Ok(self.stack.split_off(mark))
    }

    fn protocol(&mut self) -> Result<(), PickleProblem> {
        match self.take()? {
            [2] => Ok(()),
            [found] => Err(PickleProblem::Protocol { found }),
        }
    }

    /// A little-endian integer with its length before it.
    fn long(&mut self) -> Result<(), PickleProblem> {
        let [length] = self.take()?;
        let bytes = self.skip(usize::from(length))?;
        if bytes.len() > 8 {
            return Err(PickleProblem::Integer);
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        for (to, from) in whole.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.push(Value::Integer(i64::from_le_bytes(whole)))
    }

    fn unicode(&mut self) -> Result<(), PickleProblem> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        if length > TEXT {
            return Err(PickleProblem::Text { limit: TEXT });
        }
        let start = self.place;
        let bytes = self.skip(length)?;
        if std::str::from_utf8(bytes).is_err() {
            return Err(PickleProblem::Text { limit: TEXT });
        }
        let end = self.place;
        self.push(Value::Text(Text { start, end }))
    }

    /// A name of Python's, as module and function on a line each.
    fn global(&mut self) -> Result<(), PickleProblem> {
        let module = self.line()?;
        let name = self.line()?;
        let value = match (module, name) {
            ("collections", "OrderedDict") => Value::Function(Function::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Value::Function(Function::RebuildTensor),
            ("torch", "FloatStorage") => Value::Class(Element::Float),
            ("torch", "HalfStorage") => Value::Class(Element::Half),
            ("torch", "LongStorage") => Value::Class(Element::Long),
            _ => {
                let name = format!("{module}.{name}");
                return Err(PickleProblem::Global { name });
            }
        };
        self.push(value)
    }

    fn line(&mut self) -> Result<&'a str, PickleProblem> {
        let rest = self.bytes.get(self.place..).unwrap_or_default();
        let end = rest.iter().take(NAME).position(|byte| *byte == b'\n');
        let line = self.skip(end.ok_or(PickleProblem::Name)?)?;
        self.skip(1)?;
        let graphic = line.iter().all(u8::is_ascii_graphic);
        let text = std::str::from_utf8(line).ok().filter(|_| graphic);
        text.ok_or(PickleProblem::Name)
    }

    fn tuple(&mut self, length: usize) -> Result<(), PickleProblem> {
        let mut values = Vec::with_capacity(length);
        for _ in 0..length {
            values.push(self.pop()?);
        }
        values.reverse();
        let tuple = self.heap.tuple(values);
        self.push(tuple)
    }

    fn extend(&mut self, values: Vec<Value>) -> Result<(), PickleProblem> {
        let Value::List(list) = self.top()? else {
            return Err(PickleProblem::Stack);
        };
        let list = self.heap.lists.get_mut(list).ok_or(PickleProblem::Stack)?;
        list.extend(values);
        Ok(())
    }

    /// Puts keys and values, in turns, into the dictionary on top.
    fn set(&mut self, values: Vec<Value>) -> Result<(), PickleProblem> {
        let Value::Dict(dict) = self.top()? else {
            return Err(PickleProblem::Stack);
        };
        let dict = self.heap.dicts.get_mut(dict).ok_or(PickleProblem::Stack)?;
        for pair in values.chunks(2) {
            let &[key, value] = pair else {
                return Err(PickleProblem::Stack);
            };
            dict.push((key, value));
        }
        Ok(())
    }

    fn memorize(&mut self, key: u32) -> Result<(), PickleProblem> {
        let value = self.top()?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn remember(&mut self, key: u32) -> Result<(), PickleProblem> {
        let value = self.memo.get(&key).copied();
        self.push(value.ok_or(PickleProblem::Memo { key })?)
    }

    /// Attributes for the object on top. A state dict has `_metadata`, versions of modules, which
    /// nothing here depends on.
    fn build(&mut self) -> Result<(), PickleProblem> {
        let state = self.pop()?;
        match (self.top()?, state) {
            (Value::Dict(_), Value::Dict(_)) => Ok(()),
            (object, _) => Err(PickleProblem::Attributes { of: object.kind() }),
        }
    }
}
