//! What can stand in the way of an import.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a PyTorch state dict could not be converted.
#[derive(Debug, Error)]
pub enum TorchError {
    /// There is no file at the path.
    #[error("{path}: no such file; what `torch.save(model.state_dict(), ...)` wrote is expected", path = .path.display())]
    NotThere {
        /// The path asked for.
        path: PathBuf,
    },
    /// The file can't be read.
    #[error("{path}: can't be read: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than what can be imported.
    #[error("{path}: {bytes} bytes are more than the {limit} allowed here", path = .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many bytes it has.
        bytes: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// The file begins like none of the two formats of `torch.save`.
    #[error("{path}: is not a file of torch.save: it begins neither as a zip archive nor with PyTorch's mark of the older format", path = .path.display())]
    NotTorch {
        /// The file.
        path: PathBuf,
    },
    /// The zip archive is damaged.
    #[error("{path}: is a damaged zip archive: {source}; fetch it again", path = .path.display())]
    Zip {
        /// The file.
        path: PathBuf,
        /// What the reader met.
        source: zip::result::ZipError,
    },
    /// A member of the zip archive is not as PyTorch writes it.
    #[error("{path}: its member `{member}` {problem}", path = .path.display())]
    Member {
        /// The file.
        path: PathBuf,
        /// The member's name.
        member: String,
        /// What is the matter with it.
        problem: MemberProblem,
    },
    /// The numbers are stored with the highest byte first.
    #[error("{path}: was written on a big-endian machine; save it on a little-endian one", path = .path.display())]
    BigEndian {
        /// The file.
        path: PathBuf,
    },
    /// The pickled object is not a state dict, or is damaged.
    #[error("{path}: at byte {offset}{}: {problem}", match member {
        Some(member) => format!(" of its member `{member}`"),
        None => String::new(),
    }, path = .path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// The member of the zip archive, where it is one.
        member: Option<String>,
        /// Where in the file or member the operation stands.
        offset: usize,
        /// What is the matter.
        problem: Box<PickleProblem>,
    },
    /// The tensors' numbers are not all in the file.
    #[error("{path}: the storage `{key}` {problem}", path = .path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// The storage's name.
        key: String,
        /// What is the matter with it.
        problem: StorageProblem,
    },
    /// A tensor is not what the architecture needs.
    #[error("{path}: is no state dict of {architecture}: the tensor `{tensor}` {problem}", path = .path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The architecture that was to be built.
        architecture: &'static str,
        /// The tensor's name.
        tensor: String,
        /// What is the matter with it.
        problem: WeightProblem,
    },
}

/// What is the matter with a member of the zip archive.
#[derive(Debug, Error)]
pub enum MemberProblem {
    /// It is not there.
    #[error("is missing; only what torch.save wrote can be imported")]
    Missing,
    /// It is compressed or encrypted.
    #[error("is compressed or encrypted, which torch.save never does; pack it anew without")]
    Packed,
    /// It says that it has more bytes than the archive.
    #[error("has {bytes} bytes by its header, more than the {left} that the file can hold")]
    Length {
        /// What it says.
        bytes: u64,
        /// What is possible.
        left: u64,
    },
    /// Its bytes do not have their checksum, or end too soon.
    #[error("is damaged: {0}")]
    Damaged(io::Error),
}

