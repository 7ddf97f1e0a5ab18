//! The few calls that the compiler cannot check: opening LMDB's memory map and giving memory back to the system.
#![allow(unsafe_code)]

use std::path::Path;

use heed::{Env, EnvOpenOptions, WithoutTls};

/// More than there are ever threads that read at once; a slot takes 64 bytes.
const READERS: u32 = 512;

/// Opens the LMDB environment in the existing directory `dir`.
pub(super) fn open(dir: &Path, map_size: usize, tables: u32) -> Result<Env<WithoutTls>, heed::Error> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_size).max_readers(READERS).max_dbs(tables);
    // SAFETY: the map is undefined behaviour only if its file is changed by others than LMDB. The directory is ours:
    // the store holds the lock on it, and nothing in this program opens the file otherwise. It is not on a network
    // file system (docs/design/store.md says so), and LMDB's own lock file stays in use.
    unsafe { options.open(dir) }
}

/// Lets go of the pages of the map that are in memory: they are in the page cache or on disk anyway, and come back
/// when they are read.
pub(super) fn release_pages(env: &Env<WithoutTls>) {
    let info = env.info();
    let used = (info.last_page_number + 1).saturating_mul(page_size());
    let length = used.min(info.map_size);
    if info.map_addr.is_null() || length == 0 {
        return;
    }
    // SAFETY: address and length are within LMDB's map, which lives as long as `env`. It is a shared, read-only map of
    // a file: MADV_DONTNEED on it discards nothing, a page is read from the file again at the next access.
    unsafe {
        libc::madvise(info.map_addr.cast(), length, libc::MADV_DONTNEED);
    }
}

/// Gives freed memory of the allocator back to the system.
pub(super) fn release_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer, and the allocator locks itself.
    unsafe {
        libc::malloc_trim(0);
    }
}

pub(super) fn page_size() -> usize {
    // SAFETY: sysconf only reads a constant.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}
