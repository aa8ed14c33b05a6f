//! Measures for `provider: auto`.

use std::io::Write;

use crate::backbone::Search;
use crate::backbone::runtime::survey::Survey;
use crate::pipeline::Prober;
use crate::pipeline::probe::{Job, Measured};

use super::child::{Children, Question, ask};

impl Prober for Children {
    fn survey(&self, search: &Search) -> Survey {
        Survey::of(search, self)
    }

    fn measure(&self, job: &Job) -> Result<Measured, String> {
        ask(&Question::Measure(job.clone()), &self.stop)
    }

    fn say(&self, line: &str) {
        say(line);
    }
}

/// What is going on is for people who watch; nobody is harmed if stderr is closed.
pub(in crate::cli) fn say(line: &str) {
    drop(writeln!(anstream::stderr(), "{line}"));
}
