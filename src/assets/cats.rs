//! The two files of the cat study.

use super::claim::Claim;
use super::error::AssetError;
use super::folder::{check_fetched, sync};
use super::growth::Growth;
use super::news::{Log, Meter, News, Phase};
use super::pins::{Pin, copy, sha256_of};
use super::tool::{Tool, Tools};
use sha2::Sha256;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Where the public copy is: one commit of a repository that anyone can read.
const ADDRESS: &str = "https://raw.githubusercontent.com/Hiren2002/Logistic-Regression/\
                       5aa70859e5a6890e07d9a4c3294e8adb4b6a033f/datasets";

/// One of the study's files.
#[derive(Clone, Copy, Debug)]
pub(super) struct StudyFile {
    /// What it is.
    pub(super) pin: Pin,
    /// Its size in bytes, for people who wait.
    pub(super) bytes: u64,
}

pub(super) const TRAIN: StudyFile = StudyFile {
    pin: Pin {
        name: "train_catvnoncat.h5",
        sha256: "fbe56ab67c3ae28d564e3a644189117976d6b31af0a3ce9bb17dbf22908af242",
    },
    bytes: 2_572_022,
};
pub(super) const TEST: StudyFile = StudyFile {
    pin: Pin {
        name: "test_catvnoncat.h5",
        sha256: "6a9d39ce52fa85953c5834695b8534a30ed8cfd54971fb2f080b5a24d002b951",
    },
    bytes: 616_958,
};

/// Where the cat study's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cats {
    /// 209 images to learn from.
    pub train: PathBuf,
    /// 50 images to judge by.
    pub test: PathBuf,
}

/// Sees to it that the cat study's files are in `data_dir`: they may be there already, else they
/// are copied from the folder `mirror`, else they come from their public address.
///
/// # Errors
/// [`AssetError::OtherContent`] for a file of that name with another content, in `data_dir` or
/// in the mirror: it is never overwritten, and never passed over. [`AssetError::CatsUnreachable`]
/// where none of the places has a file: it says what to put where.
pub fn fetch_cats(
    tools: &Tools,
    data_dir: &Path,
    mirror: Option<&Path>,
    log: Log<'_>,
) -> Result<Cats, AssetError> {
    Ok(Cats {
        train: fetch_file(TRAIN, tools, data_dir, mirror, &mut *log)?,
        test: fetch_file(TEST, tools, data_dir, mirror, &mut *log)?,
    })
}

/// [`fetch_cats`] of one file.
pub(super) fn fetch_file(
    file: StudyFile,
    tools: &Tools,
    data_dir: &Path,
    mirror: Option<&Path>,
    log: Log<'_>,
) -> Result<PathBuf, AssetError> {
    let pin = file.pin;
    let target = data_dir.join(pin.name);
    if is_there(pin, &target)? {
        log(News::Line(format!(
            "{}: already there, checksum right",
            target.display()
        )));
        return Ok(target);
    }
    let claim = Claim::take(&target, &mut *log)?;
    // Another process may have fetched it while this one waited.
    if is_there(pin, &target)? {
        return Ok(target);
    }
    let source = match mirror.map(|dir| dir.join(pin.name)) {
        Some(copy) if is_there(pin, &copy)? => {
            copy_file(pin, &copy, claim.part())?;
            copy.display().to_string()
        }
        _ => download(file, tools, data_dir, mirror, claim.part(), &mut *log)?,
    };
    File::open(claim.part())
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(claim.part(), &target))
        .map_err(AssetError::io(&target, "giving the finished file its name"))?;
    sync(data_dir)?;
    log(News::Line(format!("{}: from {source}", target.display())));
    Ok(target)
}

/// Whether the pinned file is at `path`; another file there is an error.
fn is_there(pin: Pin, path: &Path) -> Result<bool, AssetError> {
    match sha256_of(path)? {
        None => Ok(false),
        Some(found) if found == pin.sha256 => Ok(true),
        Some(found) => Err(AssetError::OtherContent {
            path: path.to_owned(),
            expected: pin.sha256.to_owned(),
            found,
        }),
    }
}

/// Copies a file of the mirror. A copy, not a link: what a user does to the file in the data
/// folder must not reach the mirror.
fn copy_file(pin: Pin, from: &Path, to: &Path) -> Result<(), AssetError> {
    let source = File::open(from).map_err(AssetError::io(from, "copying it"))?;
    let found = File::create(to)
        .and_then(|file| copy::<Sha256>(source, file))
        .map_err(AssetError::io(to, "copying to it"))?;
    if found == pin.sha256 {
        return Ok(());
    }
    let (path, expected) = (from.to_owned(), pin.sha256.to_owned());
    Err(AssetError::OtherContent {
        path,
        expected,
        found,
    })
}

/// Fetches a file from the public address into `part`, and gives the address.
fn download(
    file: StudyFile,
    tools: &Tools,
    data_dir: &Path,
    mirror: Option<&Path>,
    part: &Path,
    log: Log<'_>,
) -> Result<String, AssetError> {
    let pin = file.pin;
    let address = format!("{ADDRESS}/{}", pin.name);
    log(News::Line(format!("{}: fetching {address}", pin.name)));
    let fetched = std::path::absolute(part)
        .map_err(AssetError::io(part, "finding its absolute path"))
        .and_then(|part| {
            let meter = Meter::new(&mut *log, Phase::Fetching, file.bytes);
            curl(tools, &address, &part, meter)
        });
    match fetched {
        Ok(()) => {
            check_fetched::<Sha256>(part, &address, "curl", pin.sha256, log)?;
            Ok(address)
        }
        Err(cause) => Err(AssetError::CatsUnreachable {
            file: pin.name,
            sha256: pin.sha256,
            data_dir: data_dir.to_owned(),
            mirror: mirror.map(Path::to_owned),
            address,
            cause: Box::new(cause),
        }),
    }
}

/// Runs curl; a file that is not there, or a page in its place, is a failure.
fn curl(tools: &Tools, address: &str, part: &Path, meter: Meter<'_>) -> Result<(), AssetError> {
    let options = "--fail --location --silent --show-error --proto =https --connect-timeout 15 \
                   --max-time 600 --retry 2 --output";
    let mut args: Vec<&OsStr> = options.split_whitespace().map(OsStr::new).collect();
    args.extend([part.as_os_str(), OsStr::new(address)]);
    let growth = Growth::new(vec![part.to_owned()]);
    Tool {
        program: &tools.curl,
        package: "curl",
        purpose: "fetch the cat study's files".to_owned(),
        temporary: None,
    }
    .run(Path::new("."), &args, &growth, meter)
}
