use std::cell::Cell;
use std::convert::Infallible;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::{Digests, Shelf, YOUNG};

/// A folder with a file in it and a record beside.
struct Place {
    dir: TempDir,
    reads: Cell<usize>,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            dir: TempDir::new().unwrap(),
            reads: Cell::new(0),
        };
        fs::write(place.file(), "one").unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("file")
    }

    fn record(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.dir.path().join("digests")).unwrap();
        entries.next().unwrap().unwrap().path()
    }

    fn shelf(&self, verify: bool) -> Shelf {
        Shelf::new(self.dir.path().join("digests"), verify).later()
    }

    /// The record as a run a minute from now opens it, when no file is young any more.
    fn digests(&self) -> Digests {
        self.shelf(false).open("content")
    }

    fn content(&self, digests: &Digests) -> String {
        let read = || {
            self.reads.set(self.reads.get() + 1);
            Ok::<_, Infallible>(fs::read_to_string(self.file()).unwrap())
        };
        digests.get(&self.file(), read).unwrap()
    }

    /// What one run finds in the file, and how often it had to read it.
    fn run(&self) -> (String, usize) {
        self.reads.set(0);
        let digests = self.digests();
        let found = self.content(&digests);
        digests.save();
        (found, self.reads.get())
    }
}

#[test]
fn an_unchanged_file_is_read_once() {
    let place = Place::new();
    assert_eq!(place.run(), ("one".into(), 1));
    assert_eq!(place.run(), ("one".into(), 0));
    assert_eq!(place.run(), ("one".into(), 0));
}

#[test]
fn a_change_is_seen_even_at_the_old_size_and_time() {
    let place = Place::new();
    place.run();
    let time = fs::metadata(place.file()).unwrap().modified().unwrap();
    fs::write(place.file(), "two").unwrap();
    let file = File::options().append(true).open(place.file()).unwrap();
    file.set_modified(time).unwrap();
    assert_eq!(place.run(), ("two".into(), 1));
}

#[test]
fn another_file_of_the_same_size_and_time_is_seen() {
    let place = Place::new();
    place.run();
    let time = fs::metadata(place.file()).unwrap().modified().unwrap();
    let other = place.dir.path().join("other");
    fs::write(&other, "two").unwrap();
    let file = File::options().append(true).open(&other).unwrap();
    file.set_modified(time).unwrap();
    fs::rename(&other, place.file()).unwrap();
    assert_eq!(place.run(), ("two".into(), 1));
}

#[test]
fn a_touch_costs_one_reading() {
    let place = Place::new();
    place.run();
    let file = File::options().append(true).open(place.file()).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(9))
        .unwrap();
    assert_eq!(place.run(), ("one".into(), 1));
    assert_eq!(place.run(), ("one".into(), 0));
}

#[test]
fn a_file_that_is_young_is_read_again_until_it_is_not() {
    let place = Place::new();
    let run = |age: Duration| {
        place.reads.set(0);
        let mut digests = place.digests();
        digests.begun = fs::metadata(place.file()).unwrap().modified().unwrap() + age;
        place.content(&digests);
        digests.save();
        place.reads.get()
    };
    assert_eq!(run(Duration::ZERO), 1);
    assert_eq!(run(YOUNG), 1);
    assert_eq!(run(YOUNG * 2), 1);
    assert_eq!(run(Duration::ZERO), 0);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_remembered() {
    let place = Place::new();
    let digests = place.digests();
    let read = || {
        fs::write(place.file(), "two").unwrap();
        Ok::<_, Infallible>("one".to_owned())
    };
    digests.get(&place.file(), read).unwrap();
    digests.save();
    assert_eq!(place.run(), ("two".into(), 1));
}

#[test]
fn an_error_is_not_remembered() {
    let place = Place::new();
    let digests = place.digests();
    assert_eq!(digests.get(&place.file(), || Err("no")), Err("no"));
    digests.save();
    assert_eq!(place.run().1, 1);
}

#[test]
fn a_record_that_is_missing_damaged_or_forgotten_costs_one_reading() {
    let place = Place::new();
    place.run();
    let whole = fs::read(place.record()).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(place.record(), bytes).unwrap();
        let digests = place.digests();
        assert_eq!(digests.recall(&place.file()), None, "byte {at}");
    }
    fs::write(place.record(), &whole[..whole.len() - 9]).unwrap();
    assert_eq!(place.run(), ("one".into(), 1));
    fs::remove_file(place.record()).unwrap();
    assert_eq!(place.run(), ("one".into(), 1));
    assert_eq!(place.run(), ("one".into(), 0));
    place.reads.set(0);
    let digests = place.shelf(true).open("content");
    place.content(&digests);
    digests.save();
    assert_eq!(place.reads.get(), 1);
    assert_eq!(place.run(), ("one".into(), 0));
}

#[test]
fn another_question_has_answers_of_its_own() {
    let place = Place::new();
    place.run();
    let other = Digests::open(&place.dir.path().join("digests"), "length");
    assert_eq!(other.recall(&place.file()), None);
}

#[test]
fn what_is_not_asked_for_is_dropped() {
    let place = Place::new();
    place.run();
    let digests = place.digests();
    digests.save();
    assert_eq!(place.run(), ("one".into(), 1));
}

#[test]
fn a_thing_of_several_files_is_recalled_whole_or_not_at_all() {
    let place = Place::new();
    let weights = place.dir.path().join("weights");
    fs::write(&weights, "w").unwrap();
    let learn = || {
        let digests = place.digests();
        for path in [&place.file(), &weights] {
            let found = || Ok::<_, Infallible>("sum".to_owned());
            digests.get(path, found).unwrap();
        }
        digests.save();
    };
    learn();
    let recalled = || place.digests().recall_all(&place.file());
    assert_eq!(recalled().as_deref(), Some("sum"));
    fs::write(&weights, "x").unwrap();
    assert_eq!(recalled(), None);
    learn();
    assert!(recalled().is_some());
    fs::remove_file(&weights).unwrap();
    assert_eq!(recalled(), None);
}

#[test]
fn a_place_that_cannot_be_written_is_no_error() {
    let place = Place::new();
    let digests = Digests::open(&place.file().join("below a file"), "content");
    assert_eq!(place.content(&digests), "one");
    digests.save();
}
