//! What can be wrong with a list.

use std::io;

use crate::dataset::error::{SourceError, Split};

/// What is wrong with a list of files. The list's name and the line stand before it.
#[derive(Debug, thiserror::Error)]
pub enum ListProblem {
    /// There is no such file.
    #[error("there is no such list")]
    Missing,
    /// The system does not hand it out.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is longer than lists may be.
    #[error("has {bytes} bytes: at most {most} are accepted")]
    TooLong {
        /// The list's size.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// It is not UTF-8 text.
    #[error("is not UTF-8 text")]
    NotText,
    /// It has no line.
    #[error("lists no file")]
    Empty,
    /// A line is not CSV or JSON.
    #[error("{reason}")]
    Syntax {
        /// What the parser says.
        reason: String,
    },
    /// A column is missing.
    #[error("there is no column `{name}`; it has {}", columns(found))]
    NoColumn {
        /// The column looked for.
        name: String,
        /// The columns that there are.
        found: Vec<String>,
    },
    /// A column's name stands in the heading twice.
    #[error("has two columns `{name}`")]
    TwoColumns {
        /// The name.
        name: String,
    },
    /// A value is neither text nor a whole number.
    #[error("`{column}` is neither text nor a whole number")]
    Value {
        /// The column.
        column: String,
    },
    /// A line has no path.
    #[error("has no path")]
    NoPath,
    /// A file is listed twice.
    #[error("lists {path} again, which line {first} lists")]
    Repeated {
        /// The path.
        path: String,
        /// The line that lists it first.
        first: u64,
    },
    /// A line has no label, and others have.
    #[error("has no label, and line {other} has one: all lines need one, or none")]
    NoLabel {
        /// A line that has one.
        other: u64,
    },
    /// A side that is none.
    #[error("the side is `{found}`: it is `train` or `test`")]
    Side {
        /// What stands there.
        found: String,
    },
    /// A line belongs to the other side than its list.
    #[error(
        "{path} belongs to {}, and the list stands under the other key: name a list of both sides \
         in `source`",
        side.name()
    )]
    OtherSide {
        /// The file.
        path: String,
        /// The side that the line names.
        side: Split,
    },
    /// The file that a line lists cannot be an example.
    #[error("{0}")]
    File(Box<SourceError>),
}

fn columns(found: &[String]) -> String {
    match found {
        [] => "none".to_owned(),
        some => {
            let quoted: Vec<String> = some.iter().take(20).map(|c| format!("`{c}`")).collect();
            quoted.join(", ")
        }
    }
}
