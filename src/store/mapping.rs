//! The few calls that the compiler cannot check: opening LMDB's memory map and giving memory back to the system.
#![expect(unsafe_code, reason = "LMDB's memory map, and calls of the C library that have no safe form")]

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

/// Gives the map another size.
pub(super) fn resize(env: &mut Env<WithoutTls>, size: usize) -> Result<(), heed::Error> {
    // SAFETY: no transaction may be open. Each borrows the `Env` it came from, and the index has the only one: the
    // exclusive borrow says that there is none.
    unsafe { env.resize(size) }
}

/// Lets go of the pages of the map that are in memory: they are in the page cache or on disk anyway, and come back
/// when they are read. `inside` is any byte of the map, as a read transaction gives it.
pub(super) fn release_pages(inside: &u8) {
    let Some((start, end)) = mapping_of(std::ptr::from_ref(inside) as usize) else { return };
    // SAFETY: the range is the mapping that holds `inside`, which the caller borrows from LMDB's map; it stays mapped
    // as long as that borrow. It is a shared, read-only map of a file: MADV_DONTNEED on it discards nothing, a page is
    // read from the file again at the next access.
    unsafe {
        libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED);
    }
}

/// The read-only, shared mapping that `address` lies in. LMDB does not tell where its map is.
fn mapping_of(address: usize) -> Option<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        (fields.next()? == "r--s" && (start..end).contains(&address)).then_some((start, end))
    })
}

/// Gives freed memory of the allocator back to the system.
pub(super) fn release_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer, and the allocator locks itself.
    unsafe {
        libc::malloc_trim(0);
    }
}