/// What is the matter with an operation of the pickle.
#[derive(Debug, Error)]
pub enum PickleProblem {
    /// The file ends in the middle.
    #[error("the file ends in the middle of its pickle; fetch it again")]
    CutOff,
    /// There are too many operations.
    #[error("more than {limit} pickle operations; a state dict has a few thousand")]
    TooLong {
        /// The most that are done.
        limit: usize,
    },
    /// Another version of the pickle format.
    #[error("pickle protocol {found}; torch.save's own, 2, is read (pickle_protocol=2)")]
    Protocol {
        /// The version.
        found: u8,
    },
    /// An operation that no state dict needs.
    #[error("the pickle operation 0x{operation:02x}, which no state dict needs, is refused")]
    Operation {
        /// Its code.
        operation: u8,
    },
    /// A class or function that no state dict needs.
    #[error(
        "the pickle wants to call `{name}`, which no state dict of float tensors needs: refused; save `model.state_dict()` alone, in float32"
    )]
    Global {
        /// Its full name.
        name: String,
    },
    /// The name of a class or function can't be read.
    #[error("a class's name is no line of plain ASCII; the file is damaged")]
    Name,
    /// A text is too long or not UTF-8.
    #[error("a text is longer than {limit} bytes or not UTF-8; the file is damaged")]
    Text {
        /// The most bytes.
        limit: usize,
    },
    /// An integer has more than eight bytes.
    #[error("an integer of more than eight bytes; the file is damaged")]
    Integer,
    /// An operation finds too little, or the wrong thing, on the stack.
    #[error("an operation does not find on the stack what it needs; the file is damaged")]
    Stack,
    /// Something is recalled that was never remembered.
    #[error("nothing was remembered as {key}; the file is damaged")]
    Memo {
        /// Its number.
        key: u32,
    },
    /// A call that is not one of the two that are known.
    #[error("a call of {of} with arguments that no state dict has is refused")]
    Call {
        /// What was to be called.
        of: &'static str,
    },
    /// Attributes are given to something that has none in a state dict.
    #[error("attributes for {of} are refused; only a dictionary has any in a state dict")]
    Attributes {
        /// What they were for.
        of: &'static str,
    },
    /// A reference to a storage is not of the known form.
    #[error("a reference to a storage is not of the form that torch.save writes for plain tensors")]
    Storage,
    /// A storage says that it is longer than the file.
    #[error(
        "the storage `{key}` has {length} elements, which is less than none or more than fit into a file of {limit} bytes"
    )]
    StorageLength {
        /// Its name.
        key: String,
        /// The length that it states.
        length: i64,
        /// How many bytes the file has.
        limit: usize,
    },
    /// A storage is described in two ways.
    #[error("the storage `{key}` has two types or lengths; the file is damaged")]
    StorageTwice {
        /// Its name.
        key: String,
    },
    /// A tensor is not a proper view of its storage.
    #[error(transparent)]
    Tensor(TensorProblem),
    /// The object is no dictionary, or not one of tensors by name.
    #[error(
        "the object is {found}, not a dictionary of tensors by name; save `model.state_dict()` alone"
    )]
    NotStateDict {
        /// What it is, or what is in it.
        found: String,
    },
    /// Two tensors have one name.
    #[error("the tensor `{name}` stands there twice")]
    TensorTwice {
        /// The name.
        name: String,
    },
    /// The first pickles are not those of the older format.
    #[error("the header of the older format is not as PyTorch writes it; the file is damaged")]
    Header,
}

/// What is the matter with the description of a tensor.
#[derive(Debug, Error)]
pub enum TensorProblem {
    /// It is not made of a storage, an offset, a shape and strides.
    #[error("a tensor is not described by storage, offset, shape and strides")]
    Arguments,
    /// It has too many axes.
    #[error("a tensor has more than {limit} axes")]
    Axes {
        /// The most.
        limit: usize,
    },
    /// It reaches beyond its storage, or is larger than it.
    #[error(
        "a tensor of shape {shape:?} and strides {strides:?} does not fit into its storage of {length} elements"
    )]
    Outside {
        /// Its shape.
        shape: Vec<usize>,
        /// Its strides, in elements.
        strides: Vec<usize>,
        /// The elements that the storage has.
        length: usize,
    },
}

/// What is the matter with a storage of the older format.
#[derive(Debug, Error)]
pub enum StorageProblem {
    /// The file has no numbers for it.
    #[error("is used by a tensor but not in the file")]
    Missing,
    /// The file has numbers for a storage that no tensor uses, so their type is not known.
    #[error("is in the file but used by no tensor")]
    Unknown,
    /// The file has another number of elements.
    #[error("has {found} elements at byte {offset}, expected {expected}")]
    Length {
        /// Where the length stands.
        offset: usize,
        /// What the pickle says.
        expected: usize,
        /// What stands there.
        found: i64,
    },
    /// The file ends too soon.
    #[error(
        "is cut off: {needed} bytes from byte {offset} on are needed, and {left} are left; fetch the file again"
    )]
    CutOff {
        /// Where its bytes begin.
        offset: usize,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        left: usize,
    },
}

/// What is the matter with a tensor that the network is built of.
#[derive(Debug, Error)]
pub enum WeightProblem {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is there and nothing of the architecture is called so.
    #[error("is unexpected: the architecture has none of this name")]
    Unexpected,
    /// It has another shape.
    #[error("has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The architecture's.
        expected: Vec<usize>,
        /// The file's.
        found: Vec<usize>,
    },
    /// It holds integers.
    #[error("holds {found}, expected float32 or float16")]
    Element {
        /// What it holds.
        found: &'static str,
    },
    /// It holds a value that is no number.
    #[error("holds {value} at place {place}; the file is damaged or the training went wrong")]
    NotFinite {
        /// The value.
        value: f32,
        /// Its place in the order of the shape, from 0.
        place: usize,
    },
    /// A variance is impossible.
    #[error("holds a variance of {found} in channel {channel}, which plus epsilon must be above 0")]
    Variance {
        /// The channel, from 0.
        channel: usize,
        /// The variance.
        found: f32,
    },
    /// Folding its batch norm leaves float32's range.
    #[error("can't take the batch norm after it: a weight would be too large for float32")]
    Fold,
}
