//! Runs that compute rows of one store at once.

use super::super::claims::SILENCE;
use super::super::files::{Holder, Lease, Turn, holder, sweep};
use super::super::in_use::{Alone, NotAlone};
use super::*;
use std::fs::File;
use std::time::{Duration, SystemTime};

/// The store's files with an ending.
fn ending(store: &Store, ending: &str) -> Vec<PathBuf> {
    let mut files = shards(store);
    files.retain(|path| path.extension().is_some_and(|found| found == ending));
    files
}

#[test]
fn a_run_alone_claims_what_is_missing_and_leaves_nothing() {
    let (_root, store) = filled(2);
    let asked = [ids(5), ids(5)].concat();
    let claim = store.claim(&asked).unwrap();
    assert_eq!(claim.mine(), [2, 3, 4]);
    assert!(claim.others().is_empty() && claim.others_are_at_work());
    assert_eq!(ending(&store, "claims").len(), 1);
    drop(claim);
    assert_eq!(shards(&store).len(), 1, "{:?}", shards(&store));
}

/// A space's first rows may be long in coming.
#[test]
fn nothing_is_removed_from_a_space_that_is_claimed_before_it_has_rows() {
    let root = TempDir::new().unwrap();
    let store = open(root.path());
    let claim = store.claim(&ids(2)).unwrap();
    let refused = Alone::take(store.path());
    assert!(matches!(refused, Err(NotAlone::InUse)), "{refused:?}");
    drop((claim, refused));
    let space = store.path().to_owned();
    drop(store);
    assert!(Alone::take(&space).is_ok());
}

#[test]
fn what_another_run_claims_is_its_until_it_ends() {
    let (root, first) = filled(0);
    let second = open(root.path());
    let claim = first.claim(&ids(3)).unwrap();
    let rest = second.claim(&ids(5)).unwrap();
    assert_eq!(rest.mine(), [3, 4]);
    let [other] = rest.others() else {
        panic!("{rest:?}")
    };
    assert_eq!((other.rows, other.process), (3, std::process::id().into()));
    drop(rest);
    // Nothing is free: no claim is made, and it need not be.
    let waiting = second.claim(&ids(3)).unwrap();
    assert!(waiting.mine().is_empty() && waiting.others_are_at_work());
    assert_eq!(ending(&second, "claims").len(), 1);
    // Two of three are published when the first run ends.
    write(&first, 0..2);
    assert!(waiting.others_are_at_work());
    drop(claim);
    assert!(!waiting.others_are_at_work());
    let rest = second.claim(&ids(3)).unwrap();
    assert_eq!(rest.mine(), [2]);
    assert_rows(&second, &[0, 1]);
}

#[test]
fn rows_that_were_published_since_the_store_was_opened_are_not_claimed() {
    let (root, first) = filled(0);
    let second = open(root.path());
    write(&first, 0..4);
    assert_eq!(second.missing(&ids(4)).len(), 4);
    assert!(second.refresh().unwrap().is_empty());
    assert_rows(&second, &[0, 1, 2, 3]);
    write(&first, 4..5);
    let claim = second.claim(&ids(6)).unwrap();
    assert_eq!(claim.mine(), [5]);
}

#[test]
fn a_shard_that_was_set_aside_is_entered_again_when_another_run_brings_it_back() {
    let (root, store) = filled(2);
    let shard = ending(&store, "h5").remove(0);
    fs::write(&shard, "damaged").unwrap();
    assert!(store.read(&ids(2)).is_err());
    write(&open(root.path()), 0..2);
    assert_eq!(ending(&store, "h5"), [shard]);
    store.refresh().unwrap();
    assert_rows(&store, &[0, 1]);
}

#[test]
fn what_a_dead_run_claimed_is_free_and_swept() {
    let (_root, store) = filled(0);
    let claim = store.claim(&ids(3)).unwrap();
    let list = ending(&store, "claims").remove(0);
    let dead = list.with_file_name(".writer-dead.claims");
    fs::copy(&list, &dead).unwrap();
    fs::copy(list.with_extension("lock"), dead.with_extension("lock")).unwrap();
    fs::copy(&list, dead.with_file_name(".writer-lockless.claims")).unwrap();
    drop(claim);
    assert_eq!(store.claim(&ids(3)).unwrap().mine(), [0, 1, 2]);
    let dir = store.path().join("shards");
    let names: Vec<_> = shards(&store).iter().map(|path| name(path)).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(sweep(&dir, &names).is_empty());
    assert!(shards(&store).is_empty());
}

#[test]
fn a_run_that_hangs_holds_up_nobody() {
    let (root, store) = filled(0);
    let hanging = store.claim(&ids(3)).unwrap();
    let other = open(root.path());
    let lock = ending(&store, "lock").remove(0);
    let seen = |ago: Duration| {
        let lock = File::options().write(true).open(&lock).unwrap();
        lock.set_modified(SystemTime::now() - ago).unwrap();
    };
    seen(SILENCE - Duration::from_secs(60));
    let waiting = other.claim(&ids(3)).unwrap();
    assert!(waiting.mine().is_empty() && waiting.others_are_at_work());
    seen(SILENCE);
    assert!(!waiting.others_are_at_work());
    let taken = other.claim(&ids(3)).unwrap();
    assert_eq!(taken.mine(), [0, 1, 2]);
    // It goes on after all: both have the rows, and either copy serves.
    write(&store, 0..3);
    write(&other, 0..3);
    drop((hanging, taken));
    assert_rows(&open(root.path()), &[0, 1, 2]);
}

#[test]
fn a_run_shows_that_it_does_not_hang() {
    let dir = TempDir::new().unwrap();
    let lease = Lease::take(dir.path()).unwrap();
    let lock = File::options()
        .write(true)
        .open(&files(dir.path())[0])
        .unwrap();
    lock.set_modified(SystemTime::now() - SILENCE).unwrap();
    let silent = |than| matches!(holder(lease.part()), Holder::Living(ago) if ago >= than);
    assert!(silent(SILENCE));
    lease.beat();
    assert!(!silent(SILENCE / 2) && silent(Duration::ZERO));
    // A clock that was set back makes nobody silent.
    lock.set_modified(SystemTime::now() + SILENCE).unwrap();
    assert_eq!(holder(lease.part()), Holder::Living(Duration::ZERO));
    let part = lease.part().to_owned();
    drop(lease);
    assert_eq!(holder(&part), Holder::Dead);
}

#[test]
fn damaged_claims_count_for_nothing() {
    let (root, store) = filled(0);
    let _claim = store.claim(&ids(3)).unwrap();
    let other = open(root.path());
    let list = ending(&store, "claims").remove(0);
    let whole = fs::read(&list).unwrap();
    assert_eq!(whole.len(), 48 + 3 * 32);
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        for damaged in [&flipped[..], &whole[..at]] {
            fs::write(&list, damaged).unwrap();
            assert_eq!(other.claim(&ids(3)).unwrap().mine(), [0, 1, 2], "byte {at}");
        }
    }
    fs::write(&list, whole).unwrap();
    assert!(other.claim(&ids(3)).unwrap().mine().is_empty());
}

#[test]
fn runs_that_claim_at_once_never_claim_the_same_row() {
    let (root, _) = filled(0);
    let stores: Vec<Store> = (0..6).map(|_| open(root.path())).collect();
    for _ in 0..20 {
        let claims: Vec<_> = std::thread::scope(|scope| {
            let claim = |store| scope.spawn(move || Store::claim(store, &ids(9)).unwrap());
            let threads: Vec<_> = stores.iter().map(claim).collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let mine: Vec<usize> = claims
            .iter()
            .flat_map(|claim| claim.mine().to_vec())
            .collect();
        assert_eq!(mine.len(), 9, "{mine:?}");
        assert!(
            claims
                .iter()
                .all(|claim| claim.mine().len() == 9 || claim.others()[0].rows == 9)
        );
    }
    assert!(shards(&stores[0]).is_empty());
}

#[test]
fn a_turn_is_one_process_s_and_its_file_is_gone_afterwards() {
    let dir = TempDir::new().unwrap();
    let turn = Turn::take(dir.path()).unwrap();
    assert!(turn.is_some());
    let names: Vec<_> = files(dir.path()).iter().map(|path| name(path)).collect();
    // A sweep leaves it alone, and removes what a killed process left.
    assert!(sweep(dir.path(), &names).is_empty());
    assert_eq!(files(dir.path()).len(), 1);
    drop(turn);
    assert!(files(dir.path()).is_empty());
    fs::write(dir.path().join(&names[0]), "").unwrap();
    assert!(sweep(dir.path(), &names).is_empty());
    assert!(files(dir.path()).is_empty());
}

#[test]
fn a_million_rows_are_claimed() {
    let (root, store) = filled(0);
    let rows: Vec<RowId> = (0..1_000_000u64)
        .map(|number| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            RowId(id)
        })
        .collect();
    let claim = store.claim(&rows).unwrap();
    assert_eq!(claim.mine().len(), rows.len());
    let list = ending(&store, "claims").remove(0);
    assert_eq!(fs::metadata(list).unwrap().len(), 32_000_048);
    let waiting = open(root.path()).claim(&rows).unwrap();
    assert_eq!(waiting.others()[0].rows, rows.len());
    assert!(waiting.mine().is_empty());
}
